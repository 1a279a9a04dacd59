"""Shapley values from random orders of arrival: what each player adds when it comes, which sums to the whole."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks, _game
from jaxattr._argument import Score
from jaxattr._draws import keys_of_draws, root
from jaxattr._game import Game
from jaxattr.masks import Perturbation

Orders = Callable[[Any, int], Any]


def uniform(key: Any, number: int) -> Any:
    """One order of arrival, all alike likely: a draw for :func:`permutation`.

    Args:
        key: a typed random key.
        number: how many players there are, n.

    Returns:
        Integers `[1, n]`, the players as they come.

    Example:
        >>> sorted(uniform(jax.random.key(0), 3)[0].tolist())
        [0, 1, 2]

    References:
        :cite:`strumbelj2010efficient`; :cite:`castro2009polynomial`.
    """
    return jax.random.permutation(key, number)[None]


def antithetic(key: Any, number: int) -> Any:
    """One order of arrival and its reverse: a draw for :func:`permutation`.

    Where pairs interact and nothing larger does, one such draw is exact: each player of a pair comes last once.

    Args:
        key: a typed random key.
        number: how many players there are, n.

    Returns:
        Integers `[2, n]`, the players as they come.

    Example:
        >>> there, back = antithetic(jax.random.key(0), 3).tolist()
        >>> there == back[::-1]
        True

    References:
        :cite:`mitchell2022sampling`, arXiv:2104.12199.
    """
    order = jax.random.permutation(key, number)
    return jnp.stack([order, order[::-1]])


def stratified(key: Any, number: int) -> Any:
    """One order of arrival and all its rotations: each player comes first once, second once, and so on.

    A draw for :func:`permutation` that leaves no chance in how many players came before. Costs n orders a draw.

    Args:
        key: a typed random key.
        number: how many players there are, n.

    Returns:
        Integers `[n, n]`, the players as they come; each column holds every player.

    Example:
        >>> stratified(jax.random.key(0), 4).sum(0).tolist()
        [6, 6, 6, 6]

    References:
        :cite:`castro2017improving`, whose strata are the positions in the order.
    """
    steps = np.arange(number)
    return jax.random.permutation(key, number)[(steps[:, None] + steps[None]) % number]


def permutation(
    f: Score,
    *,
    key: Any,
    perturb: Perturbation,
    samples: int = 16,
    orders: Orders = antithetic,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Estimate Shapley values from random orders: what each player adds to the score when it comes.

    $$\hat\phi_i = \frac{1}{m} \sum_{k=1}^{m} \big( v(P^k_i \cup i) - v(P^k_i) \big),
      \qquad P^k_i = \text{those before } i \text{ in order } k$$

    Unbiased, and in every draw the values sum to v(N) - v(empty). Draw k uses the key folded with k, so the numbers do
    not depend on chunks or devices. Costs n - 1 forward passes an order and two more: with :func:`antithetic`
    2 samples (n - 1) + 2, with :func:`stratified` samples n (n - 1) + 2. Its standard error is
    :func:`permutation_error` with the same arguments. With `samples=1` it is one draw, for :func:`mean_over` and
    :func:`until`. Few draws give a noisy ranking of players that are alike: look at the standard error first.

    Args:
        f: a function that returns one number.
        key: a typed random key.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        samples: number of draws.
        orders: a draw, `(key, n) -> [m, n]` orders: :func:`antithetic`, :func:`uniform`, :func:`stratified` or your
            own.
        players: integers `[T]`, the player of each position; negative ones always stay. None: each position.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay and get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the values.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least. **Unit**: the unit of f.

    Raises:
        TypeError: a key that is not typed, orders that are not integers.
        ValueError: fewer than one draw, orders that are not `[m, n]`.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: x[0] * x[1] + x[2]
        >>> ways = dict(key=jax.random.key(0), perturb=ja.replace(0.0), samples=8)
        >>> permutation(f, **ways)(jnp.array([3.0, 2.0, 1.0])).tolist()
        [3.0, 3.0, 1.0]

    References:
        :cite:`castro2009polynomial`; :cite:`strumbelj2010efficient`.
    """
    name = "shapley.permutation"
    _check_draws(name, key, samples, 1, orders)

    def method(game: Game) -> Any:
        return _draws(game, key, samples, orders).mean(0)

    return _game.playing(method, f, name, perturb, players, number, where, batch_size, argnums, has_aux)


def permutation_error(
    f: Score,
    *,
    key: Any,
    perturb: Perturbation,
    samples: int = 16,
    orders: Orders = antithetic,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Standard error of :func:`permutation` with the same arguments, player by player.

    $$\mathrm{se}_i = \sqrt{\frac{1}{m (m-1)} \sum_k \big( \hat\phi^k_i - \hat\phi_i \big)^2}$$

    The spread of the m independent draws, not of the orders inside a draw, which depend on each other. Costs what the
    estimate costs. An interval is estimate plus or minus the error times the quantile of Student's t with m - 1
    degrees of freedom. A draw that never met a rare interaction knows nothing of it: few draws can look too sure.

    Args:
        f: a function that returns one number.
        key: the key of the estimate.
        perturb: as in the estimate.
        samples: number of draws, 2 at least.
        orders: as in the estimate.
        players: as in the estimate.
        number: as in the estimate.
        where: as in the estimate.
        batch_size: evaluations at once; None lets the library choose.
        argnums: as in the estimate.
        has_aux: as in the estimate.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least. **Unit**: the unit of f.

    Raises:
        TypeError: a key that is not typed.
        ValueError: fewer than two draws.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: x[0] * x[1] + x[2]
        >>> ways = dict(key=jax.random.key(0), perturb=ja.replace(0.0), samples=8)
        >>> permutation_error(f, **ways)(jnp.array([3.0, 2.0, 1.0])).tolist()
        [0.0, 0.0, 0.0]

    References:
        Of the estimate of :cite:`castro2009polynomial`.
    """
    name = "shapley.permutation_error"
    _check_draws(name, key, samples, 2, orders)

    def method(game: Game) -> Any:
        return root(_draws(game, key, samples, orders).var(0, ddof=1) / samples)

    return _game.playing(method, f, name, perturb, players, number, where, batch_size, argnums, has_aux)


def _check_draws(name: str, key: Any, samples: int, least: int, orders: Orders) -> None:
    _checks.check_key(name, key)
    _checks.check_count(name, "samples", samples, least)
    _checks.check_function(name, "orders", orders, "orders=jaxattr.shapley.antithetic")


def _draws(game: Game, key: Any, samples: int, orders: Orders) -> Any:
    """The values of each draw, `[samples, n]`; each row sums to the change of the score."""
    n, c = game.number, len(game.active)
    drawn = jax.vmap(lambda k: _checked(game.name, orders(k, n), n))(keys_of_draws(key, samples))
    order = drawn.reshape(-1, n)
    # Players without a position come last, where nothing is left to evaluate.
    order = jnp.take_along_axis(order, jnp.argsort(~jnp.asarray(game.real)[order], axis=1, stable=True), 1)
    rank = jnp.argsort(order, axis=1)
    count, inner = len(order), max(c - 1, 1)
    total = count * (c - 1)

    def coalition(point: Any) -> Any:
        """Row and step of the inner coalitions; the last two points are nobody and everybody."""
        row = jnp.where(point < total, point // inner, 0)
        step = jnp.where(point < total, point % inner + 1, jnp.where(point == total, 0, c))
        return rank[row] < step

    scores = game.values(coalition, jnp.arange(total + 2))
    path = jnp.concatenate(
        [
            jnp.full((count, 1), scores[total]),
            scores[:total].reshape(count, c - 1),
            jnp.full((count, 1), scores[total + 1]),
        ],
        1,
    )
    added = jnp.pad(jnp.diff(path, axis=1), ((0, 0), (0, n - c)))
    values = jnp.where(jnp.asarray(game.real)[None], jnp.take_along_axis(added, rank, 1), 0)
    return values.reshape(samples, -1, n).mean(1)


def _checked(name: str, order: Any, number: int) -> Any:
    if not _checks.is_array(order) or not _checks.is_integer(order):
        raise TypeError(
            f"{name} wants orders to give integers [m, n], but got {_checks.describe(order)}. "
            "For example orders=jaxattr.shapley.antithetic."
        )
    if np.ndim(order) != 2 or np.shape(order)[1] != number or np.shape(order)[0] == 0:
        raise ValueError(
            f"{name} wants orders to give [m, n] with n = {number} players, but got {_checks.describe(order)}. "
            "Give one row or more, each with every player once."
        )
    wrong = _checks.is_concrete(order) and (np.sort(np.asarray(order), 1) != np.arange(number)[None]).any()
    if wrong:
        raise ValueError(
            f"{name} wants each order to hold every player once, but got {np.asarray(order).tolist()}. "
            "For example orders=lambda key, n: jax.random.permutation(key, n)[None]."
        )
    return jnp.asarray(order)

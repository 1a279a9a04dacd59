"""Exact Shapley and Banzhaf values: all coalitions of up to twenty players."""

from collections.abc import Sequence
from typing import Any

from jaxattr import _game
from jaxattr._argument import Score
from jaxattr._game import Game
from jaxattr.masks import Perturbation
from jaxattr.shapley._lattice import lattice, player_count, shapley_weight, single_effects

SAMPLE = "jaxattr.shapley.permutation(f, key=key, perturb=...)"


def exact(
    f: Score,
    *,
    perturb: Perturbation,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Give each player its exact Shapley value: what it adds to the score, averaged over all orders of arrival.

    $$\phi_i = \sum_{S \subseteq N \setminus i} \frac{1}{n \binom{n-1}{|S|}} \big( v(S \cup i) - v(S) \big),
      \qquad v(S) = f(\mathrm{perturb}(x, \mathrm{keep}_S))$$

    The values sum to v(N) - v(empty): the score of the text less that of the text without any player. Costs 2^n
    forward passes of n players, at most `batch_size` at once; the scores are held, the masks are not. Put it under
    `jax.jit`, so that the chunks run in one compiled loop. It misleads where most coalitions are texts that the model
    never saw; `perturb` decides what is asked. A background set is an average:
    `mean_over(lambda b: shapley.exact(f, perturb=replace(b)), backgrounds)`.

    Args:
        f: a function that returns one number; for several, one transform each.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        players: integers `[T]`, the player of each position, as the groups of :func:`spans`: words, sentences; negative
            ones and None always stay. Each position is a player where None.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay. A player without real positions gets 0,
            and costs nothing where `where` and `players` are not traced.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the values.

    Returns:
        A function with the signature of f, whose value is `[n]`, one number a player, in float32 at least.
        **Unit**: the unit of f.

    Raises:
        TypeError: a score that is not a number, players that are not integers or traced without `number`.
        ValueError: more than twenty players, players of another length, no player at all.

    Example:
        >>> import jaxattr as ja
        >>> product = lambda x: x[0] * x[1] + x[2]
        >>> exact(product, perturb=ja.replace(0.0))(jnp.array([3.0, 2.0, 1.0])).round(4).tolist()
        [3.0, 3.0, 1.0]
        >>> backgrounds = jnp.array([[0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
        >>> over = ja.mean_over(lambda b: exact(product, perturb=ja.replace(b)), backgrounds)
        >>> over(jnp.array([3.0, 2.0, 1.0])).round(4).tolist()
        [3.5, 1.5, 0.5]

    References:
        :cite:`shapley1953value`; of features :cite:`lundberg2017unified`, arXiv:1705.07874, eq. 8.
    """

    def method(game: Game) -> Any:
        values = lattice(game, SAMPLE)
        return game.spread(single_effects(values, shapley_weight(player_count(values))))

    return _game.playing(method, f, "shapley.exact", perturb, players, number, where, batch_size, argnums, has_aux)


def banzhaf(
    f: Score,
    *,
    perturb: Perturbation,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Give each player its exact Banzhaf value: what it adds to the score, averaged over all coalitions alike.

    $$\phi_i = \frac{1}{2^{n-1}} \sum_{S \subseteq N \setminus i} \big( v(S \cup i) - v(S) \big)$$

    The same coalitions and the same cost as :func:`exact`, 2^n forward passes; only the weights differ. The values
    do not sum to the change of the score; in return the order of the players is the least disturbed by noise in it.

    Args:
        f: a function that returns one number.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        players: integers `[T]`, the player of each position; negative ones always stay. None: each position.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the values.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least. **Unit**: the unit of f.

    Raises:
        TypeError, ValueError: as :func:`exact`.

    Example:
        >>> import jaxattr as ja
        >>> product = lambda x: x.prod()
        >>> banzhaf(product, perturb=ja.replace(0.0))(jnp.array([3.0, 2.0, 2.0])).tolist()
        [3.0, 3.0, 3.0]

    References:
        :cite:`banzhaf1965weighted`; of data and features :cite:`wang2023banzhaf`, arXiv:2205.15466.
    """

    def method(game: Game) -> Any:
        values = lattice(game, SAMPLE)
        n = player_count(values)
        return game.spread(single_effects(values, lambda _: 1 / 2 ** (n - 1)))

    return _game.playing(method, f, "shapley.banzhaf", perturb, players, number, where, batch_size, argnums, has_aux)

"""Interactions of pairs: what two players add together beyond what each adds alone."""

from collections.abc import Callable, Sequence
from math import comb
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxattr import _checks, _game
from jaxattr._argument import Score
from jaxattr._game import Game
from jaxattr.masks import Perturbation
from jaxattr.shapley._lattice import lattice, pair_effects, player_count, shapley_weight, single_effects

Index = Callable[[Any], Any]


def sii(values: Any) -> Any:
    r"""Shapley interaction index: the second difference of a pair, averaged over orders in which the pair comes as one.

    $$I_{ij} = \sum_{S \subseteq N \setminus ij} \frac{(n - |S| - 2)!\, |S|!}{(n-1)!}\, \delta_{ij}(S), \qquad
      \delta_{ij}(S) = v(S \cup ij) - v(S \cup i) - v(S \cup j) + v(S)$$

    The diagonal holds the Shapley values. The numbers do not sum to anything: see :func:`k_sii`.

    Args:
        values: the scores of all coalitions, `[2**n]`; coalition s holds player i where bit i of s is 1.

    Returns:
        `[n, n]`, symmetric; each entry off the diagonal is the whole interaction of its pair.
        **Unit**: the unit of f.

    Example:
        >>> sii(jnp.array([0.0, 1.0, 2.0, 7.0])).tolist()
        [[3.0, 4.0], [4.0, 4.0]]

    References:
        :cite:`grabisch1999axiomatic`.
    """
    n = player_count(values)
    pairs = pair_effects(values, lambda k: 1 / ((n - 1) * comb(n - 2, k)))
    return pairs + jnp.diag(single_effects(values, shapley_weight(n)))


def k_sii(values: Any) -> Any:
    r"""Shapley interactions of order two that sum to the change of the score: k-SII or 2-Shapley values.

    $$\phi_{ij} = I_{ij}, \qquad \phi_i = \phi^{\mathrm{Shapley}}_i - \tfrac{1}{2} \sum_{j \neq i} I_{ij}$$

    The diagonal and the upper triangle together sum to v(N) - v(empty). For a score in which at most pairs interact,
    these are its own terms.

    Args:
        values: the scores of all coalitions, `[2**n]`; coalition s holds player i where bit i of s is 1.

    Returns:
        `[n, n]`, symmetric; single effects on the diagonal, the whole interaction of a pair in both of its entries.
        **Unit**: the unit of f.

    Example:
        >>> k_sii(jnp.array([0.0, 1.0, 2.0, 7.0])).tolist()
        [[1.0, 4.0], [4.0, 2.0]]

    References:
        :cite:`bordt2023shapley`, arXiv:2209.04012; :cite:`lundberg2020local`, arXiv:1905.04610.
    """
    index = sii(values)
    pairs = index - jnp.diag(jnp.diagonal(index))
    return index - jnp.diag(pairs.sum(1) / 2)


def stii(values: Any) -> Any:
    r"""Shapley-Taylor interaction index of order two: single effects alone, and everything else given to pairs.

    $$\phi_{ij} = \frac{2}{n} \sum_{S \subseteq N \setminus ij} \binom{n-1}{|S|}^{-1} \delta_{ij}(S), \qquad
      \phi_i = v(i) - v(\emptyset)$$

    The diagonal and the upper triangle together sum to v(N) - v(empty). What three players do together is shared
    among their pairs.

    Args:
        values: the scores of all coalitions, `[2**n]`; coalition s holds player i where bit i of s is 1.

    Returns:
        `[n, n]`, symmetric; single effects on the diagonal, the whole interaction of a pair in both of its entries.
        **Unit**: the unit of f.

    Example:
        >>> stii(jnp.array([0.0, 1.0, 2.0, 7.0])).tolist()
        [[1.0, 4.0], [4.0, 2.0]]

    References:
        :cite:`sundararajan2020taylor`, arXiv:1902.05622.
    """
    n = player_count(values)
    alone = values[2 ** np.arange(n)] - values[0]
    return pair_effects(values, lambda k: 2 / (n * comb(n - 1, k))) + jnp.diag(alone)


def banzhaf_index(values: Any) -> Any:
    r"""Banzhaf interaction index: the second difference of a pair, averaged over all coalitions of the others alike.

    $$I_{ij} = \frac{1}{2^{n-2}} \sum_{S \subseteq N \setminus ij} \delta_{ij}(S)$$

    The diagonal holds the Banzhaf values.

    Args:
        values: the scores of all coalitions, `[2**n]`; coalition s holds player i where bit i of s is 1.

    Returns:
        `[n, n]`, symmetric; each entry off the diagonal is the whole interaction of its pair.
        **Unit**: the unit of f.

    Example:
        >>> banzhaf_index(jnp.array([0.0, 1.0, 2.0, 7.0])).tolist()
        [[3.0, 4.0], [4.0, 4.0]]

    References:
        :cite:`grabisch1999axiomatic`.
    """
    n = player_count(values)
    pairs = pair_effects(values, lambda _: 1 / 2 ** (n - 2))
    return pairs + jnp.diag(single_effects(values, lambda _: 1 / 2 ** (n - 1)))


def interactions(
    f: Score,
    *,
    perturb: Perturbation,
    index: Index = k_sii,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Give each pair of players its exact interaction: what the two add together beyond what each adds alone.

    $$\mathrm{index}\big( (v(S))_{S \subseteq N} \big), \qquad v(S) = f(\mathrm{perturb}(x, \mathrm{keep}_S))$$

    Costs 2^n forward passes of n players, at most `batch_size` at once, whatever the index; put it under `jax.jit`.
    The indices answer different questions and differ as soon as three players interact; no number of a pair says of
    which larger group it is a part.

    Args:
        f: a function that returns one number.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        index: what is read off from the scores of all coalitions: :func:`k_sii`, :func:`sii`, :func:`stii`,
            :func:`banzhaf_index` or your own `values[2**n] -> [n, n]`.
        players: integers `[T]`, the player of each position; negative ones always stay. None: each position.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay and their pairs get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the interactions.

    Returns:
        A function with the signature of f, whose value is `[n, n]`, in float32 at least. **Unit**: the unit of f.

    Raises:
        TypeError: a score that is not a number, players that are not integers.
        ValueError: more than twenty players, an index that gives another shape.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: x[0] * x[1] + x[2]
        >>> interactions(f, perturb=ja.replace(0.0))(jnp.array([3.0, 2.0, 1.0])).round(4).tolist()
        [[0.0, 6.0, 0.0], [6.0, 0.0, 0.0], [0.0, 0.0, 1.0]]

    References:
        :cite:`grabisch1999axiomatic`; :cite:`bordt2023shapley`, arXiv:2209.04012.
    """
    name = "shapley.interactions"
    _checks.check_function(name, "index", index, "index=jaxattr.shapley.k_sii")

    def method(game: Game) -> Any:
        values = lattice(game, "jaxattr.shapley.arch_detect(f, perturb=...)")
        n = player_count(values)
        numbers = index(values)
        if np.shape(numbers) != (n, n):
            raise ValueError(
                f"{name} wants index to give [n, n] = [{n}, {n}], but got {_checks.describe(numbers)}. "
                "For example index=jaxattr.shapley.k_sii."
            )
        return game.spread(numbers)

    return _game.playing(method, f, name, perturb, players, number, where, batch_size, argnums, has_aux)


def arch_detect(
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
    r"""Give each pair of players its ArchDetect strength: squared second differences in two contexts.

    $$\omega_{ij} = \tfrac{1}{2} \big( \delta_{ij}(\emptyset)^2 + \delta_{ij}(N \setminus ij)^2 \big), \qquad
      \delta_{ij}(S) = v(S \cup ij) - v(S \cup i) - v(S \cup j) + v(S)$$

    A magnitude: it has no sign. Costs n^2 + n + 2 forward passes, so texts of any length can be asked; two contexts
    may miss an interaction that shows in others only.

    Args:
        f: a function that returns one number.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        players: integers `[T]`, the player of each position; negative ones always stay. None: each position.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay and their pairs get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the strengths.

    Returns:
        A function with the signature of f, whose value is `[n, n]`, symmetric, 0 on the diagonal, in float32 at least.
        **Unit**: the unit of f, squared.

    Raises:
        TypeError: a score that is not a number, players that are not integers.
        ValueError: players of another length, no player at all.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: x[0] * x[1] + x[2]
        >>> arch_detect(f, perturb=ja.replace(0.0))(jnp.array([3.0, 2.0, 1.0])).tolist()
        [[0.0, 36.0, 0.0], [36.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    References:
        :cite:`tsang2020archipelago`, arXiv:2006.10965, section 4.
    """

    def method(game: Game) -> Any:
        m = len(game.active)
        first, second = np.triu_indices(m, 1)
        singles = np.arange(m)
        one = np.concatenate([[m], singles, first])  # player m does not exist: nobody, one or two of them
        two = np.concatenate([[m], np.full(m, m), second])
        inside = np.concatenate([np.ones(len(one), bool), np.zeros(len(one), bool)])

        def coalition(point: Any) -> Any:
            i, j, alone = point
            chosen = (jnp.arange(m) == i) | (jnp.arange(m) == j)
            return game.among_active(chosen == alone)

        scores = game.values(coalition, (np.tile(one, 2), np.tile(two, 2), inside)).reshape(2, -1)
        none, single, pair = scores[:, :1], scores[:, 1 : m + 1], scores[:, m + 1 :]
        difference = pair - single[:, first] - single[:, second] + none
        upper = jnp.zeros((m, m), scores.dtype).at[first, second].set((difference**2).mean(0))
        return game.spread(upper + upper.T)

    return _game.playing(
        method, f, "shapley.arch_detect", perturb, players, number, where, batch_size, argnums, has_aux
    )

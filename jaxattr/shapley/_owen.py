"""Owen values: Shapley values that respect a segmentation or a tree of the players."""

from collections.abc import Sequence
from math import comb, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks, _game
from jaxattr._argument import Score
from jaxattr._game import Game
from jaxattr.masks import Perturbation

TERMS_LIMIT = 2**20


def halves(number: int) -> Any:
    """A balanced tree over a row of players: halves of halves, down to the single player.

    Args:
        number: how many players there are, n.

    Returns:
        Nested tuples of the players 0 to n - 1.

    Raises:
        TypeError, ValueError: a number that is not a positive integer.

    Example:
        >>> halves(5)
        (((0, 1), 2), (3, 4))

    References:
        A nested coalition structure as in :cite:`owen1977values` and :cite:`winter1989value`.
    """
    _checks.check_count("shapley.halves", "number", number)

    def split(first: int, end: int) -> Any:
        if end - first == 1:
            return first
        middle = (first + end + 1) // 2
        return split(first, middle), split(middle, end)

    return split(0, number)


def merges(rows: Any) -> Any:
    """The tree of a clustering that was written as a list of merges.

    Args:
        rows: `[n - 1, 2]` or more columns; row k joins two clusters into cluster n + k, the players are the clusters
            0 to n - 1. The linkage of SciPy and the partition trees of SHAP are written so.

    Returns:
        Nested tuples of the players 0 to n - 1.

    Raises:
        ValueError: rows of another shape, or a cluster that does not exist yet or is joined twice.

    Example:
        >>> merges([[1, 2], [0, 3]])
        (0, (1, 2))

    References:
        A nested coalition structure as in :cite:`owen1977values` and :cite:`winter1989value`.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise ValueError(
            f"shapley.merges wants rows as [n - 1, 2] or more columns, but got {_checks.describe(rows)}. "
            "For example [[0, 1], [2, 3]] for three players."
        )
    clusters: dict[int, Any] = {i: i for i in range(len(rows) + 1)}
    for k, (a, b) in enumerate(rows[:, :2].astype(int).tolist()):
        if a not in clusters or b not in clusters or a == b:
            raise ValueError(
                f"shapley.merges wants each row to join two clusters that stand alone, but row {k} joins {a} and {b}. "
                "Row k makes cluster n + k."
            )
        clusters[len(rows) + 1 + k] = (clusters.pop(a), clusters.pop(b))
    (tree,) = clusters.values()
    return tree


def owen(
    f: Score,
    *,
    tree: Any,
    perturb: Perturbation,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Give each player its exact Owen value: the Shapley value over the orders that never break up a group of a tree.

    At each node of the tree the branches play a game of their own. A player's value is what it adds, averaged over the
    random sets of branches beside its path, each node's set weighed as in the Shapley value of the node's branches:

    $$\phi_i = \sum_{S_1, \dots, S_d} \; \prod_{l=1}^{d} \frac{1}{b_l \binom{b_l - 1}{|S_l|}}
      \big( v(S_1 \cup \dots \cup S_d \cup i) - v(S_1 \cup \dots \cup S_d) \big)$$

    where the path to i passes d nodes with b_l branches, and S_l is a set of the branches beside it. A binary tree
    weighs "without" and "with" the other branch by one half each: the recursion of SHAP's PartitionExplainer, run to
    the end. A flat tree gives :func:`exact`, a tree of two levels the Owen value of a segmentation. The values sum to
    v(N) - v(empty). Costs at most n^2 forward passes for :func:`halves`. Another tree gives other values: two players
    that do the same in different branches may differ.

    Args:
        f: a function that returns one number.
        tree: nested tuples or lists of the players 0 to n - 1, each once: `((0, 1), (2, 3, 4))`, :func:`halves`,
            :func:`merges`.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        players: integers `[T]`, the player of each position; negative ones always stay. None: each position.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay and get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the values.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least. **Unit**: the unit of f.

    Raises:
        TypeError: a tree with anything but integers in nested tuples or lists.
        ValueError: a tree that does not hold every player once, or one so wide that more than 2^20 terms are needed.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: x[0] * x[1] * x[2]
        >>> owen(f, tree=((0, 1), 2), perturb=ja.replace(0.0))(jnp.array([2.0, 2.0, 3.0])).tolist()
        [3.0, 3.0, 6.0]

    References:
        :cite:`owen1977values`; over trees :cite:`winter1989value`.
    """

    def method(game: Game) -> Any:
        _check_tree(tree, game.number)
        packed, leaf, on, off, weight = _terms(_pruned(tree, set(game.active.tolist())), game.number)

        def coalition(row: Any) -> Any:
            bits = (row[:, None] >> jnp.arange(8, dtype=row.dtype)[None]) & 1
            return bits.reshape(-1)[: game.number] == 1

        scores = game.values(coalition, packed)
        added = (scores[on] - scores[off]) * jnp.asarray(weight, scores.dtype)
        values = jax.ops.segment_sum(added, leaf, num_segments=game.number)
        return jnp.where(jnp.asarray(game.real), values, 0)

    return _game.playing(method, f, "shapley.owen", perturb, players, number, where, batch_size, argnums, has_aux)


def _check_tree(tree: Any, number: int) -> None:
    found = _leaves(tree)
    if sorted(found) != list(range(number)):
        raise ValueError(
            f"shapley.owen wants tree to hold each of the {number} players 0 to {number - 1} once, but got "
            f"{sorted(found)}. For example tree=jaxattr.shapley.halves({number})."
        )


def _leaves(tree: Any) -> list[int]:
    if isinstance(tree, (tuple, list)) and tree:
        return [leaf for branch in tree for leaf in _leaves(branch)]
    if isinstance(tree, (int, np.integer)) and not isinstance(tree, bool):
        return [int(tree)]
    raise TypeError(
        f"shapley.owen wants tree as integers in nested tuples or lists, but got {_checks.describe(tree)} in it. "
        "For example tree=((0, 1), (2, 3, 4))."
    )


def _pruned(tree: Any, active: set[int]) -> Any:
    """The tree without the players that have nothing to lose, and without nodes of one branch."""
    if not isinstance(tree, (tuple, list)):
        return int(tree) if int(tree) in active else None
    branches = [b for b in (_pruned(branch, active) for branch in tree) if b is not None]
    if len(branches) < 2:
        return branches[0] if branches else None
    return tuple(branches)


def _terms(tree: Any, number: int) -> tuple[Any, ...]:
    """The coalitions to evaluate as packed bits, and for each term its player, its two coalitions and its weight."""
    terms = _term_count(tree, 1)
    if terms > TERMS_LIMIT:
        raise ValueError(
            f"shapley.owen wants a tree whose players need at most {TERMS_LIMIT} terms together, but this one needs "
            f"{terms}: a node with b branches multiplies by 2^(b - 1). Give wide nodes more levels, for example "
            f"tree=jaxattr.shapley.halves({number})."
        )
    rows: list[tuple[int, int, int, float]] = []

    def walk(node: Any, contexts: dict[int, float]) -> None:
        if isinstance(node, int):
            rows.extend((node, mask | 1 << node, mask, weight) for mask, weight in contexts.items())
            return
        blocks = [sum(1 << leaf for leaf in _leaves(branch)) for branch in node]
        for branch, block in zip(node, blocks, strict=True):
            others = [b for b in blocks if b != block]
            inner: dict[int, float] = {}
            for subset in range(2 ** len(others)):
                chosen = sum(b for i, b in enumerate(others) if subset >> i & 1)
                share = 1 / (len(blocks) * comb(len(others), subset.bit_count()))
                inner.update((mask | chosen, weight * share) for mask, weight in contexts.items())
            walk(branch, inner)

    walk(tree, {0: 1.0})
    place = {mask: i for i, mask in enumerate(dict.fromkeys(m for row in rows for m in row[1:3]))}
    width = (number + 7) // 8
    packed = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in place), np.uint8).reshape(-1, width)
    leaf, on, off, weight = zip(*rows, strict=True)
    on, off = ([place[mask] for mask in side] for side in (on, off))
    return packed, np.array(leaf), np.array(on), np.array(off), np.array(weight)


def _term_count(node: Any, contexts: int) -> int:
    if isinstance(node, int):
        return contexts
    inner = prod((contexts, 2 ** (len(node) - 1)))
    return sum(_term_count(branch, inner) for branch in node)

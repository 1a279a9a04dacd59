"""The path of discretised integrated gradients: from a baseline to a text by way of real words."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _checks
from jaxattr._batching import map_points

Cost = Callable[[Any, Any], Any]


def closest(anchors: Any, moved: Any) -> Any:
    r"""The cost of an anchor word in the greedy strategy: how far it moves when it is made monotone.

    $$\lVert a - \mathrm{mono}(a) \rVert_2$$

    Args:
        anchors: vectors of the candidates, `[K, D]`.
        moved: the same, made monotone, `[K, D]`.

    Returns:
        `[K]`, low where an anchor is good. **Unit**: that of the vectors.

    Example:
        >>> print(closest(jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 0.0]])))
        [5.]

    References:
        :cite:`sanyal2021discretized`, arXiv:2108.13654, section 3 (DIG-Greedy).
    """
    return jnp.sqrt(((anchors - moved) ** 2).sum(-1))


def most_monotone(anchors: Any, moved: Any) -> Any:
    r"""The cost of an anchor word in the strategy of the largest count: how many of its entries are not monotone.

    $$\#\{d : a_d \neq \mathrm{mono}(a)_d\}$$

    Args:
        anchors: vectors of the candidates, `[K, D]`.
        moved: the same, made monotone, `[K, D]`.

    Returns:
        `[K]`, low where an anchor is good. **Unit**: a number of entries.

    Example:
        >>> print(most_monotone(jnp.array([[3.0, 4.0]]), jnp.array([[3.0, 0.0]])))
        [1]

    References:
        :cite:`sanyal2021discretized`, arXiv:2108.13654, section 3 (DIG-MaxCount).
    """
    return (anchors != moved).sum(-1)


def neighbours_of(table: Any, k: int, *, batch_size: int | None = None) -> Any:
    r"""The k nearest other words of every word, by the distance of their vectors.

    $$N(v) = \operatorname{arg\,min}^{(k)}_{u \neq v} \lVert E_u - E_v \rVert_2$$

    Costs the products of all vectors with all, `batch_size` words at a time.

    Args:
        table: embeddings, `[V, D]`.
        k: how many, less than V.
        batch_size: words at once; None lets the library choose.

    Returns:
        `int32[V, k]`, the nearest first.

    Raises:
        ValueError: a table that is not `[V, D]`, or as many neighbours as words.

    Example:
        >>> neighbours_of(jnp.array([[0.0], [1.0], [3.0]]), 1).tolist()
        [[1], [0], [1]]

    References:
        :cite:`sanyal2021discretized`, arXiv:2108.13654, section 3.
    """
    table = _table("word_paths.neighbours_of", table)
    _checks.check_count("word_paths.neighbours_of", "k", k)
    if k >= len(table):
        raise ValueError(f"word_paths.neighbours_of wants k less than the number of words, {len(table)}, but got {k}.")

    def of(word: Any) -> Any:
        distances = ((table - table[word][None]) ** 2).sum(-1)
        return jax.lax.top_k(-distances.at[word].set(jnp.inf), k)[1].astype(jnp.int32)

    return map_points(of, jnp.arange(len(table)), batch_size)


def discretized(table: Any, neighbours: Any, *, steps: int = 30, cost: Cost = closest) -> Callable[[Any, Any], Any]:
    r"""The path of discretised integrated gradients: from a baseline to a text by way of real words.

    From each word it goes to that neighbour whose cost is least, and from there on, `steps` times; a neighbour is made
    monotone where an entry lies outside of the way to the baseline,

    $$\mathrm{mono}(a)_d = \begin{cases} a_d & \text{between } w_d \text{ and } w^0_d \\
      w_d - (w_d - w^0_d) / \mathrm{steps} & \text{otherwise} \end{cases}$$

    so that every entry moves one way. No word comes twice; where no neighbour is left the baseline is next. Costs
    `steps` times k vectors a word, no evaluation of a model.

    Args:
        table: embeddings, `[V, D]`.
        neighbours: `int32[V, k]`, the words that may follow each word: :func:`neighbours_of`.
        steps: words on the way.
        cost: of anchors `[k, D]` and the same made monotone, which are better: :func:`closest` or
            :func:`most_monotone`.

    Returns:
        A function of ids `int[T]` and the ids of the baseline `int[T]`, whose value is `[steps + 2, T, D]`, the
        baseline first: a path for :func:`jaxattr.path_integrated_gradients`.

    Raises:
        ValueError: a table that is not `[V, D]`, neighbours of another number of words, fewer than one step.
        TypeError: ids that are not integers.

    Example:
        >>> table = jnp.array([[0.0], [1.0], [2.0], [4.0]])
        >>> path = discretized(table, neighbours_of(table, 2), steps=2)(jnp.array([3]), jnp.array([0]))
        >>> path[:, 0, 0].tolist()  # 4, 2, 1, and the baseline 0
        [0.0, 1.0, 2.0, 4.0]

    References:
        :cite:`sanyal2021discretized`, arXiv:2108.13654, section 3.
    """
    name = "word_paths.discretized"
    table = _table(name, table)
    _checks.check_count(name, "steps", steps)
    if jnp.ndim(neighbours) != 2 or len(neighbours) != len(table):
        raise ValueError(
            f"{name} wants neighbours as int[{len(table)}, k], but got {_checks.describe(neighbours)}. "
            "Make them with neighbours_of(table, k)."
        )

    neighbours = jnp.asarray(neighbours, jnp.int32)

    def monotone(anchor: Any, word: Any, last: Any) -> Any:
        between = (anchor >= jnp.minimum(word, last)) & (anchor <= jnp.maximum(word, last))
        return jnp.where(between, anchor, word - (word - last) / steps)

    def of_word(word: Any, last: Any) -> Any:
        def step(taken: Any, number: Any) -> tuple[Any, Any]:
            here = taken[number]
            near = neighbours[here]
            free = (near != last) & ~jnp.isin(near, taken)
            anchors = table[near]
            moved = jax.vmap(lambda anchor: monotone(anchor, table[here], table[last]))(anchors)
            costs = jnp.where(free, cost(anchors, moved), jnp.inf)
            found = jnp.where(free.any() & (here != last), near[jnp.argmin(costs)], last)
            return taken.at[number + 1].set(found), found

        taken = jnp.full(steps + 1, -1, jnp.int32).at[0].set(word)
        words = jax.lax.scan(step, taken, jnp.arange(steps))[1]

        def move(before: Any, anchor: Any) -> tuple[Any, Any]:
            after = monotone(table[anchor], before, table[last])
            return after, after

        points = jax.lax.scan(move, table[word], words)[1]
        return jnp.concatenate([table[last][None], points[::-1], table[word][None]])

    def path(ids: Any, baseline: Any) -> Any:
        for given in (ids, baseline):
            if jnp.ndim(given) != 1 or not _checks.is_integer(given):
                raise TypeError(f"{name} wants ids as int[T], but got {_checks.describe(given)}.")
        return jax.vmap(of_word, out_axes=1)(jnp.asarray(ids, jnp.int32), jnp.asarray(baseline, jnp.int32))

    return path


def _table(name: str, table: Any) -> Any:
    if jnp.ndim(table) != 2:
        raise ValueError(f"{name} wants a table of embeddings [V, D], but got {_checks.describe(table)}.")
    return jnp.asarray(table)

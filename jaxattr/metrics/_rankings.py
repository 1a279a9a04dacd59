"""Rankings of positions, and the masks that mark the first of them."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._batching import at_least_float32


def most_important(attribution: Any, fractions: Sequence[float], *, where: Any = None) -> Any:
    r"""Masks of the positions with the largest attributions, one mask a fraction of the text.

    $$n_q = \lceil q N \rceil$$

    positions are marked for the fraction q of N real positions: at least one, so no fraction of a short text is
    silently nothing. The sign counts: pass `jnp.abs(attribution)` to rank by magnitude. Ties go to the earlier
    position; numbers that only rounding tells apart are no ties, so round them first where they should be.

    Args:
        attribution: `[T]`, one number a position; sum an embedding axis first.
        fractions: numbers above 0 and up to 1, the parts of the real positions that are marked.
        where: `[T]` booleans, True at real positions; the others are never marked and do not count in N.

    Returns:
        Booleans `[n, T]`, True at the marked positions. They are what :func:`jaxattr.delete` and the others would have
        to keep to test sufficiency; `~most_important(...)` keeps the rest. **Unit**: none.

    Raises:
        TypeError: an attribution that is not real numbers.
        ValueError: an attribution that is not `[T]` or holds NaN, a fraction outside (0, 1].

    Example:
        >>> most_important(jnp.array([0.1, 0.7, 0.7, -2.0]), [0.1, 0.5]).astype(int).tolist()
        [[0, 1, 0, 0], [0, 1, 1, 0]]
    """
    name = "most_important"
    check_fractions(name, fractions)
    scores = check_attribution(name, "attribution", attribution, where)
    return first(order(scores, where), counts(fractions, scores, where))


def order(scores: Any, where: Any) -> Any:
    """The place of each position `[T]` in the ranking, 0 for the largest; ties to the earlier, unmarked ones last."""
    last = jnp.zeros(scores.shape, bool) if where is None else ~jnp.asarray(where)
    return jnp.argsort(jnp.lexsort((-scores, last)))


def first(places: Any, count: Any) -> Any:
    """Masks `[n, T]` of the first `count[n]` places."""
    return places[None] < count[:, None].astype(places.dtype)


def real_count(scores: Any, where: Any) -> Any:
    """N, the number of real positions."""
    return jnp.asarray(len(scores)) if where is None else jnp.asarray(where).sum()


def counts(fractions: Sequence[float], scores: Any, where: Any) -> Any:
    """ceil(q N) for each fraction, from a table of rounded float64 products: a fifth of 5 is 1, 0.29 of 100 is 29."""
    table = np.ceil(np.round(np.asarray(fractions, np.float64) * np.arange(len(scores) + 1)[:, None], 9))
    return jnp.asarray(table.astype(np.int32))[real_count(scores, where)]


def check_fractions(name: str, fractions: Any) -> None:
    """Some Python numbers above 0 and up to 1."""
    if not isinstance(fractions, (Sequence, np.ndarray)) or isinstance(fractions, str):
        raise TypeError(
            f"{name} wants fractions as a sequence of numbers, but got {_checks.describe(fractions)}. "
            "Write fractions=(0.1, 0.2, 0.5)."
        )
    q = np.asarray(fractions, np.float64)
    if q.ndim != 1 or q.size == 0 or not np.all((q > 0) & (q <= 1)):
        raise ValueError(
            f"{name} wants fractions above 0 and up to 1, but got {fractions}. Write fractions=(0.1, 0.2, 0.5)."
        )


def check_attribution(name: str, option: str, attribution: Any, where: Any) -> Any:
    """The attribution as floats `[T]`; NaN, which would rank first, is refused, or poisons what comes of it."""
    if not _checks.is_array(attribution) or not jnp.issubdtype(jnp.result_type(attribution), jnp.number):
        raise TypeError(
            f"{name} wants {option} as real numbers [T], but got {_checks.describe(attribution)}. "
            "Pass the value of a transform."
        )
    if jnp.issubdtype(jnp.result_type(attribution), jnp.complexfloating):
        raise TypeError(
            f"{name} wants {option} as real numbers [T], but got {_checks.describe(attribution)}. Take its real part."
        )
    if np.ndim(attribution) != 1 or np.size(attribution) == 0:
        raise ValueError(
            f"{name} wants {option} of shape [T], one number a position, but got {_checks.describe(attribution)}. "
            "Sum the embedding axis with .sum(-1), and jax.vmap over the batch."
        )
    scores = jnp.asarray(attribution)
    scores = scores.astype(at_least_float32(scores.dtype))
    if where is not None:
        _checks.check_where(name, where, len(scores))
        scores = jnp.where(jnp.asarray(where), scores, 0)
    if _checks.is_concrete(scores) and np.isnan(np.asarray(scores)).any():
        raise ValueError(
            f"{name} wants {option} without NaN, but {int(np.isnan(np.asarray(scores)).sum())} of {len(scores)} "
            "positions are NaN, which would rank first. Find where it comes from with jax.debug_nans(True)."
        )
    return scores


def poisoned(value: Any, *scores: Any) -> Any:
    """NaN where any of the scores is NaN: the same refusal, for numbers that are not at hand."""
    bad = jnp.stack([jnp.isnan(s).any() for s in scores]).any()
    return jax.tree.map(lambda v: jnp.where(bad, jnp.nan, v), value)

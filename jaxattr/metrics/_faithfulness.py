"""Faithfulness by removal: what happens to the prediction without, or with only, what an attribution ranks first."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._positions import column
from jaxattr.effects import Effect, predicted
from jaxattr.masks import Perturbation
from jaxattr.metrics._rankings import check_fractions, counts, real_count
from jaxattr.metrics._removal import Ranked, Ways, measured
from jaxattr.scores import log_prob, prob

ERASER_FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)


def comprehensiveness_eraser(
    f: Callable[[Any], Any],
    attribution: Any,
    x: Any,
    *,
    perturb: Perturbation,
    key: Any,
    fractions: Sequence[float] = ERASER_FRACTIONS,
    effect: Effect | None = None,
    where: Any = None,
    random_rankings: int = 8,
    batch_size: int | None = None,
) -> Ranked:
    r"""The fall of the predicted class's probability when the most important positions are removed.

    $$\mathrm{comprehensiveness}_q = p_j(x) - p_j(x \setminus r_q), \qquad j = \arg\max_c p_c(x)$$

    High where the ranking is faithful. Not clipped: negative where the removal helps the class. $r_q$ are the
    $\lceil q N \rceil$ first of N real positions, see :func:`most_important`. A text with holes is unlike those that
    the model has learned from, so the number belongs to the removal as much as to the ranking: read it beside that of
    the random rankings, and never compare two removals. Costs 1 + n (2 + `random_rankings`) forward passes, at most
    `batch_size` at once.

    Args:
        f: x to logits `[C]`; with `effect`, to anything that the effect compares.
        attribution: `[T]`, one number a position; its sign counts.
        x: the input, with T positions along its leading axis.
        perturb: the removal, `(x, keep[T]) -> x'`: :func:`jaxattr.delete`, :func:`jaxattr.replace` or your own.
        key: a typed random key for the random rankings; the caller folds the row in.
        fractions: n numbers above 0 and up to 1; by default the five of ERASER.
        effect: `(full, changed) -> number`; None takes the probability of the full text's class.
        where: `[T]` booleans, True at positions that may be removed; False at padding and special tokens.
        random_rankings: how many random rankings are averaged.
        batch_size: evaluations at once; None lets the library choose.

    Returns:
        :class:`Ranked` of arrays `[n]`, one number a fraction. **Unit**: that of the effect, by default probability.

    Raises:
        TypeError: logits, an attribution or a key of the wrong kind.
        ValueError: an attribution of the wrong size or with NaN (while traced, the measure is NaN instead), a fraction
            outside (0, 1].

    Example:
        >>> import jaxattr as ja
        >>> logits = lambda ids: jnp.stack([(ids == 7).any(), False]).astype(float)  # class 0 where 7 is said
        >>> ways = dict(perturb=ja.delete(0), key=jax.random.key(0), fractions=[0.25])
        >>> measure = comprehensiveness_eraser(logits, jnp.array([1.0, 0, 0, 0]), jnp.array([7, 1, 2, 3]), **ways)
        >>> print(f"{measure.given[0]:.4f} {measure.reversed[0]:.4f}")
        0.2311 0.0000

    References:
        :cite:`deyoung2020eraser`, arXiv:1911.03429, section 4.
    """
    ways = Ways("comprehensiveness_eraser", perturb, key, effect or predicted(prob), where, random_rankings, batch_size)
    return _at_fractions(f, attribution, x, fractions, ways, jnp.logical_not)


def sufficiency_eraser(
    f: Callable[[Any], Any],
    attribution: Any,
    x: Any,
    *,
    perturb: Perturbation,
    key: Any,
    fractions: Sequence[float] = ERASER_FRACTIONS,
    effect: Effect | None = None,
    where: Any = None,
    random_rankings: int = 8,
    batch_size: int | None = None,
) -> Ranked:
    r"""The fall of the predicted class's probability when only the most important positions stay.

    $$\mathrm{sufficiency}_q = p_j(x) - p_j(r_q), \qquad j = \arg\max_c p_c(x)$$

    **Low** where the ranking is faithful; negative where the class gains. Other measures of the same name are high
    where the ranking is faithful, or normalised: do not compare them. Positions where `where` is False always stay.
    Costs 1 + n (2 + `random_rankings`) forward passes, at most `batch_size` at once.

    Args:
        f: x to logits `[C]`; with `effect`, to anything that the effect compares.
        attribution: `[T]`, one number a position; its sign counts.
        x: the input, with T positions along its leading axis.
        perturb: the removal, `(x, keep[T]) -> x'`: :func:`jaxattr.delete`, :func:`jaxattr.replace` or your own.
        key: a typed random key for the random rankings; the caller folds the row in.
        fractions: n numbers above 0 and up to 1; by default the five of ERASER.
        effect: `(full, changed) -> number`; None takes the probability of the full text's class.
        where: `[T]` booleans, True at positions that may be removed; False at padding and special tokens.
        random_rankings: how many random rankings are averaged.
        batch_size: evaluations at once; None lets the library choose.

    Returns:
        :class:`Ranked` of arrays `[n]`, one number a fraction. **Unit**: that of the effect, by default probability.

    Raises:
        TypeError: logits, an attribution or a key of the wrong kind.
        ValueError: an attribution of the wrong size or with NaN (while traced, the measure is NaN instead), a fraction
            outside (0, 1].

    Example:
        >>> import jaxattr as ja
        >>> logits = lambda ids: jnp.stack([(ids == 7).any(), False]).astype(float)  # class 0 where 7 is said
        >>> ways = dict(perturb=ja.delete(0), key=jax.random.key(0), fractions=[0.25])
        >>> measure = sufficiency_eraser(logits, jnp.array([1.0, 0, 0, 0]), jnp.array([7, 1, 2, 3]), **ways)
        >>> print(f"{measure.given[0]:.4f} {measure.reversed[0]:.4f}")
        0.0000 0.2311

    References:
        :cite:`deyoung2020eraser`, arXiv:1911.03429, section 4.
    """
    ways = Ways("sufficiency_eraser", perturb, key, effect or predicted(prob), where, random_rankings, batch_size)
    return _at_fractions(f, attribution, x, fractions, ways, lambda top: top)


def log_odds_dig(
    f: Callable[[Any], Any],
    attribution: Any,
    x: Any,
    *,
    perturb: Perturbation,
    key: Any,
    fractions: Sequence[float] = (0.2,),
    where: Any = None,
    random_rankings: int = 8,
    batch_size: int | None = None,
) -> Ranked:
    r"""The change of the predicted class's log-probability when the most important positions are removed.

    $$\mathrm{LO}_q = \log p_j(x \setminus r_q) - \log p_j(x), \qquad j = \arg\max_c p_c(x)$$

    The log-odds score of discretised integrated gradients: **low** (negative) where the ranking is faithful. A change
    of a log-probability, whatever its name says. The mean over texts is the caller's. Costs
    1 + n (2 + `random_rankings`) forward passes, at most `batch_size` at once.

    Args:
        f: x to logits `[C]`.
        attribution: `[T]`, one number a position; its sign counts.
        x: the input, with T positions along its leading axis.
        perturb: the removal, `(x, keep[T]) -> x'`; in the paper the positions are replaced by a base embedding.
        key: a typed random key for the random rankings; the caller folds the row in.
        fractions: n numbers above 0 and up to 1; by default the fifth of the paper.
        where: `[T]` booleans, True at positions that may be removed; False at padding and special tokens.
        random_rankings: how many random rankings are averaged.
        batch_size: evaluations at once; None lets the library choose.

    Returns:
        :class:`Ranked` of arrays `[n]`, one number a fraction. **Unit**: nats.

    Raises:
        TypeError: logits, an attribution or a key of the wrong kind.
        ValueError: an attribution of the wrong size or with NaN (while traced, the measure is NaN instead), a fraction
            outside (0, 1].

    Example:
        >>> import jaxattr as ja
        >>> logits = lambda ids: jnp.stack([300 * (ids == 7).any(), 0]).astype(float)
        >>> ways = dict(perturb=ja.delete(0), key=jax.random.key(0))
        >>> print(log_odds_dig(logits, jnp.array([1.0, 0, 0]), jnp.array([7, 1, 2]), **ways).given.round(4))
        [-0.6931]

    References:
        :cite:`sanyal2021discretized`, arXiv:2108.13654, section 4.
    """
    drop = predicted(log_prob)
    ways = Ways("log_odds_dig", perturb, key, lambda a, b: -drop(a, b), where, random_rankings, batch_size)
    return _at_fractions(f, attribution, x, fractions, ways, jnp.logical_not)


def aopc_samek(
    f: Callable[[Any], Any],
    attribution: Any,
    x: Any,
    *,
    perturb: Perturbation,
    key: Any,
    effect: Effect | None = None,
    where: Any = None,
    random_rankings: int = 8,
    batch_size: int | None = None,
) -> Ranked:
    r"""The area over the whole perturbation curve: the mean fall as the positions are removed one after another.

    $$\mathrm{AOPC} = \frac{1}{N} \sum_{k=1}^{N} \big( p_j(x) - p_j(x \setminus r_k) \big),
      \qquad j = \arg\max_c p_c(x)$$

    High where the ranking is faithful. N is the number of real positions, and $r_k$ are the first k. What is best and
    worst depends on the model, so areas of two models do not compare. Costs 1 + T (2 + `random_rankings`) forward
    passes, at most `batch_size` at once.

    Args:
        f: x to logits `[C]`; with `effect`, to anything that the effect compares.
        attribution: `[T]`, one number a position; its sign counts.
        x: the input, with T positions along its leading axis.
        perturb: the removal, `(x, keep[T]) -> x'`: :func:`jaxattr.delete`, :func:`jaxattr.replace` or your own.
        key: a typed random key for the random rankings; the caller folds the row in.
        effect: `(full, changed) -> number`; None takes the probability of the full text's class.
        where: `[T]` booleans, True at positions that may be removed; False at padding and special tokens.
        random_rankings: how many random rankings are averaged.
        batch_size: evaluations at once; None lets the library choose.

    Returns:
        :class:`Ranked` of scalars. **Unit**: that of the effect, by default probability.

    Raises:
        TypeError: logits, an attribution or a key of the wrong kind.
        ValueError: an attribution of the wrong size or with NaN (while traced, the measure is NaN instead).

    Example:
        >>> import jaxattr as ja
        >>> logits = lambda ids: jnp.stack([(ids == 7).any(), False]).astype(float)
        >>> ways = dict(perturb=ja.delete(0), key=jax.random.key(0))
        >>> area = aopc_samek(logits, jnp.array([1.0, 0, 0, 0]), jnp.array([7, 1, 2, 3]), **ways)
        >>> print(f"{area.given:.4f} {area.reversed:.4f}")
        0.2311 0.0578

    References:
        :cite:`samek2017evaluating`, arXiv:1509.06321; there the curve's first point, which is 0, is counted too.
    """
    ways = Ways("aopc_samek", perturb, key, effect or predicted(prob), where, random_rankings, batch_size)

    def each(scores: Any) -> Any:
        return jnp.arange(1, len(scores) + 1)

    def area(curve: Any) -> Any:
        counted = column(jnp.arange(curve.shape[0]) < real_count(curve, where), curve.ndim)
        return jnp.where(counted, curve, 0).sum(0) / real_count(curve, where).astype(curve.dtype)

    return jax.tree.map(area, measured(f, attribution, x, ways, each, jnp.logical_not))


def aopc_eraser(curves: Any) -> Any:
    r"""The mean of a measure over the fractions, as ERASER's code takes it.

    $$\mathrm{AOPC} = \frac{1}{n} \sum_{q} \mathrm{measure}_q$$

    A plain mean: the fraction 0, whose measure is 0, is not counted. Fractions that mark the same number of positions
    of a short text count as often as they are given.

    Args:
        curves: :class:`Ranked` of arrays `[n]`, or any pytree of arrays with the fractions along the last axis.

    Returns:
        A pytree like `curves`, without the last axis. **Unit**: that of the measure.

    Raises:
        ValueError: numbers without an axis of fractions.

    Example:
        >>> print(aopc_eraser(jnp.array([0.5, 1.0])))
        0.75

    References:
        :cite:`deyoung2020eraser`, arXiv:1911.03429, section 4.
    """
    if any(np.ndim(leaf) == 0 for leaf in jax.tree.leaves(curves)):
        raise ValueError(
            "aopc_eraser wants measures with the fractions along the last axis, but got "
            f"{[_checks.describe(leaf) for leaf in jax.tree.leaves(curves)]}. "
            "Pass the value of comprehensiveness_eraser or sufficiency_eraser."
        )
    return jax.tree.map(lambda curve: jnp.mean(jnp.asarray(curve), axis=-1), curves)


def _at_fractions(
    f: Callable[[Any], Any],
    attribution: Any,
    x: Any,
    fractions: Sequence[float],
    ways: Ways,
    stays: Callable[[Any], Any],
) -> Ranked:
    """The effects where `stays` keeps the first positions of each ranking, or the others, one number a fraction."""
    check_fractions(ways.name, fractions)
    return measured(f, attribution, x, ways, lambda scores: counts(fractions, scores, ways.where), stays)

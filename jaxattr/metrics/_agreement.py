"""How far two attributions of one text agree: correlations of the numbers, of their ranks, and of their pairs."""

from typing import Any

import jax.numpy as jnp

from jaxattr import _checks
from jaxattr._batching import at_least_float32
from jaxattr.metrics._rankings import check_attribution, poisoned, real_count


def pearson(a: Any, b: Any, *, where: Any = None) -> Any:
    r"""Pearson's correlation of two attributions.

    $$r = \frac{\sum_t (a_t - \bar a)(b_t - \bar b)}{\sqrt{\sum_t (a_t - \bar a)^2 \sum_t (b_t - \bar b)^2}}$$

    It compares signed numbers and sees neither a common factor nor a common constant; take `jnp.abs` of both to
    compare magnitudes. One outlying position can decide it. Differentiable.

    Args:
        a: `[T]`, one number a position.
        b: `[T]`.
        where: `[T]` booleans, True at real positions; the others do not count.

    Returns:
        A scalar between -1 and 1, NaN where one of the two is constant. **Unit**: none.

    Raises:
        TypeError: attributions that are not real numbers.
        ValueError: attributions that are not `[T]`, of two lengths, or that hold NaN.

    Example:
        >>> print(pearson(jnp.array([1.0, 2.0, 3.0]), jnp.array([2.0, 4.0, 6.0])).round(4))
        1.0
    """
    a, b, real = _pair("pearson", a, b, where)
    return poisoned(_correlation(a, b, real), a, b)


def spearman(a: Any, b: Any, *, where: Any = None) -> Any:
    r"""Spearman's correlation of two attributions: Pearson's correlation of their ranks.

    $$\rho = r(\mathrm{rank}(a), \mathrm{rank}(b))$$

    Equal numbers share the mean of their ranks. No monotone change of either attribution matters. Its gradient is 0.

    Args:
        a: `[T]`, one number a position.
        b: `[T]`.
        where: `[T]` booleans, True at real positions; the others do not count.

    Returns:
        A scalar between -1 and 1, NaN where one of the two is constant. **Unit**: none.

    Raises:
        TypeError: attributions that are not real numbers.
        ValueError: attributions that are not `[T]`, of two lengths, or that hold NaN.

    Example:
        >>> print(spearman(jnp.array([1.0, 2.0, 3.0]), jnp.array([2.0, 40.0, 600.0])).round(4))
        1.0

    References:
        :cite:`spearman1904proof`; ranks of ties as in :cite:`kendall1945treatment`.
    """
    a, b, real = _pair("spearman", a, b, where)
    return poisoned(_correlation(_mean_ranks(a, real), _mean_ranks(b, real), real), a, b)


def kendall_tau(a: Any, b: Any, *, where: Any = None) -> Any:
    r"""Kendall's tau-b of two attributions: how many more pairs of positions they order alike than opposite.

    $$\tau_b = \frac{\sum_{s < t} \mathrm{sign}(a_s - a_t)\, \mathrm{sign}(b_s - b_t)}
      {\sqrt{\#\{s < t : a_s \ne a_t\} \cdot \#\{s < t : b_s \ne b_t\}}}$$

    With `b` the drops of an occlusion it is ferret's tau-LOO. No monotone change of either attribution matters. Its
    gradient is 0. Costs T squared comparisons.

    Args:
        a: `[T]`, one number a position.
        b: `[T]`.
        where: `[T]` booleans, True at real positions; the others do not count.

    Returns:
        A scalar between -1 and 1, NaN where one of the two is constant. **Unit**: none.

    Raises:
        TypeError: attributions that are not real numbers.
        ValueError: attributions that are not `[T]`, of two lengths, or that hold NaN.

    Example:
        >>> print(kendall_tau(jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 3.0, 2.0])).round(3))
        0.333

    References:
        :cite:`kendall1945treatment`, section 4; tau-LOO: :cite:`attanasio2023ferret`, arXiv:2208.01575.
    """
    a, b, real = _pair("kendall_tau", a, b, where)
    pairs = real[:, None] & real[None, :]

    def signs(v: Any) -> Any:
        above, below = v[:, None] > v[None, :], v[:, None] < v[None, :]
        return jnp.where(pairs, above.astype(v.dtype) - below.astype(v.dtype), 0)

    sa, sb = signs(a), signs(b)
    return poisoned((sa * sb).sum() / jnp.sqrt((sa**2).sum()) / jnp.sqrt((sb**2).sum()), a, b)


def _pair(name: str, a: Any, b: Any, where: Any) -> tuple[Any, Any, Any]:
    a, b = check_attribution(name, "a", a, where), check_attribution(name, "b", b, where)
    if len(a) != len(b):
        raise ValueError(
            f"{name} wants two attributions of one text, but got {_checks.describe(a)} and {_checks.describe(b)}. "
            "Merge sub-tokens to words first where the tokens differ."
        )
    dtype = at_least_float32(a.dtype, b.dtype)
    return a.astype(dtype), b.astype(dtype), jnp.ones(len(a), bool) if where is None else jnp.asarray(where)


def _correlation(a: Any, b: Any, real: Any) -> Any:
    """Pearson's correlation over the real positions; NaN, and not a ratio of rounding errors, for a constant."""

    def unit(v: Any) -> Any:
        v = v / jnp.abs(jnp.where(real, v, 0)).max()  # no square overflows, and equal numbers are 1 without rounding
        centred = jnp.where(real, v - jnp.where(real, v, 0).sum() / real.sum().astype(v.dtype), 0)
        return centred / jnp.sqrt((centred**2).sum())

    return jnp.clip((unit(a) * unit(b)).sum(), -1, 1)


def _mean_ranks(v: Any, real: Any) -> Any:
    """Ranks from 1, the mean of the ranks among equals; the real positions alone are counted."""
    line = jnp.sort(jnp.where(real, v, jnp.inf))
    below = jnp.searchsorted(line, v, side="left")
    up_to = jnp.minimum(jnp.searchsorted(line, v, side="right"), real_count(v, real).astype(below.dtype))
    return (below + up_to + 1).astype(v.dtype) / 2

r"""From the dimensions of a pooled vector back to the words that made it.

A classifier of texts pools: from `x[T, C]`, a vector for each position, to `p[C]`. What is attributed to the C pooled
dimensions is carried to positions by shares `s[T, C]`, which sum to 1 over the positions of each dimension: by
:func:`max_shares`, :func:`mean_shares` or :func:`weighted_shares`, and then :func:`to_positions`. Nothing is lost on
the way. The vectors before and after the pooling are read with :func:`jaxattr.cut` at a name.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._batching import at_least_float32
from jaxattr._positions import column, real_positions

Ties = Callable[[Any], Any]


def shared(winners: Any) -> Any:
    """Positions that tie share a dimension evenly, as the gradient of JAX's maximum does.

    Args:
        winners: booleans `[T, ...]`, True at each position that reaches the maximum.

    Returns:
        Shares `float32[T, ...]` that sum to 1 over positions.

    Example:
        >>> shared(jnp.array([True, False, True])).tolist()
        [0.5, 0.0, 0.5]

    References:
        For a global maximum, :cite:`allenwind2021globalmaxpool`.
    """
    counted = winners.astype(float)
    return counted / counted.sum(0, keepdims=True)


def first(winners: Any) -> Any:
    """Of positions that tie, the first takes the whole dimension, as `argmax` does.

    Args:
        winners: booleans `[T, ...]`, True at each position that reaches the maximum.

    Returns:
        Shares `float32[T, ...]` that sum to 1 over positions.

    Example:
        >>> first(jnp.array([False, True, True])).tolist()
        [0.0, 1.0, 0.0]
    """
    return (winners & (jnp.cumsum(winners, axis=0) == 1)).astype(jnp.float32)


def max_shares(x: Any, *, where: Any = None, ties: Ties = shared) -> Any:
    r"""Give each position its share of each maximum over positions: 1 to the winner, 0 to the others.

    $$s_{tc} = \frac{[x_{tc} = \max_u x_{uc}]}{\#\{u : x_{uc} = \max_v x_{vc}\}}$$

    Summed over dimensions it counts how many a word has won. With an attribution `a[C]` at the pooled vector it gives
    the words exactly that: where the baseline has one vector for all positions, the winners stay the same on the
    straight path, and integrated gradients of the words are those of the pooled vector, carried by these shares. With
    another baseline winners change on the way, and the two differ. Two occurrences of one word tie exactly.

    Args:
        x: `[T, ...]`, what is pooled over its leading axis.
        where: `[T]` booleans, True at the positions that the model pools; the others get 0.
        ties: a function of `winners[T, ...]`: :func:`shared` or :func:`first`, or your own.

    Returns:
        Shares with the shape of x, in float32 at least, 0 at positions that are not pooled; NaN in a dimension that
        nothing has won, since x holds NaN there. **Unit**: none.

    Raises:
        TypeError: x that is not an array of numbers, a mask that is not boolean, ties that are not a function.
        ValueError: x without positions, a mask of another length.

    Example:
        >>> import jaxattr as ja
        >>> x = jnp.array([[3.0, 1.0], [3.0, 4.0], [0.0, 9.0]])
        >>> print(max_shares(x, where=jnp.array([True, True, False])))
        [[0.5 0. ]
         [0.5 1. ]
         [0.  0. ]]

    References:
        The weights of positions under a global maximum, :cite:`allenwind2021globalmaxpool`.
    """
    x = _checked("max_shares", x)
    real = column(real_positions("max_shares", where, len(x)), x.ndim)
    _checks.check_function("max_shares", "ties", ties, "max_shares(x, ties=jaxattr.pooling.first)")
    low = -jnp.inf if _checks.is_floating(x) else jnp.iinfo(x.dtype).min
    winners = (x == jnp.where(real, x, low).max(0, keepdims=True)) & real
    shares = ties(winners).astype(at_least_float32(x.dtype))
    return jnp.where(winners.any(0, keepdims=True), shares, jnp.nan)


def mean_shares(x: Any, *, x0: Any = None, where: Any = None) -> Any:
    r"""Give each position its share of the change of a mean over positions.

    $$s_{tc} = \frac{x_{tc} - x^0_{tc}}{\sum_u (x_{uc} - x^0_{uc})}$$

    With integrated gradients at the pooled vector these give those at x, exactly: a mean is linear. See
    :func:`weighted_shares` for dimensions that do not change.

    Args:
        x: `[T, ...]`, what is averaged over its leading axis.
        x0: the same at the baseline; None is zeros.
        where: `[T]` booleans, True at the positions that the model averages; the others get 0.

    Returns:
        Shares with the shape of x, in float32 at least. **Unit**: none.

    Raises:
        TypeError: arrays that are not numbers, a mask that is not boolean.
        ValueError: x without positions, a mask or x0 of another shape.

    Example:
        >>> import jaxattr as ja
        >>> x = jnp.array([[1.0, -1.0], [3.0, 2.0]])
        >>> print(mean_shares(x))
        [[ 0.25 -1.  ]
         [ 0.75  2.  ]]

    References:
        As for a maximum, :cite:`allenwind2021globalmaxpool`.
    """
    x = _checked("mean_shares", x)
    real = real_positions("mean_shares", where, len(x)).astype(float)
    return _shares_of_change("mean_shares", x, real / real.sum(), x0)


def weighted_shares(x: Any, weights: Any, *, x0: Any = None) -> Any:
    r"""Give each position its share of the change of a weighted sum over positions, attention pooling for instance.

    $$s_{tc} = \frac{w_t \, (x_{tc} - x^0_{tc})}{\sum_u w_u \, (x_{uc} - x^0_{uc})}$$

    The weights are held fixed. Where the model computes them from x, as attention does, what moves through the weights
    is not seen, and integrated gradients at x differ. In a dimension that does not change at all the shares are the
    weights themselves, scaled to sum to 1.

    Args:
        x: `[T, ...]`, what is summed over its leading axis.
        weights: `[T]`, one weight a position; attention weights are read with :func:`jaxattr.cut` at their name.
        x0: the vectors at the baseline, with the shape of x; None is zeros.

    Returns:
        Shares with the shape of x, in float32 at least. **Unit**: none.

    Raises:
        TypeError: arrays that are not numbers.
        ValueError: x without positions, weights or x0 of another shape.

    Example:
        >>> import jaxattr as ja
        >>> x, attention = jnp.array([[1.0, 0.0], [1.0, 0.0]]), jnp.array([0.75, 0.25])
        >>> print(weighted_shares(x, attention))
        [[0.75 0.75]
         [0.25 0.25]]

    References:
        The weights of attention, :cite:`allenwind2021attention`.
    """
    x = _checked("weighted_shares", x)
    if not _checks.is_array(weights) or np.shape(weights) != x.shape[:1]:
        raise ValueError(
            f"weighted_shares wants weights [{len(x)}], one a position, but got {_checks.describe(weights)}. "
            "Take the weights of one text and one head."
        )
    return _shares_of_change("weighted_shares", x, jnp.asarray(weights), x0)


def to_positions(pooled: Any, shares: Any) -> Any:
    r"""Carry an attribution at a pooled vector to positions.

    $$\phi_t = \sum_c s_{tc} \, a_c$$

    The sum over positions is the sum over dimensions: a complete attribution stays complete. With the pooled values
    themselves in place of an attribution it says how much of the vector each position has made.

    Args:
        pooled: `[C]`, one number for each pooled dimension.
        shares: `[T, C]` from this module, or your own.

    Returns:
        `[T]`, one number a position, in float32 at least. **Unit**: that of `pooled`.

    Raises:
        TypeError: arrays that are not numbers.
        ValueError: shares that do not have one entry for each position and dimension.

    Example:
        >>> import jaxattr as ja
        >>> x = jnp.array([[3.0, 1.0], [2.0, 4.0]])
        >>> f = lambda p: (p**2).sum()
        >>> a = ja.integrated_gradients(f, baseline=jnp.zeros_like)(x.max(0))
        >>> print(to_positions(a, max_shares(x)).round(4))
        [ 9. 16.]

    References:
        For a global maximum, :cite:`allenwind2021globalmaxpool`.
    """
    shares, pooled = _checked("to_positions", shares, "shares"), _numbers("to_positions", pooled, "pooled")
    if shares.shape[1:] != pooled.shape:
        raise ValueError(
            f"to_positions wants shares [T, *{list(pooled.shape)}] for pooled {_checks.describe(pooled)}, but got "
            f"{_checks.describe(shares)}. Positions come first; use jax.vmap for a batch."
        )
    wide = at_least_float32(shares.dtype, pooled.dtype)
    return (shares.astype(wide) * pooled.astype(wide)[None]).sum(tuple(range(1, shares.ndim)))


def _shares_of_change(name: str, x: Any, weights: Any, x0: Any) -> Any:
    """Each position's part of the sum of `weights * (x - x0)`."""
    if x0 is not None:
        _checks.check_same(name, "x0", x0, x)
    wide = at_least_float32(x.dtype)
    change = x.astype(wide) if x0 is None else x.astype(wide) - jnp.asarray(x0).astype(wide)
    weights = column(weights.astype(wide), x.ndim)
    parts = jnp.where(weights == 0, 0, weights * change)
    total = parts.sum(0, keepdims=True)
    still = total == 0
    return jnp.where(still, weights / weights.sum(), parts / jnp.where(still, 1, total))


def _numbers(name: str, x: Any, option: str) -> Any:
    if not _checks.is_array(x) or not (_checks.is_floating(x) or _checks.is_integer(x)):
        raise TypeError(
            f"{name} wants {option} as an array of real numbers, but got {_checks.describe(x)}. Pass an array."
        )
    return jnp.asarray(x)


def _checked(name: str, x: Any, option: str = "x") -> Any:
    """An array of numbers with at least one position."""
    x = _numbers(name, x, option)
    if x.ndim == 0 or x.size == 0:
        raise ValueError(
            f"{name} wants {option} as [T, C] with at least one position, but got {_checks.describe(x)}. "
            "Pass what the model pools over its leading axis."
        )
    return x

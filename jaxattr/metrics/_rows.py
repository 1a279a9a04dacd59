"""The error of a mean over rows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._batching import at_least_float32
from jaxattr._positions import column, real_positions


def standard_error(values: Any, *, where: Any = None) -> Any:
    r"""Standard error of the mean of per-row measures.

    $$\mathrm{se} = \sqrt{\frac{1}{n (n - 1)} \sum_i (v_i - \bar v)^2}$$

    Honest where the rows are independent. For the difference of two methods on the same rows, pass the differences.

    Args:
        values: a pytree of arrays with n rows along the leading axis, such as what a measure gives under `vmap`.
        where: `[n]` booleans, True at rows that count; report how many do not.

    Returns:
        A pytree like `values` without the leading axis; NaN where fewer than two rows count, or one of them is NaN.
        **Unit**: that of the measure.

    Raises:
        TypeError: a `where` that is not boolean.
        ValueError: fewer than two rows, or leaves with different numbers of them.

    Example:
        >>> print(standard_error(jnp.array([1.0, 3.0])))
        1.0
    """
    leaves = jax.tree.leaves(values)
    lengths = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in leaves}
    if len(lengths) != 1 or min(lengths) < 2:
        raise ValueError(
            "standard_error wants values with one leading axis of two rows or more, but got "
            f"{[_checks.describe(leaf) for leaf in leaves]}. Measure more rows, with jax.vmap."
        )
    (rows,) = lengths
    counted = real_positions("standard_error", where, rows)

    def error(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        leaf = leaf.astype(at_least_float32(leaf.dtype))
        mark = column(counted, leaf.ndim)
        n = counted.sum().astype(leaf.dtype)
        mean = jnp.where(mark, leaf, 0).sum(0) / n
        squares = jnp.where(mark, (leaf - mean[None]) ** 2, 0).sum(0)
        return jnp.where(n > 1, jnp.sqrt(squares / n / jnp.maximum(n - 1, 1)), jnp.nan)

    return jax.tree.map(error, values)

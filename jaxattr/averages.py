"""Averages of transforms over a set of baselines, keys or rows, with their spread and their standard error."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._batching import moments, weighted_sum

Make = Callable[[Any], Callable[..., Any]]


def mean_over(make: Make, xs: Any, *, batch_size: int | None = None, has_aux: bool = False) -> Callable[..., Any]:
    r"""Average the transformed functions `make(x)` over the leading axis of xs.

    $$\phi = \frac{1}{n} \sum_{k=1}^{n} \mathrm{make}(x_k)(\cdot)$$

    Over baselines it turns integrated gradients into expected gradients, and DeepLIFT into DeepSHAP; over keys it is
    any Monte Carlo mean. Costs n evaluations of `make(x)`. Its error is :func:`standard_error_over` with the same
    arguments.

    Args:
        make: takes one element of xs and returns a transformed function.
        xs: a pytree of arrays `[n, ...]`: backgrounds, keys, rows of a data set.
        batch_size: elements evaluated at once; None lets the library choose.
        has_aux: the transformed function returns `(attribution, aux)`; aux of the first element is returned beside
            the average, since it belongs to the input as given and not to xs.

    Returns:
        A function with the signature of `make(x)`, whose value is the mean of theirs, in float32 at least.
        **Unit**: that of `make(x)`.

    Raises:
        ValueError: xs is empty, or its leaves have different lengths.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: (x**2).sum()
        >>> backgrounds = jnp.array([[0.0, 0.0], [1.0, 2.0]])
        >>> explain = mean_over(lambda b: ja.integrated_gradients(f, baseline=b), backgrounds)
        >>> explain(jnp.array([1.0, 2.0])).round(4).tolist()
        [0.5, 2.0]

    References:
        Expected gradients: :cite:`erion2021improving`, arXiv:1906.10670, eq. 3.
    """
    count = _check_elements("mean_over", make, xs, batch_size)

    def averaged(*args: Any, **kwargs: Any) -> Any:
        def one(x: Any) -> Any:
            result = make(x)(*args, **kwargs)
            return result[0] if has_aux else result

        mean = weighted_sum(one, xs, np.full(count, 1 / count), batch_size)
        if not has_aux:
            return mean
        return mean, make(jax.tree.map(lambda a: a[0], xs))(*args, **kwargs)[1]

    return averaged


def variance_over(make: Make, xs: Any, *, batch_size: int | None = None) -> Callable[..., Any]:
    r"""Variance of the transformed functions `make(x)` over the leading axis of xs.

    $$\phi_i = \frac{1}{n} \sum_{k} \big(\mathrm{make}(x_k)_i - \overline{\mathrm{make}}_i\big)^2$$

    The population variance (divided by n), accumulated in one pass. Costs n evaluations of `make(x)`.

    Args:
        make: takes one element of xs and returns a transformed function.
        xs: a pytree of arrays `[n, ...]`.
        batch_size: elements evaluated at once; None lets the library choose.

    Returns:
        A function with the signature of `make(x)`, whose value has its structure, in float32 at least.
        **Unit**: that of `make(x)`, squared.

    Raises:
        ValueError: xs is empty, or its leaves have different lengths.

    Example:
        >>> make = lambda b: lambda x: x * b
        >>> variance_over(make, jnp.array([1.0, 3.0]))(jnp.array([1.0, 2.0])).tolist()
        [1.0, 4.0]

    References:
        Of noisy gradients it is VarGrad, :cite:`adebayo2018sanity`, arXiv:1810.03292.
    """
    count = _check_elements("variance_over", make, xs, batch_size)

    def spread(*args: Any, **kwargs: Any) -> Any:
        _, squares = moments(lambda x: make(x)(*args, **kwargs), xs, batch_size)
        return jax.tree.map(lambda s: s / count if _checks.is_array(s) else s, squares)

    return spread


def standard_error_over(make: Make, xs: Any, *, batch_size: int | None = None) -> Callable[..., Any]:
    r"""Standard error of :func:`mean_over` with the same arguments, entry by entry.

    $$\mathrm{se}_i = \sqrt{\frac{1}{n (n-1)} \sum_k \big(\mathrm{make}(x_k)_i - \overline{\mathrm{make}}_i\big)^2}$$

    Honest where the elements of xs are independent draws; it says nothing of a bias that all of them share. Costs n
    evaluations of `make(x)`.

    Args:
        make: takes one element of xs and returns a transformed function.
        xs: a pytree of arrays `[n, ...]`, n at least 2.
        batch_size: elements evaluated at once; None lets the library choose.

    Returns:
        A function with the signature of `make(x)`, whose value has its structure, in float32 at least.
        **Unit**: that of `make(x)`.

    Raises:
        ValueError: fewer than two elements, or leaves of different lengths.

    Example:
        >>> make = lambda b: lambda x: x * b
        >>> standard_error_over(make, jnp.array([1.0, 3.0]))(jnp.array([1.0, 2.0])).tolist()
        [1.0, 2.0]

    References:
        The error of the average of :cite:`erion2021improving`, arXiv:1906.10670.
    """
    count = _check_elements("standard_error_over", make, xs, batch_size)
    if count < 2:
        raise ValueError(f"standard_error_over wants two elements or more in xs, but got {count}. Draw more of them.")

    def error(*args: Any, **kwargs: Any) -> Any:
        _, squares = moments(lambda x: make(x)(*args, **kwargs), xs, batch_size)
        n = count * (count - 1)
        return jax.tree.map(lambda s: jnp.sqrt(s / n) if _checks.is_array(s) else s, squares)

    return error


def _check_elements(name: str, make: Make, xs: Any, batch_size: int | None) -> int:
    _checks.check_function(name, "make", make, f"{name}(lambda b: integrated_gradients(f, baseline=b), backgrounds)")
    _checks.check_batch_size(name, batch_size)
    leaves = jax.tree.leaves(xs)
    lengths = {np.shape(leaf)[0] if np.ndim(leaf) else None for leaf in leaves}
    if len(lengths) != 1 or None in lengths or 0 in lengths:
        raise ValueError(
            f"{name} wants xs as arrays with one leading length n >= 1, but got "
            f"{[_checks.describe(leaf) for leaf in leaves]}. Stack the elements with jnp.stack."
        )
    return np.shape(leaves[0])[0]

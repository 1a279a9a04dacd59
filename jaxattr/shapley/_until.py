"""Draw until the standard error is small enough: a driver for any transform of a key."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._batching import DEFAULT_BATCH_SIZE, Apart, at_least_float32
from jaxattr._leaves import Rebuild
from jaxattr._positions import column
from jaxattr.averages import Make


class Report(NamedTuple):
    """What :func:`until_report` gives: the standard error, like the estimate, and the number of draws used."""

    standard_error: Any
    samples: Any


def until(
    make: Make,
    *,
    key: Any,
    half_width: Any,
    at_most: int,
    at_least: int = 64,
    quantile: float = 1.96,
    batch_size: int | None = None,
) -> Callable[..., Any]:
    r"""Average the transformed functions `make(key)` over fresh keys until every entry's interval is narrow enough.

    $$\hat\phi = \frac{1}{m} \sum_{k=1}^{m} \mathrm{make}(\mathrm{fold}(\mathrm{key}, k))(\cdot), \qquad
      m = \min \{ m : q \cdot \mathrm{se}_i(m) \le h \text{ for all } i \}$$

    Draws come `batch_size` at a time and the question is asked after each batch, so m is a multiple of it (or
    `at_most`); mean and variance are accumulated in one pass. Each draw costs one evaluation of `make(key)`. It runs as
    one `jax.lax.while_loop`, inside `jit` and outside; under `vmap` all rows go on until the last one is done, with
    the numbers of each alone. Forward derivatives pass, reverse ones do not: JAX has none for loops of unknown length.

    Stopping when the spread looks small favours stretches of draws in which it happens to be small. So the interval at
    the stop covers less often than its name, most where draws are skewed and `at_least` is small: with normal draws and
    `at_least=64` little is lost, with rare large draws (one in a hundred) a stop before the first is a wrong zero
    error. Where the number matters, take m from :func:`until_report` and draw m anew with another key.

    Args:
        make: takes a key and returns a transformed function, `lambda k: shapley.permutation(f, key=k, samples=1, ...)`.
        key: a typed random key; draw k uses it folded with k.
        half_width: the half-width h to reach, in the unit of `make(key)`.
        at_most: draws after which it stops in any case.
        at_least: draws before which it never stops, 2 at least.
        quantile: q, standard errors in a half-width: 1.96 for 95 %.
        batch_size: draws evaluated at once and between two questions; None lets the library choose.

    Returns:
        A function with the signature of `make(key)`, whose value is the mean of its values, in float32 at least.
        **Unit**: that of `make(key)`.

    Raises:
        TypeError: a key that is not typed, counts that are not integers.
        ValueError: a half-width that is not positive, `at_least` above `at_most`.

    Example:
        >>> import jaxattr as ja
        >>> make = lambda k: lambda x: x + jax.random.normal(k)
        >>> ways = dict(key=jax.random.key(0), half_width=0.1, at_most=10_000)
        >>> bool(abs(until(make, **ways)(jnp.array(5.0)) - 5) < 0.2)
        True
        >>> int(until_report(make, **ways)(jnp.array(5.0)).samples)
        352

    References:
        One pass: :cite:`chan1983algorithms`; the stopping rule and its first-order coverage :cite:`chow1965asymptotic`.
    """
    size = _check("until", make, key, half_width, at_most, at_least, batch_size)

    def estimated(*args: Any, **kwargs: Any) -> Any:
        _, mean, _, rebuild = _run(make, args, kwargs, key, half_width, at_most, at_least, quantile, size)
        return rebuild(mean)

    return estimated


def until_report(
    make: Make,
    *,
    key: Any,
    half_width: Any,
    at_most: int,
    at_least: int = 64,
    quantile: float = 1.96,
    batch_size: int | None = None,
) -> Callable[..., Any]:
    r"""Standard error of :func:`until` with the same arguments, and the number of draws it used.

    $$\mathrm{se}_i = \sqrt{\frac{1}{m (m-1)} \sum_k \big(\mathrm{make}(k)_i - \hat\phi_i\big)^2}$$

    The error of m draws as if m had been fixed; see :func:`until` for what stopping early does to it. Costs what the
    estimate costs.

    Args:
        make: as in the estimate.
        key: the key of the estimate.
        half_width: as in the estimate.
        at_most: as in the estimate.
        at_least: as in the estimate.
        quantile: as in the estimate.
        batch_size: as in the estimate, since it says when the question is asked.

    Returns:
        A function with the signature of `make(key)`, whose value is a pair `(standard_error, samples)`.
        **Unit** of the error: that of `make(key)`.

    Raises:
        TypeError, ValueError: as :func:`until`.

    Example:
        >>> make = lambda k: lambda x: x
        >>> report = until_report(make, key=jax.random.key(0), half_width=0.1, at_most=100)(jnp.array([1.0, 2.0]))
        >>> report.standard_error.tolist(), int(report.samples)
        ([0.0, 0.0], 64)

    References:
        Of the estimate of :cite:`castro2009polynomial`.
    """
    size = _check("until_report", make, key, half_width, at_most, at_least, batch_size)

    def reported(*args: Any, **kwargs: Any) -> Report:
        count, _, squares, rebuild = _run(make, args, kwargs, key, half_width, at_most, at_least, quantile, size)
        return Report(rebuild([jnp.sqrt(_squared_error(s, count)) for s in squares]), count)

    return reported


def _run(
    make: Make,
    args: Any,
    kwargs: Any,
    key: Any,
    half_width: Any,
    at_most: int,
    at_least: int,
    quantile: float,
    size: int,
) -> tuple[Any, list[Any], list[Any], Rebuild]:
    """Number of draws, means and summed squared deviations of the arrays, and the way back to their structure."""
    drawn = Apart(lambda k: make(k)(*args, **kwargs))

    def draw(k: Any) -> list[Any]:
        return [jnp.asarray(v).astype(at_least_float32(jnp.result_type(v))) for v in drawn.arrays(k)]

    def goes_on(state: Any) -> Any:
        count, _, squares = state
        wide = [jnp.any(quantile**2 * _squared_error(s, count) > half_width**2) for s in squares]
        return (count < at_least) | ((count < at_most) & jnp.stack(wide).any())

    def more(state: Any) -> Any:
        count, means, squares = state
        index = count + jnp.arange(size)
        values = jax.vmap(draw)(jax.vmap(lambda i: jax.random.fold_in(key, i))(index))
        new = jnp.minimum(at_most - count, size)
        both = count + new

        def joined(value: Any, mean: Any, square: Any) -> tuple[Any, Any]:
            real = column(index < at_most, value.ndim)
            fresh = jnp.where(real, value, 0).sum(0) / new
            spread = jnp.where(real, (value - fresh[None]) ** 2, 0).sum(0)
            share = new / both
            return (
                mean + (fresh - mean) * share.astype(mean.dtype),
                square + spread + (fresh - mean) ** 2 * (count * share).astype(mean.dtype),
            )

        found = [joined(*each) for each in zip(values, means, squares, strict=True)]
        return both, [mean for mean, _ in found], [square for _, square in found]

    nothing = [jnp.zeros(v.shape, v.dtype) for v in jax.eval_shape(draw, key)]
    count, means, squares = jax.lax.while_loop(goes_on, more, (jnp.asarray(0), nothing, nothing))
    return count, means, squares, drawn.rebuild


def _squared_error(squares: Any, count: Any) -> Any:
    m = count.astype(squares.dtype)
    return squares / jnp.maximum(m * (m - 1), 1)


def _check(name: str, make: Any, key: Any, half_width: Any, at_most: Any, at_least: Any, batch_size: int | None) -> int:
    _checks.check_function(name, "make", make, f"{name}(lambda k: shapley.permutation(f, key=k, samples=1, ...))")
    _checks.check_key(name, key)
    _checks.check_batch_size(name, batch_size)
    _checks.check_count(name, "at_least", at_least, 2)
    _checks.check_count(name, "at_most", at_most, 2)
    if at_least > at_most:
        raise ValueError(
            f"{name} wants at_least <= at_most, but got at_least={at_least} and at_most={at_most}. "
            f"Write at_least={at_most} or raise at_most."
        )
    if _checks.is_concrete(half_width) and not np.all(np.asarray(half_width) > 0):
        raise ValueError(f"{name} wants half_width > 0, but got {half_width}. It is in the unit of f; try 0.01.")
    return min(batch_size or DEFAULT_BATCH_SIZE, at_most)

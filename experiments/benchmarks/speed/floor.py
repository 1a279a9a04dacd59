"""The limit: how long the products of the gradients alone would take at the peak of the device."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core


def flops(f: Callable[..., Any], *args: Any) -> float:
    """The floating point operations of a function, the body of a loop as often as it runs.

    XLA counts a loop's body once; here each `scan` is counted apart and what is missing is added.

    Args:
      f: A function of arrays.
      *args: Its arguments, or their shapes.

    Returns:
      How many.
    """
    return _total(jax.make_jaxpr(f)(*args))


def _total(program: core.ClosedJaxpr) -> float:
    found = _seen(program)
    for equation in _scans(program.jaxpr):
        body = equation.params["jaxpr"]
        found += equation.params["length"] * _total(body) - _seen(body)
    return found


def _seen(program: core.ClosedJaxpr) -> float:
    """What XLA counts."""
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in program.jaxpr.invars]
    costs: Any = jax.jit(core.jaxpr_as_fun(program)).lower(*shapes).compile().cost_analysis()
    return float(costs.get("flops", 0.0))


def _scans(program: Any) -> Iterator[Any]:
    """The scans of a program that lie in no other one."""
    for equation in program.eqns:
        if equation.primitive.name == "scan":
            yield equation
            continue
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _scans(inner)


def peak(dtype: str, *, least: float = 0.2) -> float:
    """Floating point operations a second in the fastest of some large matrix products, with sums in float32.

    Args:
      dtype: Of the factors.
      least: Seconds that one product is repeated for.

    Returns:
      How many.
    """
    sizes = (1024, 2048) if jax.default_backend() == "cpu" else (4096, 8192)
    return max(rate(size, dtype, least) for size in sizes)


def rate(size: int, dtype: str, least: float) -> float:
    """Floating point operations a second in products of square matrices.

    Args:
      size: Rows and columns.
      dtype: Of the factors.
      least: Seconds that the product is repeated for; its fastest repetition counts.

    Returns:
      How many.
    """
    a = jnp.ones((size, size), dtype)
    product = jax.jit(lambda a: jnp.matmul(a, a, preferred_element_type=jnp.float32)).lower(a).compile()
    jax.block_until_ready(product(a))
    best, begin = 0.0, time.perf_counter()
    while time.perf_counter() - begin < least:
        start = time.perf_counter()
        jax.block_until_ready([product(a) for _ in range(3)])
        best = max(best, 3 * 2 * size**3 / (time.perf_counter() - start))
    return best


def share(gradient: float, *, evaluations: float, seconds: float, peaks: Mapping[str, float], dtype: str) -> float:
    """The share of the peak at which the plain gradients would run in a time.

    Args:
      gradient: The operations of one gradient.
      evaluations: How many gradients.
      seconds: The time.
      peaks: Operations a second by dtype.
      dtype: Which of them.

    Returns:
      The share; above 1 where fewer operations than these were done.
    """
    return gradient * evaluations / (seconds * peaks[dtype])

"""Evaluate a function at many points, a bounded number at once.

The one place that decides how evaluations are laid out. All points of a chunk run in one `vmap`; chunks of equal size
follow one another, and copies fill the last one, so that nothing is compiled twice. How large a chunk is follows from
what one evaluation holds (:mod:`jaxattr._sizes`). Where the caller is being staged out (`jit`, `scan`) the chunks run
in one compiled loop, or one after another in the program where the loop would be slow; elsewhere a Python loop drives
them. The chunks carry nothing from one to the next, so the layout also fits inside `shard_map`.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend import core

from jaxattr import _checks, _sizes
from jaxattr._leaves import Rebuild, apart

DEFAULT_BATCH_SIZE = 32  # where nothing is known of what is evaluated
_COUNTS: ContextVar[list[int] | None] = ContextVar("counts", default=None)
_UNROLLED = 8  # chunks that may stand one after another in a program


def map_points(f: Callable[[Any], Any], points: Any, batch_size: int | None) -> Any:
    """`f` at each point of the leading axis, the values stacked."""
    found = Apart(f)
    chunks = _over_chunks(found.arrays, lambda values, _, __: values, points, batch_size)
    return found.rebuild([a.reshape((-1, *a.shape[2:]))[: _count(points)] for a in chunks])


def weighted_sum(f: Callable[[Any], Any], points: Any, weights: Any, batch_size: int | None) -> Any:
    """The sum of `weights[i] * f(points[i])`, in float32 at least, in memory of one chunk."""
    return sums_and_values(lambda point: (f(point), ()), points, weights, batch_size)[0]


def sums_and_values(f: Callable[[Any], tuple[Any, Any]], points: Any, weights: Any, batch_size: int | None) -> Any:
    """Of `f(point) -> (u, v)` the weighted sum of all u, in float32 at least, and all v stacked."""
    found = Apart(f)
    split: list[int] = []

    def each(chunk: tuple[Any, Any]) -> list[Any]:
        u, v = f(chunk[0])
        split.append(len(apart(u, _checks.is_array)[0]))
        return found.keep((u, v))

    def gathered(values: list[Any], chunk: Any, real: Any) -> Any:
        weights = jnp.where(real, chunk[1], 0)
        return [_sum(a, weights) for a in values[: split[-1]]], values[split[-1] :]

    sums, values = _over_chunks(each, gathered, (points, weights), batch_size)
    stacked = [a.reshape((-1, *a.shape[2:]))[: _count(weights)] for a in values]
    return found.rebuild([*(a.sum(0) for a in sums), *stacked])


def moments(f: Callable[[Any], Any], points: Any, batch_size: int | None) -> tuple[Any, Any]:
    """Mean and summed squared deviation of `f` over the points, in one pass (:cite:`chan1983algorithms`, eq. 1.5)."""
    count, found = _count(points), Apart(f)

    def gathered(values: list[Any], _: Any, real: Any) -> Any:
        n = real.sum()
        values = [v.astype(at_least_float32(v.dtype)) for v in values]
        means = [_sum(v, real) / n.astype(v.dtype) for v in values]
        return n, means, [_sum((v - m[None]) ** 2, real) for v, m in zip(values, means, strict=True)]

    n, means, squares = _over_chunks(found.arrays, gathered, points, batch_size)
    mean = [_sum(m, n) / count for m in means]
    spread = [s.sum(0) + _sum((m - c[None]) ** 2, n) for s, m, c in zip(squares, means, mean, strict=True)]
    return found.rebuild(mean), found.rebuild(spread)


def at_least_float32(*dtypes: Any) -> Any:
    """The dtype of paths, weights and sums: half precision is widened, also where the user refuses that JAX does it."""
    with jax.numpy_dtype_promotion("standard"):
        return jnp.result_type(*dtypes, jnp.float32)


def _over_chunks(
    each: Callable[[Any], list[Any]], gathered: Callable[[Any, Any, Any], Any], points: Any, batch_size: int | None
) -> Any:
    """`gathered(values, chunk, real)` of each chunk, stacked; `real` is False at the copies that fill the last one."""
    count = _count(points)
    first = jax.eval_shape(lambda: jax.tree.map(lambda a: jnp.asarray(a)[0], points))
    with _counting(count):
        traced = jax.make_jaxpr(each)(first)
    at_once = batch_size or _sizes.chunk(traced.jaxpr)
    chunks = -(-count // min(at_once, count))
    size = -(-count // chunks)
    one = core.jaxpr_as_fun(traced)

    def run(chunk: Any, real: Any) -> Any:
        return gathered(jax.vmap(lambda point: one(*jax.tree.leaves(point)))(chunk), chunk, real)

    if chunks == 1:
        whole = jax.tree.map(jnp.asarray, points)
        return jax.tree.map(lambda a: a[None], run(whole, jnp.ones(count, bool)))
    index = np.arange(chunks * size).reshape(chunks, size)
    real, index = jnp.asarray(index < count), jnp.asarray(np.minimum(index, count - 1))

    def take(rows: Any) -> Any:
        return jax.tree.map(lambda a: jnp.asarray(a)[rows], points)

    slow = is_staged() and chunks <= _UNROLLED and _sizes.is_slow_in_a_loop(traced.jaxpr)
    if is_staged() and not slow:
        return jax.lax.map(lambda c: run(*c), (take(index), real))
    results: list[Any] = []
    for i in range(chunks):
        chunk = take(index[i]), real[i]
        if slow and results:  # not before the chunk before it is done: memory of one chunk
            chunk, results[-1] = jax.lax.optimization_barrier((chunk, results[-1]))
        results.append(run(*chunk))
    return jax.tree.map(lambda *values: jnp.stack(values), *results)


@contextlib.contextmanager
def counted() -> Iterator[list[int]]:
    """Collects how many evaluations the functions that are traced meanwhile ask for; their sum is of interest."""
    token = _COUNTS.set(found := [])
    try:
        yield found
    finally:
        _COUNTS.reset(token)


@contextlib.contextmanager
def _counting(count: int) -> Iterator[None]:
    """So many evaluations of what is traced meanwhile, each of which may ask for others."""
    outer = _COUNTS.get()
    with counted() as inner:
        yield
    if outer is not None:
        outer.append(count * (sum(inner) or 1))


def is_staged() -> bool:
    """Whether operations are being recorded (`jit`, `scan`, `make_jaxpr`) rather than run."""
    return isinstance(jnp.zeros(()), Tracer)


class Apart:
    """The arrays of what a function returns, and the way back: leaves such as strings cannot pass through `vmap`."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f = f
        self.seen: list[Rebuild] = []

    def arrays(self, point: Any) -> list[Any]:
        """What the function returns, taken apart."""
        return self.keep(self.f(point))

    def keep(self, result: Any) -> list[Any]:
        """A result taken apart; the way back to its structure is kept."""
        values, rebuild = apart(result, _checks.is_array)
        self.seen.append(rebuild)
        return values

    def rebuild(self, values: Sequence[Any]) -> Any:
        """Arrays in the structure of the last result."""
        return self.seen[-1](values)


def _count(points: Any) -> int:
    return np.shape(jax.tree.leaves(points)[0])[0]


def _sum(values: Any, weights: Any) -> Any:
    """The weighted sum over the leading axis, as a product in full precision: on CPU a plain sum over it is slow."""
    dtype = at_least_float32(values.dtype)
    return jnp.tensordot(weights.astype(dtype), values.astype(dtype), 1, precision=jax.lax.Precision.HIGHEST)

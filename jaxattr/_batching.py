"""Evaluate a function at many points, a bounded number at once.

The one place that decides how evaluations are laid out. All points of a chunk run in one `vmap`; chunks of equal size
follow one another. Where the caller is being staged out (`jit`, `scan`) the chunks run in one compiled loop; elsewhere
a Python loop drives them, because on CPU a convolution's gradient inside a compiled loop is several times slower.
The chunks carry nothing from one to the next, so the layout also fits inside `shard_map`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxattr import _checks
from jaxattr._leaves import Rebuild, apart

DEFAULT_BATCH_SIZE = 32


def map_points(f: Callable[[Any], Any], points: Any, batch_size: int | None) -> Any:
    """`f` at each point of the leading axis, the values stacked."""
    count = _count(points)
    arrays, rebuild = _apart(f)
    chunks = _over_chunks(lambda chunk, _: jax.vmap(arrays)(chunk), points, count, batch_size)
    return rebuild([a.reshape((-1, *a.shape[2:]))[:count] for a in chunks])


def weighted_sum(f: Callable[[Any], Any], points: Any, weights: Any, batch_size: int | None) -> Any:
    """The sum of `weights[i] * f(points[i])`, in float32 at least, in memory of one chunk."""
    arrays, rebuild = _apart(f)

    def chunk_sum(chunk: Any, real: Any) -> Any:
        xs, w = chunk
        return [_sum(v, jnp.where(real, w, 0)) for v in jax.vmap(arrays)(xs)]

    chunks = _over_chunks(chunk_sum, (points, weights), _count(weights), batch_size)
    return rebuild([a.sum(0) for a in chunks])


def moments(f: Callable[[Any], Any], points: Any, batch_size: int | None) -> tuple[Any, Any]:
    """Mean and summed squared deviation of `f` over the points, in one pass (Chan, Golub and LeVeque 1983, eq. 1.5)."""
    count = _count(points)
    arrays, rebuild = _apart(f)

    def chunk_moments(chunk: Any, real: Any) -> Any:
        values, n = jax.vmap(arrays)(chunk), real.sum()
        means = [_sum(v, real) / n for v in values]
        return n, means, [_sum((v - m[None]) ** 2, real) for v, m in zip(values, means, strict=True)]

    n, means, squares = _over_chunks(chunk_moments, points, count, batch_size)
    mean = [_sum(m, n) / count for m in means]
    spread = [s.sum(0) + _sum((m - c[None]) ** 2, n) for s, m, c in zip(squares, means, mean, strict=True)]
    return rebuild(mean), rebuild(spread)


def at_least_float32(dtype: Any) -> Any:
    """The dtype of paths, weights and sums: half precision is widened."""
    return jnp.promote_types(dtype, jnp.float32)


def _over_chunks(run: Callable[[Any, Any], Any], points: Any, count: int, batch_size: int | None) -> Any:
    """`run(chunk, real)` for each chunk, stacked; `real` is False at the copies that fill the last chunk."""
    chunks = -(-count // min(batch_size or DEFAULT_BATCH_SIZE, count))
    size = -(-count // chunks)
    if chunks == 1:
        return jax.tree.map(lambda a: a[None], run(points, jnp.ones(count, bool)))
    index = np.arange(chunks * size).reshape(chunks, size)
    real, index = jnp.asarray(index < count), jnp.asarray(np.minimum(index, count - 1))

    def take(rows: Any) -> Any:
        return jax.tree.map(lambda a: jnp.asarray(a)[rows], points)

    if is_staged():
        return jax.lax.map(lambda c: run(*c), (take(index), real))
    results = [run(take(index[i]), real[i]) for i in range(chunks)]
    return jax.tree.map(lambda *values: jnp.stack(values), *results)


def is_staged() -> bool:
    """Whether operations are being recorded (`jit`, `scan`, `make_jaxpr`) rather than run."""
    return isinstance(jnp.zeros(()), Tracer)


def _apart(f: Callable[[Any], Any]) -> tuple[Callable[[Any], list[Any]], Rebuild]:
    """The arrays of what f returns, and the way back: leaves such as strings cannot pass through `vmap`."""
    seen: list[Rebuild] = []

    def arrays(point: Any) -> list[Any]:
        values, rebuild = apart(f(point), _checks.is_array)
        seen.append(rebuild)
        return values

    return arrays, lambda values: seen[-1](values)


def _count(points: Any) -> int:
    return np.shape(jax.tree.leaves(points)[0])[0]


def _sum(values: Any, weights: Any) -> Any:
    """The weighted sum over the leading axis, as a product in full precision: on CPU a plain sum over it is slow."""
    dtype = at_least_float32(values.dtype)
    return jnp.tensordot(weights.astype(dtype), values.astype(dtype), 1, precision=jax.lax.Precision.HIGHEST)

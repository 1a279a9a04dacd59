"""The programs that integrate a block of rows to a tolerance: their ends, slopes of pairs, and the attribution."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _sizes
from jaxattr._ladder import Ladder
from jaxattr._road import Road, road
from jaxattr.adaptive import change_of
from jaxattr.scale import _programs
from jaxattr.scale._buckets import filled

NAME = "scale.integrate"
_TOGETHER = 8  # slopes that are summed at once


class Stages:
    """The programs of one width: the ends of a row, the slope of a pair, and the attribution of a row."""

    def __init__(
        self,
        problem: Callable[..., Any],
        params: _programs.Shared,
        columns: dict[str, Any],
        batch_size: int | None,
        reduce: Callable[[Any], Any] | None,
        workers: int,
    ) -> None:
        self.size = jax.tree.leaves(columns)[0].shape[0]

        def opened(arrays: list[Any], row: dict[str, Any]) -> tuple[_argument.Argument, Road]:
            f, x, x0 = problem(params.rebuild(arrays), **row)
            argument = _argument.of(f, x, NAME)
            return argument, road(NAME, argument, x0, None, True)

        def ends(arrays: list[Any], columns: Any) -> Any:
            def one(row: dict[str, Any]) -> Any:
                argument, way = opened(arrays, row)
                change = change_of(argument, way)
                return way.starts, way.moves, change.astype(jnp.result_type(change, *way.moves))

            return jax.vmap(one)(columns)

        def slope(arrays: list[Any], columns: Any, starts: Any, moves: Any, which: Any, t: Any) -> Any:
            def one(row: dict[str, Any], starts: list[Any], moves: list[Any], t: Any) -> Any:
                way = opened(arrays, row)[1]._replace(starts=starts, moves=moves)
                found = jax.grad(way.parts.rest)(way.point(t), way.parts.constants)
                found = [g.astype(b.dtype) for g, b in zip(found, moves, strict=True)]
                return found, sum(jnp.vdot(g, b) for g, b in zip(found, moves, strict=True))

            rows = jax.tree.map(lambda a: a[which], (columns, starts, moves))
            return jax.vmap(one)(rows[0], rows[1], rows[2], t)

        def added(means: Any, slopes: Any, which: Any, weights: Any) -> Any:
            to = jnp.where(which[None] == jnp.arange(self.size)[:, None], weights[None], 0)
            joined = [jnp.concatenate(gs) for gs in zip(*slopes, strict=True)]
            return [
                m + jnp.tensordot(to.astype(g.dtype), g, 1, precision="highest")
                for m, g in zip(means, joined, strict=True)
            ]

        def finish(arrays: list[Any], columns: Any, means: Any, change: Any) -> Any:
            def one(row: dict[str, Any], means: list[Any], change: Any) -> Any:
                argument, way = opened(arrays, row)
                values = way.attribution(means)
                kept = (reduce or (lambda a: a))(argument.rebuild(values))
                return kept, change - sum(v.sum() for v in values)

            return jax.vmap(one)(columns, means, change)

        given = params.arrays, columns
        self.ends = jax.jit(ends).lower(*given)
        starts, moves, change = self.ends.out_info
        pairs = batch_size or _pairs(slope, (*given, starts, moves), 5 * self.size, workers)
        which, t = jax.ShapeDtypeStruct((pairs,), jnp.int32), jax.ShapeDtypeStruct((pairs,), change.dtype)
        self.slope = jax.jit(slope).lower(*given, starts, moves, which, t)
        means = [jax.ShapeDtypeStruct(b.shape, b.dtype) for b in moves]
        several = [jax.ShapeDtypeStruct((_TOGETHER * pairs,), a.dtype) for a in (which, t)]
        self.added = jax.jit(added, donate_argnums=0).lower(means, [self.slope.out_info[0]] * _TOGETHER, *several)
        self.finish = jax.jit(finish).lower(*given, means, change)
        self.pairs, self.dtype, self.means = pairs, change.dtype, means
        self.structure = jax.tree.structure(self.finish.out_info[0])
        self.axes: list[int | None] = []

    def compile(self) -> None:
        """Compile all programs; safe to call on any thread, since they were traced before."""
        self.programs = [stage.compile() for stage in (self.ends, self.slope, self.added, self.finish)]

    def run(
        self, params: list[Any], columns: Any, real: int, rtol: float, atol: float, rules: Ladder, workers: int
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Values, nodes and gaps of a block of rows; those that only fill it up take no part."""
        ends, slope, added, finish = self.programs
        columns = jax.device_put(columns)
        starts, moves, change = ends(params, columns)
        changes = np.asarray(change, np.float64)
        tolerance = np.maximum(atol, rtol * np.abs(changes))
        along = np.zeros((self.size, len(rules.nodes)))  # the slope along the line, by row and node
        rule = np.full(self.size, len(rules.sizes) - 1)
        going = np.arange(self.size) < real
        kept: list[tuple[Any, np.ndarray, np.ndarray]] = []

        def called(pairs: tuple[np.ndarray, np.ndarray]) -> tuple[Any, np.ndarray]:
            rows, nodes = (filled(a, self.pairs) for a in pairs)
            places = rules.nodes[nodes].astype(self.dtype)
            slopes, speed = slope(params, columns, starts, moves, rows.astype(np.int32), places)
            return slopes, np.asarray(speed)[: len(pairs[0])]

        first = 0
        for number, size in list(enumerate(rules.sizes))[1:]:  # the first two rules together: no row stops before
            grid = np.meshgrid(np.flatnonzero(going), np.arange(first, size), indexing="ij")
            rows, nodes = (a.ravel() for a in grid)
            chunks = [(rows[i : i + self.pairs], nodes[i : i + self.pairs]) for i in range(0, len(rows), self.pairs)]
            for chunk, (slopes, speed) in zip(chunks, _programs.each(called, chunks, workers), strict=True):
                kept.append((slopes, *chunk))
                along[chunk] = speed
            before, now = (np.abs(changes - along @ rules.weights[n]) <= tolerance for n in (number - 1, number))
            done = going & now & before
            rule[done] = number
            going, first = going & ~done, size
            if not going.any():
                break
        if going.any():
            warnings.warn(
                f"{going.sum()} rows of {real} are not within the tolerance after {rules.sizes[-1]} nodes; their gap "
                "tells how far they are. Allow more with at_most=, or more in absolute terms with atol=.",
                stacklevel=2,
            )
        means = [np.zeros(m.shape, m.dtype) for m in self.means]
        for i in range(0, len(kept), _TOGETHER):
            several = kept[i : i + _TOGETHER]
            index = np.zeros((_TOGETHER, self.pairs), np.int32)
            weights = np.zeros(index.shape, self.dtype)
            for k, (_, rows, nodes) in enumerate(several):
                index[k, : len(rows)], weights[k, : len(rows)] = rows, rules.weights[rule[rows], nodes]
            slopes = [found for found, _, _ in several] + [several[0][0]] * (_TOGETHER - len(several))
            means = added(means, slopes, index.ravel(), weights.ravel())
        values, gap = finish(params, columns, means, change)
        used = np.array(rules.sizes)[rule]
        return [np.asarray(v)[:real] for v in jax.tree.leaves(values)], used[:real], np.asarray(gap)[:real]


def _pairs(slope: Callable[..., Any], given: tuple, first: int, workers: int) -> int:
    """How many pairs go well at once, so that the first pairs of all rows keep every thread equally busy."""
    one = jax.ShapeDtypeStruct((1,), jnp.int32), jax.ShapeDtypeStruct((1,), jnp.float32)
    traced = jax.make_jaxpr(slope)(*given, *one)
    others = len(jax.tree.leaves(given))  # what the rows hold is there in any case
    most = _sizes.chunk(traced.jaxpr, [i >= others for i in range(len(traced.jaxpr.invars))])
    most *= 2 if _sizes.is_loop(traced.jaxpr) else 1  # a loop over positions holds little at a time
    rounds = -(-first // (workers * most))
    return -(-first // (workers * rounds))

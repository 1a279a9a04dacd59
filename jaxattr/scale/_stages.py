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

NAME = "scale.integrate"
_LEAST = 4  # pairs at once, below which products are slow


class Stages:
    """The programs of one width: the ends of a row, the slope of a pair, and the attribution of a row."""

    def __init__(
        self,
        problem: Callable[..., Any],
        params: _programs.Shared,
        columns: dict[str, Any],
        batch_size: int | None,
        reduce: Callable[[Any], Any] | None,
    ) -> None:
        self.size = jax.tree.leaves(columns)[0].shape[0]

        def opened(arrays: list[Any], row: dict[str, Any]) -> tuple[_argument.Argument, Road]:
            f, x, x0 = problem(params.rebuild(arrays), **row)
            argument = _argument.of(f, x, NAME)
            return argument, road(NAME, argument, x0, None, True)

        def ends(arrays: list[Any], columns: Any) -> Any:
            def one(row: dict[str, Any]) -> Any:
                argument, way = opened(arrays, row)
                return way.starts, way.moves, change_of(argument, way)

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
            return [
                m + jnp.tensordot(to.astype(g.dtype), g, 1, precision="highest")
                for m, g in zip(means, slopes, strict=True)
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
        pairs = batch_size or _pairs(slope, (*given, starts, moves))
        which, t = jax.ShapeDtypeStruct((pairs,), jnp.int32), jax.ShapeDtypeStruct((pairs,), change.dtype)
        self.slope = jax.jit(slope).lower(*given, starts, moves, which, t)
        means = [jax.ShapeDtypeStruct(b.shape, b.dtype) for b in moves]
        self.added = jax.jit(added, donate_argnums=0).lower(means, self.slope.out_info[0], which, t)
        self.finish = jax.jit(finish).lower(*given, means, change)
        self.pairs, self.dtype, self.means = pairs, change.dtype, means
        self.structure = jax.tree.structure(self.finish.out_info[0])

    def compile(self) -> None:
        """Compile all programs; safe to call on any thread, since they were traced before."""
        self.programs = [stage.compile() for stage in (self.ends, self.slope, self.added, self.finish)]

    def run(
        self, params: list[Any], columns: Any, real: int, rtol: float, atol: float, rules: Ladder
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Values, nodes and gaps of a block of rows; those that only fill it up take no part."""
        ends, slope, added, finish = self.programs
        columns = jax.device_put(columns)
        starts, moves, change = ends(params, columns)
        changes = np.asarray(change, np.float64)
        tolerance = np.maximum(atol, rtol * np.abs(changes))
        along = np.zeros((self.size, len(rules.nodes)))  # the slope along the line, by row and node
        rule = np.full(self.size, len(rules.sizes) - 1)
        passed, going = np.zeros(self.size, bool), np.arange(self.size) < real
        kept: list[tuple[Any, np.ndarray, np.ndarray]] = []
        first = 0
        for number, size in enumerate(rules.sizes):
            which, node = (a.ravel() for a in np.meshgrid(np.flatnonzero(going), np.arange(first, size), indexing="ij"))
            for at in range(0, len(which), self.pairs):
                rows, nodes = which[at : at + self.pairs], node[at : at + self.pairs]
                fill = self.pairs - len(rows)
                w, n = (np.concatenate([a, np.repeat(a[-1:], fill)]) for a in (rows, nodes))
                slopes, speed = slope(
                    params, columns, starts, moves, w.astype(np.int32), rules.nodes[n].astype(self.dtype)
                )
                kept.append((slopes, rows, nodes))
                along[rows, nodes] = np.asarray(speed)[: len(rows)]
            now = np.abs(changes - along @ rules.weights[number]) <= tolerance
            done = going & now & passed
            rule[done] = number
            passed, going, first = now, going & ~done, size
            if not going.any():
                break
        if going.any():
            warnings.warn(
                f"{going.sum()} rows of {real} are not within the tolerance after {rules.sizes[-1]} nodes; their gap "
                "tells how far they are. Allow more with at_most=, or more in absolute terms with atol=.",
                stacklevel=2,
            )
        means = [np.zeros(m.shape, m.dtype) for m in self.means]
        for slopes, rows, nodes in kept:
            weights = np.zeros(self.pairs)
            weights[: len(rows)] = rules.weights[rule[rows], nodes]
            index = np.zeros(self.pairs, np.int32)
            index[: len(rows)] = rows
            means = added(means, slopes, index, weights.astype(self.dtype))
        values, gap = finish(params, columns, means, change)
        used = np.array(rules.sizes)[rule]
        return [np.asarray(v)[:real] for v in jax.tree.leaves(values)], used[:real], np.asarray(gap)[:real]


def _pairs(slope: Callable[..., Any], given: tuple) -> int:
    """How many pairs fit well at once; what the rows hold is there in any case."""
    one = jax.ShapeDtypeStruct((1,), jnp.int32), jax.ShapeDtypeStruct((1,), jnp.float32)
    traced = jax.make_jaxpr(slope)(*given, *one)
    others = len(jax.tree.leaves(given))
    return max(_LEAST, _sizes.chunk(traced.jaxpr, [i >= others for i in range(len(traced.jaxpr.invars))]))

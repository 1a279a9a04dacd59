"""The programs that integrate a block of rows to a tolerance: their ends, slopes of pairs, and the attribution."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _sizes
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32
from jaxattr._ladder import Ladder
from jaxattr._road import Road, road
from jaxattr.adaptive import change_of
from jaxattr.scale import _programs
from jaxattr.scale._buckets import filled

NAME = "scale.integrate"
_TOGETHER = 8  # slopes that are summed at once


class Kept(NamedTuple):
    """Slopes of some pairs, on the device, with the row and the node of each pair."""

    slopes: Any
    rows: np.ndarray
    nodes: np.ndarray


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
        self.problem, self.rebuild, self.reduce = problem, params.rebuild, reduce or (lambda a: a)
        self.size = jax.tree.leaves(columns)[0].shape[0]
        given, slope = (params.arrays, columns), self._slope
        self.ends = jax.jit(self._ends).lower(*given)
        starts, moves, change = self.ends.out_info
        pairs = batch_size or _pairs(slope, (*given, starts, moves), 5 * self.size, workers)
        which, t = jax.ShapeDtypeStruct((pairs,), jnp.int32), jax.ShapeDtypeStruct((pairs,), change.dtype)
        self.slope = jax.jit(slope).lower(*given, starts, moves, which, t)
        means = [jax.ShapeDtypeStruct(b.shape, b.dtype) for b in moves]
        several = [jax.ShapeDtypeStruct((_TOGETHER * pairs,), a.dtype) for a in (which, t)]
        slopes = [self.slope.out_info[0]] * _TOGETHER
        self.added = jax.jit(self._added, donate_argnums=0).lower(means, slopes, *several)
        self.finish = jax.jit(self._finish).lower(*given, means, change)
        self.pairs, self.dtype, self.means = pairs, change.dtype, means
        self.structure = jax.tree.structure(self.finish.out_info[0])
        self.axes: list[int | None] = []

    def compile(self) -> None:
        """Compile all programs; safe to call on any thread, since they were traced before."""
        self.programs = [stage.compile() for stage in (self.ends, self.slope, self.added, self.finish)]

    def _opened(self, arrays: list[Any], row: dict[str, Any]) -> tuple[Argument, Road]:
        """The argument of a row, and its way from the baseline."""
        f, x, x0 = self.problem(self.rebuild(arrays), **row)
        argument = _argument.of(f, x, NAME)
        return argument, road(NAME, argument, x0, None, True)

    def _ends(self, arrays: list[Any], columns: Any) -> Any:
        """Where the way of each row starts, how far it goes, and how much the score changes."""

        def one(row: dict[str, Any]) -> Any:
            argument, way = self._opened(arrays, row)
            change = change_of(argument, way)
            return way.starts, way.moves, change.astype(at_least_float32(*(a.dtype for a in (change, *way.moves))))

        return jax.vmap(one)(columns)

    def _slope(self, arrays: list[Any], columns: Any, starts: Any, moves: Any, which: Any, t: Any) -> Any:
        """The gradient of each pair of a row and a node, and the slope along its way."""

        def one(row: dict[str, Any], starts: list[Any], moves: list[Any], t: Any) -> Any:
            way = self._opened(arrays, row)[1]._replace(starts=starts, moves=moves)
            found = jax.grad(way.parts.rest)(way.point(t), way.parts.constants)
            found = [g.astype(b.dtype) for g, b in zip(found, moves, strict=True)]
            return found, sum(jnp.vdot(g, b) for g, b in zip(found, moves, strict=True))

        rows = jax.tree.map(lambda a: a[which], (columns, starts, moves))
        return jax.vmap(one)(rows[0], rows[1], rows[2], t)

    def _added(self, means: Any, slopes: Any, which: Any, weights: Any) -> Any:
        """The mean slopes of all rows with those of some more pairs."""
        to = jnp.where(which[None] == jnp.arange(self.size)[:, None], weights[None], 0)
        joined = [jnp.concatenate(gs) for gs in zip(*slopes, strict=True)]
        return [
            m + jnp.tensordot(to.astype(g.dtype), g, 1, precision="highest") for m, g in zip(means, joined, strict=True)
        ]

    def _finish(self, arrays: list[Any], columns: Any, means: Any, change: Any) -> Any:
        """The attribution of each row from its mean slopes, and its gap."""

        def one(row: dict[str, Any], means: list[Any], change: Any) -> Any:
            argument, way = self._opened(arrays, row)
            values = way.attribution(means)
            return self.reduce(argument.rebuild(values)), change - sum(v.sum() for v in values)

        return jax.vmap(one)(columns, means, change)

    def run(
        self, params: list[Any], columns: Any, real: int, rtol: float, atol: float, rules: Ladder, workers: int
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Values, nodes and gaps of a block of rows; those that only fill it up take no part."""
        ends, slope, added, finish = self.programs
        columns = jax.device_put(columns)
        starts, moves, change = ends(params, columns)

        def slopes(pairs: tuple[np.ndarray, np.ndarray]) -> tuple[Any, np.ndarray]:
            rows, nodes = (filled(a, self.pairs) for a in pairs)
            places = rules.places(self.dtype)[nodes]
            found, speed = slope(params, columns, starts, moves, rows.astype(np.int32), places)
            return found, np.asarray(speed)[: len(pairs[0])]

        changes = np.asarray(change, np.float64)
        tolerance = np.maximum(atol, rtol * np.abs(changes))
        rule, kept = self._climbed(slopes, changes, tolerance, real, rules, workers)
        means = [np.zeros(m.shape, m.dtype) for m in self.means]
        for i in range(0, len(kept), _TOGETHER):
            means = added(means, *self._weighed(kept[i : i + _TOGETHER], rule, rules))
        values, gap = finish(params, columns, means, change)
        used = np.array(rules.sizes)[rule]
        return [np.asarray(v)[:real] for v in jax.tree.leaves(values)], used[:real], np.asarray(gap)[:real]

    def _climbed(
        self,
        slopes: Callable[[tuple[np.ndarray, np.ndarray]], tuple[Any, np.ndarray]],
        changes: np.ndarray,
        tolerance: np.ndarray,
        real: int,
        rules: Ladder,
        workers: int,
    ) -> tuple[np.ndarray, list[Kept]]:
        """The number of the rule at which each row stops, and all slopes on the way there."""
        along = np.zeros((self.size, len(rules.nodes)))  # the slope along the line, by row and node
        rule = np.full(self.size, len(rules.sizes) - 1)
        going = np.arange(self.size) < real
        kept: list[Kept] = []
        first = 0
        for number, size in list(enumerate(rules.sizes))[1:]:  # the first two rules together: no row stops before
            grid = np.meshgrid(np.flatnonzero(going), np.arange(first, size), indexing="ij")
            rows, nodes = (a.ravel() for a in grid)
            chunks = [(rows[i : i + self.pairs], nodes[i : i + self.pairs]) for i in range(0, len(rows), self.pairs)]
            for chunk, (found, speed) in zip(chunks, _programs.each(slopes, chunks, workers), strict=True):
                kept.append(Kept(found, *chunk))
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
                stacklevel=3,
            )
        return rule, kept

    def _weighed(
        self, several: list[Kept], rule: np.ndarray, rules: Ladder
    ) -> tuple[list[Any], np.ndarray, np.ndarray]:
        """Slopes that are added at once, the row of each, and its weight in the rule of that row; 0 where none is."""
        index = np.zeros((_TOGETHER, self.pairs), np.int32)
        weights = np.zeros(index.shape, self.dtype)
        for k, (_, rows, nodes) in enumerate(several):
            index[k, : len(rows)], weights[k, : len(rows)] = rows, rules.weights[rule[rows], nodes]
        slopes = [each.slopes for each in several] + [several[0].slopes] * (_TOGETHER - len(several))
        return slopes, index.ravel(), weights.ravel()


def _pairs(slope: Callable[..., Any], given: tuple, first: int, workers: int) -> int:
    """How many pairs go well at once, so that the first pairs of all rows keep every thread equally busy."""
    one = jax.ShapeDtypeStruct((1,), jnp.int32), jax.ShapeDtypeStruct((1,), jnp.float32)
    traced = jax.make_jaxpr(slope)(*given, *one)
    others = len(jax.tree.leaves(given))  # what the rows hold is there in any case
    most = _sizes.chunk(traced.jaxpr, [i >= others for i in range(len(traced.jaxpr.invars))])
    most *= 2 if _sizes.is_loop(traced.jaxpr) else 1  # a loop over positions holds little at a time
    rounds = -(-first // (workers * most))
    return -(-first // (workers * rounds))

"""Integrated gradients of many rows to a tolerance: rows that are done leave, and the others go on together."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _checks, _sizes
from jaxattr._ladder import Ladder, ladder
from jaxattr._road import Road, road
from jaxattr.adaptive import AT_MOST, change_of
from jaxattr.scale import _programs
from jaxattr.scale._buckets import DEFAULT_WIDTHS, Group, groups
from jaxattr.scale._map import follow_width, in_order
from jaxattr.scale._rows import rows_of

_NAME = "scale.integrate"
_BLOCK = 16  # rows that one thread takes on together


class Integrated(NamedTuple):
    """What :func:`integrate` gives, in the order of the rows.

    Attributes:
        values: the attributions, with a leading axis of rows; a list of arrays where rows are ragged.
        nodes: gradients used for each row, `int[N]`.
        gap: the completeness gap f(x) - f(x0) - sum of each row, `[N]`; nan where `reduce` hides the entries.
    """

    values: Any
    nodes: np.ndarray
    gap: np.ndarray


def integrate(
    problem: Callable[..., Any],
    params: Any,
    rows: Any,
    *,
    rtol: float,
    atol: float = 0.0,
    at_most: int = AT_MOST,
    reduce: Callable[[Any], Any] | None = None,
    batch_size: int | None = None,
    widths: int | None = None,
    fill: Any = 0,
    workers: int | None = None,
) -> Integrated:
    r"""Integrated gradients of every row, each with as many nodes as its own tolerance takes.

    $$\Big| f(x) - f(x^0) - \sum_i \phi_i \Big| \le \max\big(\mathrm{atol}, \mathrm{rtol} \, |f(x) - f(x^0)|\big)$$

    The rules and the test are those of :func:`jaxattr.integrated_gradients_to`. Pairs of a row and a node go through
    one compiled gradient, `batch_size` at a time; after each rule the rows within the tolerance leave. What is affine
    in x is evaluated at the ends alone. The slopes of a thread's rows at all their nodes are held until these are done.
    A row that no rule of `at_most` nodes brings within the tolerance is given with the last rule, and a warning counts
    these rows; `gap` tells which.

    Args:
        problem: a function of the parameters and, by name, of the columns of one row, that returns `(f, x, x0)`: a
            score of x alone, the input, and the baseline (or a function of the input).
        params: as for :func:`map`.
        rows: as for :func:`map`; the parameter `where` of problem gets the mask of ragged rows.
        rtol: the tolerance as a share of f(x) - f(x0).
        atol: the tolerance in the unit of f.
        at_most: nodes that a row may take, 5 at least.
        reduce: what is kept of the attribution of one row, `lambda a: a.sum(-1)`; None keeps all.
        batch_size: gradients at once on one thread; None lets the library choose.
        widths: as for :func:`map`.
        fill: as for :func:`map`.
        workers: as for :func:`map`.

    Returns:
        :class:`Integrated`: values, nodes and gaps. **Unit** of values and gaps: the unit of f.

    Raises:
        TypeError, ValueError: as :func:`map` and :func:`jaxattr.integrated_gradients`.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> problem = lambda w, x: (lambda x: jnp.tanh(w * x).sum(), x, jnp.zeros_like(x))
        >>> found = integrate(problem, 1.0, {"x": np.array([[0.1, 0.2], [4.0, -1.0]], np.float32)}, rtol=1e-3)
        >>> found.nodes.tolist(), bool((abs(found.gap) < 1e-3).all())
        ([5, 17], True)

    References:
        :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, eq. 1; the rules :cite:`clenshaw1960method`.
    """
    for option, value in (("batch_size", batch_size), ("widths", widths), ("workers", workers)):
        if value is not None:
            _checks.check_count(_NAME, option, value)
    _checks.check_count(_NAME, "at_most", at_most, least=5)
    if not (rtol >= 0 and atol >= 0):
        raise ValueError(f"{_NAME} wants rtol and atol of 0 or more, but got {rtol} and {atol}. Write rtol=0.01.")
    table = rows_of(_NAME, problem, rows, fill)
    workers = workers or _programs.default_workers()
    size = min(_BLOCK, -(-table.count // workers))
    parts = groups(table.lengths, size, widths or DEFAULT_WIDTHS)
    shared, rules = _programs.shared(params), ladder(at_most)
    stages = {
        width: _Stages(problem, shared, _programs.stacked(size, table.shapes(width)), batch_size, reduce)
        for width in dict.fromkeys(part.width for part in parts)
    }
    _programs.each(lambda stage: stage.compile(), stages.values(), workers)

    def block(part: Group) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        return stages[part.width].run(table.group(part.index, part.width), part.real, rtol, atol, rules)

    found = _programs.each(block, parts, workers)
    kept = reduce or (lambda a: a)
    follows = follow_width(lambda p, **row: kept(problem(p, **row)[1]), params, table, max(stages))
    structure = jax.tree.structure(next(iter(stages.values())).finish.out_info[0])
    values = structure.unflatten(
        [in_order([f[0][k] for f in found], parts, table, axis) for k, axis in enumerate(follows)]
    )
    nodes, gap = (in_order([f[k] for f in found], parts, table, None) for k in (1, 2))
    return Integrated(values, nodes, gap)


class _Stages:
    """The programs of one width: the ends of a row, the slope of a pair, and the attribution of a row."""

    def __init__(
        self,
        problem: Callable[..., Any],
        params: _programs.Shared,
        columns: dict[str, Any],
        batch_size: int | None,
        reduce: Callable[[Any], Any] | None,
    ) -> None:
        self.params, self.size = (
            params.arrays,
            len(jax.tree.leaves(columns)[0].shape) and jax.tree.leaves(columns)[0].shape[0],
        )

        def opened(arrays: list[Any], row: dict[str, Any]) -> tuple[_argument.Argument, Road]:
            f, x, x0 = problem(params.rebuild(arrays), **row)
            argument = _argument.of(f, x, _NAME)
            return argument, road(_NAME, argument, x0, None, True)

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
            return jax.vmap(one)(*rows, t)

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

        given = self.params, columns
        self.ends = jax.jit(ends).lower(*given)
        starts, moves, change = self.ends.out_info
        pairs = batch_size or self._pairs(slope, columns, starts, moves)
        which, t = jax.ShapeDtypeStruct((pairs,), jnp.int32), jax.ShapeDtypeStruct((pairs,), change.dtype)
        self.slope = jax.jit(slope).lower(*given, starts, moves, which, t)
        means = [jax.ShapeDtypeStruct(b.shape, b.dtype) for b in moves]
        self.added = jax.jit(added, donate_argnums=0).lower(means, self.slope.out_info[0], which, t)
        self.finish = jax.jit(finish).lower(*given, means, change)
        self.pairs, self.dtype, self.means = pairs, change.dtype, means

    def _pairs(self, slope: Callable[..., Any], columns: Any, starts: Any, moves: Any) -> int:
        one = jax.ShapeDtypeStruct((1,), jnp.int32), jax.ShapeDtypeStruct((1,), jnp.float32)
        traced = jax.make_jaxpr(slope)(self.params, columns, starts, moves, *one)
        n = len(jax.tree.leaves((self.params, columns, starts, moves)))
        moving = [False] * n + [True] * (len(traced.jaxpr.invars) - n)
        return _sizes.chunk(traced.jaxpr, moving)

    def compile(self) -> None:
        """Compile all programs; safe to call on any thread, since they were traced before."""
        self.programs = [stage.compile() for stage in (self.ends, self.slope, self.added, self.finish)]

    def run(
        self, columns: Any, real: int, rtol: float, atol: float, rules: Ladder
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Values, nodes and gaps of a block of rows; those that only fill it up take no part."""
        ends, slope, added, finish = self.programs
        columns = jax.device_put(columns)
        starts, moves, change = ends(self.params, columns)
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
                    self.params, columns, starts, moves, w.astype(np.int32), rules.nodes[n].astype(self.dtype)
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
        values, gap = finish(self.params, columns, means, change)
        used = np.array(rules.sizes)[rule]
        return [np.asarray(v)[:real] for v in jax.tree.leaves(values)], used[:real], np.asarray(gap)[:real]

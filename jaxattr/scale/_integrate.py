"""Integrated gradients of many rows to a tolerance: rows that are done leave, and the others go on together."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxattr import _checks
from jaxattr._ladder import ladder
from jaxattr.adaptive import AT_MOST
from jaxattr.scale import _programs
from jaxattr.scale._buckets import DEFAULT_WIDTHS, Group, groups
from jaxattr.scale._map import follow_width, in_order
from jaxattr.scale._rows import rows_of
from jaxattr.scale._stages import NAME, Stages

_BLOCK = 32  # rows that are taken on together


class Integrated(NamedTuple):
    """What :func:`integrate` gives, in the order of the rows.

    Attributes:
        values: the attributions, with a leading axis of rows; a list of arrays where rows are ragged.
        nodes: gradients used for each row, `int[N]`.
        gap: the completeness gap f(x) - f(x0) - sum of each row, `[N]`, also where `reduce` keeps less.
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
    in x is evaluated at the ends alone. The slopes of 32 rows at all their nodes are held until these are done.
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
    run = integrated(
        problem, rtol=rtol, atol=atol, at_most=at_most, reduce=reduce, batch_size=batch_size, widths=widths, fill=fill,
        workers=workers,
    )  # fmt: skip
    return run(params, rows)


def integrated(
    problem: Callable[..., Any],
    *,
    rtol: float,
    atol: float = 0.0,
    at_most: int = AT_MOST,
    reduce: Callable[[Any], Any] | None = None,
    batch_size: int | None = None,
    widths: int | None = None,
    fill: Any = 0,
    workers: int | None = None,
) -> Callable[[Any, Any], Integrated]:
    r"""The driver of :func:`integrate` as a function of parameters and rows, which keeps its compiled programs.

    $$(\mathrm{params}, \mathrm{rows}) \mapsto (\phi_i, n_i, \mathrm{gap}_i)_i$$

    What problem closes over is read when it is traced, as with `jax.jit`; hand over what changes as `params`.

    Args:
        problem: as for :func:`integrate`.
        rtol: as for :func:`integrate`.
        atol: as for :func:`integrate`.
        at_most: as for :func:`integrate`.
        reduce: as for :func:`integrate`.
        batch_size: as for :func:`integrate`.
        widths: as for :func:`map`.
        fill: as for :func:`map`.
        workers: as for :func:`map`.

    Returns:
        A function `(params, rows)` whose value is that of `integrate(problem, params, rows, ...)`. **Unit**: the unit
        of f.

    Raises:
        TypeError, ValueError: as :func:`integrate`.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> run = integrated(lambda w, x: (lambda x: jnp.tanh(w * x).sum(), x, jnp.zeros_like), rtol=1e-2)
        >>> [run(w, {"x": np.ones((1, 2), np.float32)}).nodes.tolist() for w in (1.0, 9.0)]
        [[5], [17]]

    References:
        :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, eq. 1; the rules :cite:`clenshaw1960method`.
    """
    _checks.check_counts(NAME, batch_size=batch_size, widths=widths, workers=workers)
    _checks.check_count(NAME, "at_most", at_most, least=5)
    if not (rtol >= 0 and atol >= 0):
        raise ValueError(f"{NAME} wants rtol and atol of 0 or more, but got {rtol} and {atol}. Write rtol=0.01.")
    threads, rules = workers or _programs.default_workers(), ladder(at_most)
    kept = _programs.Kept(
        lambda shared, columns: Stages(problem, shared, columns, batch_size, reduce, threads), threads
    )

    def over_rows(params: Any, rows: Any) -> Integrated:
        table, shared = rows_of(NAME, problem, rows, fill), _programs.shared(params)
        size = min(_BLOCK, table.count)
        parts = groups(table.lengths, size, widths or DEFAULT_WIDTHS)
        programs = kept.of(shared, {part.width: table.stacked(size, part.width) for part in parts})

        def block(part: Group) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
            rows = table.group(part.index, part.width)
            return programs[part.width].run(shared.arrays, rows, part.real, rtol, atol, rules, threads)

        found = [block(part) for part in parts]
        first = programs[parts[0].width]
        first.axes = first.axes or follow_width(_result(problem, reduce), params, table, parts[0].width)[1]
        values = [in_order([f[0][k] for f in found], parts, table, axis) for k, axis in enumerate(first.axes)]
        nodes = in_order([f[1] for f in found], parts, table, None)
        gap = in_order([f[2] for f in found], parts, table, None)
        return Integrated(first.structure.unflatten(values), nodes, gap)

    return over_rows


def _result(problem: Callable[..., Any], reduce: Callable[[Any], Any] | None) -> Callable[..., Any]:
    """What has the shapes of a row's attribution."""
    return lambda params, **row: (reduce or (lambda a: a))(problem(params, **row)[1])

"""The eager driver: one explanation a row, for many rows, on all cores."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxattr import _checks
from jaxattr.scale import _programs
from jaxattr.scale._buckets import DEFAULT_WIDTHS, Group, groups
from jaxattr.scale._plan import Plan
from jaxattr.scale._rows import Rows, rows_of


def map(  # noqa: A001
    explain: Callable[..., Any],
    params: Any,
    rows: Any,
    *,
    plan: Plan | None = None,
    batch_size: int | None = None,
    widths: int | None = None,
    fill: Any = 0,
    workers: int | None = None,
) -> Any:
    r"""Explain every row: `explain(params, **row)` for each, compiled, in groups, on all cores.

    $$\big( \mathrm{explain}(\mathrm{params}, \mathrm{row}_i) \big)_{i = 1 \dots N}$$

    `explain` is written for one row. Rows of the same length go in groups of `batch_size` through one compiled program,
    by several threads. Ragged rows are sorted by length and padded to at most `widths` widths, each compiled once; the
    mask of real positions is handed to the parameter `where` of explain, which is what makes padding harmless: pass it
    on to the model and to the transform. The last group is filled with copies, which never appear in the result. What a
    row gives depends on no other row, up to the rounding that comes with the size of a group. Runs outside `jit`;
    inside use `jax.vmap`.

    Args:
        explain: a function of the parameters and, by name, of the columns of one row; it returns a pytree of arrays.
        params: what all rows share. They are an argument of the compiled program and not written into it.
        rows: a dictionary of columns. An array `[N, ...]` (or a pytree of them) has one entry a row; a list of N arrays
            `[T_i, ...]` is ragged.
        plan: from :func:`plan`; it brings batch_size, widths and workers.
        batch_size: rows that one thread evaluates at once; None lets the library choose.
        widths: how many padded widths, each of which is compiled; None lets the library choose.
        fill: what pads ragged columns, one number or a dictionary by name; masks are padded with False.
        workers: threads; None takes one a core on CPU and two elsewhere.

    Returns:
        The pytree that explain returns, as numpy arrays with a leading axis N in the order of the rows; where rows are
        ragged, an array whose size follows the width becomes a list of N arrays, each cut to its own length.
        **Unit**: that of explain.

    Raises:
        TypeError: rows that are no dictionary of columns.
        ValueError: columns that do not fit together, ragged rows for an explain that takes no `where`.

    Example:
        >>> import jax.numpy as jnp, numpy as np, jaxattr as ja
        >>> score = lambda w, x, where: jnp.where(where, w * x**2, 0.0).sum()
        >>> explain = lambda w, x, where: ja.gradient(lambda x: score(w, x, where))(x)
        >>> texts = [np.array([1.0, 2.0]), np.array([3.0])]
        >>> [a.tolist() for a in map(explain, 10.0, {"x": texts})]
        [[20.0, 40.0], [60.0]]

    References:
        The rows of a batch as a function transform: :cite:`jax2018github`.
    """
    return mapped(explain, plan=plan, batch_size=batch_size, widths=widths, fill=fill, workers=workers)(params, rows)


def mapped(
    explain: Callable[..., Any],
    *,
    plan: Plan | None = None,
    batch_size: int | None = None,
    widths: int | None = None,
    fill: Any = 0,
    workers: int | None = None,
) -> Callable[[Any, Any], Any]:
    r"""The driver of :func:`map` as a function of parameters and rows, which keeps its compiled programs.

    $$(\mathrm{params}, \mathrm{rows}) \mapsto \big( \mathrm{explain}(\mathrm{params}, \mathrm{row}_i) \big)_i$$

    For rows that come in portions, or again with other parameters: rows of the shapes that came before compile nothing.
    What explain closes over is read when it is traced, as with `jax.jit`; hand over what changes as `params`.

    Args:
        explain: as for :func:`map`.
        plan: as for :func:`map`.
        batch_size: as for :func:`map`.
        widths: as for :func:`map`.
        fill: as for :func:`map`.
        workers: as for :func:`map`.

    Returns:
        A function `(params, rows)` whose value is that of `map(explain, params, rows)`. **Unit**: that of explain.

    Raises:
        TypeError, ValueError: as :func:`map`.

    Example:
        >>> import numpy as np, jaxattr as ja
        >>> slopes = mapped(lambda w, x: ja.gradient(lambda x: (w * x**2).sum())(x))
        >>> rows = {"x": np.ones((3, 2), np.float32)}
        >>> slopes(1.0, rows)[0].tolist(), slopes(5.0, rows)[0].tolist()
        ([2.0, 2.0], [10.0, 10.0])

    References:
        :cite:`jax2018github`.
    """
    _checks.check_counts("scale.map", batch_size=batch_size, widths=widths, workers=workers)
    threads = workers or (plan.workers if plan else _programs.default_workers())
    kept = _programs.Kept(lambda *given: _Groups(explain, *given), threads)

    def over_rows(params: Any, rows: Any) -> Any:
        table, shared = rows_of("scale.map", explain, rows, fill), _programs.shared(params)
        size = batch_size or (plan.batch_size if plan else _programs.default_batch_size(table.count, threads))
        parts = groups(table.lengths, size, widths or (len(plan.widths) if plan else DEFAULT_WIDTHS))
        programs = kept.of(shared, {part.width: table.stacked(size, part.width) for part in parts})

        def one(part: Group) -> Any:
            values = programs[part.width].program(shared.arrays, table.group(part.index, part.width))
            return _programs.to_numpy(values, part.real)

        results = _programs.each(one, parts, threads)
        first = programs[parts[0].width]
        first.axes = first.axes or follow_width(explain, params, table, parts[0].width)[1]
        return first.structure.unflatten(
            [in_order([r[k] for r in results], parts, table, axis) for k, axis in enumerate(first.axes)]
        )

    return over_rows


class _Groups:
    """The program for groups of one shape, and the structure of its value."""

    def __init__(self, explain: Callable[..., Any], params: _programs.Shared, columns: dict[str, Any]) -> None:
        self.lowered = _programs.lowered(explain, params, columns)
        self.structure = jax.tree.structure(self.lowered.out_info)
        self.axes: list[int | None] = []

    def compile(self) -> None:
        """Compile it, on any thread."""
        self.program = self.lowered.compile()


def follow_width(
    explain: Callable[..., Any], params: Any, table: Rows, width: int, known: Any = None
) -> tuple[Any, list[int | None]]:
    """The shapes of what explain returns; and the axis of each that has one entry a position, None where none has.

    Args:
        explain: takes parameters and one row.
        params: its parameters.
        table: rows.
        width: the padded width of a row.
        known: the shapes at this width; None traces explain for them.
    """

    def shapes(width: int) -> Any:
        f, *given = _programs.abstract(explain, params, table.shapes(width))
        return jax.eval_shape(f, *given)

    here = shapes(width) if known is None else known
    if not table.ragged:
        return here, [None] * len(jax.tree.leaves(here))
    other = shapes(width - 1 if width > 1 else 2)
    axes: list[int | None] = []
    for a, b in zip(jax.tree.leaves(here), jax.tree.leaves(other), strict=True):
        moving = [axis for axis, (m, n) in enumerate(zip(a.shape, b.shape, strict=True)) if m != n]
        if any(a.shape[axis] != width for axis in moving) or len(moving) > 1:
            raise ValueError(
                f"scale.map wants results with one entry a position, or none, but explain returned "
                f"{_checks.describe(a)} for a text of {width} positions. Reduce or pad it in explain."
            )
        axes.append(moving[0] if moving else None)
    return here, axes


def in_order(found: list[np.ndarray], parts: list[Group], table: Rows, axis: int | None) -> Any:
    if axis is None:
        result = np.empty((table.count, *found[0].shape[1:]), found[0].dtype)
        for part, values in zip(parts, found, strict=True):
            result[part.index[: part.real]] = values
        return result
    rows: list[Any] = [None] * table.count
    for part, values in zip(parts, found, strict=True):
        for i, value in zip(part.index, values, strict=False):
            rows[i] = np.take(value, range(table.lengths[i]), axis).copy()
    return rows

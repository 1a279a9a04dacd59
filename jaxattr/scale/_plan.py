"""What a run will take: memory and time, predicted from two compiled sizes before it starts."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxattr import _checks
from jaxattr.scale import _programs
from jaxattr.scale._buckets import DEFAULT_WIDTHS, groups
from jaxattr.scale._rows import Rows, rows_of

_SIZES = {"cpu": (4, 16)}
_ON_ACCELERATORS = (16, 128)
_LONG = 2.0  # seconds of a call that is not repeated for its time


class Plan(NamedTuple):
    """A layout for :func:`map`, and what it is predicted to take; `print` shows it.

    Attributes:
        rows: how many rows.
        batch_size: rows that one thread evaluates at once.
        workers: threads.
        widths: the padded widths, each of which is compiled; (0,) where no column is ragged.
        batches: how many groups of rows.
        padding: the share of the positions that is padding.
        peak_bytes: memory beyond what the process holds before, at its peak.
        seconds_per_row: time of a row at the largest width, with all threads at work.
        seconds: time of the whole run, without compiling.
        compile_seconds: time to compile one width.
    """

    rows: int
    batch_size: int
    workers: int
    widths: tuple[int, ...]
    batches: int
    padding: float
    peak_bytes: int
    seconds_per_row: float
    seconds: float
    compile_seconds: float

    def __str__(self) -> str:
        widths = f", padded to {', '.join(f'{w}' for w in self.widths)}" if self.widths != (0,) else ""
        return (
            f"{self.rows:,} rows in {self.batches:,} groups of {self.batch_size} on {self.workers} threads{widths} "
            f"({self.padding:.0%} padding)\n"
            f"memory at the peak {self.peak_bytes / 2**20:,.0f} MiB; "
            f"{len(self.widths)} programs, about {self.compile_seconds:.1f} s each to compile\n"
            f"{1e3 * self.seconds_per_row:,.2f} ms a row at the largest width, about {self.seconds:,.1f} s in all"
        )


class _Size(NamedTuple):
    """A program for a number of rows: bytes that one call holds, bytes of its results, seconds to compile, seconds."""

    rows: int
    held: int
    results: int
    compile_seconds: float
    seconds: float


def plan(
    explain: Callable[..., Any],
    params: Any,
    rows: Any,
    *,
    memory: int | None = None,
    batch_size: int | None = None,
    widths: int | None = None,
    fill: Any = 0,
    workers: int | None = None,
) -> Plan:
    r"""Choose how :func:`map` lays out its rows, and predict what that takes.

    $$\mathrm{peak} = \mathrm{workers} \cdot (a + b \cdot \mathrm{batch\_size}) + \mathrm{results}$$

    The program is compiled for two sizes at the largest width; its memory is a straight line a + b n in the rows n, and
    some groups are run for the time. Of the two sizes that fit into `memory` the faster is taken, or the largest size
    below them that fits. Costs two compilations and a few groups.

    Args:
        explain: as for :func:`map`.
        params: as for :func:`map`.
        rows: as for :func:`map`.
        memory: bytes that the run may take beyond what the process holds; None sets no limit.
        batch_size: a size to be kept; None lets the plan choose.
        widths: as for :func:`map`.
        fill: as for :func:`map`.
        workers: as for :func:`map`.

    Returns:
        A :class:`Plan`, for `map(..., plan=plan)`.

    Raises:
        TypeError, ValueError: as :func:`map`.
        MemoryError: one row at a time takes more than `memory`.

    Example:
        >>> import jax.numpy as jnp, numpy as np, jaxattr as ja
        >>> explain = lambda w, x: ja.gradient(lambda x: (w * x**2).sum())(x)
        >>> plan(explain, 2.0, {"x": np.ones((100, 8), np.float32)}, batch_size=5).batches
        20

    References:
        The memory of a program before it runs: :cite:`jax2018github`, `jax.stages.Compiled.memory_analysis`.
    """
    table = rows_of("scale.plan", explain, rows, fill)
    _checks.check_counts("scale.plan", batch_size=batch_size, widths=widths, workers=workers, memory=memory)
    workers = workers or _programs.default_workers()
    params = _programs.shared(params)
    sizes = (batch_size, 2 * batch_size) if batch_size else _sizes(table.count, workers)
    tried = [_tried(explain, params, table, size, workers) for size in sizes]
    slope = (tried[1].held - tried[0].held) / (tried[1].rows - tried[0].rows)
    results = tried[0].results / tried[0].rows * table.count

    def peak(size: int) -> int:
        return int(workers * max(tried[0].held + slope * (size - tried[0].rows), 0) + results)

    size = batch_size or _chosen(tried, peak, memory, table.count, workers)
    if memory is not None and peak(size) > memory:
        raise MemoryError(
            f"scale.plan wants {size} rows at once within {memory:,} bytes, but they take about {peak(size):,}. "
            "Give more memory, fewer workers=, or a smaller batch_size= inside explain."
        )
    parts = groups(table.lengths, size, widths or DEFAULT_WIDTHS)
    nearest = min(tried, key=lambda t: abs(t.rows - size))
    each = nearest.seconds / nearest.rows
    widest = max(int(table.lengths.max()), 1)
    work = sum(size * (part.width or widest) / widest for part in parts)
    positions = sum(size * (part.width or 1) for part in parts)
    real = int(table.lengths.sum()) if table.ragged else table.count
    return Plan(
        rows=table.count,
        batch_size=size,
        workers=workers,
        widths=tuple(sorted({part.width for part in parts})),
        batches=len(parts),
        padding=1 - real / positions,
        peak_bytes=peak(size),
        seconds_per_row=each,
        seconds=each * work,
        compile_seconds=nearest.compile_seconds,
    )


def _sizes(count: int, workers: int) -> tuple[int, int]:
    """Two sizes to try, the larger no larger than what a thread gets where there are so few rows."""
    small, large = _SIZES.get(jax.default_backend(), _ON_ACCELERATORS)
    large = max(2, min(large, -(-count // workers)))
    return min(small, large // 2), large


def _chosen(tried: Sequence[_Size], peak: Callable[[int], int], memory: int | None, count: int, workers: int) -> int:
    fits = [t for t in tried if (memory is None or peak(t.rows) <= memory) and (t.rows * workers <= count)]
    if fits:
        return min(fits, key=lambda t: t.seconds / t.rows).rows
    most = max(1, min(tried[0].rows, -(-count // workers)))
    return next((n for n in range(most, 0, -1) if memory is None or peak(n) <= memory), 1)


def _tried(explain: Callable[..., Any], params: Any, table: Rows, size: int, workers: int) -> _Size:
    """Compile for a size at the largest width, and run it on all threads at once."""
    width = int(table.lengths.max())
    program = _programs.lowered(explain, params, table.stacked(size, width))
    begin = time.perf_counter()
    compiled = program.compile()
    compile_seconds = time.perf_counter() - begin
    longest = np.argsort(-table.lengths, kind="stable")[:1].repeat(size)
    columns = table.group(longest, width)

    def once(_: int) -> None:
        jax.block_until_ready(compiled(params.arrays, columns))

    def seconds(calls: int) -> float:
        begin = time.perf_counter()
        _programs.each(once, range(calls), workers)
        return (time.perf_counter() - begin) / calls

    first = seconds(workers)
    again = [seconds(2 * workers) for _ in range(2)] if first * workers < _LONG else []
    memory = compiled.memory_analysis()
    given = sum(np.asarray(a).nbytes for a in jax.tree.leaves(columns))
    return _Size(
        size,
        memory.temp_size_in_bytes + memory.output_size_in_bytes + given,
        memory.output_size_in_bytes,
        compile_seconds,
        min([first, *again]),
    )

"""What a run will take, said before it begins."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxattr import _batching
from jaxattr.scale import _programs
from jaxattr.scale.corpus._chunks import Chunk
from jaxattr.scale.corpus._work import Work


class Preview(NamedTuple):
    """What :func:`jaxattr.scale.run` is predicted to take; `print` shows it.

    Attributes:
        rows: how many rows.
        chunks: how many files.
        widths: the padded widths, each of which is compiled.
        padding: the share of the positions that is padding.
        batch_size: rows at once on one device.
        devices: into how many parts rows are split.
        evaluations: gradients or evaluations of the score for one row, as far as the transforms tell.
        peak_bytes: memory of one batch on one device.
        compile_seconds: time to compile all widths.
        seconds: time of the run on this process, from some rows of the largest width.
        bad: rows that will be quarantined, by number: why.
    """

    rows: int
    chunks: int
    widths: tuple[int, ...]
    padding: float
    batch_size: int
    devices: int
    evaluations: int
    peak_bytes: int
    compile_seconds: float
    seconds: float
    bad: dict[int, str]

    def __str__(self) -> str:
        programs = "1 program" if len(self.widths) == 1 else f"{len(self.widths)} programs"
        device = "on 1 device" if self.devices == 1 else f"on each of {self.devices} devices"
        lines = {
            "data": f"{self.rows:,} rows in {self.chunks:,} chunks, {len(self.bad):,} cannot be explained",
            "padded to": f"{', '.join(map(str, self.widths))} ({self.padding:.0%} padding)",
            "at once": f"{self.batch_size:,} rows {device}, {self.peak_bytes / 2**20:,.0f} MiB",
            "compiling": f"{programs}, about {self.compile_seconds:,.1f} s",
            "explaining": f"about {self.seconds:,.1f} s",
            "evaluations": f"about {self.evaluations:,} a row, {self.evaluations * self.rows:,} in all",
        }
        if not any(self.widths):
            del lines["padded to"]
        return "\n".join(f"{name:<13}{text}" for name, text in lines.items())


def preview(work: Work, all_chunks: Sequence[Chunk], threads: int) -> Preview:
    """Compile the largest width, run some rows, and count."""
    chunk, size = next(c for c in all_chunks if work.survey.good(c.rows)), work.size
    good = work.survey.good(chunk.rows)[:size]
    rows = work.rows(work.source.rows(good), [work.survey.ids[n] for n in good])
    columns = rows.group(np.resize(np.arange(len(good)), size), chunk.width)
    begin = time.perf_counter()
    with _batching.counted() as evaluations:
        program = work.programs.program(columns)
    compiled = time.perf_counter() - begin
    work.tell(1)
    seconds = min(_seconds(work, columns, threads) for _ in range(3))
    lengths, widths = work.survey.lengths, tuple(sorted({c.width for c in all_chunks}))
    work_units = sum(-(-len(c.rows) // size) * max(c.width, 1) for c in all_chunks) / max(chunk.width, 1)
    positions = sum(len(c.rows) * c.width for c in all_chunks)
    memory: Any = program.memory_analysis()
    return Preview(
        rows=work.source.count,
        chunks=len(all_chunks),
        widths=widths,
        padding=1 - float(lengths.sum()) / positions if positions else 0.0,
        batch_size=work.batch[0],
        devices=work.programs.layout.split,
        evaluations=max(1, sum(evaluations)),
        peak_bytes=(memory.temp_size_in_bytes + memory.output_size_in_bytes + memory.argument_size_in_bytes),
        compile_seconds=compiled * len(widths),
        seconds=seconds * work_units,
        bad=work.survey.bad,
    )


def _seconds(work: Work, columns: dict[str, Any], several: int) -> float:
    """Time of a batch while as many run as will in the run."""

    def once(_: int) -> None:
        work.programs.fetch(work.programs.run(columns))

    begin = time.perf_counter()
    _programs.each(once, range(2 * several), several)
    return (time.perf_counter() - begin) / (2 * several)

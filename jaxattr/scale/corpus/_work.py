"""One chunk: its rows through the programs, batch after batch, and the columns that are stored."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxattr.scale import _programs
from jaxattr.scale._buckets import filled
from jaxattr.scale._rows import Rows, rows_of
from jaxattr.scale.corpus._chunks import Chunk
from jaxattr.scale.corpus._compiled import BITS, Programs, Results, bits, is_nan, results
from jaxattr.scale.corpus._source import NAME, Source
from jaxattr.scale.corpus._survey import Survey, reason
from jaxattr.scale.store._shards import ERROR, ID, ROW

_AHEAD = 2  # batches that are on their way while results are fetched
_FULL = ("RESOURCE_EXHAUSTED", "out of memory", "Out of memory")


class StoppedError(Exception):
    """The chunk is given up since the process is to stop now."""


class Work(NamedTuple):
    """What all chunks share.

    Attributes:
        explain: from the user.
        params: as the user gave them.
        programs: compiled programs.
        source: the rows.
        survey: what is known of them.
        fill: what ragged columns are padded with.
        keyed: whether explain takes a key.
        batch: rows at once on one device; a list of one number, which a lack of memory halves.
        threads: how many batches run at once on one device.
        stop: raises StoppedError where the time is up.
        tell: called with the number of rows that are done.
    """

    explain: Callable[..., Any]
    params: Any
    programs: Programs
    source: Source
    survey: Survey
    fill: Any
    keyed: bool
    batch: list[int]
    threads: int
    stop: Callable[[], None]
    tell: Callable[[int], None]

    @property
    def size(self) -> int:
        """Rows at once on all devices."""
        return self.batch[0] * self.programs.layout.split

    def columns(self, chunk: Chunk, read: Sequence[Any]) -> dict[str, list[Any]]:
        """The columns that are stored of a chunk, from the rows that were read for it."""
        numbers = chunk.rows.tolist()
        errors = [self.survey.bad.get(number) for number in numbers]
        for i, row in enumerate(read):
            if errors[i] is None and isinstance(row, Exception):
                errors[i] = reason(row)
        good = [i for i, error in enumerate(errors) if error is None]
        self.tell(len(errors) - len(good))
        stored: dict[str, list[Any]] = {ROW: numbers, ID: [self.survey.ids[n] for n in numbers], ERROR: errors}
        for name in self.survey.stored:
            stored[name] = [
                None if isinstance(row, Exception) or number in self.survey.bad else row.get(name)
                for number, row in zip(numbers, read, strict=True)
            ]
        if not good:
            return stored
        rows = self.rows([read[i] for i in good], [stored[ID][i] for i in good])
        values, failed = self._values(rows, chunk.width)
        shape = self.results(rows, max(chunk.width, 1), values)
        for place, why in failed.items():
            errors[good[place]] = why
        self._add(stored, shape, values, good, rows)
        return stored

    def rows(self, read: Sequence[Any], ids: Sequence[Any]) -> Rows:
        """Rows as columns, those with one entry a position as lists."""
        columns: dict[str, Any] = {}
        for name in self.survey.takes:
            entries = [np.asarray(row[name]) for row in read]
            columns[name] = entries if name in self.survey.ragged else np.stack(entries)
        if self.keyed:
            columns[BITS] = np.stack([bits(name) for name in ids])
        return rows_of(NAME, self.explain, columns, self.fill)

    def results(self, rows: Rows, width: int, values: list[np.ndarray]) -> Results:
        """Names and axes of what explain returns; found once, and anew only where values do not look so."""
        known = self.programs.results
        if known is None or not known.fit(values, width):
            known = self.programs.results = results(self.explain, self.params, rows, width, self.keyed)
        return known

    def _add(
        self, stored: dict[str, list[Any]], shape: Results, values: list[Any], good: list[int], rows: Rows
    ) -> None:
        nan = is_nan(values)
        for k, (name, axis) in enumerate(zip(shape.names, shape.axes, strict=True)):
            key = name if name not in stored else f"result.{name}"
            column: list[Any] = [None] * len(stored[ROW])
            for place, i in enumerate(good):
                if stored[ERROR][i] is None and not nan[place]:
                    value = values[k][place]
                    column[i] = value if axis is None else value[(slice(None),) * axis + (slice(rows.lengths[place]),)]
            stored[key] = column
        for place, i in enumerate(good):
            if nan[place] and stored[ERROR][i] is None:
                stored[ERROR][i] = "the result holds NaN"

    def _values(self, rows: Rows, width: int) -> tuple[list[np.ndarray], dict[int, str]]:
        """The results of all rows, in order, and the rows that failed."""
        while True:
            try:
                return self._attempt(rows, width)
            except (jax.errors.JaxRuntimeError, MemoryError) as error:
                if not _is_full(error) or self.batch[0] == 1 or self.programs.layout.together:
                    raise
                self.batch[0] //= 2
                warnings.warn(
                    f"{NAME}: out of memory at {2 * self.batch[0]} rows a device; going on with {self.batch[0]}.",
                    stacklevel=2,
                )

    def _attempt(self, rows: Rows, width: int) -> tuple[list[np.ndarray], dict[int, str]]:
        size = self.size
        batches = [np.arange(i, min(i + size, rows.count)) for i in range(0, rows.count, size)]
        found: list[list[np.ndarray]] = []
        failed: dict[int, str] = {}
        for index, values in zip(batches, self._each(rows, width, size, batches), strict=True):
            if isinstance(values, Exception):
                values, reasons = self._one_by_one(rows, width, size, index, values)
                failed.update(reasons)
            found.append([value[: len(index)] for value in values])
            self.tell(len(index))
        return [np.concatenate(values) for values in zip(*found, strict=True)], failed

    def _each(self, rows: Rows, width: int, size: int, batches: list[np.ndarray]) -> Iterator[Any]:
        """The results of batch after batch, or what a batch raised; some are on their way at any time."""

        def all_of(index: np.ndarray) -> list[np.ndarray]:
            return self.programs.fetch(self.programs.run(_filled(rows, index, size, width)))

        if self.threads == 1:
            ahead: list[Any] = []
            for index in batches:
                self.stop()
                ahead.append(_tried(self.programs.run, _filled(rows, index, size, width)))
                if len(ahead) > _AHEAD:
                    yield _tried(self.programs.fetch, ahead.pop(0))
            yield from (_tried(self.programs.fetch, values) for values in ahead)
            return
        self.programs.program(_filled(rows, batches[0], size, width))
        there = _programs.as_here(all_of)
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: list[Any] = []
            for index in batches:
                self.stop()
                waiting.append(pool.submit(_tried, there, index))
                if len(waiting) > self.threads:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()

    def _one_by_one(
        self, rows: Rows, width: int, size: int, index: np.ndarray, error: Exception
    ) -> tuple[list[np.ndarray], dict[int, str]]:
        """The rows of a batch that raised, each alone; those that raise again are the cause."""
        found: dict[int, list[np.ndarray]] = {}
        failed: dict[int, str] = {}
        for place in index.tolist():
            self.stop()
            try:
                values = self.programs.fetch(self.programs.run(_filled(rows, np.array([place]), size, width)))
                found[place] = [value[0] for value in values]
            except jax.errors.JaxRuntimeError as failure:
                failed[place] = f"{type(failure).__name__}: {str(failure).splitlines()[0][:300]}"
        if not found:
            raise error
        blank = [np.zeros_like(value) for value in next(iter(found.values()))]
        rows_of_values = [found.get(place, blank) for place in index.tolist()]
        return [np.stack(values) for values in zip(*rows_of_values, strict=True)], failed


def _filled(rows: Rows, index: np.ndarray, size: int, width: int) -> dict[str, Any]:
    """Columns of a full batch: copies of the last row fill it up."""
    return rows.group(filled(index, size), width)


def _tried(step: Callable[[Any], Any], given: Any) -> Any:
    """What a step gives, or what it raised; what a step before raised; a lack of memory is for all to see."""
    if isinstance(given, Exception):
        return given
    try:
        return step(given)
    except jax.errors.JaxRuntimeError as error:
        if _is_full(error):
            raise
        return error


def _is_full(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(text in str(error) for text in _FULL)

"""One chunk: its rows through the programs, batch after batch, and the columns that are stored."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxattr.scale import _programs
from jaxattr.scale._buckets import filled
from jaxattr.scale._rows import Rows, rows_of
from jaxattr.scale.corpus._chunks import Chunk
from jaxattr.scale.corpus._compiled import BITS, Programs, Results, bits, is_nan, results
from jaxattr.scale.corpus._full import BatchFullError, is_full, no_room
from jaxattr.scale.corpus._source import NAME, Source
from jaxattr.scale.corpus._survey import Survey, reason
from jaxattr.scale.store._shards import ERROR, ID, ROW

_AHEAD = 2  # batches that are on their way while results are fetched
_SHARES = 32  # into which the batches of a chunk are split among threads


class StoppedError(Exception):
    """The chunk is given up since the process is to stop now."""


class Sent(NamedTuple):
    """Rows that are on their way, in batches.

    Attributes:
        rows: which.
        width: what they are padded to.
        each: rows of a batch on one device.
        size: rows of a batch.
        padded: the columns of all batches; copies of the last row fill up the last one.
        results: the values of each, or what it raised, once it is through.
        futures: what threads do of it, which can be called back.
    """

    rows: Rows
    width: int
    each: int
    size: int
    padded: dict[str, Any]
    results: Iterator[Any]
    futures: list[Future[Any]]

    def cancel(self) -> None:
        """Call back what no thread has begun."""
        for future in self.futures:
            future.cancel()


class Begun(NamedTuple):
    """A chunk whose rows are on their way.

    Attributes:
        chunk: which.
        stored: the columns that are known before.
        good: the places of the rows that are explained.
        sent: these rows; None where there is none.
    """

    chunk: Chunk
    stored: dict[str, list[Any]]
    good: list[int]
    sent: Sent | None


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
        pool: threads that take a batch each; None where batches go one after another from this thread.
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
    pool: ThreadPoolExecutor | None
    stop: Callable[[], None]
    tell: Callable[[int], None]

    @property
    def size(self) -> int:
        """Rows at once on all devices."""
        return self.batch[0] * self.programs.layout.split

    def prepare(self, table: Rows, widths: Sequence[int]) -> None:
        """Compile the programs of some widths; where memory is full the batch is halved, the last time by the rows."""
        while True:
            try:
                return self.programs.prepare([table.stacked(self.size, width) for width in widths], self.tell)
            except (jax.errors.JaxRuntimeError, MemoryError) as error:
                if not is_full(error) or self.programs.layout.together:
                    raise
            if self.batch[0] == 1:
                return None
            self._halve()

    def begin(self, chunk: Chunk, read: Sequence[Any]) -> Begun:
        """Send the rows that were read for a chunk to the threads; with one thread they wait for their turn."""
        numbers = chunk.rows.tolist()
        errors = [self.survey.bad.get(number) for number in numbers]
        for i, row in enumerate(read):
            if errors[i] is None and isinstance(row, Exception):
                errors[i] = reason(row)
        good = [i for i, error in enumerate(errors) if error is None]
        self.tell(len(errors) - len(good))
        stored: dict[str, list[Any]] = {ROW: numbers, ID: [self.survey.ids[n] for n in numbers], ERROR: errors}
        for name in self.survey.stored:
            stored[_free("data.", name, stored)] = [
                None if isinstance(row, Exception) or number in self.survey.bad else row.get(name)
                for number, row in zip(numbers, read, strict=True)
            ]
        rows = self.rows([read[i] for i in good], [stored[ID][i] for i in good]) if good else None
        return Begun(chunk, stored, good, None if rows is None else self._sent(rows, chunk.width))

    def columns(self, begun: Begun) -> dict[str, list[Any]]:
        """The columns that are stored of a chunk, once all its rows are through."""
        stored, good, sent = begun.stored, begun.good, begun.sent
        if sent is None:
            return stored
        values, failed = self._values(sent, [stored[ID][i] for i in good])
        shape = self.results(sent.rows, max(sent.width, 1), values)
        for place, why in failed.items():
            stored[ERROR][good[place]] = why
        self._add(stored, shape, values, good, sent.rows)
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
            key = _free("result.", name, stored)
            column: list[Any] = [None] * len(stored[ROW])
            for place, i in enumerate(good):
                if stored[ERROR][i] is None and not nan[place]:
                    value = values[k][place]
                    column[i] = value if axis is None else value[(slice(None),) * axis + (slice(rows.lengths[place]),)]
            stored[key] = column
        for place, i in enumerate(good):
            if nan[place] and stored[ERROR][i] is None:
                stored[ERROR][i] = "the result holds NaN"

    def _values(self, sent: Sent, ids: Sequence[Any]) -> tuple[list[np.ndarray], dict[int, str]]:
        """The results of all rows, in order, and the rows that failed."""
        while True:
            try:
                return self._taken(sent)
            except BatchFullError as full:
                sent.cancel()
                if self.programs.layout.together:
                    raise (full.__cause__ or full) from None
                if sent.each == 1:
                    batch = ids[full.begin : full.begin + sent.size]
                    raise no_room(batch, sent.width, full.__cause__) from full.__cause__
                if self.batch[0] == sent.each:  # the chunk before may have seen it already
                    self._halve()
                sent = self._sent(sent.rows, sent.width)

    def _halve(self) -> None:
        before = self.batch[0]
        self.batch[0] //= 2
        warnings.warn(f"{NAME}: out of memory at {before} rows a device; going on with {self.batch[0]}.", stacklevel=3)

    def _taken(self, sent: Sent) -> tuple[list[np.ndarray], dict[int, str]]:
        found: list[list[np.ndarray]] = []
        failed: dict[int, str] = {}
        for begin, values in zip(range(0, sent.rows.count, sent.size), sent.results, strict=True):
            real = min(sent.size, sent.rows.count - begin)
            if isinstance(values, Exception):
                if self.programs.layout.together:  # rows alone would wait for a process that is lost
                    raise values
                values, reasons = self._one_by_one(sent, range(begin, begin + real), values)
                failed.update(reasons)
            found.append([value[:real] for value in values])
            self.tell(real)
        return [np.concatenate(values) for values in zip(*found, strict=True)], failed

    def _sent(self, rows: Rows, width: int) -> Sent:
        """All rows, in batches: threads share them, or this one sends some ahead."""
        each, size = self.batch[0], self.size
        begins = range(0, rows.count, size)
        padded = rows.group(filled(np.arange(rows.count), len(begins) * size), width)
        if self.pool is None:
            return Sent(rows, width, each, size, padded, self._in_turn(padded, size, begins), [])
        with contextlib.suppress(jax.errors.JaxRuntimeError, MemoryError):  # what it raises the threads will meet
            self.programs.program(_part(padded, 0, size))  # compiled before threads ask for it

        def several(begins: Sequence[int]) -> list[Any]:
            return [_tried(begin, self._through, _part(padded, begin, size)) for begin in begins]

        there = _programs.as_here(several)
        some = max(1, len(begins) // _SHARES)
        futures = [self.pool.submit(there, begins[i : i + some]) for i in range(0, len(begins), some)]
        through = (values for future in futures for values in future.result())
        return Sent(rows, width, each, size, padded, through, futures)

    def _through(self, columns: dict[str, Any]) -> list[np.ndarray]:
        self.stop()
        return self.programs.fetch(self.programs.run(columns))

    def _in_turn(self, padded: dict[str, Any], size: int, begins: Sequence[int]) -> Iterator[Any]:
        ahead: list[tuple[int, Any]] = []
        for begin in begins:
            self.stop()
            ahead.append((begin, _tried(begin, self.programs.run, _part(padded, begin, size))))
            if len(ahead) > _AHEAD:
                first, values = ahead.pop(0)
                yield _tried(first, self.programs.fetch, values)
        yield from (_tried(first, self.programs.fetch, values) for first, values in ahead)

    def _one_by_one(
        self, sent: Sent, places: Sequence[int], error: Exception
    ) -> tuple[list[np.ndarray], dict[int, str]]:
        """The rows of a batch that raised, each alone; those that raise again are the cause."""
        found: dict[int, list[np.ndarray]] = {}
        failed: dict[int, str] = {}
        for place in places:
            alone = jax.tree.map(lambda a, place=place: a[np.full(sent.size, place)], sent.padded)
            values = _tried(place, self._through, alone)
            if isinstance(values, Exception):
                failed[place] = reason(values).splitlines()[0][:300]
            else:
                found[place] = [value[0] for value in values]
        if not found:
            raise error
        blank = [np.zeros_like(value) for value in next(iter(found.values()))]
        rows_of_values = [found.get(place, blank) for place in places]
        return [np.stack(values) for values in zip(*rows_of_values, strict=True)], failed


def _free(before: str, name: str, taken: dict[str, Any]) -> str:
    """A name for one more column, which none has."""
    while name in taken:
        name = before + name
    return name


def _part(padded: dict[str, Any], begin: int, size: int) -> dict[str, Any]:
    """The columns of one batch."""
    return jax.tree.map(lambda a: a[begin : begin + size], padded)


def _tried(begin: int, step: Callable[[Any], Any], given: Any) -> Any:
    """What a step gives, or what it raised; what a step before raised; a lack of memory is for all to see."""
    if isinstance(given, Exception):
        return given
    try:
        return step(given)
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if is_full(error):
            raise BatchFullError(begin) from error
        return error

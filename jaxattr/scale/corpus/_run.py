"""A corpus, explained row by row on all devices, into a folder that survives being killed."""

import contextlib
import inspect
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from jax.sharding import Mesh

from jaxattr import _checks
from jaxattr.scale import _programs
from jaxattr.scale._buckets import DEFAULT_WIDTHS
from jaxattr.scale._rows import Rows
from jaxattr.scale.corpus import _describe, _preview
from jaxattr.scale.corpus._chunks import Chunk, chunks, in_turn
from jaxattr.scale.corpus._compiled import Programs
from jaxattr.scale.corpus._mesh import Layout
from jaxattr.scale.corpus._peers import Peers
from jaxattr.scale.corpus._preview import Preview
from jaxattr.scale.corpus._progress import Progress
from jaxattr.scale.corpus._signals import Stopping
from jaxattr.scale.corpus._source import NAME, Row, source
from jaxattr.scale.corpus._survey import KEY, survey
from jaxattr.scale.corpus._work import Begun, StoppedError, Work
from jaxattr.scale.store import _shards
from jaxattr.scale.store._folder import Folder, folder, sweep
from jaxattr.scale.store._format import Format, Parquet, checked

CHUNK_ROWS = 1024


class Report(NamedTuple):
    """How a run ended.

    Attributes:
        rows: rows of the data set.
        explained: rows that this process explained now.
        quarantined: rows without numbers among these, by id: why.
        complete: whether every chunk is there.
        stopped: whether it ended early, since it was asked to.
        seconds: how long it took.
        batch_size: rows at once on one device, at the end.
    """

    rows: int
    explained: int
    quarantined: dict[Any, str]
    complete: bool
    stopped: bool
    seconds: float
    batch_size: int


def run(
    explain: Callable[..., Any],
    params: Any,
    dataset: Any,
    *,
    out: Any,
    mesh: Mesh | None = None,
    axis: str | None = None,
    seed: int = 0,
    id: str | None = None,  # noqa: A002
    keep: Sequence[str] | None = None,
    prepare: Callable[[Any], Row] | None = None,
    fill: Any = 0,
    batch_size: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    widths: int = DEFAULT_WIDTHS,
    format: Format | None = None,  # noqa: A002
    process: tuple[int, int] | None = None,
    workers: int | None = None,
    accept: Sequence[str] = (),
    progress: bool = True,
    dry_run: bool = False,
) -> "Report | Preview":
    r"""Explain every row of a data set, `explain(params, **row)`, and keep what it returns in a folder.

    $$\big( \mathrm{explain}(\mathrm{params}, \mathrm{row}_i) \big)_{i = 1 \dots N} \to \mathrm{out}$$

    A second call with the same arguments goes on where the first was killed, and one on a finished folder does nothing.
    Rows are sorted by length and go in chunks of `chunk_rows`, each padded to one width and published as one file,
    whole or not at all. Which rows make a chunk depends on the data set alone, so that a run goes on with another
    number of processes or devices. What a row gives depends on the padded width and on `batch_size`, not on the number
    of devices: the same bits come from one device, from many, and from a run that was killed in between.

    Rows that cannot be read, that fail, or whose result holds NaN are stored with the reason in the column `error`, and
    the run goes on. Out of memory halves `batch_size`, down to one row. SIGTERM finishes the chunks at
    hand and ends the call; what takes longer than 20 s is given up.

    With `mesh=None` every process works on chunks of its own with all its devices, without a word to the others; a
    process that is lost holds up nobody, for the others take its chunks at the end. With a mesh over the devices of
    several processes (parameters that one host cannot hold) all of them work on the same chunk.

    Args:
        explain: a function of the parameters and, by name, of the columns of one row, that returns a pytree of arrays.
            A parameter `where` gets the mask of real positions, a parameter `key` a random key: the seed folded with
            the id of the row.
        params: a pytree; arrays that are sharded over the mesh stay as they are.
        dataset: anything with `len(dataset)` and `dataset[i]` that gives dictionaries (a TFDS or Grain source, a
            Hugging Face data set, a list), a dictionary of columns, a `pyarrow.Table`, or the path of a parquet file.
        out: the folder, or a path such as `gs://bucket/run`.
        mesh: the devices; None takes those of each process.
        axis: the axis of the mesh along which rows are split; None takes the first.
        seed: the seed of random keys.
        id: the column with the id of a row, a text or an integer; None counts the rows.
        keep: columns of the data set that are stored beside the results; None keeps all but floating point ones. One
            with the name of a column of the store (`row`, `id`, `error`) is stored as `data.row` and so on.
        prepare: makes the row that is explained of an entry of the data set, for instance token ids of a text.
        fill: what pads ragged columns, one number or a dictionary by column.
        batch_size: rows at once on one device; None lets the library choose.
        chunk_rows: rows of one file.
        widths: how many padded widths, each of which is compiled.
        format: how a chunk becomes bytes; None writes parquet.
        process: number of this process and how many there are; None asks JAX.
        workers: batches at once on a process with one device; None takes one a core on CPU.
        accept: fields of the fingerprint that may differ from the run in the folder, such as `["versions"]`.
        progress: whether a bar, or a line now and then, is shown on standard error.
        dry_run: only say what the run will take, as a :class:`Preview`.

    Returns:
        :class:`Report`; the results are read with :class:`Store`. **Unit**: that of explain.

    Raises:
        ChangedError: parameters, code, data, options, versions or device are not those that the run began with.
        StoreError: a folder with damaged or foreign files.
        RowMemoryError: out of memory at one row a device; it names the row.
        TypeError, ValueError: rows that do not fit explain.

    Example:
        >>> import tempfile, jax.numpy as jnp, numpy as np, jaxattr as ja
        >>> def explain(w, ids, where):
        ...     f = lambda x: jnp.where(where, jnp.tanh(x), 0.0).sum()
        ...     return ja.integrated_gradients(f, baseline=jnp.zeros_like)(w[ids])
        >>> texts = [{"ids": np.array([0, 1, 2])}, {"ids": np.array([1])}]
        >>> out = tempfile.mkdtemp() + "/ig"
        >>> ja.scale.run(explain, np.array([0.0, 1.0, 2.0], np.float32), texts, out=out, progress=False).complete
        True
        >>> [f"{value:.4f}" for value in ja.scale.Store(out)[1]["values"]]
        ['0.7616']

    References:
        Rows over a mesh: :cite:`jax2018github`, `jax.shard_map`.
    """
    _checks.check_counts(NAME, batch_size=batch_size, workers=workers)
    _checks.check_count(NAME, "chunk_rows", chunk_rows)
    _checks.check_count(NAME, "widths", widths)
    kind = checked(NAME, format or Parquet())
    begin = time.monotonic()
    layout = Layout(mesh, axis, params)
    peers, rows = Peers(layout.together, process), source(dataset, prepare)
    with Progress(progress and peers.speaks) as shown:
        shown.step("reading", "rows", rows.count)
        known = survey(rows, explain, id, keep, shown.add)
        all_chunks = chunks(known.lengths, chunk_rows, widths)
        threads = workers or (_programs.default_workers() if layout.mesh.size == 1 else 1)
        keyed = KEY in inspect.signature(explain).parameters and KEY not in known.takes
        batch = batch_size or _programs.default_batch_size(min(chunk_rows, rows.count), _programs.default_workers())
        programs = Programs(explain, params, layout, seed, keyed)
        options = {
            "seed": seed, "id": id, "stored": known.stored, "fill": repr(fill), "batch_size": batch,
            "chunk_rows": chunk_rows, "widths": widths, "format": kind.suffix,
        }  # fmt: skip
        with Stopping() as stopping, contextlib.ExitStack() as last:
            pool = ThreadPoolExecutor(threads) if threads > 1 else None
            if pool is not None:
                last.callback(pool.shutdown, cancel_futures=True)
            stop = _go_on if layout.together else stopping.check  # together all have to finish what they began
            work = Work(explain, params, programs, rows, known, fill, keyed, [batch], pool, stop, shown.add)
            manifest, table = _describe.described(work, all_chunks, options)
            if dry_run:
                shown.step("compiling", "programs", 1)
                return _preview.preview(work, all_chunks, threads)
            where = folder(out)
            _describe.begin(where, manifest, accept)
            explained, quarantined, complete = _all(work, all_chunks, table, where, kind, peers, stopping, shown)
    seconds = time.monotonic() - begin
    return Report(rows.count, explained, quarantined, complete, stopping.asked, seconds, work.batch[0])


def _go_on() -> None:
    return None


def _all(
    work: Work, all_chunks: Sequence[Chunk], table: Rows, where: Folder, kind: Format, peers: Peers,
    stopping: Stopping, shown: Progress,
) -> tuple[int, dict[Any, str], bool]:  # fmt: skip
    """Chunk after chunk: one is read, two are being explained, and the one before is written.

    Returns:
        How many rows were explained, those of them without numbers, and whether every chunk is there.
    """
    sweep(where, ["", _shards.FOLDER])
    explained, quarantined = 0, {}
    there = peers.agreed(set(_shards.published(where, kind.suffix, len(all_chunks))), len(all_chunks))
    widths = sorted({chunk.width for chunk in all_chunks if chunk.number not in there}, reverse=True)
    if widths:
        shown.step("compiling", "programs", len(widths))
        work.prepare(table, widths)
    shown.step("explaining", "rows", work.source.count, sum(len(all_chunks[number].rows) for number in there))
    read = _programs.as_here(lambda chunk: (chunk, work.source.rows(chunk.rows.tolist())))
    writing: Any = None
    with peers.watched(), ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ours = (all_chunks[number] for number in _open(where, kind, peers, len(all_chunks), there))

        def taken(chunk: Chunk) -> bool:
            return peers.look and chunk.number in _shards.published(where, kind.suffix, len(all_chunks))

        rows = _one_ahead(reader, read, ours)
        for chunk, columns in _explained(work, rows, lambda: peers.any(stopping.asked), taken):
            if writing is not None:
                writing.result()
            explained += len(chunk.rows)
            quarantined.update(_shards.errors(columns))
            if peers.writes(chunk.number):
                writing = writer.submit(_shards.publish, where, chunk.number, columns, kind)
        if writing is not None:
            writing.result()
        peers.any(False)  # all have written
    return explained, quarantined, len(_shards.published(where, kind.suffix, len(all_chunks))) == len(all_chunks)


def _one_ahead(thread: ThreadPoolExecutor, read: Callable[[Chunk], Any], ours: Iterable[Chunk]) -> Iterator[Any]:
    """What is read for each chunk; the next is being read by the thread meanwhile."""
    reading: Any = None
    for chunk in ours:
        before, reading = reading, thread.submit(read, chunk)
        if before is not None:
            yield before.result()
    if reading is not None:
        yield reading.result()


def _explained(
    work: Work, rows: Iterable[tuple[Chunk, list[Any]]], is_over: Callable[[], bool], taken: Callable[[Chunk], bool]
) -> Iterator[tuple[Chunk, dict[str, list[Any]]]]:
    """Chunk after chunk with its columns; where threads share the batches, the next has begun, so that none rests."""
    begun: deque[Begun] = deque()
    with contextlib.suppress(StoppedError):
        for chunk, read in rows:
            if is_over():
                break
            if taken(chunk):
                continue
            begun.append(work.begin(chunk, read))
            if len(begun) > (work.pool is not None):
                yield begun[0].chunk, work.columns(begun.popleft())
        while begun:
            yield begun[0].chunk, work.columns(begun.popleft())


def _open(where: Folder, kind: Format, peers: Peers, total: int, there: set[int]) -> Iterator[int]:
    """The chunks that this process is to do, each looked up once more before it is begun."""
    if peers.together:
        yield from (number for number in range(total) if number not in there)
        return
    for number in in_turn(total, peers.number, peers.count):
        if number in there:
            continue
        if peers.look:  # another may have taken it
            there = set(_shards.published(where, kind.suffix, total))
        if number not in there:
            yield number

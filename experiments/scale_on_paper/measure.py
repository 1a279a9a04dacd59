"""What one core does: rows a second of a small CNN through `scale.run`, of reading, of the survey, of the store.

Seconds are those of the processor, so that other programs count little; publishing waits for the disk and
is measured by the clock.
"""

import itertools
import math
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import jaxattr as ja
from experiments.scale_on_paper.work import CHANNELS, FILTERS, KERNELS, methods
from jaxattr.scale.corpus._source import Source, source
from jaxattr.scale.corpus._survey import survey
from jaxattr.scale.store import _shards
from jaxattr.scale.store._folder import folder
from jaxattr.scale.store._format import Columns, Parquet

WORDS = 5000


class Counts(NamedTuple):
    """How much is measured.

    Attributes:
      tokens: The two lengths, ascending.
      rows: Rows that are read and stored.
      saliency_rows: Rows of saliency.
      integrated_rows: Rows of integrated gradients.
      repeats: How often each; the median counts.
    """

    tokens: tuple[int, int] = (128, 512)
    rows: int = 4096
    saliency_rows: int = 512
    integrated_rows: int = 128
    repeats: int = 3


def parameters(seed: int) -> dict[str, Any]:
    """A small CNN with random weights: word vectors, windows of three widths, the best place of each filter, dense."""
    rng = np.random.default_rng(seed)
    made = {"table": (WORDS, CHANNELS), "dense": (FILTERS * len(KERNELS),)}
    made |= {f"windows{width}": (width, CHANNELS, FILTERS) for width in KERNELS}
    return {name: rng.normal(size=shape, scale=0.1).astype(np.float32) for name, shape in made.items()}


def score(params: Mapping[str, Any], x: jax.Array, where: jax.Array) -> jax.Array:
    """The score of word vectors `[T, D]`; a window that reaches beyond the text cannot win."""
    pooled = []
    for width in KERNELS:
        kernel = params[f"windows{width}"]
        windows = jax.lax.conv_general_dilated(x[None], kernel, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))
        pooled.append(jnp.max(jnp.where(where[width - 1 :, None], jax.nn.relu(windows[0]), 0.0), axis=0))
    return jnp.concatenate(pooled) @ params["dense"]


def saliency(params: Mapping[str, Any], ids: jax.Array, where: jax.Array) -> dict[str, jax.Array]:
    """The norm of the gradient of each word."""
    gradient = ja.gradient(lambda x: score(params, x, where))(params["table"][ids])
    return {"values": jnp.linalg.norm(gradient, axis=-1)}


def integrated(nodes: int) -> Callable[..., dict[str, jax.Array]]:
    """Integrated gradients of each word, with so many nodes."""

    def explain(params: Mapping[str, Any], ids: jax.Array, where: jax.Array) -> dict[str, jax.Array]:
        def f(x: jax.Array) -> jax.Array:
            return score(params, x, where)

        x = params["table"][ids]
        values = ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=nodes)(x)
        return {"values": values.sum(-1), "gap": ja.completeness_gap(f, values, x, jnp.zeros_like(x))}

    return explain


def texts(count: int, tokens: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Random texts, their lengths at most a sixteenth from the mean."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(tokens - tokens // 16, tokens + tokens // 16 + 1, count)
    return [{"ids": rng.integers(1, WORDS, size=length, dtype=np.int32)} for length in lengths]


def measured(counts: Counts, nodes: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measures all.

    Args:
      counts: How much.
      nodes: Nodes of integrated gradients.
      seed: The seed of texts and weights.
      tell: Called with what is measured next.

    Returns:
      "explain" by method; "read" and "survey" by source, and "store", an entry a length each.
    """
    with tempfile.TemporaryDirectory() as place:
        tell("saliency and integrated gradients")
        found: dict[str, Any] = {"explain": _explained(counts, nodes, seed, Path(place))}
        reading: dict[str, list[Any]] = {"list": [], "parquet": []}
        surveyed: dict[str, list[Any]] = {"list": [], "parquet": []}
        stored = []
        for tokens in counts.tokens:
            rows = texts(counts.rows, tokens, seed)
            path = Path(place) / f"{tokens}.parquet"
            pq.write_table(pa.table({"ids": [row["ids"] for row in rows]}), path)
            for name, held in (("list", rows), ("parquet", str(path))):
                tell(f"reading {tokens} tokens from {name}")
                reading[name].append({"tokens": tokens} | _read(held, counts))
                surveyed[name].append({"tokens": tokens} | _surveyed(held, counts))
            tell(f"storing {tokens} tokens")
            stored.append({"tokens": tokens} | _stored(rows, counts, seed, Path(place) / f"store{tokens}"))
    return found | {"read": reading, "survey": surveyed, "store": stored}


def _explained(counts: Counts, nodes: int, seed: int, place: Path) -> dict[str, Any]:
    """Rows a second through `scale.run`, beyond a run of few rows: without compilation and the start."""
    tokens, params = counts.tokens[-1], parameters(seed)
    listed = methods(tokens, nodes)
    tried = {
        "saliency, CNN": (saliency, counts.saliency_rows),
        f"IG {nodes}, CNN, convolutions hoisted": (integrated(nodes), counts.integrated_rows),
    }
    found = {}
    for number, (name, (explain, count)) in enumerate(tried.items()):
        many = texts(count, tokens, seed)
        few = many[: count // 4]

        def seconds(rows: Sequence[Any], out: Path, explain: Any = explain) -> float:
            begin = time.process_time()
            ja.scale.run(explain, params, rows, out=out, widths=1, progress=False)
            return time.process_time() - begin

        spent = [
            seconds(many, place / f"{number}-{k}-many") - seconds(few, place / f"{number}-{k}-few")
            for k in range(counts.repeats)
        ]
        rate = (len(many) - len(few)) / median(spent) if median(spent) > 0 else math.nan  # too few rows to tell
        found[name] = {"rows": count, "rows_a_second": rate, "flops_a_second": rate * listed[name].flops}
    return found


def _times(count: int, work: Callable[[], Any], rows: int, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds a row, the median of some times."""

    def each() -> Iterator[float]:
        for _ in range(count):
            begin = clock()
            work()
            yield clock() - begin

    return median(each()) / rows


def _read(held: Any, counts: Counts) -> dict[str, float]:
    """As a run reads: a chunk of numbers in no order."""
    rows = source(held, None)
    numbers = np.random.default_rng(0).permutation(rows.count).tolist()
    return {"seconds_a_row": _times(counts.repeats, lambda: rows.rows(numbers), rows.count)}


def _silent(count: int) -> None:
    del count


def _surveyed(held: Any, counts: Counts) -> dict[str, float]:
    """The pass before the run: time, and memory as the slope between half of the rows and all of them."""

    def explain(params: Any, ids: Any, where: Any) -> Any:
        return params, ids, where

    rows = source(held, None)
    spent = _times(counts.repeats, lambda: survey(rows, explain, None, None, _silent), rows.count)
    peaks = []
    for count in (rows.count // 2, rows.count):
        tracemalloc.start()
        survey(Source(count, rows.rows), explain, None, None, _silent)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return {"seconds_a_row": spent, "memory_bytes_a_row": (peaks[1] - peaks[0]) / (rows.count - rows.count // 2)}


def _stored(rows: Sequence[Any], counts: Counts, seed: int, place: Path) -> dict[str, float]:
    """A chunk with ids, a number a token, and one more: encoded, then published with `fsync`."""
    rng, kind, where = np.random.default_rng(seed), Parquet(), folder(place)
    number = list(range(len(rows)))
    columns = {
        _shards.ROW: number,
        _shards.ID: [f"text/{n}" for n in number],
        _shards.ERROR: [None] * len(rows),
        "ids": [row["ids"] for row in rows],
        "values": [rng.normal(size=len(row["ids"])).astype(np.float32) for row in rows],
        "gap": list(rng.normal(size=len(rows)).astype(np.float32)),
    }
    encode = _times(counts.repeats, lambda: kind.encode(columns), len(rows))
    done, chunks = _Encoded(kind.encode(columns)), itertools.count()
    publish = _times(
        counts.repeats, lambda: _shards.publish(where, next(chunks), columns, done), len(rows), time.perf_counter
    )
    return {
        "encode_seconds_a_row": encode,
        "publish_seconds_a_row": publish,
        "bytes_a_row": len(done.encode(columns)) / len(rows),
    }


class _Encoded(Parquet):
    """A format that has its bytes already."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self, columns: Columns) -> bytes:
        del columns
        return self.data

"""Run with ``python -m experiments.imdb_corpus``; ``--help`` lists the flags."""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow.parquet as pq
from rich.console import Console

import jaxattr as ja
from experiments._shared import command, record
from experiments._shared.provenance import provenance
from experiments.imdb_cnn.train import Hyperparameters
from experiments.imdb_corpus import overhead, pictures, report
from experiments.imdb_corpus.job import Job, borrow, load, preview
from experiments.imdb_corpus.processes import Course, chunks, compared, course, unfinished
from experiments.imdb_corpus.tally import Tally, listed, of_reviews, tally


@dataclasses.dataclass(frozen=True)
class Config:
    """Integrated gradients of the whole IMDB test set, kept in a store by processes that are killed on the way."""

    out: Path = Path("runs/imdb_corpus")
    """The folder for the store, parameters, pictures and result.json; the store is made anew by every run."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    trained: Path | None = None
    """The folder of a run of imdb_cnn, whose network is explained; the one beside `out` where this is left out."""
    reviews: int | None = None
    """How many test reviews are explained, drawn at random; all where this is left out."""
    steps: int = 32
    """Nodes of integrated gradients."""
    batch_size: int | None = None
    """Reviews at once; where this is left out the library chooses."""
    chunk_rows: int = 1024
    """Reviews of one file of the store."""
    kills: int = 3
    """How many processes are killed, spread over the run."""
    timed: int = 25_000
    """How many of the reviews, at most, go through the layer and through the bare step, in turn."""
    rounds: int = 5
    """How many turns."""
    occurrences: int = 50
    """How often a word must occur in the reviews of a predicted class to be listed."""
    listed: int = 15
    """How many words a list has."""
    show: int = 4
    """How many reviews the pictures show, of those with at most `shown_words` words."""
    shown_words: int = 110
    """The most words of a review in the pictures."""
    vocabulary: int = 20_000
    """Entries of the vocabulary, taken from the training reviews."""
    length: int = 400
    """The most words of a review; a longer one keeps its last words."""
    seed: int = 0
    """The seed of the network, of the choice of reviews, and of the moments of the kills."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/imdb_corpus_small"),
    reviews=2_000,
    steps=16,
    chunk_rows=128,
    kills=2,
    timed=512,
    rounds=3,
    occurrences=20,
    model=Hyperparameters(width=32, filters=64, epochs=1),
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: a test set on disk, through kills, and what its words say")
    beside = config.out.with_name(config.out.name.replace("imdb_corpus", "imdb_cnn"))
    borrow(config.out, config.trained or beside)
    job = _job(config)
    loaded = load(job, console)
    report.trained(console, loaded.about)
    store, other = config.out / "store", config.out / "undisturbed"
    for old in (store, other):
        shutil.rmtree(old, ignore_errors=True)

    rows = len(loaded.entries)
    expected = preview(job, loaded, store)
    console.print(f"{expected}\n", style="dim")
    quiet = course(job, other, rows=rows, title="undisturbed", console=console)
    at = [round(expected.chunks * part / (config.kills + 1)) for part in range(1, config.kills + 1)]
    pause = quiet.cost["seconds"] / expected.chunks
    killed = course(job, store, rows=rows, kill_at=at, pause=pause, title="killed", console=console)
    same = compared(other, store)
    shutil.rmtree(other)

    workers = (os.cpu_count() or 1) if jax.default_backend() == "cpu" else 2
    timed = {"rows": config.timed, "rounds": config.rounds, "workers": workers}
    extra, costs = overhead.measure(job, loaded, config.out, **timed, console=console)
    reader = ja.scale.Store(store)
    with console.status("reading the store"):
        found = tally(reader.chunks(), loaded.words)
    result = {
        "experiment": "imdb_corpus",
        "settings": {
            "steps": config.steps,
            "reviews": rows,
            "vocabulary": len(loaded.words),
            "length": config.length,
            "chunk_rows": config.chunk_rows,
            "occurrences": config.occurrences,
            "batch_size": quiet.report["batch_size"],
            "widths": list(expected.widths),
            "padding": expected.padding,
        },
        "model": loaded.about["settings"],
        "store": _store(reader, store, found),
        "killed": _killed(killed, quiet, same, store),
        "predicted": {"seconds": expected.seconds, "compile_seconds": expected.compile_seconds},
        "overhead": extra,
        **of_reviews(found),
        "words": listed(found, loaded.words, occurrences=config.occurrences, count=config.listed),
        "examples": _examples(config, reader, found),
        "cost": {"all, undisturbed": quiet.cost, **{f"{name}, timed": spent for name, spent in costs.items()}},
    }
    result = record.rounded(result | provenance(seed=config.seed, data=loaded.sha256, packages=("pyarrow",)))
    record.save(config.out, result, pictures.figures(result))
    report.tell(console, result)
    console.print(f"\nFigures: [bold]{config.out / 'result.json'}[/]. A review in colour: jaxattr show {store} 17")


def _job(config: Config) -> Job:
    names = {field.name for field in dataclasses.fields(Job)} - {"kept"}
    return Job(kept=config.out, **{name: getattr(config, name) for name in names})


def _store(reader: ja.scale.Store, out: Path, found: Tally) -> dict[str, Any]:
    """What is in the store, and what it takes."""
    verified, files = reader.verify(), chunks(out)
    size, columns = sum(path.stat().st_size for path in files), column_bytes(files)
    return {
        "chunks": len(files),
        "rows": verified.rows,
        "without_numbers": len(verified.quarantined),
        "verified": verified.complete,
        "words": int(found.rows["length"].sum()),
        "bytes": size,
        "bytes_a_row": size / len(reader),
        "bytes_a_word": size / float(found.rows["length"].sum()),
        "columns": columns,
    }


def column_bytes(files: Sequence[Path]) -> dict[str, int]:
    """The compressed bytes of each column of some parquet files, the largest first."""
    sizes: dict[str, int] = {}
    for path in files:
        about = pq.ParquetFile(path).metadata
        for group in range(about.num_row_groups):
            for number in range(about.num_columns):
                column = about.row_group(group).column(number)
                name = column.path_in_schema.split(".")[0]
                sizes[name] = sizes.get(name, 0) + column.total_compressed_size
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))


def _killed(killed: Course, quiet: Course, same: dict[str, int], out: Path) -> dict[str, Any]:
    """What the kills changed."""
    return {
        "kills": killed.kills,
        **same,
        "unfinished_at_the_end": len(unfinished(out)),
        "seconds": killed.seconds,
        "undisturbed_seconds": quiet.seconds,
        "appeared": killed.appeared,
        "undisturbed_appeared": quiet.appeared,
    }


def _examples(config: Config, reader: ja.scale.Store, found: Tally) -> list[dict[str, Any]]:
    """The first reviews of the store that are short enough to be shown."""
    short = np.sort(found.rows["row"][found.rows["length"] <= config.shown_words])[: config.show]
    made = []
    for row in short.tolist():
        one = reader[row]
        made.append(
            {
                "row": row,
                "id": one["id"],
                "tokens": one["words"],
                "label": one["label"],
                "predicted": one["predicted"],
                "score": one["score"],
                "values": record.rounded(one["values"], 3),
            }
        )
    return made


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

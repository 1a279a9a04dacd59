"""Run with ``python -m experiments.imdb_deletion``; ``--help`` lists the flags."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments._shared import command, cost, record
from experiments._shared.provenance import provenance
from experiments.imdb_cnn import report
from experiments.imdb_cnn.data import corpus
from experiments.imdb_cnn.train import Hyperparameters, trained
from experiments.imdb_deletion.deleted import deciding, explainer, figures, ragged


@dataclasses.dataclass(frozen=True)
class Config:
    """Every word of every IMDB test review deleted, one at a time."""

    out: Path = Path("runs/imdb_deletion")
    """The folder for parameters, encoded reviews and result.json; a later run reuses what it finds there."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    reviews: int | None = None
    """How many test reviews; all where this is left out."""
    in_full: int = 200
    """How many of them are explained with every version in full as well."""
    batch_size: int = 4
    """Reviews at once in a thread."""
    deciding: int = 15
    """How many words of each class are told."""
    vocabulary: int = 20_000
    """Entries of the vocabulary, taken from the training reviews."""
    length: int = 400
    """Words of a review; a longer one keeps its last words."""
    seed: int = 0
    """The seed of parameters, order, dropout and of the choice of reviews."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/imdb_deletion_small"),
    reviews=1_000,
    in_full=20,
    model=Hyperparameters(width=32, filters=64, epochs=1),
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: every word of a test set deleted")
    with console.status("reading reviews as rows of ids"):
        found = corpus(config.data_dir, config.out / "encoded.npz", size=config.vocabulary, length=config.length)
    model, params, about = trained(found, config.out / "params.npz", config.model, seed=config.seed, console=console)
    report.trained(console, about)
    chosen = np.random.default_rng(config.seed).permutation(len(found.test[0]))[: config.reviews]
    rows = ragged(found.test[0][chosen])

    def run(rows: list[np.ndarray], *, reuse: bool) -> Any:
        explain = explainer(model, reuse=reuse)
        columns = ja.scale.map(explain, params, {"ids": rows}, batch_size=config.batch_size)
        return [dict(zip(columns, one, strict=True)) for one in zip(*columns.values(), strict=True)]

    with console.status(f"{sum(map(len, rows)):,} deletions in {len(rows):,} reviews"):
        drops, spent = cost.measure(len(rows), lambda: run(rows, reuse=True))
    some = rows[: config.in_full]
    with console.status(f"{len(some)} of these reviews with every version in full"):
        _, spent_some = cost.measure(len(some), lambda: run(some, reuse=True))
        full, spent_full = cost.measure(len(some), lambda: run(some, reuse=False))
    apart = [np.abs(a["drops"] - b["drops"]).max() for a, b in zip(drops, full, strict=False)]
    result = {
        "experiment": "imdb_deletion",
        "settings": {"length": config.length, "batch_size": config.batch_size, "in_full": len(some)},
        "model": about["settings"],
        "test_accuracy": about["test_accuracy"],
        "all_reviews": figures(rows, drops),
        "deciding": deciding(rows, drops, found.words, config.deciding),
        "largest_difference": float(max(apart)),
        "largest_drop": float(max(np.abs(one["drops"]).max() for one in full)),
        "cost": {"all": spent, "some, shared": spent_some, "some, in full": spent_full},
    }
    result = record.rounded(result | provenance(seed=config.seed, data=found.sha256))
    record.save(config.out, result)
    console.print(
        f"{spent['rows']:,} reviews, {result['all_reviews']['words']:,} deletions in {spent['seconds']:.0f} s "
        f"({spent['rows_a_second']:,.0f} reviews a second); in full {spent_full['rows_a_second']:.1f} a second."
    )
    console.print(f"\nFigures: [bold]{config.out / 'result.json'}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

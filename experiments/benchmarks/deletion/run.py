"""The benchmark of deletion as one run."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from experiments.benchmarks import report
from experiments.benchmarks.deletion import measure
from experiments.benchmarks.weights import subject

Key = Literal["A", "B", "C", "D", "E", "F"]


@dataclasses.dataclass(frozen=True)
class Deletion:
    """Leave-one-out that computes once what the versions of a text share, beside every version in full.

    A: convolutions, B: LSTM, C: transformer, D: pooled MLP, E: two convolutions, F: an LSTM in each direction.
    """

    out: Path = Path("runs/benchmarks/deletion")
    """The folder for result.json and ratios.png."""
    models: tuple[Key, ...] = ("A", "B", "C", "D", "E", "F")
    """The models."""
    rows: int = 8
    """Texts that are explained together."""
    dear_rows: int = 2
    """The same for model C, which takes far longer."""
    lengths: tuple[int, ...] = (100, 400, 1600, 6400)
    """Words of one text, for model A; none leaves this out."""
    attended: int = 4096
    """Words of the text over whose attention the memory is planned; 0 leaves this out."""
    repeats: int = 7
    """Rounds in which all ways run in turn."""
    seed: int = 0
    """The seed of weights and texts."""


def run(config: Deletion, console: Console) -> None:
    """Runs the benchmark; saves its figures after each model and prints its tables.

    Args:
      config: What to run.
      console: Where progress and tables are shown.
    """
    console.rule("[bold]jaxattr: the cost of leave-one-out")
    result = report.begun("deletion", config, weights="random", lengths=(400,)) | {"values_differ": {}, "records": []}
    weights: Any = {"seed": config.seed, "steps": 0, "folder": config.out, "console": console}
    with console.status("") as status:
        for key in config.models:
            status.update(f"model {key}")
            count = config.dear_rows if key == "C" else config.rows
            same: Any = {"count": count, "repeats": config.repeats, "seed": config.seed}
            records, result["values_differ"][key] = measure.beside_full(subject(key, **weights), **same)
            result["records"] += records
            _save(config, result)
        if config.lengths:
            status.update("one text, by its length")
            cnn = subject("A", **weights)
            result["records"] += measure.by_length(cnn, config.lengths, repeats=config.repeats, seed=config.seed)
        if config.attended:
            status.update("the memory of attention")
            result["attention"] = measure.attention(config.attended, 256)
        _save(config, result)
    report.show(config.out, result["records"], console)
    if config.attended:
        one = result["attention"]
        planned, all_of = (one[name] / 2**20 for name in ("temporary_bytes", "all_versions_bytes"))
        console.print(
            f"Attention over {one['positions']:,} words of {one['features']}: {planned:,.0f} MiB; "
            f"one value of all versions would take {all_of:,.0f}."
        )


def _save(config: Deletion, result: dict[str, Any]) -> None:
    result["load"]["after"] = report.load()
    report.save(config.out, result, targets={})

"""Runs the experiments one after another: ``python -m experiments [NAMES ...] [--small] [--record]``."""

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from experiments._shared.files import write_json
from experiments._shared.record import FOLDER, rounded

NAMES = (
    "quickstart",
    "imdb_cnn",
    "imdb_corpus",
    "imdb_deletion",
    "imdb_bag",
    "mnist_gradient",
    "black_box",
    "pooled_embedding",
    "imdb_lstm",
    "deepmoji_occlusion",
    "chinese_gradients",
    "pretrained",
)
NO_DATA = 2


@dataclasses.dataclass(frozen=True)
class Config:
    """Runs experiments one after another, each in a process of its own, and says how each went."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which ones; all where none is named."""
    small: bool = False
    """Ask the same questions of less data."""
    record: bool = False
    """Keep the result of each full run as experiments/NAME/result.json, from which the documentation is made."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    out: Path = Path("runs")
    """The folder of the runs; it gets all.json, or all_small.json."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How an experiment went.

    Attributes:
      name: The experiment.
      status: The exit status of its process; 2 where its data are not prepared.
      seconds: Its time.
      accuracies: The accuracies on test rows that its result tells, by where they stand in it.
    """

    name: str
    status: int
    seconds: float
    accuracies: Mapping[str, float]

    @property
    def said(self) -> str:
        """Whether it went well, in words."""
        return {0: "ok", NO_DATA: "data not prepared"}.get(self.status, f"failed with status {self.status}")


def folder(config: Config, name: str) -> Path:
    """Where an experiment writes."""
    return config.out / (f"{name}_small" if config.small else name)


def command(config: Config, name: str) -> list[str]:
    """The command that runs an experiment.

    Args:
      config: The flags.
      name: The experiment.

    Returns:
      The words of the command.
    """
    out, start = folder(config, name), [sys.executable, "-m", f"experiments.{name}"]
    if name == "quickstart":
        return [*start, "--report", str(out / "report.html"), "--json", str(out / "result.json")]
    return [*start, *["--small"] * config.small, "--out", str(out), "--data-dir", str(config.data_dir)]


def accuracies(result: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """The accuracies on test rows in a result: numbers, or means, named `test_accuracy` or `accuracy`.

    Args:
      result: A tree of dictionaries and lists.
      at: The names of the dictionaries around it.

    Yields:
      Where it stands, and the number.

    Example:
      >>> list(accuracies({"accuracy": 0.5, "models": {"Keras": {"test_accuracy": {"mean": 0.25}}}}))
      [('', 0.5), ('models Keras', 0.25)]
    """
    if not isinstance(result, Mapping):
        return
    for name, value in result.items():
        if name in ("test_accuracy", "accuracy"):
            found = value.get("mean") if isinstance(value, Mapping) else value
            if isinstance(found, int | float):
                yield " ".join(at), float(found)
        else:
            yield from accuracies(value, (*at, name))


def run(config: Config, name: str, call: Callable[[Sequence[str]], int]) -> Outcome:
    """Runs an experiment and looks at what it wrote.

    Args:
      config: The flags.
      name: The experiment.
      call: Runs a command and gives its exit status.

    Returns:
      How it went. A run that leaves no new result has failed, whatever its status says.
    """
    path = folder(config, name) / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = _written(path)
    begin = time.perf_counter()
    status = call(command(config, name))
    seconds = time.perf_counter() - begin
    if status == 0 and _written(path) == before:
        status = 1
    found = dict(accuracies(json.loads(path.read_text()))) if status == 0 else {}
    if status == 0 and config.record:
        shutil.copyfile(path, FOLDER / name / "result.json")
    return Outcome(name, status, seconds, found)


def _written(path: Path) -> int | None:
    """When a file was written; None where there is none."""
    return path.stat().st_mtime_ns if path.is_file() else None


def table(outcomes: Sequence[Outcome]) -> Table:
    """How all went, a line each."""
    made = Table("experiment", "test accuracy", "seconds", "", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for one in outcomes:
        shown = ", ".join(
            f"{where}: {value:.2%}" if where else f"{value:.2%}" for where, value in one.accuracies.items()
        )
        made.add_row(one.name, shown, f"{one.seconds:.0f}", one.said)
    return made


def main(config: Config, console: Console, call: Callable[[Sequence[str]], int] = subprocess.call) -> int:
    """Runs the experiments; one that fails does not stop the others.

    Args:
      config: The flags.
      console: Where the table is printed.
      call: Runs a command and gives its exit status.

    Returns:
      The exit status: 0 where all went well, 1 where one failed, else 2 where data were missing.

    Raises:
      ValueError: When there is no such experiment, or a small run is to be recorded.
    """
    unknown = [name for name in config.names if name not in NAMES]
    if unknown:
        raise ValueError(f"Expected names of experiments, got {', '.join(unknown)}. There are {', '.join(NAMES)}.")
    if config.small and config.record:
        raise ValueError("Expected full runs to record, got --small with --record. Leave one of the two out.")
    outcomes = []
    for name in config.names or NAMES:
        outcomes.append(run(config, name, call))
        kept = [{**dataclasses.asdict(one), "said": one.said} for one in outcomes]
        write_json(config.out / ("all_small.json" if config.small else "all.json"), rounded({"experiments": kept}))
    console.print(table(outcomes))
    console.print(f"{sum(one.seconds for one in outcomes):.0f} s in all.")
    found = {one.status for one in outcomes}
    return 1 if found - {0, NO_DATA} else max(found)


if __name__ == "__main__":
    try:
        status = main(tyro.cli(Config, description=Config.__doc__), Console(highlight=False))
    except ValueError as error:
        sys.exit(str(error))
    sys.exit(status)

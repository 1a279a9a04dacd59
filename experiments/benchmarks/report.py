"""What every benchmark writes: a table in the terminal, one JSON file, a chart."""

import datetime as dt
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments._shared.files import whole, write_json
from experiments._shared.provenance import provenance
from experiments.benchmarks.chart import ratios
from experiments.benchmarks.models import NAMES
from experiments.benchmarks.records import Record

_PEERS = ("torch", "captum", "shap")


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:,.3g}" if seconds < 1 else f"{1e3 * seconds:,.0f}"


def _row(record: Record) -> list[str]:
    low, high = record["quartiles"]
    gap, memory = record.get("gap"), record.get("memory")
    compiling = record.get("trace_seconds", 0.0) + record.get("compile_seconds", 0.0)
    return [
        NAMES[record["model"]],
        record["way"],
        _milliseconds(record["seconds"]),
        f"{record['ratio']:.2f} [dim]({low:.2f} to {high:.2f})[/]",
        f"{compiling:.2f}" if compiling else "",
        f"{gap['median']:.0e}, {gap['worst']:.0e}" if gap else "",
        f"{memory.get('device', memory['peak'] - memory['before']) / 2**20:,.0f}" if memory else "",
    ]


def table(records: Sequence[Record]) -> Table:
    """The records of one task, one line each.

    Args:
      records: What was measured.

    Returns:
      A table for a rich console.
    """
    title = records[0]["task"]
    found = Table(title=title, title_style="bold", title_justify="left", box=None, header_style="dim", pad_edge=False)
    for head in ("model", "way"):
        found.add_column(head)
    for head in ("ms", "x first way (quartiles)", "s to compile", "gap: median, worst", "MiB"):
        found.add_column(head, justify="right")
    for record in records:
        found.add_row(*_row(record))
    return found


def load() -> list[float] | None:
    """How many programs wanted the processor in the last 1, 5 and 15 minutes, where the system tells."""
    return [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None


def origin(*, seed: int, texts: np.ndarray) -> dict[str, Any]:
    """Where the figures come from: date, versions, device, texts.

    Args:
      seed: The seed of weights and texts.
      texts: The ids of all texts.

    Returns:
      A dictionary for JSON.
    """
    digest = hashlib.sha256(np.ascontiguousarray(texts, np.int32).tobytes()).hexdigest()
    date = dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()
    about = {"date": date, "precision": str(getattr(jax.config, "jax_default_matmul_precision", None) or "default")}
    return about | provenance(seed=seed, data=digest, packages=_PEERS)


def save(folder: Path, result: Mapping[str, Any], *, targets: Mapping[str, float]) -> None:
    """Writes `result.json` and, from it alone, `ratios.png`.

    Args:
      folder: Where.
      result: "records" and whatever else is worth keeping.
      targets: Ratios to be reached, for the chart.
    """
    write_json(folder / "result.json", result)
    with whole(folder / "ratios.png") as file:
        ratios(result, names=NAMES, targets=targets).savefig(file, format="png", dpi=130)


def show(folder: Path, records: Sequence[Record], console: Console) -> None:
    """Prints one table a task, and where the files are.

    Args:
      folder: Where they are.
      records: What was measured.
      console: Where it is printed.
    """
    for task in dict.fromkeys(record["task"] for record in records):
        console.print(table([record for record in records if record["task"] == task]), "")
    console.print(f"Figures: [bold]{folder / 'result.json'}[/]   chart: [bold]{folder / 'ratios.png'}[/]")

"""What every benchmark writes: a table in the terminal, one JSON file, a chart."""

import dataclasses
import datetime as dt
import hashlib
import json
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
from experiments.benchmarks.memory import taken
from experiments.benchmarks.models import NAMES
from experiments.benchmarks.records import Record, milliseconds
from experiments.benchmarks.weights import texts

SAME = ("benchmark", "settings", "weights", "versions", "device", "cores", "seed", "data_sha256")
"""What two runs have in common whose figures may stand in one result."""

_PEERS = ("torch", "captum", "shap")


def _row(record: Record) -> dict[str, str]:
    """What a record says, by the head of its column."""
    low, high = record["quartiles"]
    gap, memory, error = record.get("gap"), record.get("memory"), record.get("error")
    compiling = record.get("trace_seconds", 0.0) + record.get("compile_seconds", 0.0)
    return {
        "model": NAMES[record["model"]],
        "way": record["way"],
        "evaluations": f"{record['evaluations']:,}" if "evaluations" in record else "",
        "ms": milliseconds(record["seconds"]),
        "x first way (quartiles)": f"{record['ratio']:.2f} [dim]({low:.2f} to {high:.2f})[/]",
        "s to compile": f"{compiling:.2f}" if compiling else "",
        "gap: median, worst": f"{gap['median']:.0e}, {gap['worst']:.0e}" if gap else "",
        "error (share)": f"{error['rms']:.1e} ({error['relative']:.1%})" if error else "",
        "MiB": f"{taken(memory) / 2**20:,.0f}" if memory else "",
        **_beside(record),
    }


def _beside(record: Record) -> dict[str, str]:
    """What a record says of its peers and its limit, where it does."""
    speedup, target, nodes = record.get("speedup"), record.get("target"), record.get("nodes")
    faster = f"{speedup['median']:.2f}" + (f" ({target:g})" if target else "") if speedup else ""
    return {
        "x as fast as best peer (target)": faster,
        "differs by": f"{record['differs']:.0e}" if "differs" in record else "",
        "nodes: mean, most": f"{nodes['mean']:.1f}, {nodes['most']}" if nodes else "",
        "operations": f"{record['operations']:,}" if "operations" in record else "",
        "of the peak": f"{record['of_peak']:.0%}" if "of_peak" in record else "",
    }


def table(records: Sequence[Record]) -> Table:
    """The records of one task, one line each.

    Args:
      records: What was measured.

    Returns:
      A table for a rich console.
    """
    title = records[0]["task"]
    found = Table(title=title, title_style="bold", title_justify="left", box=None, header_style="dim", pad_edge=False)
    rows = [_row(record) for record in records]
    heads = [head for head in rows[0] if any(row[head] for row in rows)]
    for head in heads:
        name = head in ("model", "way")
        found.add_column(head, justify="left" if name else "right", no_wrap=name)
    for row in rows:
        found.add_row(*(row[head] for head in heads))
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


def begun(
    name: str, config: Any, *, weights: str, left_out: Sequence[str] = (), lengths: Sequence[int] = (80, 128, 400)
) -> dict[str, Any]:
    """The result of a run as it begins: what is asked, of which weights and texts, on which device.

    Args:
      name: The benchmark.
      config: Its dataclass of flags, with `rows` texts and a `seed`.
      weights: How the weights came about.
      left_out: Flags that do not change the figures.
      lengths: Words of the texts.

    Returns:
      A dictionary for JSON, to which figures are added.
    """
    unsaid = ("out", "seed", *left_out)
    shown = np.concatenate([texts(config.rows, length, seed=config.seed)[0].ravel() for length in lengths])
    return {
        "benchmark": name,
        "settings": {flag: value for flag, value in dataclasses.asdict(config).items() if flag not in unsaid},
        "weights": weights,
        **origin(seed=config.seed, texts=shown),
        "load": {"before": load()},
    }


def resumed(folder: Path, result: Mapping[str, Any], *, same: Sequence[str] = SAME) -> dict[str, Any]:
    """An earlier, unfinished result of the same kind, or a new one.

    Args:
      folder: Where `result.json` may be.
      result: The new one, still empty.
      same: What has to be equal in both.

    Returns:
      The earlier result where all of that agrees, else the new one.
    """
    fresh, path = json.loads(json.dumps(result)), folder / "result.json"
    if not path.exists():
        return fresh
    earlier = json.loads(path.read_text())
    return earlier if all(earlier.get(name) == fresh[name] for name in same) else fresh


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

"""What the page of the documentation shows: tables made from the recorded results alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments._shared.record import Markdown, table
from experiments.benchmarks.memory import taken
from experiments.benchmarks.models import NAMES
from experiments.benchmarks.records import Record, milliseconds
from experiments.benchmarks.speed.way import DRIVER, JITTED, PLAIN

FOLDER = Path(__file__).resolve().parent
Result = Mapping[str, Any]


def recorded(name: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The recorded run of a benchmark.

    Args:
      name: "speed", "propagation", "perturbation" or "deletion".
      folder: Where the benchmarks are.

    Returns:
      Its result; None where none is recorded yet.
    """
    path = folder / name / "result.json"
    return json.loads(path.read_text()) if path.is_file() else None


def absent(name: str) -> Markdown:
    """Says that a benchmark has no recorded run, and how to make one."""
    return Markdown(f"**No run of `{name}` is recorded yet.** `python -m experiments.benchmarks {name}` makes one.")


def made_with(result: Result | None, name: str) -> Markdown:
    """Where the figures come from, in a sentence; or that there are none."""
    if result is None:
        return absent(name)
    versions, settings = result["versions"], result["settings"]
    named = ", ".join(
        f"{n} {versions[n]}" for n in ("jaxattr", "jax", "flax", "torch", "captum", "shap") if versions.get(n)
    )
    busy = [load[0] for load in result["load"].values() if load]
    said = f"; {min(busy):g} to {max(busy):g} programs wanted a core meanwhile" if busy else ""
    return Markdown(
        f"Recorded on {result['date'][:10]}: {result['device']}, {result['cores']} cores, "
        f"{settings['repeats']} rounds, seed {result['seed']}{said}. {named}. Weights: {result['weights']}."
    )


def _of(records: Sequence[Record], way: str) -> Record | None:
    return next((record for record in records if record["way"].startswith(way)), None)


def _groups(result: Result, kinds: Sequence[str]) -> list[list[Record]]:
    """The records of each task and model."""
    found: dict[tuple[str, str], list[Record]] = {}
    for kind in kinds:
        for record in result["records"]:
            if record["kind"] == kind:
                found.setdefault((record["task"], record["model"]), []).append(record)
    return sorted(found.values(), key=lambda group: (kinds.index(group[0]["kind"]), group[0]["model"]))


def _cell(record: Record | None) -> str:
    """Milliseconds, and in brackets how many times as fast as the best peer."""
    if record is None:
        return ""
    faster = record.get("speedup")
    return milliseconds(record["seconds"]) + (f" ({faster['median']:.2g})" if faster else "")


def _reached(record: Record) -> tuple[str, str]:
    """A target, and whether it is reached; nothing where there is none, or no peer."""
    target = record.get("target")
    if target is None:
        return "", ""
    return f"{target:g}", {True: "yes", False: "no", None: "not measured"}[record.get("reached")]


def speed(result: Result) -> Markdown:
    """Saliency and integrated gradients: a line a task and model."""
    head = ("task", "model", "texts", "best peer", "driver", "`jit(vmap)`", "plain JAX", "target", "reached")
    rows = []
    for group in _groups(result, ("saliency", "constant", "any")):
        first = group[0]
        peer = _of(group, first["over"]) if "over" in first else None
        best = f"{milliseconds(peer['seconds'])} ({peer['way']})" if peer else ""
        ours = (_cell(_of(group, way)) for way in (DRIVER, JITTED, PLAIN))
        rows.append((first["task"], NAMES[first["model"]], first["texts"], best, *ours, *_reached(first)))
    return table(head, rows)


def to_gap(result: Result) -> Markdown:
    """Integrated gradients to a tolerance: a line a way."""
    head = ("task", "model", "way", "ms", "x as fast", "nodes: mean, most", "gap: median, worst", "target", "reached")
    kinds = sorted({r["kind"] for r in result["records"] if r["kind"].startswith("to ")}, reverse=True)
    rows = []
    for group in _groups(result, kinds):
        for record in group:
            nodes, gap, faster = record["nodes"], record["gap"], record.get("speedup")
            gaps = f"{gap['median']:.1e}, {gap['worst']:.1e}"
            times = f"{faster['median']:.2g}" if faster else ""
            named = (record["task"], NAMES[record["model"]]) if record is group[0] else ("", "")
            shown = (milliseconds(record["seconds"]), times, f"{nodes['mean']:.1f}, {nodes['most']}", gaps)
            rows.append((*named, record["way"], *shown, *_reached(record)))
    return table(head, rows)


def corpus(result: Result) -> Markdown:
    """Texts of different lengths, sorted into widths and all padded to the longest."""
    head = ("way", "texts", "layout", "ms", "x as fast as one width", "target", "reached")
    rows = []
    for group in _groups(result, ("corpus",)):
        for record in group:
            times = f"{record['speedup']['median']:.2f}"
            rows.append(
                (
                    record["way"],
                    record["texts"],
                    record["layout"],
                    milliseconds(record["seconds"]),
                    times,
                    *_reached(record),
                )
            )
    return table(head, rows)


def overhead(result: Result) -> Markdown:
    """Operations and time of the transforms beside the same by hand."""
    head = ("task", "model", "operations by hand", "by jaxattr", "the same", "time (quartiles)")
    rows = []
    for group in _groups(result, ("overhead",)):
        hand, ours = group
        low, high = ours["quartiles"]
        same = (
            "yes"
            if ours["same_operations"]
            else ", ".join(f"{n}: {a}, not {b}" for n, (a, b) in ours["operations_differ"].items())
        )
        time = f"{ours['ratio']:.2f} ({low:.2f} to {high:.2f})"
        counts = (f"{record['operations']:,}" for record in (hand, ours))
        rows.append((hand["task"], NAMES[hand["model"]], *counts, same, time))
    return table(head, rows)


def limits(result: Result) -> Markdown:
    """Accuracy, share of the peak, compiling and memory of the driver and of the best peer."""
    head = ("task", "model", "way", "differs by", "of the peak", "s to compile", "MB", "MB planned")
    rows = []
    for group in _groups(result, ("saliency", "constant", "any")):
        for record in group:
            if record["way"] not in (DRIVER, group[0].get("over")):
                continue
            named = (record["task"], NAMES[record["model"]]) if record is group[0] else ("", "")
            rows.append((*named, record["way"], *_costs(record)))
    return table(head, rows)


def _costs(record: Record) -> tuple[str, ...]:
    memory, predicted = record.get("memory"), record.get("predicted_bytes")
    compiling = f"{record['compile_seconds']:.1f}" if "compile_seconds" in record else ""
    held = f"{taken(memory) / 1e6:,.0f}" if memory else ""
    planned = (
        f"{predicted / 1e6:,.0f}" + ("" if record["predicted_well"] else " (off)") if predicted is not None else ""
    )
    return f"{record['differs']:.0e}", f"{record['of_peak']:.0%}", compiling, held, planned


def beside(result: Result) -> Markdown:
    """Another benchmark: how many times as long as the first way each other one takes."""
    head = ("task", "model", "way", "ms", "x first way (quartiles)")
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in result["records"]:
        groups.setdefault((record["task"], record["model"]), []).append(record)
    rows = []
    for (task, model), group in groups.items():
        for record in group:
            low, high = record["quartiles"]
            ratio = f"{record['ratio']:.2f} ({low:.2f} to {high:.2f})"
            named = (task, NAMES[model]) if record is group[0] else ("", "")
            rows.append((*named, record["way"], milliseconds(record["seconds"]), ratio))
    return table(head, rows)


def sharing(result: Result) -> Markdown:
    """Leave-one-out with what versions share computed once, and in full: a line a model."""
    head = ("model", "texts", "ms, shared", "ms, in full", "target", "reached", "s to compile", "MB", "MB, in full")
    rows = []
    for model, target in dict.fromkeys((r["model"], r.get("target")) for r in result["records"] if "speedup" in r):
        ours, full = (r for r in result["records"] if r["model"] == model and r["task"].endswith("texts"))
        compiling = ours["trace_seconds"] + ours["compile_seconds"]
        held = (f"{record['temporary_bytes'] / 1e6:,.3g}" for record in (ours, full))
        texts = ours["task"].split()[1]
        reached = _reached({**ours, "target": target})
        rows.append(
            (NAMES[model], texts, _cell(ours), milliseconds(full["seconds"]), *reached, f"{compiling:.1f}", *held)
        )
    return table(head, rows)


def lengths(result: Result) -> Markdown:
    """Leave-one-out of one text of each length."""
    head = ("length", "ms", "x the shortest (quartiles)", "million operations", "MB", "s to compile")
    rows = []
    for record in result["records"]:
        if "length" not in record["task"]:
            continue
        low, high = record["quartiles"]
        ratio = f"{record['ratio']:.3g} ({low:.3g} to {high:.3g})"
        operations, held = f"{record['operations'] / 1e6:,.0f}", f"{record['temporary_bytes'] / 1e6:,.3g}"
        compiling = f"{record['trace_seconds'] + record['compile_seconds']:.1f}"
        rows.append((record["way"], milliseconds(record["seconds"]), ratio, operations, held, compiling))
    return table(head, rows)


def attention(result: Result) -> Markdown:
    """The memory of leave-one-out over the attention of a long text, in a sentence."""
    one = result["attention"]
    planned, versions = (f"{one[name] / 1e6:,.0f}" for name in ("temporary_bytes", "all_versions_bytes"))
    return Markdown(
        f"For the mean of what {one['positions']:,} words of {one['features']} numbers attend to, where everything is "
        f"computed anew, XLA plans {planned} MB; one value of all versions at once would take {versions} MB."
    )

"""A chart made from the JSON of a benchmark alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from jaxattr.display import colour


def ratios(result: Mapping[str, Any], *, names: Mapping[str, str], targets: Mapping[str, float]) -> Figure:
    """Bars of run time over that of the base way, one panel a task.

    Args:
      result: What was written as JSON: "records".
      names: The name of each model by its key.
      targets: By the beginning of a task's name, the ratio that it is to reach; drawn as a line. A record with a
        "speedup" and a "target" of its own has the line across the bars of its model alone.

    Returns:
      A figure that knows nothing of pyplot.
    """
    tasks = list(dict.fromkeys(record["task"] for record in result["records"]))
    panels = [[r for r in result["records"] if r["task"] == task] for task in tasks]
    figure = Figure(figsize=(7.5, sum(0.7 + 0.3 * len(panel) for panel in panels)), layout="constrained")
    axes = figure.subplots(len(tasks), 1, squeeze=False, height_ratios=[2 + len(panel) for panel in panels])[:, 0]
    for ax, task, panel in zip(axes, tasks, panels, strict=True):
        _panel(ax, panel, names)
        ax.set_title(task, fontsize=10, loc="left")
        for start, target in targets.items():
            if task.startswith(start):
                ax.axvline(target, color="#333", linewidth=1.0, linestyle="--")
        for model in dict.fromkeys(record["model"] for record in panel):
            _target(ax, [place for place, record in enumerate(panel) if record["model"] == model], panel)
    axes[-1].set_xlabel(
        "run time as a multiple of the first way (line: quartiles over rounds; dashed: target)", fontsize=8
    )
    return figure


def _target(ax: Any, places: Sequence[int], panel: Sequence[Mapping[str, Any]]) -> None:
    """Draws, across the bars of one model, the ratio that its best peer is to reach, where its first way has one."""
    target = panel[places[0]].get("target")
    if target and "speedup" in panel[places[0]]:
        ax.vlines(target, places[0] - 0.45, places[-1] + 0.45, color="#333", linewidth=1.0, linestyle="--")


def _panel(ax: Any, panel: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    for place, record in enumerate(panel):
        low, high = record["quartiles"]
        error = [[max(record["ratio"] - low, 0.0)], [max(high - record["ratio"], 0.0)]]
        ours = record["way"].startswith("jaxattr")
        look = {"color": colour(0.75 if ours else -0.35), "edgecolor": "#333", "linewidth": 0.6}
        ax.barh(place, record["ratio"], height=0.7, xerr=error, error_kw={"capsize": 2.0, "elinewidth": 1.0}, **look)
        ax.text(high, place, f"  {record['ratio']:.2f}", va="center", fontsize=7)
    labels = [f"{names[record['model']]}, {record['way']}" for record in panel]
    ax.set_yticks(range(len(panel)), labels, fontsize=8)
    ax.invert_yaxis()
    targets = [record["target"] for record in panel if "speedup" in record and record.get("target")]
    ax.set_xlim(0, 1.15 * max(*targets, *(record["quartiles"][1] for record in panel), 0.0))
    ax.tick_params(axis="both", length=0, labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)

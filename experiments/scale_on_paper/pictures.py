"""The pictures of the result: hours of each stage, the end of a run, and the makespan under failures."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from experiments._shared.figures import INK, plain
from experiments.scale_on_paper.scenarios import by

STAGES = {"survey": ("#e08214", "o"), "input": ("#8073ac", "^"), "device": ("#333333", "D"), "store": ("#4b9e8f", "s")}
LINES = ("#e08214", "#333333", "#8073ac", "#4b9e8f")
MULTIPLES = (1, 1.2, 1.5, 2, 3, 5, 8)
STYLES = ("-", "--", ":", "-.")


def stages(result: Mapping[str, Any]) -> Figure:
    """The hours of each stage, on one device and on the pod, on a logarithmic axis."""
    listed = result["derived"]["methods"]
    figure = Figure(figsize=(9.0, 1.2 + 0.36 * len(listed)), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    titles = ("one device", f"{result['assumed']['devices']} devices")
    for ax, where, title in zip(axes, ("one", "pod"), titles, strict=True):
        for stage, (shade, shape) in STAGES.items():
            hours = [entry[where]["stages"][stage] for entry in listed.values()]
            look = {"markersize": 11, "markerfacecolor": "none"} if stage == "survey" else {"markersize": 6}
            ax.plot(hours, range(len(listed)), shape, color=shade, label=stage, **look)
        ax.set_xscale("log")
        ax.grid(axis="y", color="#dddddd", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("hours (logarithmic)", fontsize=8)
        ax.tick_params(labelsize=8)
        plain(ax)
    axes[0].set_yticks(range(len(listed)), list(listed))
    axes[0].set_ylim(len(listed) - 0.4, -0.6)
    shown = axes[0].get_legend_handles_labels()
    figure.legend(*shown, loc="outside lower center", ncols=len(STAGES), frameon=False, fontsize=8)
    return figure


def last_chunks(result: Mapping[str, Any]) -> Figure:
    """How many chunks are missing towards the end of a run without failures, by the rules."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    ax = figure.subplots()
    for (name, curve), shade, style in zip(result["simulation"]["curves"].items(), LINES, STYLES, strict=False):
        ax.plot(curve["over_ideal"], curve["missing"], style, color=shade, label=name, linewidth=1.6)
    ax.axvline(1.0, color="#bbbbbb", linewidth=0.8)
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(0, None)
    ax.set_xlabel("time, as a share of the ideal time", fontsize=8)
    ax.set_ylabel("missing chunks", fontsize=8)
    ax.set_title("The end of a run without failures", fontsize=10)
    ax.tick_params(labelsize=8)
    ax.legend(frameon=False, fontsize=8)
    plain(ax)
    return figure


def makespan(result: Mapping[str, Any]) -> Figure:
    """The makespan over the ideal, and what was done in vain, by the time between failures."""
    lines = by(result["simulation"], rules="as it is")
    names = list(dict.fromkeys(line["scenario"] for line in lines if line["hours_between_failures"]))
    hours = sorted({line["hours_between_failures"] for line in lines} - {None})
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    shown = (("over_ideal", "makespan over ideal"), ("vain", "work done twice or cut off, share of all"))
    for ax, (what, title) in zip(axes, shown, strict=True):
        for name, shade, style in zip(names, LINES, STYLES, strict=False):
            some = [line for line in lines if line["scenario"] == name]
            at = [line["hours_between_failures"] for line in some]
            means = [line[what]["mean"] for line in some]
            errors = [1.96 * (line[what]["standard_error"] or 0.0) for line in some]
            ax.errorbar(at, means, errors, fmt=f"o{style}", color=shade, label=name, capsize=2, markersize=4)
        ax.set_xscale("log")
        ax.set_xticks(hours, [f"{mean:g}" for mean in hours])
        ax.minorticks_off()
        ax.set_xlabel("mean hours between failures of one worker", fontsize=8)
        ax.set_title(title, fontsize=10)
        ax.tick_params(labelsize=8)
        plain(ax)
    still = next(line for line in lines if line["hours_between_failures"] is None)
    axes[0].axhline(still["over_ideal"]["mean"], color=INK, linewidth=0.8, linestyle=":", label="no failures")
    axes[0].set_yscale("log")
    axes[0].set_yticks(MULTIPLES, [f"{multiple:g}" for multiple in MULTIPLES])
    axes[0].minorticks_off()
    axes[0].set_ylim(1.0, None)
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def figures(result: Mapping[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {"stages": stages(result), "last_chunks": last_chunks(result), "makespan": makespan(result)}

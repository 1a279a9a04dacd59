"""The pictures of the result; they know nothing but its dictionary."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.chinese_gradients.faithful import CLAIMS, COMPREHENSIVENESS, MEASURES, RANDOM, Z
from experiments.chinese_gradients.model import ATTENTION, AVERAGE, MAXIMUM, POOLINGS
from experiments.chinese_gradients.rankings import INTEGRATED, METHODS, POOLING
from experiments.chinese_gradients.report import each

COLOURS = {MAXIMUM: "#0072b2", ATTENTION: "#d55e00", AVERAGE: "#009e73"}  # told apart by readers who are colour blind
MARKERS = {MAXIMUM: "o", ATTENTION: "s", AVERAGE: "D"}
GOOD = {MEASURES[0]: "more is better", MEASURES[1]: "less is better"}


def _point(axes: Axes, figure: Mapping[str, float], at: float, pooling: str) -> None:
    axes.errorbar(
        figure["mean"],
        at,
        xerr=Z * figure["standard_error"],
        fmt=MARKERS[pooling],
        color=COLOURS[pooling],
        markersize=4,
        linewidth=1.2,
    )


def _plain(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for place in np.arange(0.5, len(names) - 1):
        axes.axhline(place, color="#eeeeee", linewidth=0.6)


def _legend(figure: Figure, poolings: Sequence[str]) -> None:
    dots = [
        figure.axes[0].plot([], [], MARKERS[pooling], color=COLOURS[pooling], label=pooling)[0] for pooling in poolings
    ]
    figure.legend(handles=dots, title="pooling", loc="outside upper right", ncols=len(poolings), fontsize=8)


def measured(result: Mapping[str, Any]) -> Figure:
    """Both measures by method, set and model, with 95 % intervals."""
    sets = result["sets"]
    rows = [*METHODS, RANDOM, f"{INTEGRATED}, reversed"]
    figure = Figure(figsize=(2.3 + 2.5 * len(sets), 7.6), layout="constrained")
    grid = figure.subplots(len(MEASURES), len(sets), sharey=True, sharex="row", squeeze=False)
    for measure, line in zip(MEASURES, grid, strict=True):
        for (name, found), axes in zip(sets.items(), line, strict=True):
            _plain(axes, rows)
            axes.set_title(name, fontsize=9)
            axes.axvline(0, color="#888888", linewidth=0.8)
            for shift, (pooling, model) in zip((-0.25, 0, 0.25), found["models"].items(), strict=False):
                part = model["measures"][measure]
                figures = {**part["given"], RANDOM: part[RANDOM], rows[-1]: part["reversed"][INTEGRATED]}
                for method, value in figures.items():
                    _point(axes, value, rows.index(method) + shift, pooling)
        line[0].set_ylabel(f"{measure}\n({GOOD[measure]})", fontsize=9)
        figure.align_ylabels(line)
    figure.supxlabel("fall of the probability, mean over texts with its 95 % interval", fontsize=9)
    _legend(figure, POOLINGS)
    return figure


def gained(result: Mapping[str, Any]) -> Figure:
    """The paired gain of each claim by set and model, with 95 % intervals."""
    models = list(each(result))
    names = [f"{name}, {pooling}" for name, pooling, _ in models]
    figure = Figure(figsize=(2 + 1.9 * len(CLAIMS), 1.6 + 0.42 * len(names)), layout="constrained")
    grid = figure.subplots(len(MEASURES), len(CLAIMS), sharey=True, sharex="col", squeeze=False)
    for measure, line in zip(MEASURES, grid, strict=True):
        for (claim, (method, other)), axes in zip(CLAIMS.items(), line, strict=True):
            _plain(axes, names)
            axes.axvline(0, color="#444444", linewidth=0.9)
            for at, (_, pooling, model) in enumerate(models):
                _point(axes, model["gains"][claim][f"{measure}, probability"], at, pooling)
            if measure == MEASURES[0]:
                axes.set_title(f"{claim}:\n{method}\nless {other}", fontsize=8)
        line[0].set_ylabel(measure, fontsize=9)
    figure.supxlabel(
        "right of 0: the first finds the decisive characters better; paired within texts, 95 % intervals", fontsize=9
    )
    _legend(figure, POOLINGS)
    return figure


def pooled(result: Mapping[str, Any]) -> Figure:
    """How concentrated the pooling shares are, and what they are worth beside integrated gradients."""
    models = list(each(result))
    names = [f"{name}, {pooling}" for name, pooling, _ in models]
    figure = Figure(figsize=(9, 1.6 + 0.28 * len(names)), layout="constrained")
    (left, right) = figure.subplots(1, 2, sharey=True)
    for axes in (left, right):
        _plain(axes, names)
    for at, (_, pooling, model) in enumerate(models):
        parts = (
            (left, model["concentration"][POOLING]["top_tenth"], model["concentration"][INTEGRATED]["top_tenth"]),
            (
                right,
                model["pooling_gains"]["pooling, beyond random"][f"{COMPREHENSIVENESS}, probability"],
                model["pooling_gains"]["IG, beyond random"][f"{COMPREHENSIVENESS}, probability"],
            ),
        )
        for axes, of_pooling, of_path in parts:
            _point(axes, of_pooling, at, pooling)
            axes.plot(of_path["mean"], at, "|", color="#222222", markersize=9)
    left.set_title("part held by the first tenth of the characters", fontsize=9)
    right.set_title("comprehensiveness beyond random", fontsize=9)
    left.set_xlim(0)
    right.axvline(0, color="#444444", linewidth=0.9)
    figure.supxlabel("dot: pooling shares with 95 % interval; bar: integrated gradients of the same model", fontsize=9)
    _legend(figure, POOLINGS)
    return figure


def figures(result: Mapping[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {"measures": measured(result), "gains": gained(result), "pooling": pooled(result)}

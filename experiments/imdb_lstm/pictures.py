"""The pictures, from the result alone: coloured reviews, force plots, words with their intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.figures import word_bars
from experiments.imdb_lstm.force import Row, force
from experiments.imdb_lstm.result import ends
from jaxattr.display import Picture, gallery, picture


def reviews(result: Mapping[str, Any], count: int | None = None) -> Picture:
    """The reviews with their words coloured under both models, on one scale.

    Args:
      result: The result.
      count: How many reviews; None is all.
    """
    score = result["settings"]["score"]
    drawn = []
    for place, one in enumerate(result["reviews"][:count], 1):
        scores = ", ".join(f"{name} {value:.3f}" for name, value in one["score"].items())
        title = f"Review {place}, {one['label']}. {score.capitalize()} of positive: {scores}"
        numbers = {name: np.array(values) for name, values in one["values"].items()}
        drawn.append(picture(one["words"], numbers, signed=True, name=f"DeepSHAP, {score}", title=title))
    return gallery(drawn)


def forces(result: Mapping[str, Any], name: str, count: int | None = None) -> Figure:
    """The force plot of the reviews for one model."""
    expected = result["models"][name]["expected_value"]
    rows = [
        Row(f"Review {n}, {one['label']}", one["words"], np.array(one["values"][name]), expected, one["score"][name])
        for n, one in enumerate(result["reviews"][:count], 1)
    ]
    return force(rows, f"{name}, {result['settings']['score']}")


def words(result: Mapping[str, Any], count: int = 20) -> Figure:
    """The words with the largest means of each model as bars with their intervals.

    Args:
      result: The result.
      count: How many words on each side.
    """
    models = result["models"]
    figure = Figure(figsize=(5.2 * len(models), 1.0 + 0.46 * count), layout="constrained")
    for ax, (name, found) in zip(figure.subplots(1, len(models), squeeze=False)[0], models.items(), strict=True):
        listed = found["words"]["ends"]
        chosen = [listed[place] for place in ends(len(listed), count)]
        names = [f"{one['word']} ({one['occurrences']:,})" for one in chosen]
        word_bars(ax, names, [one["mean"] for one in chosen], [one["half_interval"] for one in chosen])
        ax.locator_params(axis="x", nbins=6)
        ax.set_title(name, fontsize=10)
        unit = result["settings"]["score"]
        ax.set_xlabel(f"mean attribution, {unit}; line: 95 % interval (hatched: negative)", fontsize=8)
    return figure


def figures(result: Mapping[str, Any]) -> dict[str, Figure]:
    """All figures of the run by file name."""
    plots = {f"force_{name.lower()}": forces(result, name) for name in result["models"]}
    return {**plots, "words": words(result)}

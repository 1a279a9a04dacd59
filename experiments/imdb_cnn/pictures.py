"""The pictures of the result: reviews under three methods, and the words that are most often first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.figures import INK, plain
from experiments._shared.methods import GRADIENT
from experiments._shared.pictures import SCALE
from experiments.imdb_cnn.data import LABELS
from jaxattr.display import Picture, colour, gallery, picture


def coloured(result: Mapping[str, Any]) -> Picture:
    """Some reviews under the three methods, each method divided by its strongest word in the review."""
    drawn = []
    for example in result["examples"]:
        shares = {}
        for name, values in example["values"].items():
            largest = np.abs(values).max() or 1.0
            shares[f"{name} (no sign)" if name == GRADIENT else name] = np.array(values) / largest
        title = f"a {LABELS[example['label']]} review, predicted {LABELS[example['predicted']]}"
        drawn.append(picture(example["tokens"], shares, scale=1.0, signed=True, name=SCALE, title=title))
    return gallery(drawn)


def first_words(result: Mapping[str, Any]) -> Figure:
    """The words that most often have the largest gradient norm of their review, by predicted class."""
    found = result["whole_test_set"]["first_words"]
    figure = Figure(figsize=(8.6, 0.9 + 0.24 * max(map(len, found.values()), default=1)), layout="constrained")
    for ax, name in zip(figure.subplots(1, 2), ("positive", "negative"), strict=True):
        entries = found[name]
        shade, hatch = colour(0.75 if name == "positive" else -0.75), None if name == "positive" else "////"
        shares = [100 * entry["share"]["mean"] for entry in entries]
        halves = [196 * entry["share"]["standard_error"] for entry in entries]
        look: Any = {"color": shade, "hatch": hatch, "edgecolor": INK, "linewidth": 0.6}
        ax.barh(range(len(entries)), shares, xerr=halves, error_kw={"elinewidth": 1.0, "capsize": 2.0}, **look)
        ax.set_yticks(range(len(entries)), [entry["word"] for entry in entries])
        for label in ax.get_yticklabels():
            label.set_parse_math(False)
        ax.invert_yaxis()
        ax.tick_params(axis="both", length=0, labelsize=8)
        ax.set_xlim(0)
        plain(ax)
        ax.set_title(f"predicted {name}", fontsize=10)
        ax.set_xlabel("first by gradient norm, % of these reviews; line: 95 % interval", fontsize=8)
    return figure


def figures(result: Mapping[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {"first_words": first_words(result)}

"""The pictures of the result: how the store grew, the strongest words, and some of its reviews."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from experiments._shared.figures import INK, plain, word_bars
from experiments.imdb_cnn.data import LABELS
from jaxattr.display import Picture, colour, gallery, picture


def coloured(result: Mapping[str, Any]) -> Picture:
    """Some reviews of the store, on one scale."""
    scale = max((float(np.abs(example["values"]).max()) for example in result["examples"]), default=1.0)
    drawn = []
    for example in result["examples"]:
        label, predicted = LABELS[example["label"]], LABELS[example["predicted"]]
        title = (
            f"row {example['row']}, {example['id']}: a {label} review, predicted {predicted} by {example['score']:.2f}"
        )
        drawn.append(
            picture(
                example["tokens"], np.array(example["values"]), scale=scale, signed=True, name="logits", title=title
            )
        )
    return gallery(drawn)


def grown(result: Mapping[str, Any]) -> Figure:
    """How many reviews were in the store over time, undisturbed and killed."""
    killed, rows = result["killed"], result["store"]["rows"] + result["store"]["without_numbers"]
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    ax = figure.subplots()
    ways = (("undisturbed", "undisturbed_appeared", -0.75, "--"), ("killed", "appeared", 0.75, "-"))
    for name, key, shade, line in ways:
        times = killed[key]
        count = np.minimum(np.arange(len(times) + 1) * result["settings"]["chunk_rows"], rows)
        look: Any = {"color": colour(shade), "linestyle": line, "linewidth": 1.8, "label": name}
        ax.step([0, *times], count, where="post", **look)
    for number, one in enumerate(killed["kills"]):
        name = "a process is killed" if not number else None
        ax.axvline(one["seconds"], color=INK, linewidth=0.9, linestyle=":", label=name)
    ax.set_xlim(0)
    ax.set_ylim(0)
    ax.set_xlabel("seconds since the first process began", fontsize=9)
    ax.set_ylabel("reviews in the store", fontsize=9)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.tick_params(axis="both", labelsize=8)
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    plain(ax)
    return figure


def strongest(result: Mapping[str, Any], count: int = 12) -> Figure:
    """The words with the largest means for and against each predicted class, with 95 % intervals."""
    wide, found = float(norm.ppf(0.975)), result["words"]
    sides = {name: [*one["for"][:count], *one["against"][:count][::-1]] for name, one in found.items()}
    high = 1.2 + 0.21 * max(map(len, sides.values()))
    figure = Figure(figsize=(9.6, high), layout="constrained")
    for ax, name in zip(figure.subplots(1, 2), LABELS[::-1], strict=True):
        entries = sides[name]
        names = [f"{entry['word']} ({entry['occurrences']:,})" for entry in entries]
        halves = [wide * entry["standard_error"] for entry in entries]
        word_bars(ax, names, [entry["mean"] for entry in entries], halves)
        ax.set_title(f"predicted {name}", fontsize=10)
        ax.set_xlabel("mean attribution, logits; line: 95 % interval\n(hatched: against the class)", fontsize=8)
    return figure


def figures(result: Mapping[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {"grown": grown(result), "words": strongest(result)}

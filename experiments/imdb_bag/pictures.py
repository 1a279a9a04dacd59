"""The pictures of the result: the strongest words, and the averages beside logistic regression."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from experiments._shared.figures import plain, word_bars


def strongest(result: dict[str, Any]) -> Figure:
    """The words with the largest and smallest average slopes, with 95 % intervals."""
    wide = float(norm.ppf(0.975))
    entries = [*result["top_words"]["positive"], *reversed(result["top_words"]["negative"])]
    figure = Figure(figsize=(7.2, 1.2 + 0.21 * len(entries)), layout="constrained")
    ax = figure.subplots()
    names = [f"{entry['word']} ({entry['training_reviews']:,})" for entry in entries]
    word_bars(ax, names, [e["mean"] for e in entries], [wide * e["standard_error"] for e in entries])
    ax.set_xlabel("average slope of the margin, logits per word; line: 95 % interval (hatched: negative)", fontsize=8)
    ax.set_title("The strongest words (in how many training reviews)", fontsize=10)
    return figure


def beside_logistic(result: dict[str, Any]) -> Figure:
    """Each frequent word by its average slope and by its coefficient of logistic regression."""
    found = result["frequent"]
    words, slopes, weights = found["words"].split(" "), np.array(found["averages"]), np.array(found["logistic"])
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    ax = figure.subplots()
    ax.axhline(0, color="#bbb", linewidth=0.8)
    ax.axvline(0, color="#bbb", linewidth=0.8)
    ax.plot(weights, slopes, ".", color="#555", markersize=3, alpha=0.5)
    order = np.argsort(slopes)
    for side in (order[:5], order[-4:]):
        for place in side:
            offset = (4, -2) if slopes[place] < 0 else (-4, -2)
            align = "left" if slopes[place] < 0 else "right"
            ax.annotate(
                words[place], (weights[place], slopes[place]), offset, textcoords="offset points", fontsize=8,
                ha=align, parse_math=False,
            )  # fmt: skip
    plain(ax)
    ax.set_xlabel("coefficient of logistic regression")
    ax.set_ylabel("average slope of the network's margin")
    ax.set_title(f"The {len(words):,} most frequent words", fontsize=10)
    return figure


def figures(result: dict[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {"strongest_words": strongest(result), "beside_logistic_regression": beside_logistic(result)}

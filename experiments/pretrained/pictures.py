"""The pictures of the result."""

from typing import Any

from matplotlib.figure import Figure

import jaxattr as ja
from experiments._shared.figures import INK, plain, word_bars
from jaxattr.display import Picture


def strongest(result: dict[str, Any], count: int = 15) -> Figure:
    """The strongest words over all test reviews, with 95 % intervals."""
    words = result["words"]
    figure = Figure(figsize=(8.4, 1.0 + 0.26 * count), layout="constrained")
    for ax, side in zip(figure.subplots(1, 2), ("positive", "negative"), strict=True):
        entries = words[side][:count]
        names = [f"{entry['word']} ({entry['reviews']:,})" for entry in entries]
        word_bars(ax, names, [entry["mean"] for entry in entries], [entry["half"] for entry in entries])
        ax.set_title(f"for {side} (in how many reviews)", fontsize=9)
        ax.set_xlabel("mean of an occurrence, logits; line: 95 % interval", fontsize=8)
    return figure


def padding(result: dict[str, Any]) -> Figure:
    """What padding gets from the baseline of zeros, by the number of padding positions."""
    groups = result["padding_by_length"]
    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    ax = figure.subplots()
    ax.axhline(0, color="#bbb", linewidth=0.8)
    bars = [1.96 * group["standard_error"] if group["standard_error"] is not None else 0 for group in groups]
    ax.errorbar(
        [group["padding"] for group in groups], [group["mean"] for group in groups], bars,
        fmt="o-", color="#1b7f79", ecolor=INK, capsize=2,
    )  # fmt: skip
    ax.set_xlabel("padding positions of 256, mean of a group of reviews")
    ax.set_ylabel("sum at padding, logits")
    ax.set_title("Padding from the baseline of zeros; line: 95 % interval", fontsize=10)
    plain(ax)
    return figure


def coloured(result: dict[str, Any]) -> Picture:
    """The shown reviews as coloured text, with the start and the padding as words of their own."""
    pictures = []
    for review in result["reviews"]:
        kind = "positive" if review["label"] else "negative"
        title = f"a {kind} review, score {review['score']:+.2f}"
        pictures.append(ja.picture(review["tokens"], review["values"], name="logits", title=title))
    return ja.gallery(pictures)


def figures(result: dict[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {"strongest_words": strongest(result), "padding": padding(result)}

"""The pictures of the result."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import jaxattr as ja
from experiments._shared.figures import INK, plain, word_bars
from experiments.pooled_embedding.parts import strongest_words
from jaxattr.display import Picture

_STYLES = {"zeros": ("o", "#1b7f79"), "padding": ("s", "#b85f00"), "another review": ("x", "#8a61ce")}


def review_bars(result: dict[str, Any]) -> Figure:
    """The ten strongest words of each shown review under each model."""
    reviews, models = result["reviews"], list(result["models"])
    figure = Figure(figsize=(3.6 * len(models), 2.7 * len(reviews)), layout="constrained")
    grid = figure.subplots(len(reviews), len(models), squeeze=False)
    for line, review in zip(grid, reviews, strict=True):
        for ax, model in zip(line, models, strict=True):
            entries = strongest_words(review, model)
            names = [f"{entry['word']} ({entry['won']:.3g})" for entry in entries]
            word_bars(ax, names, [entry["value"] for entry in entries], [float("nan")] * len(entries))
            kind = "positive" if review["label"] else "negative"
            ax.set_title(f"{model}: a {kind} review, logit {review['logits'][model]:+.2f}", fontsize=9)
            ax.set_xlabel("logits; (n): dimensions won", fontsize=8)
    return figure


def words_bars(result: dict[str, Any], count: int = 12) -> Figure:
    """The strongest words over all test reviews, with 95 % intervals."""
    models = result["models"]
    figure = Figure(figsize=(4.2 * len(models), 1.0 + 0.42 * count), layout="constrained")
    for ax, (name, found) in zip(figure.subplots(1, len(models), squeeze=False)[0], models.items(), strict=True):
        words = found["words"]
        entries = words["positive"][:count] + words["negative"][:count][::-1]
        names = [f"{entry['word']} ({entry['reviews']:,})" for entry in entries]
        word_bars(ax, names, [entry["mean"] for entry in entries], [entry["half"] for entry in entries])
        ax.set_title(f"{name} (in how many reviews)", fontsize=9)
        ax.set_xlabel("mean of an occurrence, logits; line: 95 % interval", fontsize=8)
    return figure


def straight_and_bent(result: dict[str, Any], model: str = "Keras") -> Figure:
    """How one pooled entry moves from two baselines, and the words by both ways with all three."""
    found = result["models"][model]["compared"]
    figure = Figure(figsize=(9.2, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    path = found["path"]
    t = np.array(path["t"])
    for name in ("padding", "another review"):
        values = np.array(path["values"][name])
        colour = _STYLES[name][1]
        left.plot(t, values, color=colour, linewidth=2, label=f"from {name}")
        left.plot(t[[0, -1]], values[[0, -1]], color=colour, linewidth=1, linestyle=":")
    left.set_xlabel("path parameter")
    left.set_ylabel(f"entry {path['dimension']} of the pooled vector")
    left.set_title("One dimension of one review; dotted: straight", fontsize=10)
    left.legend(fontsize=8, frameon=False)
    every = [found["baselines"][name]["pairs"] for name in _STYLES]
    limit = 1.05 * max(np.abs(np.array(pairs)).max() for pairs in every)
    right.plot([-limit, limit], [-limit, limit], color=INK, linewidth=0.8)
    for (name, (marker, colour)), (vectors, pooled) in zip(reversed(_STYLES.items()), reversed(every), strict=True):
        right.plot(vectors, pooled, marker, color=colour, markersize=4, alpha=0.7, linestyle="none", label=name)
    right.set_xlim(-limit, limit)
    right.set_ylim(-limit, limit)
    right.set_aspect("equal")
    right.set_xlabel("at the word vectors, logits")
    right.set_ylabel("at the pooled vector, logits")
    right.set_title("Words by both ways; line: equal", fontsize=10)
    right.legend(fontsize=8, frameon=False, title="baseline", title_fontsize=8)
    for ax in (left, right):
        plain(ax)
    return figure


def coloured(result: dict[str, Any]) -> Picture:
    """The shown reviews as coloured text, both models on one scale."""
    pictures = []
    for review in result["reviews"]:
        values = {name: part["words"] for name, part in review["models"].items()}
        kind = "positive" if review["label"] else "negative"
        pictures.append(ja.picture(review["tokens"], values, name="logits", title=f"a {kind} review"))
    return ja.gallery(pictures)


def figures(result: dict[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {
        "strongest_words_of_reviews": review_bars(result),
        "strongest_words": words_bars(result),
        "straight_and_bent": straight_and_bent(result),
    }

"""What the figures of several experiments share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from jaxattr.display import colour

INK = "#333333"


def plain(ax: Axes) -> None:
    """Takes away the frame above and to the right."""
    ax.spines[["top", "right"]].set_visible(False)


def word_bars(ax: Axes, names: Sequence[str], means: Sequence[float], halves: Sequence[float]) -> None:
    """Draws a bar a word, the first on top, in the colour of its sign; negative ones are hatched.

    Args:
      ax: Where to draw.
      names: What stands beside the bars; never read as mathematics.
      means: Their lengths.
      halves: Half the widths of their intervals.
    """
    for place, (mean, half) in enumerate(zip(means, halves, strict=True)):
        shade, hatch = colour(0.75 if mean > 0 else -0.75), "////" if mean < 0 else None
        look = {"color": shade, "hatch": hatch, "edgecolor": INK, "linewidth": 0.6}
        ax.barh(place, mean, height=0.7, xerr=half, error_kw={"elinewidth": 1.0, "capsize": 2.0}, **look)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), names)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.tick_params(axis="both", length=0, labelsize=8)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.spines[["top", "right", "left"]].set_visible(False)


def strongest_words(top: Mapping[str, Sequence[Mapping[str, Any]]], unit: str) -> Figure:
    """Draws the words with the largest and the smallest averages, with 95 % intervals.

    Args:
      top: "positive" and "negative" entries, each the strongest first: word, mean, standard_error, training_reviews.
      unit: What the numbers are.

    Returns:
      A figure that knows nothing of pyplot.
    """
    wide = float(norm.ppf(0.975))
    entries = [*top["positive"], *reversed(top["negative"])]
    figure = Figure(figsize=(7.2, 1.2 + 0.21 * len(entries)), layout="constrained")
    ax = figure.subplots()
    names = [f"{entry['word']} ({entry['training_reviews']:,})" for entry in entries]
    word_bars(ax, names, [e["mean"] for e in entries], [wide * e["standard_error"] for e in entries])
    ax.set_xlabel(f"{unit}; line: 95 % interval (hatched: negative)", fontsize=8)
    ax.set_title("The strongest words (in how many training reviews)", fontsize=10)
    return figure


def beside(
    words: Sequence[str], across: tuple[np.ndarray, str], up: tuple[np.ndarray, str], *, named: int = 5
) -> Figure:
    """Draws a dot a word by two weights, with the names of the strongest on each side.

    Args:
      words: The words.
      across: A weight a word and what it is; not-a-number leaves the word out.
      up: The other weight.
      named: How many words of each sign are named, by the second weight.

    Returns:
      A figure that knows nothing of pyplot.
    """
    x, y = across[0], up[0]
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    ax = figure.subplots()
    ax.axhline(0, color="#bbbbbb", linewidth=0.8)
    ax.axvline(0, color="#bbbbbb", linewidth=0.8)
    ax.margins(0.1)
    ax.plot(x, y, ".", color="#555555", markersize=3, alpha=0.5)
    order = [place for place in np.argsort(y) if np.isfinite(x[place])]
    high, wide = (0.032 * float(np.ptp(y[order])), 0.03 * float(np.ptp(x[order]))) if order else (0.0, 0.0)
    for side, align, shift in ((order[:named], "left", wide), (order[-named:], "right", -wide)):
        height = -np.inf
        for place in side:
            at = (float(x[place]), float(y[place]))
            height = max(at[1], height + high)  # names of neighbours do not cover one another
            line = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
            look: Any = {"fontsize": 8, "ha": align, "va": "center", "parse_math": False, "arrowprops": line}
            ax.annotate(words[int(place)], at, (at[0] + shift, height), **look)
    plain(ax)
    ax.set_xlabel(across[1])
    ax.set_ylabel(up[1])
    ax.set_title(f"The {len(order):,} most frequent words", fontsize=10)
    return figure

"""The words with the largest means, as bars with their intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments.imdb_lstm.by_word import Words
from jaxattr.display import colour


def ends(found: Words, count: int) -> np.ndarray:
    """The places of the largest and of the smallest means, `count` each, of words in falling order."""
    total = len(found.ids)
    return np.array(sorted({*range(min(count, total)), *range(max(total - count, 0), total)}), int)


def bars(found: Mapping[str, Words], vocabulary: Sequence[str], *, count: int, unit: str) -> Figure:
    """Draws one column a model.

    Args:
      found: For each model its common words, in falling order of their means.
      vocabulary: The word of each id.
      count: How many words on each side.
      unit: What the numbers are.

    Returns:
      A figure that knows nothing of pyplot.
    """
    figure = Figure(figsize=(5.2 * len(found), 1.0 + 0.46 * count), layout="constrained")
    for ax, (name, words) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        shown = words.where(ends(words, count))
        names = [f"{vocabulary[int(i)]} ({n:,})" for i, n in zip(shown.ids, shown.occurrences, strict=True)]
        for place, (mean, half) in enumerate(zip(shown.means, shown.halves, strict=True)):
            shade, hatch = colour(0.75 if mean > 0 else -0.75), "////" if mean < 0 else None
            look = {"color": shade, "hatch": hatch, "edgecolor": "#333", "linewidth": 0.6}
            ax.barh(place, mean, height=0.7, xerr=half, error_kw={"elinewidth": 1.0, "capsize": 2.0}, **look)
        ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
        ax.set_yticks(range(len(names)), names)
        for label in ax.get_yticklabels():
            label.set_parse_math(False)
        ax.tick_params(axis="both", length=0, labelsize=8)
        ax.axvline(0, color="#333", linewidth=0.8)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel(f"mean attribution, {unit}; line: 95 % interval (hatched: negative)", fontsize=8)
    return figure

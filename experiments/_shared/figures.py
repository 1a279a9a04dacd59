"""What the figures of several experiments share."""

from collections.abc import Sequence

from matplotlib.axes import Axes

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

"""The force plot: how words push the score from its expected value to what it is."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from jaxattr.display import colour, ink

_NAMED = 5  # words named on each side
_LARGEST = 16  # segments drawn on each side; the rest is one
_INCHES = 12.0
_REST = "#dddddd"  # the colour of many small words


@dataclasses.dataclass(frozen=True)
class Row:
    """One review.

    Attributes:
      title: What stands above it.
      tokens: Its words.
      values: One number a word.
      expected: The expected value.
      score: The score, up to rounding `expected + sum(values)`.
    """

    title: str
    tokens: Sequence[str]
    values: np.ndarray
    expected: float
    score: float


def segments(tokens: Sequence[str], values: np.ndarray, *, sign: int, most: int = _LARGEST) -> list[tuple[str, float]]:
    """The words on one side, the largest first; what is more than `most` is summed up in a last segment.

    Args:
      tokens: The words.
      values: One number a word.
      sign: 1 for the words that raise the score, -1 for those that lower it.
      most: How many words have a segment of their own.

    Returns:
      Names and sizes, all positive.

    Example:
      >>> segments(["a", "b", "c", "d"], np.array([0.5, -1.0, 0.25, 0.125]), sign=1, most=1)
      [('a', 0.5), ('2 more', 0.375)]
    """
    sizes = sign * np.asarray(values, np.float64)
    order = [int(place) for place in np.argsort(-sizes, kind="stable") if sizes[place] > 0]
    found = [(tokens[place], float(sizes[place])) for place in order[:most]]
    rest = order[most:]
    return [*found, (f"{len(rest)} more", float(sizes[rest].sum()))] if rest else found


def _draw_side(ax: Any, row: Row, sign: int, scale: float, tip: float) -> None:
    """Draws one side from the score outwards."""
    at = row.score
    found = segments(row.tokens, row.values, sign=sign)
    largest = found[0][1] if found else 1.0
    for place, (name, size) in enumerate(found):
        near, far = at, at - sign * size
        bend = sign * min(tip, size)
        corners = [(near - bend, 0), (near, 0.5), (near - bend, 1), (far - bend, 1), (far, 0.5), (far - bend, 0)]
        own = place < _LARGEST
        shade = colour(sign * (0.25 + 0.75 * size / largest)) if own else _REST
        hatch = "////" if sign < 0 else None
        ax.add_patch(Polygon(corners, facecolor=shade, edgecolor="#fff", linewidth=0.7, hatch=hatch))
        if len(name) * 0.078 + 0.12 < size * scale:
            middle = (near + far - bend) / 2
            box = {"facecolor": shade, "edgecolor": "none", "pad": 0.8} if hatch else None
            look = {"ha": "center", "va": "center", "fontsize": 8, "bbox": box, "parse_math": False}
            ax.text(middle, 0.5, name, color=ink(shade), **look)
        at = far


def _named(row: Row, sign: int) -> str:
    found = segments(row.tokens, row.values, sign=sign, most=_NAMED)[:_NAMED]
    return ",  ".join(f"{name} {sign * size:+.3f}" for name, size in found) or "none"


def _draw(ax: Any, row: Row) -> None:
    up, down = (sum(size for _, size in segments(row.tokens, row.values, sign=sign)) for sign in (1, -1))
    low, high = min(row.score - up, row.expected), max(row.score + down, row.expected)
    pad = 0.04 * (high - low) or 0.1
    ax.set_xlim(low - pad, high + pad)
    ax.set_ylim(-0.95, 2.0)
    scale = _INCHES * 0.96 / (high - low + 2 * pad)
    for sign in (1, -1):
        _draw_side(ax, row, sign, scale, tip=0.07 / scale)
    plain = {"parse_math": False, "fontsize": 8}
    rises = row.score >= row.expected
    for place, said, line, weight, align in (
        (row.expected, f"expected {row.expected:.3f} ", ":", "normal", "right" if rises else "left"),
        (row.score, f" score {row.score:.3f}", "-", "bold", "left" if rises else "right"),
    ):
        ax.plot([place, place], [-0.08, 1.15], color="#222", linewidth=1.0, linestyle=line)
        ax.text(place, 1.2, said, ha=align, fontweight=weight, **plain)
    ax.text(0, 1.0, row.title, transform=ax.transAxes, ha="left", va="top", fontweight="bold", **plain)
    sides = ((1, 0.0, "left", "raise it: "), (-1, 1.0, "right", "lower it: "))
    for sign, place, align, said in sides:
        words = {"transform": ax.transAxes, "ha": align, "va": "bottom", "color": colour(float(sign))}
        ax.text(place, 0.0, said + _named(row, sign), **words, **plain)
    ax.set_axis_off()


def force(rows: Sequence[Row], title: str) -> Figure:
    """Draws reviews under one another.

    Words that raise the score push from the left, words that lower it from the right, the strongest next to the score.
    The length of a segment is the value of the word; each review has its own scale.

    Args:
      rows: The reviews.
      title: What stands above all.

    Returns:
      A figure that knows nothing of pyplot.
    """
    figure = Figure(figsize=(_INCHES, 0.5 + 1.15 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for ax, row in zip(axes, rows, strict=True):
        _draw(ax, row)
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure

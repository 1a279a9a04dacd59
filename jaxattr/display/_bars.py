"""The words with the largest numbers as a bar chart."""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from jaxattr.display._palette import colour
from jaxattr.display._rows import Row, Sheet
from jaxattr.display._scale import Scale
from jaxattr.display._visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
    "Segoe UI Symbol",
    "Segoe UI Emoji",
)
_LONGEST = 24  # letters of a word


def figure(sheet: Sheet, k: int) -> "Figure":
    """Draw the k words with the largest numbers of each text, one column a method."""
    if k < 1:
        msg = f"k is how many words to draw, at least 1, but this is {k}. Pass for instance k=10."
        raise ValueError(msg)
    texts = [list(rows) for _, rows in groupby(sheet.rows, key=lambda row: (row.text, row.words))]
    picks = [_largest(rows, k) for rows in texts]
    columns = max(map(len, texts), default=1)
    heights = [max(len(pick), 1) + 1.5 for pick in picks]
    drawing = _figure_class()(figsize=(1.9 + 3.1 * columns, 0.9 + 0.28 * sum(heights)), layout="constrained")
    grid = drawing.subplots(len(texts), columns, squeeze=False, height_ratios=heights)
    family = _family()
    for line, rows, pick in zip(grid, texts, picks, strict=True):
        names = _names(rows[0].words, pick, family)
        for ax, row in zip(line, rows, strict=False):
            _draw(ax, row, pick, names if ax is line[0] else None, sheet.scale, family)
            _write(ax.set_xlabel(_below(row, sheet), fontsize=8), family)
        for ax in line[len(rows) :]:
            ax.set_axis_off()
    if sheet.title:
        _write(drawing.suptitle(visible(sheet.title), fontsize=11), family)
    return drawing


def _largest(rows: Sequence[Row], k: int) -> list[int]:
    """Give the places of the words with the largest finite numbers under any method, the largest first."""
    columns = zip(*(row.numbers for row in rows), strict=True)
    sizes = [max((abs(n) for n in numbers if math.isfinite(n)), default=-1.0) for numbers in columns]
    found = sorted((i for i, size in enumerate(sizes) if size >= 0), key=lambda i: (-sizes[i], i))[:k]
    strange = sorted({i for row in rows for i in row.strangers()} - set(found))
    return found + strange[:k]


def _names(words: Sequence[str], pick: Sequence[int], family: Sequence[str]) -> list[str]:
    """Give the words of a chart; one that is written more than once in the text gets its place, counted from 1."""
    counts = Counter(words)
    return [
        _short(_drawable(visible(words[i]), family)) + (f" [{i + 1}]" if counts[words[i]] > 1 else "") for i in pick
    ]


def _drawable(name: str, family: Sequence[str]) -> str:
    """Name the letters that none of the fonts has, such as emoji, which only coloured fonts draw."""
    from matplotlib import font_manager

    fonts = [font_manager.get_font(font_manager.findfont(one)) for one in family]
    drawn = ""
    for c in name:
        if any(font.get_char_index(ord(c)) for font in fonts):
            drawn += c
        elif unicodedata.category(c) not in ("Mn", "Cf"):
            drawn += f"<{unicodedata.name(c, f'U+{ord(c):04X}').lower()}>"
    return drawn


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _draw(ax: Any, row: Row, pick: Sequence[int], names: list[str] | None, scale: Scale, family: list[str]) -> None:
    limit = scale.limit or 1.0
    strange = set(row.strangers())
    for y, i in enumerate(pick):
        number = row.numbers[i]
        if i in strange:
            ax.text(0, y, f" {scale.write(number)}", va="center", fontsize=8, style="italic", parse_math=False)
            continue
        length = min(max(number, -limit), limit)
        level = (
            colour(0.75 if number > 0 else -0.75, signed=scale.signed) if scale.signed else colour(0.75, signed=False)
        )
        ax.barh(
            y, length, height=0.7, color=level, hatch="////" if number < 0 else None, edgecolor="#333", linewidth=0.6
        )
        side = -1 if number < 0 else 1
        place = {"va": "center", "ha": "right" if side < 0 else "left", "fontsize": 8, "parse_math": False}
        ax.annotate(scale.write(number), (length, y), (3 * side, 0), textcoords="offset points", **place)
    ax.set_ylim(max(len(pick), 1) - 0.4, -0.6)
    ax.set_xlim(-1.3 * limit if scale.signed else 0, 1.3 * limit)
    ax.axvline(0, color="#333", linewidth=0.8)
    ax.set_yticks(range(len(pick)), names if names is not None else [""] * len(pick))
    ax.tick_params(axis="both", length=0, labelsize=8)
    ax.spines[["top", "right", "left"]].set_visible(False)
    for label in ax.get_yticklabels():
        _write(label, family)
    if row.label:
        _write(ax.set_title(visible(row.label), fontsize=9), family)


def _below(row: Row, sheet: Sheet) -> str:
    """Write the line under a chart: what is drawn, and how many numbers cannot be."""
    said = visible(sheet.name)
    if sheet.scale.signed:
        said += " (hatched: negative)"
    strange = len(row.strangers())
    return said + (f"; not finite: {strange} of {len(row.numbers)}" if strange else "")


def _write(label: Any, family: list[str]) -> None:
    """Set a text as it is, never as mathematics or TeX."""
    label.set_parse_math(False)
    label.set_usetex(False)
    label.set_fontfamily(family)


def _family() -> list[str]:
    """Give those fonts for many scripts that this computer has."""
    from matplotlib import font_manager

    present = set(font_manager.get_font_names())
    return [name for name in _FONTS if name in present] or ["sans-serif"]


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = 'Bar charts need the package matplotlib, which is not installed. Type pip install "jaxattr[show]".'
        raise ImportError(msg) from error
    return Figure

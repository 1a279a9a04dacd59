"""A picture as Markdown with inline HTML: for notebooks' text cells, wikis and README files.

Some hosts take colours away. What they leave still shows the sign, as a raised mark, and the strong words, in bold.
"""

import re
from collections.abc import Iterator

from jaxattr.display._palette import LEVELS, MINUS, PLUS, colour, ink
from jaxattr.display._rows import Row, Sheet
from jaxattr.display._visible import ends_line, gap_parts, visible

_BOLD = LEVELS // 2  # words of at least half the strongest colour
_MARKS = {PLUS: "<sup>+</sup>", MINUS: "<sup>−</sup>", "": ""}


def fragment(sheet: Sheet) -> str:
    """Write a picture as paragraphs that can stand anywhere in a Markdown text."""
    parts = [f"<b>{escape(sheet.title)}</b>"] if sheet.title else []
    parts.append(_legend(sheet))
    for row in sheet.rows:
        if row.label:
            parts.append(f"<b>{escape(row.label)}</b>")
        if words := "".join(_words(row, sheet)):
            parts.append(f'<span dir="rtl">{words}</span>' if row.direction == "rtl" else words)
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Write any text so that neither Markdown nor HTML reads it: every sign of ASCII by its number."""
    return re.sub(r"[!-/:-@\[-`{-~]", lambda found: f"&#{ord(found[0])};", visible(text))


def _words(row: Row, sheet: Sheet) -> Iterator[str]:
    for gap, word, number, special in zip(row.gaps, row.words, row.numbers, row.special, strict=False):
        space, breaks, letters = gap_parts(gap)
        yield "<br>" if breaks else space
        yield escape(letters.strip()) + " " if letters else ""
        yield _word(word, number, special, sheet)
        if ends_line(word):
            yield "<br>"
    if last := gap_parts(row.gaps[-1])[2]:
        yield " " + escape(last.strip())


def _word(word: str, number: float, special: bool, sheet: Sheet) -> str:
    shown = f"<i>{escape(word)}</i>" if special else escape(word)
    level, mark = sheet.scale.level(number), sheet.scale.mark(number)
    if level is None:
        return f"<b>{shown}</b><sub>{escape(mark)}</sub>"
    shown = f"<b>{shown}</b>" if abs(level) >= _BOLD else shown
    return _paint(level, sheet.scale.signed, shown + _MARKS[mark])


def _paint(level: int, signed: bool, inside: str) -> str:
    background = colour(level / LEVELS, signed=signed)
    return f'<span style="background-color:{background};color:{ink(background)}">{inside}</span>'


def _legend(sheet: Sheet) -> str:
    scale = sheet.scale
    strip = "".join(_paint(step, scale.signed, "&nbsp;") for step in scale.steps(4))
    meaning = scale.meaning.replace(PLUS, "+").replace(MINUS, "−")
    return (
        f"{escape(sheet.name)}: {escape(scale.ends[0])} {strip} {escape(scale.ends[-1])}"
        f"<br>{escape(meaning)}; bold from half the limit"
    )

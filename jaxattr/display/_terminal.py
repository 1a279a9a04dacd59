"""A picture in a terminal: with colours, or as plain text with numbers."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from jaxattr.display._palette import LEVELS, colour, ink
from jaxattr.display._rows import Row, Sheet
from jaxattr.display._visible import ends_line, gap_parts, visible, width

if TYPE_CHECKING:
    from rich.text import Text


def plain(sheet: Sheet, columns: int = 88) -> str:
    """Write a picture as plain text: each word with its number, with sign, in brackets."""
    lines = [visible(sheet.title), ""] if sheet.title else []
    ends = " to ".join((sheet.scale.ends[0], sheet.scale.ends[-1]))
    lines.append(f"{visible(sheet.name)}: {ends}")
    for row in sheet.rows:
        lines += ["", *([visible(row.label) + ":"] if row.label else [])]
        lines += _wrapped(_plain_words(row, sheet), columns)
    return "\n".join(lines) + "\n"


def _plain_words(row: Row, sheet: Sheet) -> Iterator[tuple[str, str]]:
    for gap, word, number in zip(row.gaps, row.words, row.numbers, strict=False):
        yield gap, f"{visible(word)}({sheet.scale.write(number)})"
        if ends_line(word):
            yield "\n", ""
    yield row.gaps[-1], ""


def _wrapped(words: Iterator[tuple[str, str]], columns: int) -> list[str]:
    lines = [""]
    for gap, word in words:
        space, breaks, between = gap_parts(gap)
        wide = width(lines[-1]) + width(space + between + word) > columns
        if lines[-1] and (breaks or (wide and word)):
            lines.append(between + word)
        else:
            lines[-1] += (space if lines[-1] else "") + between + word
    return [line.rstrip() for line in lines]


def colours(sheet: Sheet, *, dark: bool = True) -> "Text":
    """Give a picture as a rich text. Tokens are never read as markup."""
    paper = _style(0, sheet.scale.signed, dark)
    text = _rich("rich.text").Text(no_wrap=False, end="")
    if sheet.title:
        text.append(visible(sheet.title) + "\n\n", style="bold")
    _append_legend(text, sheet, dark)
    for row in sheet.rows:
        text.append("\n\n" + (f"{visible(row.label)}\n" if row.label else ""), style="bold")
        new_line = True
        for gap, word, number, special in zip(row.gaps, row.words, row.numbers, row.special, strict=False):
            space, breaks, letters = gap_parts(gap)
            if not new_line:
                text.append("\n" if breaks else space, style=None if breaks else paper)
            text.append(letters, style=paper)
            level = sheet.scale.level(number)
            style = "reverse" if level is None else _style(level, sheet.scale.signed, dark)
            mark = sheet.scale.mark(number)
            text.append(visible(word), style=style + (" italic" if special else ""))
            text.append(f"({mark})" if level is None else mark, style=style)
            new_line = ends_line(word)
            if new_line:
                text.append("\n")
    text.append("\n")
    return text


def _append_legend(text: "Text", sheet: Sheet, dark: bool) -> None:
    scale = sheet.scale
    text.append(f"{visible(sheet.name)}  ")
    text.append(f"{scale.ends[0]} ")
    for level in scale.steps(2):
        text.append(" 0 " if level == 0 and scale.signed else "  ", style=_style(level, scale.signed, dark))
    text.append(f" {scale.ends[-1]}\n{scale.meaning}")


def _style(level: int, signed: bool, dark: bool) -> str:
    background = colour(level / LEVELS, signed=signed, dark=dark)
    letters = ink(background)
    return f"{'#000000' if letters == '#000' else '#ffffff'} on {background}"


def write(sheet: Sheet, stream: TextIO) -> None:
    """Print a picture: with colours on a terminal that shows them, as plain text otherwise."""
    if wants_colour(stream):
        console = _rich("rich.console").Console(file=stream, highlight=False)
        if console.color_system in ("256", "truecolor"):
            console.print(colours(sheet, dark=not _light_terminal()))
            return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(plain(sheet).encode(encoding, "backslashreplace").decode(encoding))


def wants_colour(stream: TextIO) -> bool:
    """Say whether a stream is a terminal and the user has not asked for no colours."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if "utf" not in (getattr(stream, "encoding", None) or "utf-8").lower():
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _light_terminal() -> bool:
    """Say whether the terminal tells that its background is light."""
    return os.environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")


def _rich(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = 'Colours in a terminal need the package rich, which is not installed. Type pip install "jaxattr[show]".'
        raise ImportError(msg) from error

"""How the characters of a token are shown: none stays invisible, none steers the page or the terminal."""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

_MARKS = {"\t": "⇥", "\n": "↵", "\x7f": "␡"}
_LINE_ENDS = "\n\r\x0b\x0c\x85\u2028\u2029"
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters by name, but nothing is drawn
_JOINERS = "\u200c\u200d"  # inside a word they shape Persian, Indic scripts and emoji
_ARABIC_SIGNS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"  # format characters that are drawn
_UNSPACED = (  # scripts written without spaces between words, and their punctuation
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # Han radicals, CJK punctuation, Kana, Bopomofo
    (0x31A0, 0x4DBF),  # Bopomofo, Kana extensions, Han
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han
    (0xFE30, 0xFE4F),  # CJK forms
    (0xFF00, 0xFF9F),  # full width forms, half width Kana
    (0x20000, 0x3FFFF),  # Han
)


def visible(text: str) -> str:
    r"""Give a token as it is shown, with a mark for every character that cannot be seen.

    Line ends, tabs and control characters become the symbols that stand for them. Characters that turn the writing
    direction, that have no width or that no file can hold become their code point. An empty token and a token of
    spaces alone are shown too. Letters, emoji and spaces inside a token stay as they are.

    Args:
      text: Any string.

    Returns:
      The shown string. It holds no control character, no line end and no unpaired surrogate.

    Example:
      >>> from jaxattr.display import visible
      >>> visible("a\n"), visible("  "), visible("\u202egpj"), visible("\x1b[31m")
      ('a↵', '␣␣', '⟨U+202E⟩gpj', '␛[31m')
    """
    if not text:
        return "⟨empty⟩"
    alone = not text.strip()
    shown = "".join(_visible_character(text, i, alone) for i in range(len(text)))
    return "◌" + shown if unicodedata.category(shown[0])[0] == "M" else shown


def _visible_character(text: str, index: int, alone: bool) -> str:
    """Give the shown form of one character."""
    c = text[index]
    category = unicodedata.category(c)
    if c == " ":
        return "␣" if alone else " "
    if c in _MARKS:
        return _MARKS[c]
    if ord(c) < 0x20:
        return chr(0x2400 + ord(c))
    inside = 0 < index < len(text) - 1
    unseen = (
        category in ("Cc", "Cs", "Zl", "Zp")
        or (category == "Cf" and c not in _ARABIC_SIGNS and not (c in _JOINERS and inside) and not _flag(text, index))
        or (category == "Zs" and alone)
        or c in _FILLERS
        or (0xFE00 <= ord(c) <= 0xFE0F and index == 0)
        or _noncharacter(ord(c))
    )
    return f"⟨U+{ord(c):04X}⟩" if unseen else c


def _flag(text: str, index: int) -> bool:
    """Say whether a tag character belongs to a flag, such as that of Wales, and hides no text."""
    return 0xE0020 <= ord(text[index]) <= 0xE007F and "\U0001f3f4" in text[:index]


def _noncharacter(point: int) -> bool:
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF


def ends_line(text: str) -> bool:
    """Say whether the writing goes on in a new line after this text."""
    return text[-1:] != "" and text[-1] in _LINE_ENDS


def direction(text: str) -> str | None:
    """Give ``"ltr"`` or ``"rtl"`` by the first letter that has a direction, or None where there is none."""
    for c in text:
        kind = unicodedata.bidirectional(c)
        if kind == "L":
            return "ltr"
        if kind in ("R", "AL"):
            return "rtl"
    return None


def width(text: str) -> int:
    """Give the number of terminal cells that a shown string takes."""
    cells = 0
    for c in text:
        if unicodedata.category(c) not in ("Mn", "Me", "Cf"):
            cells += 2 if unicodedata.east_asian_width(c) in "WF" else 1
    return cells


def spaces_between(words: Sequence[str], joiner: str | None = None) -> tuple[str, ...]:
    """Give what stands before each word, and after the last one.

    Without a joiner the words decide. Where a word begins or ends with a space, or with the marks ``▁`` or ``Ġ`` of
    sub-word vocabularies, the words bring their own spaces and get no other. Otherwise one space stands between two
    words, unless one of them touches the other with a letter of a script that is written without spaces, such as
    Chinese, Japanese or Thai.

    Args:
      words: The words.
      joiner: What to put between any two words, or None to let the words decide.

    Returns:
      One string more than there are words; the first and the last are empty.

    Example:
      >>> from jaxattr.display import spaces_between
      >>> spaces_between(["a", "fine", "film"])
      ('', ' ', ' ', '')
      >>> spaces_between(["很", "好"]), spaces_between(["a", " film"])
      (('', '', ''), ('', '', ''))
    """
    if not words:
        return ("",)
    if joiner is None and brings_spaces(words):
        joiner = ""
    between = (joiner if joiner is not None else _space(left, right) for left, right in pairwise(words))
    return ("", *between, "")


def brings_spaces(words: Sequence[str]) -> bool:
    """Say whether the words carry the spaces between them.

    ``Ġ`` is a letter of Maltese too, so it counts only where at least a tenth of the words begin with it.
    """
    if any(word[:1] in (" ", "▁") or word[-1:] == " " for word in words if word):
        return True
    return 10 * sum(word.startswith("Ġ") for word in words) > len(words)


def unspaced(c: str) -> bool:
    """Say whether a character belongs to a script that is written without spaces."""
    return any(low <= ord(c) <= high for low, high in _UNSPACED)


def _space(left: str, right: str) -> str:
    touching = left[-1:] + right[:1]
    return "" if ends_line(left) or any(map(unspaced, touching)) else " "


def gap_parts(gap: str) -> tuple[str, bool, str]:
    """Split what stands between two words to a space, a line break, and letters that no token covers."""
    left = gap.strip()
    letters = visible(left) + " " if left else ""
    return (" " if gap else ""), any(map(ends_line, gap)), letters

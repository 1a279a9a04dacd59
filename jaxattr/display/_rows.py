"""What every renderer is given: rows of words with their numbers."""

import math
from dataclasses import dataclass

from jaxattr.display._scale import Scale
from jaxattr.display._visible import direction, visible


@dataclass(frozen=True)
class Row:
    """One text under one method.

    Attributes:
      words: The words as they are, not yet made visible.
      gaps: What stands before each word and after the last: one more than there are words.
      numbers: One number a word.
      special: Whether a word is a special token, which belongs to no word of the text.
      text: The name of the text, empty where there is one text.
      method: The name of the method, empty where there is one method.
    """

    words: tuple[str, ...]
    gaps: tuple[str, ...]
    numbers: tuple[float, ...]
    special: tuple[bool, ...]
    text: str = ""
    method: str = ""

    @property
    def label(self) -> str:
        """The names of the text and of the method, as they are shown."""
        return " · ".join(visible(name) for name in (self.text, self.method) if name)

    @property
    def direction(self) -> str:
        """The writing direction: that of the first word of the text that has one."""
        found = (direction(w) for w, special in zip(self.words, self.special, strict=True) if not special)
        return next((way for way in found if way), "ltr")

    def strangers(self) -> tuple[int, ...]:
        """The places of words whose number is not finite."""
        return tuple(i for i, number in enumerate(self.numbers) if not math.isfinite(number))


@dataclass(frozen=True)
class Sheet:
    """Everything that is drawn.

    Attributes:
      rows: The rows; those with the same text follow one another.
      scale: The one scale of all rows.
      name: What the numbers are, for instance the name of a score.
      title: The line above the picture.
    """

    rows: tuple[Row, ...]
    scale: Scale
    name: str = "attribution"
    title: str = ""

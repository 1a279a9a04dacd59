"""One scale for all numbers of a picture: from a number to a step of the palette, and the words of the legend."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from jaxattr.display._palette import LEVELS, MINUS, PLUS


@dataclass(frozen=True)
class Scale:
    """A scale around zero, or from zero up.

    Attributes:
      limit: The number that has the strongest colour. Zero where all numbers are zero.
      signed: Whether the scale has two sides.
      beyond: Whether a number of the picture lies beyond the limit.
    """

    limit: float
    signed: bool
    beyond: bool = False

    def level(self, number: float) -> int | None:
        """Give the step of the palette, from ``-LEVELS`` to ``LEVELS``, or None for NaN and infinities."""
        if not math.isfinite(number):
            return None
        if self.limit == 0 or number == 0:
            return 0
        return round(LEVELS * min(max(number / self.limit, -1.0), 1.0))

    def mark(self, number: float) -> str:
        """Give the sign of a number that has a colour, or the name of one that is not finite."""
        level = self.level(number)
        if level is None:
            return self.write(number)
        if not self.signed or level == 0:
            return ""
        return PLUS if level > 0 else MINUS

    def write(self, number: float, digits: int = 3) -> str:
        """Write a number, with its sign where the scale has two sides."""
        if math.isnan(number):
            return "NaN"
        if math.isinf(number):
            return "+inf" if number > 0 else "-inf"
        if number == 0:
            return "0"
        return f"{number:+.{digits}g}" if self.signed else f"{number:.{digits}g}"

    def steps(self, every: int = 1) -> range:
        """The steps of the palette that this scale has, from its lower end to its upper."""
        return range(-LEVELS if self.signed else 0, LEVELS + 1, every)

    @property
    def ends(self) -> tuple[str, ...]:
        """The numbers under the ends of the legend, and its middle."""
        return (self.write(-self.limit), "0", self.write(self.limit)) if self.signed else ("0", self.write(self.limit))

    @property
    def meaning(self) -> str:
        """What the colours mean."""
        if self.signed:
            said = f"{PLUS} orange raises the score, {MINUS} purple lowers it"
        else:
            said = "a stronger colour is a larger magnitude, without sign"
        return said + ("; numbers beyond the limits have the strongest colour" if self.beyond else "")


def scale_of(numbers: Iterable[float], limit: float | None = None, signed: bool | None = None) -> Scale:
    """Choose the scale of some numbers. NaN and infinities have no part in the limit."""
    numbers = list(numbers)
    negative = next((n for n in numbers if n < 0), None)
    if signed is False and negative is not None:
        msg = f"signed=False is for magnitudes, but one number is {negative:g}. Pass abs(numbers), or leave signed out."
        raise ValueError(msg)
    largest = max((abs(n) for n in numbers if math.isfinite(n)), default=0.0)
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        msg = f"scale is the number with the strongest colour, above zero, but this is {limit}."
        raise ValueError(msg + " Pass for instance scale=1.0.")
    chosen = largest if limit is None else float(limit)
    return Scale(chosen, negative is not None if signed is None else signed, beyond=largest > chosen)

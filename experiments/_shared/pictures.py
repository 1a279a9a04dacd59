"""Pictures of one text under several methods whose units differ."""

from collections.abc import Mapping

import numpy as np

from experiments._shared.methods import GRADIENT
from experiments._shared.words import Places, places, unbroken
from jaxattr.display import Picture, picture

SCALE = "share of the method's strongest word"


def compared(text: str, values: Mapping[str, np.ndarray], title: str, *, last: int | None = None) -> Picture:
    """Draws the methods under one another, each divided by its largest magnitude in this text, so that all end at 1.

    Args:
      text: The text as written, with T words.
      values: For each method at least T numbers, one a word; more belong to padding and are left out.
      title: What stands above the text.
      last: How many words from the end were explained; None is all of them.

    Returns:
      A picture on the scale from -1 to 1.
    """
    offsets = places(text).offsets[-last if last else 0 :]
    start = offsets[0][0] if offsets else 0
    moved = Places(list(range(len(offsets))), [(a - start, b - start) for a, b in offsets])
    text = unbroken(text)[start:]
    tokens = [text[a:b] for a, b in moved.offsets]
    shares = {}
    for name, numbers in values.items():
        real = np.asarray(numbers, np.float64)[: len(tokens)]
        largest = np.abs(real).max(initial=0.0)
        shares[f"{name} (no sign)" if name == GRADIENT else name] = real / largest if largest > 0 else real
    return picture(tokens, shares, words=moved, text=text, scale=1.0, signed=True, name=SCALE, title=title)

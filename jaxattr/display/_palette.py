"""The colours of every picture: one colour for each strength, for light and for dark pages.

Positive numbers are orange and negative numbers are purple, as in the PuOr scale, which readers with any of the usual
kinds of colour blindness can tell apart. Magnitudes are teal, so that nobody takes them for positive numbers. Equal
strengths have equal lightness, whatever the sign: on a light page L* falls from 98 by 48, on a dark one it rises from
12 by 48. In grey a sign cannot be read from the colour alone, so every renderer adds a mark.
"""

import functools
import math

LEVELS = 16
"""How many steps there are from nothing to the strongest colour."""

PLUS, MINUS = "⁺", "⁻"
"""The marks that show a sign without colour."""

_SPAN = 48.0  # the lightness, in L*, between nothing and the strongest colour
_HUES = {"positive": (62.0, 78.0), "negative": (308.0, 64.0), "magnitude": (205.0, 38.0)}  # hue, most chroma: CIE LCh


def colour(strength: float, *, signed: bool = True, dark: bool = False) -> str:
    """Give the background colour of a strength between -1 and 1.

    Args:
      strength: A number divided by the limit of its scale.
      signed: Whether the scale has two sides. A magnitude has one, from 0 to 1.
      dark: Whether the page is dark.

    Returns:
      The colour as ``#rrggbb``.

    Raises:
      ValueError: If the strength is not between -1 and 1.

    Example:
      >>> from jaxattr.display import colour
      >>> colour(0.0), colour(1.0), colour(-1.0)
      ('#f9f9f9', '#b85f00', '#8a61ce')
    """
    if not -1 <= strength <= 1:
        msg = f"A strength lies between -1 and 1, but this is {strength}. Divide the number by its scale's limit."
        raise ValueError(msg)
    side = "magnitude" if not signed else "positive" if strength > 0 else "negative"
    size = abs(strength)
    lightness = 12 + _SPAN * size if dark else 98 - _SPAN * size
    hue, chroma = _HUES[side]
    return _within_srgb(lightness, chroma * size**0.75, hue)


def ink(background: str) -> str:
    """Give the colour of text, black or white, that is read best on a background.

    The better of the two has a contrast of at least 4.58 on any colour, above the 4.5 that WCAG asks for.

    Args:
      background: A colour as ``#rrggbb``.

    Returns:
      ``#000`` or ``#fff``.

    Example:
      >>> from jaxattr.display import ink
      >>> ink("#fdb863"), ink("#2d004b")
      ('#000', '#fff')
    """
    return "#000" if contrast("#000000", background) >= contrast("#ffffff", background) else "#fff"


def contrast(first: str, second: str) -> float:
    """Give the contrast ratio of two colours, from 1 to 21, as WCAG 2 defines it.

    Args:
      first: A colour as ``#rrggbb``.
      second: Another one.

    Returns:
      The ratio.

    Example:
      >>> from jaxattr.display import contrast
      >>> contrast("#000000", "#ffffff")
      21.0
    """
    low, high = sorted((_luminance(first), _luminance(second)))
    return round((high + 0.05) / (low + 0.05), 9)


def _luminance(hexadecimal: str) -> float:
    red, green, blue = (int(hexadecimal[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@functools.lru_cache(maxsize=4096)
def _within_srgb(lightness: float, chroma: float, hue: float) -> str:
    """Give the colour of this lightness and hue whose chroma is as near to the wish as a screen can show."""
    low, high = 0.0, 2 * chroma
    for _ in range(24):
        middle = (low + high) / 2
        fits = middle <= chroma and all(0 <= c <= 1 for c in _linear_srgb(lightness, middle, hue))
        low, high = (middle, high) if fits else (low, middle)
    return "#" + "".join(f"{round(255 * _encode(c)):02x}" for c in _linear_srgb(lightness, low, hue))


def _encode(linear: float) -> float:
    linear = min(max(linear, 0.0), 1.0)
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _linear_srgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """Turn CIE LCh (D65) to linear sRGB."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    fy = (lightness + 16) / 116
    x, y, z = (
        white * (t**3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29))
        for white, t in ((0.95047, fy + a / 500), (1.0, fy), (1.08883, fy - b / 200))
    )
    return (
        3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
        -0.9692660 * x + 1.8760108 * y + 0.0415560 * z,
        0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
    )

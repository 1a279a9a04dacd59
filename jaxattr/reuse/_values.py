"""What a value of a score can be while many changed versions of one text are evaluated together.

A value that no change reaches is a plain array. One that they reach at some positions is `Changed`, one that they
reach as a whole is `Rows`, and one that is only computed at the end, version by version, is `LATER`.

The versions come in groups; all windows of a group are equally wide. Where a window begins is known while tracing, so
that every access to it is a slice or has constant indices.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np


class Window(NamedTuple):
    """What the versions of a group hold where they differ.

    Attributes:
        starts: integers `[P]`, the first position of each version's window; it may hang out of the array, and what
            lies outside means nothing.
        values: `[P, ..., W, ...]`, W behind the axis of positions; `[1, ...]` where all versions hold the same.
    """

    starts: np.ndarray
    values: Any


class Changed(NamedTuple):
    """A value that the versions share but for a window of positions.

    Attributes:
        base: the value for the text as it is.
        axis: its axis of positions.
        windows: what each group holds inside its windows.
        left: what lies to the left of every window: base, unless the text moves.
        right: what lies to the right of it.
    """

    base: Any
    axis: int
    windows: list[Window]
    left: Any
    right: Any

    @property
    def length(self) -> int:
        """How many positions there are."""
        return self.base.shape[self.axis]

    @property
    def moves(self) -> bool:
        """Whether what lies beside the windows is not everywhere the base."""
        return self.left is not self.base or self.right is not self.base

    @property
    def sizes(self) -> list[int]:
        """How many versions each group has."""
        return [len(window.starts) for window in self.windows]

    def width(self, group: int) -> int:
        """How many positions the windows of a group have."""
        return self.windows[group].values.shape[self.axis + 1]

    def span(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the windows of a group begin and end."""
        starts = self.windows[group].starts
        return starts, starts + self.width(group)

    def inside(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """The positions of the windows of a group, `[P, W]`, and which of them exist."""
        places = spread(self.windows[group].starts, self.width(group))
        return places, (places >= 0) & (places < self.length)


class Rows(NamedTuple):
    """A value that each version has as a whole.

    Attributes:
        base: the value for the text as it is.
        rows: `[P, ...]`, that of each version, one group after another.
    """

    base: Any
    rows: Any


class _Later(NamedTuple):
    """A value that is computed at the end."""


LATER = _Later()


def base_of(value: Any) -> Any:
    """The value for the text as it is."""
    return value.base if isinstance(value, (Changed, Rows)) else value


def on_sides(run: Callable[[list[Any]], Any], values: list[Any]) -> tuple[Any, Any, Any]:
    """An operation on the text as it is, and on what lies left and right of the windows where that is not the same."""
    changed = [v for v in values if isinstance(v, Changed)]
    base = left = right = run([base_of(v) for v in values])
    if any(v.left is not v.base for v in changed):
        left = run([v.left if isinstance(v, Changed) else v for v in values])
    if any(v.right is not v.base for v in changed):
        right = run([v.right if isinstance(v, Changed) else v for v in values])
    return base, left, right


def with_windows(run: Callable[[list[Any]], Any], values: list[Any], axis: int, windows: list[Window]) -> Changed:
    """The result of an operation, with its positions and windows, and with what lies beside them."""
    base, left, right = on_sides(run, values)
    return Changed(base, axis, windows, left, right)


def first_changed(values: list[Any]) -> tuple[int, Changed]:
    """The first value with windows, and its place."""
    return next((i, v) for i, v in enumerate(values) if isinstance(v, Changed))


def spread(starts: np.ndarray, width: int) -> np.ndarray:
    """The positions of windows, `[P, W]`."""
    return starts[:, None] + np.arange(width)


def hull(length: int, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, int]:
    """Starts and the one width of windows that hold the spans `[low, high)`; the whole array where one needs it."""
    width = max(1, int((high - low).max()))
    return (np.zeros_like(low), length) if width >= length else (low, width)


def union(values: list[Any], group: int) -> tuple[np.ndarray, int]:
    """Starts and width of windows that hold those of all values with windows."""
    changed = [v for v in values if isinstance(v, Changed)]
    low, high = zip(*[v.span(group) for v in changed], strict=True)
    return hull(changed[0].length, np.minimum.reduce(low), np.maximum.reduce(high))


def beside(mask: np.ndarray, axis: int, like: Any) -> Any:
    """A mask `[P, W]` of windows, or `[P]` of columns, shaped to select among `like`, `[P, ..., W, ...]`."""
    after = like.ndim - axis - mask.ndim
    return jnp.asarray(mask.reshape(mask.shape[:1] + (1,) * axis + mask.shape[1:] + (1,) * after))


def repeated(values: Any, count: int) -> Any:
    """Values `[1, ...]` that all versions hold, for each of them."""
    return values if len(values) == count else jnp.broadcast_to(values, (count, *values.shape[1:]))

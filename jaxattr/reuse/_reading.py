"""Read positions of a value for every version, inside of its window and beside it."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxattr.reuse._values import Changed, Rows, beside, repeated, spread

_RUNS = 5  # more runs of positions than this are gathered
_COLUMNS = 32  # wider windows are gathered at once
SELECTED = 8  # windows up to this wide are put among what lies beside them position by position


def read(value: Any, group: int, axis: int, places: np.ndarray) -> Any:
    """A value at `places[P, W]` of an axis: `[P or 1, ..., W, ...]`; outside of the array it may hold anything."""
    width = places.shape[1]
    if isinstance(value, Changed):
        window = value.windows[group]
        if np.array_equal(places, spread(window.starts, value.width(group))):
            return window.values
    if (places == places[0]).all():
        if not isinstance(value, Changed):
            return take(value, places[0], axis)[None]
        if (value.windows[group].starts == value.windows[group].starts[0]).all():
            return _stretch(value, group, places[0])
        if value.width(group) <= SELECTED:
            return _selected(value, group, places)
    if width > _COLUMNS:
        return _gathered(value, group, axis, places)
    columns = [column(value, group, axis, places[:, k]) for k in range(width)]
    count = max(len(c) for c in columns)
    return jnp.stack([repeated(c, count) for c in columns], axis + 1)


def as_it_is(value: Changed, group: int) -> Any:
    """Which windows of a group hold just what the text as it is holds there, `[P]`."""
    places, exists = value.inside(group)
    old = read(value.base, group, value.axis, places)
    equal = (value.windows[group].values == old) | ~beside(exists, value.axis, old)
    return equal.reshape(len(places), -1).all(1)


def unchanged(values: Sequence[Any]) -> Any:
    """Which versions hold, in all of these values, just what the text as it is holds, `[P]`."""

    def of(value: Any) -> Any:
        if isinstance(value, Rows):
            return (value.rows == value.base[None]).reshape(len(value.rows), -1).all(1)
        return jnp.concatenate([as_it_is(value, g) & (not value.moves) for g in range(len(value.windows))])

    return jnp.stack([of(v) for v in values if isinstance(v, (Changed, Rows))]).all(0)


def rows_of(value: Changed, group: int) -> Any:
    """The whole value of each version of a group, `[P, ...]`."""
    count = len(value.windows[group].starts)
    places = np.broadcast_to(np.arange(value.length), (count, value.length))
    return repeated(read(value, group, value.axis, places), count)


def take(array: Any, places: np.ndarray, axis: int) -> Any:
    """An array at known places of an axis, zero outside; a few runs become slices, which are copied far faster."""
    low, high = max(0, -int(places.min())), max(0, int(places.max()) + 1 - array.shape[axis])
    if low or high:
        array = jnp.pad(array, [(low, high) if d == axis else (0, 0) for d in range(array.ndim)])
        places = places + low
    runs = _runs(places)
    if runs is None:
        return jnp.take(array, places, axis)
    pieces = [_piece(array, axis, *run) for run in runs]
    return pieces[0] if len(pieces) == 1 else jnp.concatenate(pieces, axis)


def column(value: Any, group: int, axis: int, places: np.ndarray) -> Any:
    """A value at one place for each version, `[P or 1, ...]` without the axis of positions."""

    def beside_windows() -> Any:
        if not isinstance(value, Changed):
            return _picked(value, places, axis)
        before = places < value.windows[group].starts
        if before.all() or not value.moves:
            return _picked(value.left, places, axis)
        right = _picked(value.right, places, axis)
        if not before.any():
            return right
        return jnp.where(beside(before, axis, right), _picked(value.left, places, axis), right)

    if not isinstance(value, Changed):
        return beside_windows()
    window, width = value.windows[group], value.width(group)
    inner = places - window.starts
    hit = (inner >= 0) & (inner < width) & (places >= 0) & (places < value.length)
    if not hit.any():
        return beside_windows()
    where = inner[hit]
    if (where == where[0]).all():
        new = lax.index_in_dim(window.values, int(where[0]), axis + 1, keepdims=False)
    else:
        new = _along(window.values, np.clip(inner, 0, width - 1)[:, None], axis)
        new = jnp.squeeze(new, axis + 1)
    if hit.all():
        return new
    old = beside_windows()
    return jnp.where(beside(hit, axis, old), new, old)


def _picked(array: Any, places: np.ndarray, axis: int) -> Any:
    """An array at one place for each version, the versions in front."""
    if (places == places[0]).all():
        return jnp.moveaxis(take(array, places[:1], axis), axis, 0)
    return jnp.moveaxis(take(array, places, axis), axis, 0)


def _stretch(value: Changed, group: int, places: np.ndarray) -> Any:
    """The same positions for every version of a group whose windows lie at one place: long windows of loops."""
    values, axis = value.windows[group].values, value.axis
    inner = places - value.windows[group].starts[0]
    sides = [
        (inner < 0, lambda at: take(value.left, places[at], axis)[None]),
        ((inner >= 0) & (inner < value.width(group)), lambda at: take(values, inner[at], axis + 1)),
        (inner >= value.width(group), lambda at: take(value.right, places[at], axis)[None]),
    ]
    pieces = [side(mask) for mask, side in sides if mask.any()]
    if len(pieces) == 1:
        return pieces[0]
    count = max(len(piece) for piece in pieces)
    return jnp.concatenate([repeated(piece, count) for piece in pieces], axis + 1)


def _selected(value: Changed, group: int, places: np.ndarray) -> Any:
    """The same positions for every version, with narrow windows that lie at different ones."""
    axis, window = value.axis, value.windows[group]
    inner = places - window.starts[:, None]
    found = take(value.left, places[0], axis)[None]
    if value.moves:
        found = jnp.where(beside(inner < 0, axis, found), found, take(value.right, places[0], axis)[None])
    for k in range(value.width(group)):
        new = lax.slice_in_dim(window.values, k, k + 1, axis=axis + 1)
        found = jnp.where(beside(inner == k, axis, found), new, found)
    return found


def _gathered(value: Any, group: int, axis: int, places: np.ndarray) -> Any:
    """Wide windows by gathers."""

    def at(array: Any) -> Any:
        flat = take(array, places.reshape(-1), axis)
        split = flat.reshape((*flat.shape[:axis], *places.shape, *flat.shape[axis + 1 :]))
        return jnp.moveaxis(split, axis, 0)

    if not isinstance(value, Changed):
        return at(value)
    starts, width = value.windows[group].starts, value.width(group)
    old = at(value.left)
    if value.moves:
        old = jnp.where(beside(places < starts[:, None], axis, old), old, at(value.right))
    inner = places - starts[:, None]
    hit = (inner >= 0) & (inner < width)
    new = _along(value.windows[group].values, np.clip(inner, 0, width - 1), axis)
    return jnp.where(beside(hit, axis, old), new, old)


def _along(values: Any, inner: np.ndarray, axis: int) -> Any:
    """Windows `[P or 1, ..., W, ...]` at places `[P, K]` of their own."""
    if len(values) == 1:
        split = jnp.take(values[0], inner.reshape(-1), axis)
        split = split.reshape((*split.shape[:axis], *inner.shape, *split.shape[axis + 1 :]))
        return jnp.moveaxis(split, axis, 0)
    return jnp.take_along_axis(values, beside(inner, axis, values), axis + 1)


def _runs(places: np.ndarray) -> list[tuple[int, int, int, int]] | None:
    """First, last, step and length of runs of places in constant steps; None where there are many."""
    runs: list[tuple[int, int, int, int]] = []
    i = 0
    while i < len(places):
        if len(runs) == _RUNS:
            return None
        step = int(places[i + 1] - places[i]) if i + 1 < len(places) else 1
        end = i + 1
        while end < len(places) and places[end] - places[end - 1] == step:
            end += 1
        runs.append((int(places[i]), int(places[end - 1]), step, end - i))
        i = end
    return runs


def _piece(array: Any, axis: int, first: int, last: int, step: int, count: int) -> Any:
    cut = lax.slice_in_dim(array, min(first, last), max(first, last) + 1, abs(step) or 1, axis)
    if step == 0:
        return jnp.repeat(cut, count, axis)
    return cut if step > 0 else jnp.flip(cut, axis)

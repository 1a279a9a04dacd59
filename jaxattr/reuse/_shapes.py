"""Operations that move positions to other places: slices, padding, joins, turns, and the text as one long row."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _jaxpr
from jaxattr._program import Step
from jaxattr.reuse._positionwise import on_windows, resized
from jaxattr.reuse._reading import column, read, rows_of
from jaxattr.reuse._values import (
    Changed,
    Rows,
    Window,
    base_of,
    beside,
    first_changed,
    hull,
    on_sides,
    repeated,
    spread,
    with_windows,
)


def cut(step: Step, values: list[Any]) -> list[Any] | None:
    """Some of the positions."""
    (value,) = values
    p, axis = step.equation.params, value.axis
    first, stride = p["start_indices"][axis], 1 if p["strides"] is None else p["strides"][axis]
    length = step.equation.outvars[0].aval.shape[axis]
    windows = []
    for group in range(len(value.windows)):
        low, high = value.span(group)
        start = -((first - low) // stride)
        starts, width = hull(length, start, np.maximum((high - 1 - first) // stride + 1, start))
        inputs = read(value, group, axis, first + stride * spread(starts, width))
        over = {
            "start_indices": resized(p["start_indices"], axis, 0),
            "limit_indices": resized(p["limit_indices"], axis, width),
            "strides": None if p["strides"] is None else resized(p["strides"], axis, 1),
        }
        run = jax.vmap(lambda x, over=over: _jaxpr.bind(step.equation, [x], **over)[0])
        windows.append(Window(starts, run(inputs)))
    return [with_windows(step.one, [value], axis, windows)]


def parted(step: Step, values: list[Any]) -> list[Any] | None:
    """Stretches of positions, one after another."""
    (value,) = values
    axis, firsts = value.axis, np.cumsum([0, *step.equation.params["sizes"]])
    bases, lefts, rights = on_sides(step.run, [value])
    found = []
    for k, (first, length) in enumerate(zip(firsts[:-1], step.equation.params["sizes"], strict=True)):
        windows = []
        for group in range(len(value.windows)):
            starts, width = hull(length, *[end - first for end in value.span(group)])
            windows.append(Window(starts, read(value, group, axis, first + spread(starts, width))))
        found.append(Changed(bases[k], axis, windows, lefts[k], rights[k]))
    return found


def joined(step: Step, values: list[Any]) -> list[Any] | None:
    """Texts one after another."""
    axis = step.equation.params["dimension"]
    if any(isinstance(v, Changed) and v.axis != axis for v in values):
        return None
    offsets = np.cumsum([0, *(base_of(v).shape[axis] for v in values)])[:-1]
    return [_placed(step, values, offsets, axis)]


def padded(step: Step, values: list[Any]) -> list[Any] | None:
    """More positions before and after, filled with a constant; fewer where the padding is negative."""
    value, fill = values
    if not isinstance(value, Changed) or isinstance(fill, Changed):
        return None
    axis, config = value.axis, step.equation.params["padding_config"]
    low, _, between = config[axis]
    if between:
        return None
    others = resized(config, axis, (0, 0, 0))
    (wide,) = on_windows(
        lambda _: lambda x: _jaxpr.bind(step.equation, [x, fill], padding_config=others), [value], [axis], axis
    )
    only = tuple(c if d == axis else (0, 0, 0) for d, c in enumerate(config))

    def pad(arrays: list[Any]) -> list[Any]:
        return _jaxpr.bind(step.equation, [arrays[0], fill], padding_config=only)

    return [_placed(step._replace(run=pad), [wide], np.array([low]), axis, fill)]


def turned(step: Step, values: list[Any]) -> list[Any] | None:
    """The text backwards."""
    (value,) = values
    return [flipped(value)] if step.equation.params["dimensions"] == (value.axis,) else None


def flipped(value: Changed) -> Changed:
    """A value with its positions in the other direction."""
    axis = value.axis
    base, right, left = on_sides(lambda operands: jnp.flip(operands[0], axis), [value])
    windows = [
        Window(value.length - value.span(group)[1], jnp.flip(window.values, axis + 1))
        for group, window in enumerate(value.windows)
    ]
    return Changed(base, axis, windows, left, right)


def flattened(step: Step, values: list[Any]) -> list[Any] | None:
    """Positions and what each of them holds as one long axis, on which a window is so many times as wide."""
    value, *others = values
    if others or step.equation.params["dimensions"] is not None:
        return None
    shape, out = value.base.shape, step.equation.outvars[0].aval.shape
    before = math.prod(shape[: value.axis])
    for axis in range(len(out)):
        if math.prod(out[:axis]) != before:
            continue
        for end in range(value.axis + 1, len(shape) + 1):
            each = math.prod(shape[value.axis + 1 : end])
            if each and out[axis] == value.length * each:
                return [_stretched(step, value, axis, each)]
    return None


def _stretched(step: Step, value: Changed, axis: int, each: int) -> Changed:
    out = step.equation.outvars[0].aval.shape
    windows = []
    for group, window in enumerate(value.windows):
        sizes = resized(out, axis, value.width(group) * each)
        run = jax.vmap(lambda x, sizes=sizes: _jaxpr.bind(step.equation, [x], new_sizes=sizes)[0])
        windows.append(Window(window.starts * each, run(window.values)))
    return with_windows(step.one, [value], axis, windows)


def dropped(step: Step, values: list[Any]) -> list[Any] | None:
    """The axis of the one position taken away."""
    (value,) = values
    if value.length != 1:
        return None
    rows = jnp.concatenate([rows_of(value, group) for group in range(len(value.windows))])
    return [Rows(step.one([value.base]), jax.vmap(lambda x: step.one([x]))(rows))]


def unstacked(step: Step, values: list[Any]) -> list[Any] | None:
    """Each position apart, which every version then has for itself: what a loop over rows in Python reads.

    Each is read on its own: of slices of all of them, XLA would compute all anew for each.
    """
    (value,) = values
    found = []
    for place, base in enumerate(step.run([value.base])):
        columns = [column(value, g, value.axis, np.full(size, place)) for g, size in enumerate(value.sizes)]
        rows = [repeated(each, size) for each, size in zip(columns, value.sizes, strict=True)]
        found.append(Rows(base, jnp.concatenate(rows)))
    return found


def picked(step: Step, values: list[Any]) -> list[Any] | None:
    """Neighbouring positions from a place that is known only when the program runs: the last word of a text."""
    value, *starts = values
    if not isinstance(value, Changed) or any(isinstance(s, Changed) for s in starts):
        return None
    axis, size = value.axis, step.equation.params["slice_sizes"][value.axis]
    if size == value.length:
        return None
    base, left, right = on_sides(step.one, [value, *starts])
    places = jnp.clip(starts[axis], 0, value.length - size) + jnp.arange(size)
    rows = []
    for group, window in enumerate(value.windows):
        sizes = resized(step.equation.params["slice_sizes"], axis, value.width(group))
        inner = jax.vmap(lambda x, sizes=sizes: _jaxpr.bind(step.equation, [x, *starts], slice_sizes=sizes)[0])(
            repeated(window.values, len(window.starts))
        )
        at = places[None] - jnp.asarray(window.starts)[:, None]
        new = jnp.take_along_axis(inner, _shaped(jnp.clip(at, 0, value.width(group) - 1), axis, inner), axis + 1)
        old = jnp.where(_shaped(at < 0, axis, inner), left[None], right[None])
        rows.append(jnp.where(_shaped((at >= 0) & (at < value.width(group)), axis, inner), new, old))
    return [Rows(base, jnp.concatenate(rows))]


def _shaped(mask: Any, axis: int, like: Any) -> Any:
    return mask.reshape(mask.shape[:1] + (1,) * axis + mask.shape[1:] + (1,) * (like.ndim - axis - 2))


def _placed(step: Step, values: list[Any], offsets: np.ndarray, axis: int, gap: Any = None) -> Changed:
    """Values at offsets along positions; a gap fills the places of none of them."""
    _, some = first_changed(values)
    length = step.equation.outvars[0].aval.shape[axis]
    windows = []
    for group in range(len(some.windows)):
        spans = [
            [end + offset for end in v.span(group)]
            for v, offset in zip(values, offsets, strict=True)
            if isinstance(v, Changed)
        ]
        low, high = zip(*spans, strict=True)
        starts, width = hull(length, np.minimum.reduce(low), np.maximum.reduce(high))
        places = spread(starts, width)
        found: Any = jnp.asarray(0 if gap is None else gap, some.base.dtype)
        for value, offset in zip(values, offsets, strict=True):
            here = (places >= offset) & (places < offset + base_of(value).shape[axis])
            if here.any():
                held = read(value, group, axis, places - offset)
                found = held if here.all() else jnp.where(beside(here, axis, held), held, found)
        if not found.ndim:  # no version reaches into the result
            found = jnp.broadcast_to(found, (1, *resized(step.equation.outvars[0].aval.shape, axis, width)))
        windows.append(Window(starts, found))
    return with_windows(step.one, values, axis, windows)

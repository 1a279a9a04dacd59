"""What no rule carries further: each version's own steps, from the windows on, a bounded number of versions at once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxattr import _jaxpr, _program, _sizes
from jaxattr._program import Step, Value
from jaxattr.reuse._reading import SELECTED, read
from jaxattr.reuse._values import Changed, Rows, repeated, spread

_BEYOND = 1  # the window of the text as it is begins this far behind the end, where no version's does
_LITTLE = 16 * 2**20  # bytes of the largest operation of all versions that are evaluated at once


class _Place(NamedTuple):
    """Where one version's window begins, and what it holds."""

    start: Any
    window: Any


def each_version(
    steps: Sequence[Step], values: dict[Value, Any], wanted: Sequence[Value], sizes: list[int]
) -> tuple[Callable[[dict[Value, Any]], list[Any]], dict[Value, Any]]:
    """A function of one version to the wanted values, and all versions as its points, the text as it is first."""
    made = {v for step in steps for v in step.outputs}
    read_here = sorted(_program.read_by(steps) - made)
    changed = {v: values[v] for v in read_here if isinstance(values[v], Changed)}
    shared = {v: values[v] for v in read_here if not isinstance(values[v], (Changed, Rows))}
    points = {v: _points(values[v], sizes) for v in read_here if v not in shared}

    def one(point: dict[Value, Any]) -> list[Any]:
        known = {**shared, **{v: p for v, p in point.items() if v not in changed}}

        def value_of(v: Value) -> Any:
            if v not in known:
                known[v] = _put(changed[v], point[v])
            return known[v]

        for step in steps:
            outs = _weighted(step, known, changed, point)
            if outs is None:
                outs = step.run([value_of(v) for v in step.inputs])
            known.update(zip(step.outputs, outs, strict=True))
        return [value_of(v) for v in wanted]

    return one, points


def at_once(one: Callable[[Any], list[Any]], points: Any) -> int | None:
    """All versions where little is left to do for each; else None, and the library chooses as for any evaluations."""
    count = len(jax.tree.leaves(points)[0])
    first = jax.eval_shape(lambda: jax.tree.map(lambda a: jnp.asarray(a)[0], points))
    return count if count * _sizes.largest(jax.make_jaxpr(one)(first).jaxpr) <= _LITTLE else None


def _points(value: Any, sizes: list[int]) -> Any:
    """A value of each version, all groups with windows of one width; the text as it is comes first, unchanged."""
    if isinstance(value, Rows):
        return jnp.concatenate([value.base[None], value.rows])
    width = max(value.width(g) for g in range(len(value.windows)))
    starts, windows = [np.array([value.length + _BEYOND])], []
    for group, size in enumerate(sizes):
        low = value.windows[group].starts
        low = np.zeros_like(low) if width == value.length else np.clip(low, -width, value.length)
        starts.append(low)
        windows.append(repeated(read(value, group, value.axis, spread(low, width)), size))
    nothing = jnp.zeros((1, *windows[0].shape[1:]), windows[0].dtype)
    return _Place(np.concatenate(starts), jnp.concatenate([nothing, *windows]))


def _put(value: Changed, place: _Place) -> Any:
    """The whole value of one version."""
    axis, width = value.axis, place.window.shape[value.axis]
    index = _on_axis(np.arange(value.length) - place.start, axis, value.base.ndim)
    whole = _outside(value, index)
    if width <= SELECTED:
        for k in range(width):
            whole = jnp.where(index == k, lax.slice_in_dim(place.window, k, k + 1, axis=axis), whole)
        return whole
    around = [(width, width) if d == axis else (0, 0) for d in range(whole.ndim)]
    wide = lax.dynamic_update_slice_in_dim(jnp.pad(whole, around), place.window, place.start + width, axis)
    return lax.slice_in_dim(wide, width, width + value.length, axis=axis)


def _outside(value: Changed, index: Any) -> Any:
    if not value.moves:
        return value.base
    as_it_is = lax.slice_in_dim(index, value.length - 1, value.length, axis=value.axis) < -_BEYOND
    return jnp.where(as_it_is, value.base, jnp.where(index < 0, value.left, value.right))


def _on_axis(index: Any, axis: int, rank: int) -> Any:
    return jnp.asarray(index).reshape((1,) * axis + (-1,) + (1,) * (rank - axis - 1))


def _weighted(
    step: Step, known: dict[Value, Any], changed: dict[Value, Changed], point: dict[Value, Any]
) -> list[Any] | None:
    """A weighted sum over positions, of weights that each version has for itself: attention that pools.

    What the versions share is summed as one product for all of them, and their windows are added.
    """
    if step.name != "dot_general" or sum(v in changed for v in step.inputs) != 1:
        return None
    place = 0 if step.inputs[0] in changed else 1
    value, weights = changed[step.inputs[place]], known.get(step.inputs[1 - place])
    contracted = step.equation.params["dimension_numbers"][0]
    if weights is None or value.moves or value.axis not in contracted[place]:
        return None
    axis = contracted[1 - place][list(contracted[place]).index(value.axis)]
    held: _Place = point[step.inputs[place]]
    width = held.window.shape[value.axis]
    index = _on_axis(np.arange(value.length) - held.start, axis, weights.ndim)
    outside = jnp.where((index >= 0) & (index < width), jnp.zeros((), weights.dtype), weights)
    around = [(width, width) if d == axis else (0, 0) for d in range(weights.ndim)]
    inside = lax.dynamic_slice_in_dim(jnp.pad(weights, around), held.start + width, width, axis)

    def product(w: Any, x: Any) -> Any:
        return _jaxpr.bind(step.equation, [x, w] if place == 0 else [w, x])[0]

    return [product(outside, value.base) + product(inside, held.window)]

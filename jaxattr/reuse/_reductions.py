"""Sums, products, maxima and minima over positions: what lies before a window, the window, what lies after it.

Nothing is subtracted, so that nothing cancels and an infinity outside of the window stays what it is.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxattr import _jaxpr
from jaxattr._batching import at_least_float32
from jaxattr._program import Step
from jaxattr._ties import once
from jaxattr.reuse._positionwise import on_windows
from jaxattr.reuse._reading import as_it_is, take
from jaxattr.reuse._values import Changed, Rows, base_of, beside, first_changed

_JOINED: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lax.add,
    "prod": lax.mul,
    "max": lax.max,
    "min": lax.min,
    "and": lax.bitwise_and,
    "or": lax.bitwise_or,
}
_MOST_TERMS = 2**24  # entries of products that are held for a contraction


def reduction(step: Step, values: list[Any]) -> list[Any] | None:
    """A reduction over positions, and maybe over other axes too."""
    (value,) = values
    others = tuple(d for d in step.equation.params["axes"] if d != value.axis)
    alone = [value]
    if others:
        axis = value.axis - sum(d < value.axis for d in others)
        alone = on_windows(
            lambda _: lambda x: _jaxpr.bind(step.equation, [x], axes=others), [value], [value.axis], axis
        )
    return [closed(alone[0], step.name.removeprefix("reduce_"), step.one([value.base]))]


def contraction(step: Step, values: list[Any]) -> list[Any] | None:
    """A product that sums over positions: pooling with weights, or a dense layer of the flattened text."""
    (left, right), (left_batch, right_batch) = step.equation.params["dimension_numbers"]
    pairs = list(zip(left, right, strict=True))
    place, value = first_changed(values)
    axes = next((pair for pair in pairs if pair[place] == value.axis), None)
    if axes is None or any(isinstance(v, Changed) and v.axis != a for v, a in zip(values, axes, strict=True)):
        return None
    aval = step.equation.outvars[0].aval
    if value.length * aval.size > _MOST_TERMS:
        return None
    rest = [pair for pair in pairs if pair != axes]
    numbers = (
        (tuple(a for a, _ in rest), tuple(b for _, b in rest)),
        ((*left_batch, axes[0]), (*right_batch, axes[1])),
    )
    wide = at_least_float32(aval.dtype) if jnp.issubdtype(aval.dtype, jnp.floating) else None
    options = {"dimension_numbers": numbers, **({"preferred_element_type": wide} if wide else {})}
    (terms,) = on_windows(
        lambda _: lambda *operands: _jaxpr.bind(step.equation, operands, **options), values, axes, len(left_batch)
    )
    return [closed(terms, "sum", step.one([base_of(v) for v in values]))]


def closed(value: Changed, kind: str, base: Any) -> Rows:
    """The join over all positions of each version; `kind` as in :func:`neutral`, `base` that of the text as it is."""
    axis, dtype, join, base = value.axis, value.base.dtype, _JOINED[kind], once(base)
    added = kind in ("sum", "prod") and jnp.issubdtype(dtype, jnp.inexact)
    wide = at_least_float32(dtype) if added else dtype
    nothing = neutral(kind, wide)
    left = once(value.left.astype(wide))  # many slices read it: XLA would compute it anew for each
    right = once(value.right.astype(wide)) if value.moves else left
    before = _running(join, left, nothing, axis, reverse=False)
    after = _running(join, right, nothing, axis, reverse=True)
    rows = []
    for group in range(len(value.windows)):
        values, (_, exists) = value.windows[group].values.astype(wide), value.inside(group)
        if not exists.all():
            values = jnp.where(beside(exists, axis, values), values, nothing)
        low, high = (np.clip(end, 0, value.length) for end in value.span(group))
        ends = [jnp.moveaxis(take(a, at, axis), axis, 0) for a, at in ((before, low), (after, high))]
        found = join(join(ends[0], lax.reduce(values, nothing, join, (axis + 1,))), ends[1])
        if added and not value.moves:  # an equal window gives an equal result, in whatever order it was added
            same = as_it_is(value, group).reshape((-1,) + (1,) * (found.ndim - 1))
            found = jnp.where(same, base[None].astype(wide), found)
        rows.append(found.astype(base.dtype))
    return Rows(base, jnp.concatenate(rows))


def neutral(kind: str, dtype: Any) -> np.ndarray:
    """What changes nothing when it is joined: of `sum`, `prod`, `max`, `min`, `and` and `or`."""
    if kind in ("sum", "prod", "or"):
        return np.asarray(kind == "prod", dtype)
    truth = jnp.issubdtype(dtype, jnp.bool_)
    if kind == "and":
        return np.asarray(True if truth else -1).astype(dtype)
    if truth:
        return np.asarray(kind == "min")
    if jnp.issubdtype(dtype, jnp.floating):
        return np.asarray(np.inf if kind == "min" else -np.inf, dtype)
    limits = jnp.iinfo(dtype)
    return np.asarray(limits.max if kind == "min" else limits.min, dtype)


def _running(join: Callable[[Any, Any], Any], array: Any, nothing: np.ndarray, axis: int, *, reverse: bool) -> Any:
    """The join of all positions before each place, or of all from it on; one place more than positions.

    A tree of slices, which on CPU is several times as fast as `cummax` and its like.
    """
    none = jnp.full_like(lax.slice_in_dim(array, 0, 1, axis=axis), nothing)
    found = lax.associative_scan(join, array, reverse=reverse, axis=axis)
    return jnp.concatenate([found, none] if reverse else [none, found], axis)

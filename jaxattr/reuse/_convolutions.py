"""Convolutions and pooling along positions: a window grows by what the kernel reaches."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxattr import _jaxpr
from jaxattr._batching import at_least_float32
from jaxattr._program import Step
from jaxattr.reuse._positionwise import on_windows, resized
from jaxattr.reuse._reading import column, read, take
from jaxattr.reuse._reductions import neutral
from jaxattr.reuse._values import Changed, Window, beside, hull, repeated, spread, with_windows

_MOST_TAPS = 512  # changed positions times taps that are worth a product each


class _Reach:
    """Which outputs of a sliding kernel see which inputs: output q reads `q * stride - low + t * dilation`."""

    def __init__(self, size: int, stride: int, dilation: int, low: int) -> None:
        self.size, self.stride, self.dilation, self.low = size, stride, dilation, low
        self.beyond = (size - 1) * dilation

    def grown(self, value: Changed, group: int, length: int) -> tuple[np.ndarray, int]:
        """Starts and width of the outputs that see a window."""
        low, high = value.span(group)
        first = -((self.beyond - low - self.low) // self.stride)
        return hull(length, first, (high - 1 + self.low) // self.stride + 1)

    def seen(self, starts: np.ndarray, width: int) -> np.ndarray:
        """The inputs that so many outputs from each start read, `[P, W']`."""
        return spread(starts * self.stride - self.low, (width - 1) * self.stride + self.beyond + 1)


def convolution(step: Step, values: list[Any]) -> list[Any] | None:
    """A convolution along positions with a kernel that does not change."""
    value, kernel = values
    p = step.equation.params
    numbers = p["dimension_numbers"]
    if not isinstance(value, Changed) or isinstance(kernel, Changed) or p["batch_group_count"] != 1:
        return None
    if value.axis not in numbers.lhs_spec[2:]:
        return None
    k = numbers.lhs_spec[2:].index(value.axis)
    if p["lhs_dilation"][k] != 1:
        return None
    out, along = numbers.out_spec[2 + k], numbers.rhs_spec[2 + k]
    reach = _Reach(kernel.shape[along], p["window_strides"][k], p["rhs_dilation"][k], p["padding"][k][0])
    length = step.equation.outvars[0].aval.shape[out]
    spans = [reach.grown(value, group, length) for group in range(len(value.windows))]
    if p["feature_group_count"] == 1 and max(width for _, width in spans) * reach.size <= _MOST_TAPS:
        return [_by_taps(step, value, kernel, k, reach, spans)]
    unpadded = {"padding": resized(p["padding"], k, (0, 0))}
    return [_slid(step, value, [kernel], out, reach, spans, unpadded, 0)]


def pooling(step: Step, values: list[Any]) -> list[Any] | None:
    """A sum, maximum or minimum over a window that slides along positions."""
    value, *others = values
    p = step.equation.params
    if not isinstance(value, Changed) or any(isinstance(v, Changed) for v in others):
        return None
    axis = value.axis
    if p["base_dilation"][axis] != 1:
        return None
    reach = _Reach(
        p["window_dimensions"][axis], p["window_strides"][axis], p["window_dilation"][axis], p["padding"][axis][0]
    )
    length = step.equation.outvars[0].aval.shape[axis]
    spans = [reach.grown(value, group, length) for group in range(len(value.windows))]
    nothing = others[0] if others else neutral(step.name.removeprefix("reduce_window_"), value.base.dtype)
    unpadded = {"padding": resized(p["padding"], axis, (0, 0))}
    return [_slid(step, value, others, axis, reach, spans, unpadded, nothing)]


def _slid(
    step: Step,
    value: Changed,
    others: list[Any],
    out: int,
    reach: _Reach,
    spans: list[tuple[np.ndarray, int]],
    unpadded: dict[str, Any],
    outside: Any,
) -> Changed:
    """The operation itself on all inputs that the changed outputs see."""
    windows = []
    for group, (starts, width) in enumerate(spans):
        places = reach.seen(starts, width)
        inputs = repeated(read(value, group, value.axis, places), len(starts))
        exists = beside((places >= 0) & (places < value.length), value.axis, inputs)
        inputs = jnp.where(exists, inputs, jnp.asarray(outside, inputs.dtype))
        results = jax.vmap(lambda x: _jaxpr.bind(step.equation, [x, *others], **unpadded)[0])(inputs)
        windows.append(Window(starts, results))
    return with_windows(step.one, [value, *others], out, windows)


def _by_taps(
    step: Step, value: Changed, kernel: Any, k: int, reach: _Reach, spans: list[tuple[np.ndarray, int]]
) -> Changed:
    """A sum of taps, each a product made once a position and once a changed position."""
    p = step.equation.params
    numbers, dtype = p["dimension_numbers"], step.equation.outvars[0].aval.dtype
    out, along = numbers.out_spec[2 + k], numbers.rhs_spec[2 + k]
    kinds, features = numbers.rhs_spec[0], numbers.out_spec[1]
    each = [lax.slice_in_dim(kernel, t, t + 1, axis=along) for t in range(reach.size)]
    taps, count = jnp.concatenate(each, kinds), kernel.shape[kinds]
    options = {
        "padding": resized(p["padding"], k, (0, 0)),
        "window_strides": resized(p["window_strides"], k, 1),
        "rhs_dilation": resized(p["rhs_dilation"], k, 1),
        "preferred_element_type": at_least_float32(dtype),
    }
    (products,) = on_windows(
        lambda _: lambda x: _jaxpr.bind(step.equation, [x, taps], **options), [value], [value.axis], out
    )
    tapped = [_features(products, t * count, count, features) for t in range(reach.size)]
    first = np.arange(step.equation.outvars[0].aval.shape[out]) * reach.stride - reach.low

    def summed(arrays: list[Any]) -> Any:
        each = [take(a, first + t * reach.dilation, out) for t, a in enumerate(arrays)]
        return functools.reduce(lax.add, each).astype(dtype)

    windows = []
    for group, (starts, width) in enumerate(spans):
        outputs = spread(starts, width) * reach.stride - reach.low
        columns = []
        for r in range(width):
            terms = [column(v, group, out, outputs[:, r] + t * reach.dilation) for t, v in enumerate(tapped)]
            columns.append(repeated(functools.reduce(jnp.add, terms), len(starts)))
        windows.append(Window(starts, jnp.stack(columns, out + 1).astype(dtype)))
    return with_windows(summed, tapped, out, windows)


def _features(value: Changed, first: int, count: int, axis: int) -> Changed:
    """Some of the features of a value."""

    def part(array: Any, behind: int = 0) -> Any:
        return lax.slice_in_dim(array, first, first + count, axis=axis + behind)

    windows = [Window(w.starts, part(w.values, 1)) for w in value.windows]
    return with_windows(lambda operands: part(*operands), [value], value.axis, windows)

"""Rules for operations that treat each position alone: they run on the windows as they do on the whole."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxattr import _jaxpr
from jaxattr._program import Step
from jaxattr.reuse._reading import read
from jaxattr.reuse._values import Changed, Window, base_of, first_changed, on_sides, spread, union

ELEMENTWISE = (
    "add sub mul div rem pow max min and or xor not neg sign floor ceil round is_finite exp exp2 log log2 log1p expm1 "
    "tanh logistic sin cos tan asin acos atan sinh cosh asinh acosh atanh atan2 sqrt rsqrt cbrt erf erfc erf_inv "
    "lgamma digamma abs integer_pow square one_minus_square eq ne lt le gt ge select_n clamp convert_element_type copy "
    "copy_p add_any reduce_precision nextafter shift_left shift_right_logical shift_right_arithmetic stop_gradient "
    "real imag population_count clz complex conj bessel_i0e bessel_i1e name"
).split()


class Plan(NamedTuple):
    """How an operation treats the positions of one of its operands.

    Attributes:
        axes: where each operand has positions; None where it has none.
        out: where the results have them.
        params: the operation's parameters for a window of some width.
    """

    axes: list[int | None]
    out: int
    params: Callable[[int], dict[str, Any]] = lambda _: {}


Planner = Callable[[Any, list[tuple[int, ...]], int, int], Plan | None]


def positionwise(step: Step, values: list[Any]) -> list[Any] | None:
    """The results where each position is treated alone, else None."""
    place, value = first_changed(values)
    planner = _PLANNERS.get(step.name)
    shapes = [np.shape(base_of(v)) for v in values]
    plan = planner(step.equation, shapes, place, value.axis) if planner else None
    if plan is None or any(isinstance(v, Changed) and v.axis != a for v, a in zip(values, plan.axes, strict=True)):
        return None
    return on_windows(
        lambda width: lambda *operands: _jaxpr.bind(step.equation, operands, **plan.params(width)),
        values,
        plan.axes,
        plan.out,
    )


def on_windows(
    run: Callable[[int], Callable[..., list[Any]]], values: list[Any], axes: Sequence[int | None], out: int
) -> list[Any]:
    """Apply `run(width)(*operands)`, which treats each position alone, to a text and to what its versions change.

    Args:
        run: the operation for a number of positions.
        values: its operands.
        axes: where each of them has positions; None where it has none.
        out: where the results have them.
    """
    _, value = first_changed(values)
    bases, left, right = on_sides(lambda operands: run(value.length)(*operands), values)
    found = []
    for group in range(len(value.windows)):
        starts, width = union(values, group)
        places = spread(starts, width)
        operands = [v if a is None else read(v, group, a, places) for v, a in zip(values, axes, strict=True)]
        count = max(len(o) for o, a in zip(operands, axes, strict=True) if a is not None)
        each = [a is not None and len(o) == count for o, a in zip(operands, axes, strict=True)]
        given = [o if e or a is None else o[0] for o, a, e in zip(operands, axes, each, strict=True)]
        results = jax.vmap(run(width), in_axes=[0 if e else None for e in each])(*given)
        for result, base in zip(results, bases, strict=True):
            check_window(result, base, out, count, width)
        found.append([Window(starts, result) for result in results])
    return [Changed(base, out, [windows[k] for windows in found], left[k], right[k]) for k, base in enumerate(bases)]


def check_window(values: Any, base: Any, axis: int, count: int, width: int) -> None:
    """Refuse a window of another shape than the value's own: a wrong rule does not get past this."""
    wanted = (count, *base.shape[:axis], width, *base.shape[axis + 1 :])
    if values.shape != wanted or values.dtype != base.dtype:
        raise AssertionError(
            f"a window of {wanted} {base.dtype} was expected, but a rule made {values.shape} {values.dtype}"
        )


def resized(sizes: Sequence[Any], axis: int, width: Any) -> tuple[Any, ...]:
    """Sizes with another one at an axis."""
    return (*sizes[:axis], width, *sizes[axis + 1 :])


def _elementwise(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    """Scalars, and axes of length one that the operation repeats, have no positions."""
    out, length = equation.outvars[0].aval.shape, shapes[place][axis]
    if len(shapes[place]) != len(out) or out[axis] != length:
        return None
    return Plan([axis if shape and shape[axis] == length else None for shape in shapes], axis)


def _transpose(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    del shapes, place
    return Plan([axis], equation.params["permutation"].index(axis))


def _broadcast(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    out, length = equation.params["broadcast_dimensions"][axis], shapes[place][axis]
    shape = equation.outvars[0].aval.shape
    if shape[out] != length or len(shapes) > 1:
        return None
    return Plan([axis], out, lambda width: {"shape": resized(shape, out, width)})


def _reshape(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    del place
    if equation.params["dimensions"] is not None or len(shapes) > 1:
        return None
    (shape,), out = shapes, equation.outvars[0].aval.shape
    same = [b for b in range(len(out)) if out[b] == shape[axis] and math.prod(out[:b]) == math.prod(shape[:axis])]
    if not same:
        return None
    return Plan([axis], same[0], lambda width: {"new_sizes": resized(out, same[0], width)})


def _without(parameter: str) -> Planner:
    """An operation that removes other axes."""

    def plan(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
        del shapes, place
        at = equation.params[parameter]
        gone = at if isinstance(at, tuple) else (at,)
        return None if axis in gone else Plan([axis], axis - sum(d < axis for d in gone))

    return plan


def _beside(parameter: str) -> Planner:
    """An operation on other axes that keeps them all; every operand has the same ones."""

    def plan(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
        del place
        at = equation.params[parameter]
        return None if axis in (at if isinstance(at, tuple) else (at,)) else Plan([axis] * len(shapes), axis)

    return plan


def _stack(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    """A new axis never holds positions; every operand has the same ones."""
    del place
    return Plan([axis] * len(shapes), axis + (equation.params["axis"] <= axis))


def _pad(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    del shapes
    untouched = place == 0 and equation.params["padding_config"][axis] == (0, 0, 0)
    return Plan([axis, None], axis) if untouched else None


def _slice(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    p = equation.params
    stride = 1 if p["strides"] is None else p["strides"][axis]
    if (p["start_indices"][axis], p["limit_indices"][axis], stride) != (0, shapes[place][axis], 1):
        return None
    return Plan([axis], axis, lambda width: {"limit_indices": resized(p["limit_indices"], axis, width)})


def _top_k(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    over = equation.params.get("axis", -1) % len(shapes[place])
    return None if axis == over else Plan([axis], axis)


def _dot(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    (left, right), (left_batch, right_batch) = equation.params["dimension_numbers"]
    contracted, batch = (left, left_batch) if place == 0 else (right, right_batch)
    if axis in contracted:
        return None
    if axis in batch:
        k = list(batch).index(axis)
        return Plan([left_batch[k], right_batch[k]], k)
    free = [d for d in range(len(shapes[place])) if d not in contracted and d not in batch].index(axis)
    before = 0 if place == 0 else len(shapes[0]) - len(left) - len(left_batch)
    return Plan([axis if i == place else None for i in (0, 1)], len(left_batch) + before + free)


def _gather(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    """A lookup of changed ids in a table."""
    numbers = equation.params["dimension_numbers"]
    if place != 1 or numbers.operand_batching_dims or axis == len(shapes[1]) - 1:
        return None
    rank = len(equation.outvars[0].aval.shape)
    return Plan([None, axis], [b for b in range(rank) if b not in numbers.offset_dims][axis])


def _convolution(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    """A convolution over other axes, for which positions are so many examples."""
    del shapes
    numbers = equation.params["dimension_numbers"]
    if place != 0 or axis != numbers.lhs_spec[0] or equation.params["batch_group_count"] != 1:
        return None
    return Plan([axis, None], numbers.out_spec[0])


def _reduce_window(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    del place
    p = equation.params
    alone = p["window_dimensions"][axis] == p["window_strides"][axis] == p["base_dilation"][axis] == 1
    return Plan([axis] + [None] * (len(shapes) - 1), axis) if alone and p["padding"][axis] == (0, 0) else None


def _constraint(equation: Any, shapes: list[tuple[int, ...]], place: int, axis: int) -> Plan | None:
    """Kept where positions are not sharded; where they are, a window has no sharding of its own."""
    del shapes, place
    spec = getattr(equation.params["sharding"], "spec", None)
    if spec is None or (len(spec) > axis and spec[axis] is not None):
        return None
    return Plan([axis], axis)


_REDUCTIONS = "reduce_sum reduce_max reduce_min reduce_prod reduce_and reduce_or argmax argmin".split()
_PLANNERS: dict[str, Planner] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(_REDUCTIONS, _without("axes")),
    **dict.fromkeys("cumsum cummax cummin cumprod cumlogsumexp split".split(), _beside("axis")),
    **dict.fromkeys("reduce_window reduce_window_sum reduce_window_max reduce_window_min".split(), _reduce_window),
    "concatenate": _beside("dimension"),
    "sort": _beside("dimension"),
    "rev": _beside("dimensions"),
    "squeeze": _without("dimensions"),
    "stack": _stack,
    "transpose": _transpose,
    "unstack": _without("axis"),
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "pad": _pad,
    "slice": _slice,
    "top_k": _top_k,
    "dot_general": _dot,
    "gather": _gather,
    "conv_general_dilated": _convolution,
    "sharding_constraint": _constraint,
}

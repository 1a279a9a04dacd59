"""Which rule serves which operation."""

from collections.abc import Callable
from typing import Any

from jaxattr._program import Step
from jaxattr.reuse import _convolutions, _loops, _reductions, _shapes
from jaxattr.reuse._positionwise import positionwise

Rule = Callable[[Step, list[Any]], list[Any] | None]

_RULES: dict[str, Rule] = {
    "concatenate": _shapes.joined,
    "conv_general_dilated": _convolutions.convolution,
    "dot_general": _reductions.contraction,
    "dynamic_slice": _shapes.picked,
    "pad": _shapes.padded,
    "reduce_and": _reductions.reduction,
    "reduce_max": _reductions.reduction,
    "reduce_min": _reductions.reduction,
    "reduce_or": _reductions.reduction,
    "reduce_prod": _reductions.reduction,
    "reduce_sum": _reductions.reduction,
    "reduce_window_max": _convolutions.pooling,
    "reduce_window_min": _convolutions.pooling,
    "reduce_window_sum": _convolutions.pooling,
    "reshape": _shapes.flattened,
    "rev": _shapes.turned,
    "scan": _loops.loop,
    "slice": _shapes.cut,
    "split": _shapes.parted,
    "squeeze": _shapes.dropped,
    "unstack": _shapes.unstacked,
}


def results(step: Step, values: list[Any]) -> list[Any] | None:
    """What a step gives where some of its inputs are `Changed`; None where no rule knows."""
    if any(0 in v.aval.shape for v in step.equation.outvars):
        return None
    rule = _RULES.get(step.name)
    return positionwise(step, values) or (rule(step, values) if rule else None)

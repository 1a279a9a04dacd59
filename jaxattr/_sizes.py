"""How many evaluations fit well at once, read from the jaxpr of one of them.

On CPU throughput is flat or falls once the working set leaves the caches, so a chunk is as small as it can be and still
keeps the products busy; an accelerator wants more at once, within a modest share of its memory.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxattr import _jaxpr

_BUDGET = {"cpu": 4 * 2**20}  # bytes of the largest operation, over all evaluations of a chunk
_ACCELERATOR = 256 * 2**20
_MOST = 64
_SLOW_IN_A_LOOP = ("conv_general_dilated",)  # on CPU, whose fast kernels are not used in loops


def chunk(jaxpr: Any, moving: Sequence[bool] | None = None) -> int:
    """How many evaluations to run at once."""
    budget = _BUDGET.get(jax.default_backend(), _ACCELERATOR)
    return int(np.clip(budget // max(1, largest(jaxpr, moving)), 1, _MOST))


def largest(jaxpr: Any, moving: Sequence[bool] | None = None) -> int:
    """Bytes that the largest operation reads and writes; what all evaluations share is not counted."""
    given = [True] * len(jaxpr.invars) if moving is None else moving
    moves = {v for v, m in zip(jaxpr.invars, given, strict=True) if m}
    most = 0
    for equation in jaxpr.eqns:
        inputs = [not _jaxpr.is_literal(v) and v in moves for v in equation.invars]
        if not any(inputs):
            continue
        moves.update(equation.outvars)
        read = {v for v, m in zip(equation.invars, inputs, strict=True) if m}
        most = max(most, sum(_bytes(v.aval) for v in (*read, *equation.outvars)))
        for body, _ in _jaxpr.bodies(equation):
            same = len(body.invars) == len(inputs)
            most = max(most, largest(body, inputs if same else None))
    return most


def is_slow_in_a_loop(jaxpr: Any) -> bool:
    """Whether a compiled loop around this would be much slower than its rounds one after another."""
    return jax.default_backend() == "cpu" and _holds(jaxpr, _SLOW_IN_A_LOOP)


def is_loop(jaxpr: Any) -> bool:
    """Whether it goes through positions one after another."""
    return _holds(jaxpr, ("scan", "while"))


def _holds(jaxpr: Any, names: Sequence[str]) -> bool:
    return any(
        equation.primitive.name in names or any(_holds(body, names) for body, _ in _jaxpr.bodies(equation))
        for equation in jaxpr.eqns
    )


def _bytes(aval: Any) -> int:
    return math.prod(getattr(aval, "shape", ())) * getattr(getattr(aval, "dtype", None), "itemsize", 1)

"""Find the maxima over positions whose value on a straight line is the upper envelope of lines.

That is a `reduce_max` of an affine value, or of what non-decreasing functions made of it (a bias and a ReLU before the
pooling): the maximum of g(z) is g of the maximum of z, and the same positions win.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _jaxpr, _program
from jaxattr._program import Program, Step, Value

_NON_DECREASING = ("tanh", "logistic", "exp", "erf")
_BESIDE_A_NUMBER = ("max", "min")


class Maximum(NamedTuple):
    """A maximum over axes of an affine value.

    Attributes:
        line: the affine value.
        output: the maximum.
        shape: the shape of the affine value.
        axes: over which it is taken.
        steps: the functions between the two, and the maximum itself.
        between: what they make of values of that shape.
    """

    line: Value
    output: Value
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    steps: list[Step]
    between: Callable[[Any], Any]

    def columns(self, values: Any) -> Any:
        """Values of the shape of the line as `[L, C]`: the axes that compete first."""
        front = jnp.moveaxis(values, self.axes, range(len(self.axes)))
        return front.reshape(math.prod(front.shape[: len(self.axes)]), -1)

    def uncolumns(self, columns: Any) -> Any:
        """The way back."""
        others = [size for axis, size in enumerate(self.shape) if axis not in self.axes]
        front = columns.reshape(*(self.shape[axis] for axis in self.axes), *others)
        return jnp.moveaxis(front, range(len(self.axes)), self.axes)

    def tops(self, values: Any) -> Any:
        """What the functions in between make of any values, packed into the shape that they were traced for."""
        size = math.prod(self.shape)
        packed = jnp.pad(values.reshape(-1), (0, -values.size % size)).reshape(-1, *self.shape)
        return jax.vmap(self.between)(packed).reshape(-1)[: values.size].reshape(values.shape)


def find(steps: Sequence[Step], affine: Callable[[Value], bool], whole: Program) -> list[Maximum]:
    """The maxima of affine values; what lies between the two is read by nothing else."""
    makers = {value: step for step in steps for value in step.outputs}
    readers = Counter([*(value for step in steps for value in step.inputs), *whole.outputs])
    found = []
    for step in steps:
        if step.name != "reduce_max" or not whole.avals[step.inputs[0]].size:
            continue
        chain, value = [step], step.inputs[0]
        while not affine(value) and value in makers and readers[value] == 1:
            before = makers[value]
            moving = _moving(before, whole)
            if moving is None:
                break
            chain, value = [before, *chain], moving
        aval = whole.avals[value]
        if affine(value) and aval.dtype in (np.float32, np.float64) and aval.size > step.equation.outvars[0].aval.size:
            axes = tuple(step.equation.params["axes"])
            between = _between(chain[:-1], value, step.inputs[0], whole)
            found.append(Maximum(value, step.outputs[0], aval.shape, axes, chain, between))
    return found


def _between(chain: list[Step], line: Value, last: Value, whole: Program) -> Callable[[Any], Any]:
    return lambda values: _program.run(chain, {**whole.constants, line: values}, [last])[0]


def _moving(step: Step, whole: Program) -> Value | None:
    """What a step is a non-decreasing function of, the same one at each position; None where it is no such step."""
    numbers = [i for i in step.inputs if i in whole.constants and np.ndim(whole.constants[i]) == 0]
    others = [i for i in step.inputs if i not in numbers]
    if len(others) != 1 or whole.avals[others[0]].shape != whole.avals[step.outputs[0]].shape:
        return None
    fits = (
        step.name in _NON_DECREASING
        or (step.name in _BESIDE_A_NUMBER and len(step.inputs) == 2)
        or (step.name == "custom_jvp_call" and not numbers and _is_relu(step.equation))
    )
    return others[0] if fits else None


def _is_relu(equation: Any) -> bool:
    """Whether a call with a derivative of its own is `jax.nn.relu`; another rule may have a slope where it is flat."""
    body, _ = _jaxpr.called(equation) or (None, None)
    inner = body.eqns[0] if body is not None and len(body.eqns) == 1 else None
    return inner is not None and inner.params.get("name") == "relu" and _jaxpr.called(inner) is not None

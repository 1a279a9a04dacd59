"""A jaxpr as one flat list of steps over numbered values: calls are opened, so that a pass sees what is inside."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _jaxpr

Value = int  # the number of a value
OPENED = ("jit", "pjit", "closed_call", "core_call")  # remat and custom derivatives stay as they are


class Step(NamedTuple):
    """One operation.

    Attributes:
        name: its primitive, or the name that a pass gave it.
        equation: where it stands in the jaxpr; None where a pass made it.
        inputs: what it reads.
        outputs: what it makes.
        run: its outputs from its inputs.
    """

    name: str
    equation: Any
    inputs: list[Value]
    outputs: list[Value]
    run: Callable[[list[Any]], list[Any]]

    def one(self, inputs: list[Any]) -> Any:
        """Its only output."""
        return self.run(inputs)[0]


class Program(NamedTuple):
    """A function as steps.

    Attributes:
        steps: the operations, in order.
        inputs: the values that are given.
        outputs: the values that are wanted.
        constants: the values that are known.
        avals: shape and dtype of each value, by its number.
    """

    steps: list[Step]
    inputs: list[Value]
    outputs: list[Value]
    constants: dict[Value, Any]
    avals: list[Any]


def program(jaxpr: Any, consts: Sequence[Any], opened: Collection[str] = OPENED) -> Program:
    """The steps of a jaxpr, those of called bodies among them; `opened` names the calls whose bodies are entered."""
    steps: list[Step] = []
    constants: dict[Value, Any] = {}
    avals: list[Any] = []

    def number(variable: Any) -> Value:
        avals.append(variable.aval)
        return len(avals) - 1

    def known(variable: Any, value: Any) -> Value:
        constants[at := number(variable)] = _canonical(value)
        return at

    def enter(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Value]) -> list[Value]:
        def visit(_: int, equation: Any, values: list[Value]) -> list[Value]:
            body = _jaxpr.called(equation)
            if body is not None and equation.primitive.name in opened:
                return enter(*body, values)
            outs = [number(v) for v in equation.outvars]
            steps.append(_step(equation, values, outs))
            return outs

        held = list(map(known, jaxpr.constvars, consts))
        return _jaxpr.walk(jaxpr, held, inputs, visit, literal=lambda v: known(v, v.val))

    inputs = [number(v) for v in jaxpr.invars]
    return Program(steps, inputs, enter(jaxpr, consts, inputs), constants, avals)


def _canonical(value: Any) -> Any:
    """A constant in the dtype that it has under this setting of x64: JAX may hand out what it kept from the other."""
    dtype = getattr(value, "dtype", None)
    kept = dtype is None or not jnp.issubdtype(dtype, np.number) or dtype == jax.dtypes.canonicalize_dtype(dtype)
    return value if kept else jnp.asarray(np.asarray(value))


def _step(equation: Any, inputs: list[Value], outputs: list[Value]) -> Step:
    return Step(equation.primitive.name, equation, inputs, outputs, lambda values: _jaxpr.bind(equation, values))


def live(steps: Sequence[Step], wanted: Iterable[Value]) -> list[Step]:
    """The steps that the wanted values need."""
    needed, kept = set(wanted), []
    for step in reversed(steps):
        if needed.intersection(step.outputs):
            needed.update(step.inputs)
            kept.append(step)
    return kept[::-1]


def read_by(steps: Iterable[Step]) -> set[Value]:
    """All values that some step reads."""
    return {value for step in steps for value in step.inputs}


def run(steps: Iterable[Step], known: Mapping[Value, Any], wanted: Collection[Value]) -> list[Any]:
    """The wanted values."""
    values = dict(known)
    for step in steps:
        values.update(zip(step.outputs, step.run([values[i] for i in step.inputs]), strict=True))
    return [values[i] for i in wanted]

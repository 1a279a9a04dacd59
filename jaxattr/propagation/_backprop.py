"""Guided backpropagation and the deconvolutional network: gradients whose way back through ReLU is changed."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr.propagation._layers import from_zero
from jaxattr.propagation._relevance import slope
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import Pair, Rule, evaluate


@jax.custom_vjp
def _only_positive(t: Any, gate: Any) -> Any:
    """The tangent where the gate is open; on the way back, only what is positive and finds it open."""
    return t * gate


_only_positive.defvjp(lambda t, gate: (t * gate, gate), lambda gate, g: (jnp.maximum(g, 0) * gate, None))


def relu(gate: Callable[[Any], Any]) -> Rule:
    """A rule for `max(x, 0)` that sends back positive parts only; other maxima by their derivative."""

    def rule(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        moving = [v for v in inputs if isinstance(v, Pair)]
        if equation.primitive.name != "max" or len(moving) != 1:
            return slope(equation, inputs, walk)
        (pair,) = moving
        values = [v.x if isinstance(v, Pair) else v for v in inputs]
        (y,) = evaluate(equation, values)
        return [from_zero(y, _only_positive(tangent(pair, equation), gate(pair.x).astype(y.dtype)))]

    return rule


def activation(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A function with a derivative rule of its own: `jax.nn.relu` is entered, any other (softplus) has its slope."""
    body = _jaxpr.called(equation)
    return walk(body, inputs) if body and _is_relu(body[0]) else slope(equation, inputs, walk)


def _is_relu(jaxpr: Any) -> bool:
    """Whether a body does nothing but take a maximum."""
    inner = [_jaxpr.called(e) for e in jaxpr.eqns]
    return all(
        e.primitive.name == "max" or (body is not None and _is_relu(body[0]))
        for e, body in zip(jaxpr.eqns, inner, strict=True)
    )

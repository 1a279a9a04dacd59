"""Guided backpropagation and the deconvolutional network: gradients whose way back through ReLU is changed."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr.propagation._elementwise import Rule
from jaxattr.propagation._relevance import slope
from jaxattr.propagation._values import Pair, evaluate, tangent


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
        return [Pair(y, jnp.zeros_like(y), _only_positive(tangent(pair, equation), gate(pair.x).astype(y.dtype)))]

    return rule

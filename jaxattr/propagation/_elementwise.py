"""Elementwise functions, followed from the value they are functions of: the Rescale rule of DeepLIFT.

`x * sigmoid(x)`, `where(x > 0, x, exp(x) - 1)` and the like are several primitives but one function of x. Each value
remembers its root, so that the whole function gets one secant, and comparisons inside it cost nothing.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr.propagation._routes import followed, same_entry
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import (
    NORMALISER,
    Chain,
    Pair,
    Rule,
    as_pair,
    at_baseline,
    at_input,
    difference,
    evaluate,
    function_of,
    moving,
    pairs,
    refusal,
)


def elementwise(otherwise: Rule | None = None) -> Rule:
    """A rule for a primitive that acts on each entry alone; `otherwise` serves inputs with different roots."""

    def rule(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        inputs = [_stretched(v, equation) for v in inputs]
        roots = {id(p.root): p.root for p in pairs(inputs)}
        if len(roots) == 1:
            (root,) = roots.values()
            if root.x.shape == equation.outvars[0].aval.shape:
                return [_chained(equation, inputs, root)]
        if otherwise is None:
            raise refusal(equation, "joins several values that depend on the attributed argument")
        return otherwise(equation, inputs, walk)

    return followed(rule, same_entry)


def _stretched(value: Any, equation: Any) -> Any:
    """A value whose axes of length one the primitive repeats, with the repetition written out."""
    shape = equation.outvars[0].aval.shape
    if not isinstance(value, Pair) or value.x.shape == shape or value.x.ndim != len(shape) or value.route is not None:
        return value
    x, x0, t = (jnp.broadcast_to(v, shape) for v in (value.x, value.x0, tangent(value, equation)))
    return Pair(x, x0, t, tags=value.tags)


def _chained(equation: Any, inputs: Sequence[Any], root: Pair) -> Pair:
    if jnp.iscomplexobj(root.x) and not jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.complexfloating):
        raise refusal(equation, "takes a complex number that depends on the attributed argument")
    y, slope = _with_slope(equation, inputs, at_input(inputs), 1)
    y0, slope0 = _with_slope(equation, inputs, at_baseline(inputs), 2)
    return Pair(y, y0, chain=Chain(root, slope, slope0), tags=_tags(equation, inputs))


def _with_slope(equation: Any, inputs: Sequence[Any], values: list[Any], which: int) -> tuple[Any, Any]:
    """The value and its derivative by the root, at one of the two streams."""
    places = moving(equation, inputs)
    act, at = function_of(equation, values, places)
    if not places or not _jaxpr.is_float(equation.outvars[0]):
        (y,) = evaluate(equation, values)
        return y, jnp.zeros(y.shape, y.dtype if jnp.issubdtype(y.dtype, jnp.floating) else jnp.float32)
    slopes = []
    for i, x in zip(places, at, strict=True):
        chain = inputs[i].chain
        slopes.append(jnp.ones_like(x) if chain is None else chain[which].astype(x.dtype))
    (y,), (slope,) = jax.jvp(act, at, slopes)
    return y, slope


def _tags(equation: Any, inputs: Sequence[Any]) -> frozenset[str]:
    name = equation.primitive.name
    tags = frozenset().union(*(p.tags for p in pairs(inputs)))
    if name == "rsqrt" or (name == "integer_pow" and equation.params["y"] < 0):
        return frozenset([NORMALISER])
    if name == "div" and not isinstance(inputs[0], Pair):
        return frozenset([NORMALISER])
    if name in ("mul", "div", "convert_element_type", "copy", "neg", "select_n", "max", "reduce_precision"):
        return tags
    return frozenset()


def comparison(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A comparison of values with different roots is a step function of their difference."""
    del walk
    a, b = map(as_pair, inputs)
    if not _jaxpr.is_float(equation.invars[0]):
        raise refusal(equation, "compares integers that depend on the attributed argument")
    gap = Pair(difference(a.x, b.x), difference(a.x0, b.x0), tangent(a, equation) - tangent(b, equation))
    (y,), (y0,) = evaluate(equation, at_input(inputs)), evaluate(equation, at_baseline(inputs))
    zero = jnp.zeros(y.shape, gap.x.dtype)
    return [Pair(y, y0, chain=Chain(gap, zero, zero))]

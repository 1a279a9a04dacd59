"""RevealCancel: the positive and the negative part of a change are sent on apart, so that neither hides the other."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr.propagation._rules import linear, product
from jaxattr.propagation._tangents import parts, tangent
from jaxattr.propagation._values import (
    Between,
    Pair,
    Rule,
    Split,
    at_input,
    difference,
    evaluate,
    function_of,
    moving,
    pairs,
)

Map = Callable[[Any], Any]

_PARTIAL = set("acos acosh asin atanh digamma erf_inv lgamma log log1p log2 pow rem rsqrt sqrt".split())


def revealed(rule: Rule) -> Rule:
    """An elementwise function of a split root is taken at the two values between as well, where it has values there."""

    def follow(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        outs = rule(equation, inputs, walk)
        (out,) = outs
        if not isinstance(out, Pair) or out.chain is None or not isinstance(out.chain.root.split, Split):
            return outs
        known = all(v is out.chain.root or isinstance(v.split, Between) for v in pairs(inputs))
        if not known or not _has_values_everywhere(equation, inputs):
            return outs  # by its secant, as in the Rescale rule
        between = (evaluate(equation, [_after(v, i) for v in inputs])[0] for i in (0, 1))
        return [dataclasses.replace(out, split=Between(*between))]

    return follow


def _has_values_everywhere(equation: Any, inputs: Sequence[Any]) -> bool:
    """Whether a function is finite at any number: a part of a change may lead where input and baseline never are."""
    name = equation.primitive.name
    if name == "div":
        return not isinstance(inputs[1], Pair)
    return name not in _PARTIAL and not (name == "integer_pow" and equation.params["y"] < 0)


def _after(value: Any, part: int) -> Any:
    """A value after one part of its root's change."""
    if not isinstance(value, Pair):
        return value
    if isinstance(value.split, Split):
        return value.x0 + value.split[part]
    return value.split[part] if value.split is not None else value.x0


def weighed(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    r"""A layer or a sum collects its positive and its negative contributions, each with the whole change of its input.

    $$\Delta y^{+} = \sum_i 1\{w_i \Delta x_i > 0\}\, w_i \Delta x_i, \qquad
      t^{+} = \sum_i 1\{w_i \Delta x_i > 0\}\, w_i (t_i^{+} + t_i^{-})$$

    Where the change of an input is 0 its tangent goes to both sides in halves.
    """
    (out,) = linear(equation, inputs, walk)
    plus, minus, t_plus, t_minus = (jnp.zeros_like(v) for v in (out.x, out.x, out.t, out.t))
    for place in moving(equation, inputs):
        up, down = _by_sign_of_weight(equation, inputs, place)
        change, t = difference(inputs[place].x, inputs[place].x0), tangent(inputs[place], equation)
        rises = (1 + jnp.sign(change)) / 2
        plus += up(change * rises) + down(change * (1 - rises))
        minus += down(change * rises) + up(change * (1 - rises))
        t_plus += up(t * rises) + down(t * (1 - rises))
        t_minus += down(t * rises) + up(t * (1 - rises))
    return [dataclasses.replace(out, split=Split(plus, minus, t_plus, t_minus))]


def _by_sign_of_weight(equation: Any, inputs: Sequence[Any], place: int) -> tuple[Map, Map]:
    """The layer as a function of one input, through its positive weights alone, and through its negative ones."""

    def through(weights: Callable[[Any], Any]) -> Map:
        return lambda value: evaluate(equation, [value if i == place else weights(v) for i, v in enumerate(inputs)])[0]

    if equation.primitive.name in ("dot_general", "conv_general_dilated"):
        return through(lambda w: jnp.maximum(w, 0)), through(lambda w: jnp.minimum(w, 0))
    dtype = equation.outvars[0].aval.dtype
    weight = through(lambda v: jnp.zeros_like(v.x if isinstance(v, Pair) else v))

    def none(value: Any) -> Any:
        del value
        return jnp.zeros((), dtype)

    return (none, weight) if equation.primitive.name == "sub" and place == 1 else (weight, none)


def layer(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A product with fixed weights is a layer; one of two moving values keeps its rule."""
    return (weighed if len(pairs(inputs)) == 1 else product)(equation, inputs, walk)


def carried(rule: Rule) -> Rule:
    """Parts are moved and copied as the values are."""

    def carry(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        outs, places = rule(equation, inputs, walk), moving(equation, inputs)
        if all(inputs[i].split is None for i in places):
            return outs
        act, at = function_of(equation, at_input(inputs), places)
        split = zip(*(parts(inputs[i], equation) for i in places), strict=True)
        moved = zip(*(jax.jvp(act, at, list(part))[1] for part in split), strict=True)
        return [dataclasses.replace(out, split=Split(*each)) for out, each in zip(outs, moved, strict=True)]

    return carry

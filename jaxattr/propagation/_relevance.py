"""Rules of layer-wise relevance propagation, for the same interpreter.

The baseline of every value is 0, so that the contract reads: where the tangents of the inputs are the inputs, the
tangent of the output is the output. Relevance is the value times the multiplier. Biases and the stabiliser absorb some
of it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks, _jaxpr
from jaxattr.propagation._elementwise import elementwise
from jaxattr.propagation._layers import from_zero, shared
from jaxattr.propagation._rules import choice, linear, movement
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import MAXIMUM, Pair, Rule, at_input, evaluate, function_of, moving, pairs, refusal

SHIFT = "shift"  # a stopped maximum, which softmax subtracts
SHIFTED = "shifted"  # a value less such a shift
EXPONENTIAL = "exponential"  # the exponential of that, or a sum of them
ROOT = "root"  # a square root, one over which is a normaliser
AFFINE = "affine"  # an affine function of its root


def add_or_subtract(stabiliser: float) -> Rule:
    """A bias joins its layer; two moving values share in proportion; a shift of softmax passes by."""

    def rule(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        a, b = inputs
        sign = -1 if equation.primitive.name == "sub" else 1
        (y,) = evaluate(equation, at_input(inputs))
        if isinstance(b, Pair) and SHIFT in b.tags and isinstance(a, Pair):
            return [from_zero(y, tangent(a, equation), frozenset([SHIFTED]))]
        if isinstance(a, Pair) and SHIFT in a.tags and isinstance(b, Pair):
            return [from_zero(y, sign * tangent(b, equation))]
        moving, bias = (b, a) if not isinstance(a, Pair) else (a, b)
        if moving.pending is None or isinstance(bias, Pair) or (moving is b and sign < 0):
            return unit(shared(stabiliser), affine=True)(equation, inputs, walk)
        terms = tuple(k._replace(total=k.total + k.modify(sign * bias)) for k in moving.pending.terms)
        return [from_zero(y, pending=moving.pending._replace(terms=terms))]

    return rule


def moved(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """Entries are moved or copied; a layer that waits for its bias goes on waiting."""
    (pair,) = pairs(inputs)
    if pair.pending is None or pair is not inputs[0]:
        return zeroed(movement)(equation, inputs, walk)

    def act(value: Any) -> Any:
        return evaluate(equation, [value, *inputs[1:]])[0]

    terms = tuple(k._replace(t=act(k.t), total=act(k.total)) for k in pair.pending.terms)
    return [from_zero(act(pair.x), pending=pair.pending._replace(terms=terms))]


def zeroed(rule: Rule) -> Rule:
    """A rule of DeepLIFT with 0 as the baseline of every value; integers and booleans are taken as they are."""

    def follow(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        fixed = [
            v.x if isinstance(v, Pair) and v.chain is None and not _jaxpr.is_float(variable) else v
            for v, variable in zip(inputs, equation.invars, strict=True)
        ]
        if not pairs(fixed):
            return evaluate(equation, fixed)
        return [
            dataclasses.replace(p, x0=jnp.zeros_like(p.x)) if isinstance(p, Pair) else p
            for p in rule(equation, fixed, walk)
        ]

    return follow


def unit(otherwise: Rule | None = None, *, affine: bool = False) -> Rule:
    r"""The identity rule: an elementwise function passes its relevance on unchanged, $t_y = t_r\, y / r$.

    An affine function alone does not: what its constant adds is absorbed, as the bias of a layer is.
    """
    follow = zeroed(elementwise(otherwise))

    def rule(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        outs = follow(equation, inputs, walk)
        moving = pairs(inputs)
        straight = affine and len(moving) == 1 and (moving[0].chain is None or AFFINE in moving[0].tags)
        if not straight or not isinstance(outs[0], Pair) or outs[0].chain is None:
            return [dataclasses.replace(o, tags=o.tags - {AFFINE}) if isinstance(o, Pair) else o for o in outs]
        (out,) = outs
        root = out.chain.root.x
        finite = jnp.isfinite(root) & jnp.isfinite(out.x)  # masked scores are infinite
        intercept = jnp.where(finite, out.x - out.chain.slope * jnp.where(finite, root, 0), 0)
        return [dataclasses.replace(out, x0=intercept, tags=out.tags | {AFFINE})]

    return rule


def chosen(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """`where`: a fixed condition hands relevance to what it chose; one inside an activation belongs to it."""
    rule = unit(choice) if isinstance(inputs[0], Pair) else zeroed(linear)
    return rule(equation, inputs, walk)


def half(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    r"""A product of two moving factors: each gets half, $t = (t_a b + a t_b) / 2$."""
    del walk
    a, b = inputs
    (y,) = evaluate(equation, at_input(inputs))
    (left,), (right,) = evaluate(equation, [tangent(a, equation), b.x]), evaluate(equation, [a.x, tangent(b, equation)])
    return [from_zero(y, (left + right) / 2)]


def fixed(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A normaliser: its value is taken as it is, and gets no relevance."""
    del walk
    return evaluate(equation, at_input(inputs))


def rooted(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A square root passes relevance on as any function does, and is remembered: one over it is a normaliser."""
    return [dataclasses.replace(out, tags=out.tags | {ROOT}) for out in unit()(equation, inputs, walk)]


def power(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """`v ** -0.5` is a normaliser, any other power a function like others."""
    _, exponent = inputs
    normalises = (
        not isinstance(exponent, Pair) and _checks.is_concrete(exponent) and np.all(np.asarray(exponent) == -0.5)
    )
    return fixed(equation, inputs, walk) if normalises else unit()(equation, inputs, walk)


def divided(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """Softmax by its derivative; any other denominator, and one over a square root, as a fixed normaliser."""
    a, b = inputs
    if not isinstance(a, Pair):
        return (fixed if ROOT in b.tags else unit())(equation, inputs, walk)
    if isinstance(b, Pair) and EXPONENTIAL in a.tags & b.tags:
        return slope(equation, inputs, walk)
    if isinstance(b, Pair) and a.root is not b.root:
        b = b.x
    return unit(affine=True)(equation, [a, b], walk)


def slope(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """The ordinary derivative at the input."""
    del walk
    places = moving(equation, inputs)
    act, at = function_of(equation, at_input(inputs), places)
    ys, ts = jax.jvp(act, at, [tangent(inputs[i], equation) for i in places])
    tags = frozenset([MAXIMUM]) if "max" in equation.primitive.name else frozenset()
    return [y if t.dtype == jax.dtypes.float0 else from_zero(y, t, tags) for y, t in zip(ys, ts, strict=True)]


def exponential(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """The exponential and the logarithm of softmax by their derivatives, any other like an activation."""
    tags = inputs[0].tags
    if not tags & {SHIFTED, EXPONENTIAL}:
        return unit()(equation, inputs, walk)
    (out,) = slope(equation, inputs, walk)
    return [dataclasses.replace(out, tags=frozenset([EXPONENTIAL]) if SHIFTED in tags else frozenset())]


def shift(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A stopped gradient gets no relevance; a stopped maximum is remembered as the shift of a softmax."""
    del equation, walk
    (pair,) = inputs
    if MAXIMUM not in pair.tags:
        return [pair.x]
    return [from_zero(pair.x, jnp.zeros_like(pair.x), frozenset([SHIFT]))]


def refuse_product(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """The classical rules know no product of two values that both carry relevance."""
    del inputs, walk
    raise refusal(
        equation,
        "multiplies two values that both carry relevance",
        "The tables of AttnLRP have one: rules=jaxattr.propagation.ATTN_LRP, or attn_lrp_rules with your rule.",
    )

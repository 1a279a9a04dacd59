"""Rules for primitives that are not elementwise: linear maps, products, quotients, maxima, choices."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import (
    MAXIMUM,
    NORMALISER,
    Pair,
    as_pair,
    at_baseline,
    at_input,
    difference,
    evaluate,
    function_of,
    moving,
    numbers,
    pairs,
    refusal,
    widened,
)


def linear(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """Linear in the moving inputs together: the tangent goes through the same map."""
    del walk
    places = moving(equation, inputs)
    if len(places) < len(pairs(inputs)):
        raise refusal(equation, "chooses by integers or booleans that depend on the attributed argument")
    act, at = function_of(equation, at_input(inputs), places)
    ts = [tangent(inputs[i], equation).astype(x.dtype) for i, x in zip(places, at, strict=True)]
    ys, ts = jax.jvp(act, at, ts)
    y0s = evaluate(equation, at_baseline(inputs))
    tags = frozenset.intersection(*(p.tags for p in pairs(inputs)))
    return [Pair(y, y0, t, tags=tags) for y, y0, t in zip(ys, y0s, ts, strict=True)]


def movement(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """Entries are moved or copied, numbers or booleans alike."""
    (pair,) = pairs(inputs)
    if _jaxpr.is_float(equation.invars[0]):
        return linear(equation, inputs, walk)
    t = None if pair.chain is None and pair.t is None else tangent(pair, equation)

    def act(value: Any) -> Any:
        return evaluate(equation, [value, *inputs[1:]])[0]

    return [Pair(act(pair.x), act(pair.x0), None if t is None else act(t), tags=pair.tags)]


def passed(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """The values as they are: the primitive speaks to the compiler alone."""
    del equation, walk
    return list(inputs)


def solve(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """Linear in the right hand side, which alone may move."""
    if isinstance(inputs[0], Pair):
        raise refusal(equation, "solves with a matrix that depends on the attributed argument")
    return linear(equation, inputs, walk)


def product(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    r"""A product of two moving factors: each gets its own change times the mean of the other, as Shapley would.

    $$t = t_a \frac{b + b_0}{2} + \frac{a + a_0}{2} t_b$$
    """
    if len(pairs(inputs)) == 1:
        return linear(equation, inputs, walk)
    a, b = inputs
    if equation.primitive.name == "mul" and (NORMALISER in a.tags) != (NORMALISER in b.tags):
        return [_scaled(*((a, b) if NORMALISER in b.tags else (b, a)), equation)]
    (y,), (y0,) = evaluate(equation, at_input(inputs)), evaluate(equation, at_baseline(inputs))
    (left,) = evaluate(equation, [tangent(a, equation), (b.x + b.x0) / 2])
    (right,) = evaluate(equation, [(a.x + a.x0) / 2, tangent(b, equation)])
    return [Pair(y, y0, left + right)]


def product_of_all(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A product over axes, as products of two in a balanced tree."""
    del walk
    (pair,), axes = inputs, tuple(equation.params["axes"])
    size = math.prod(pair.x.shape[axis] for axis in axes)
    ends = tuple(range(len(axes)))
    streams = [
        jnp.moveaxis(v, axes, ends).reshape(size, *equation.outvars[0].aval.shape)
        for v in (widened(pair.x), widened(pair.x0), tangent(pair, equation))
    ]
    y, y0, t = (jnp.concatenate([v, jnp.full_like(v[:1], one)]) for v, one in zip(streams, (1, 1, 0), strict=True))
    while len(y) > 1:
        (a, b), (a0, b0), (ta, tb) = ((v[: len(v) // 2 * 2 : 2], v[1::2]) for v in (y, y0, t))
        odd = [v[len(v) // 2 * 2 :] for v in (y, y0, t)]
        made = a * b, a0 * b0, ta * (b + b0) / 2 + (a + a0) / 2 * tb
        y, y0, t = (jnp.concatenate(each) for each in zip(made, odd, strict=True))
    return [Pair(y[0], y0[0], t[0])]


def quotient(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A moving value over a moving value: the reciprocal by its secant, then a product that cannot blow up."""
    a, b = inputs
    if not isinstance(b, Pair):
        return linear(equation, inputs, walk)
    if not isinstance(a, Pair):
        raise refusal(equation, "divides by a value of another shape")
    r, r0 = 1 / b.x, 1 / b.x0
    inverse = Pair(r, r0, -r * r0 * tangent(b, equation), tags=frozenset([NORMALISER]))
    scaled = _scaled(a, inverse, equation)
    return [Pair(a.x / b.x, a.x0 / b.x0, scaled.t)]


def _scaled(a: Pair, r: Pair, equation: Any) -> Pair:
    r"""A value times a normaliser, weighted so that the larger normaliser meets the smaller change.

    $$t = \frac{|r_0| r + |r| r_0}{|r| + |r_0|} t_a + \frac{|r| a + |r_0| a_0}{|r| + |r_0|} t_r$$
    """
    size, size0 = jnp.abs(r.x), jnp.abs(r.x0)
    total = size + size0
    w = jnp.where(total == 0, 0.5, size / jnp.where(total == 0, 1, total))
    t = ((1 - w) * r.x + w * r.x0) * tangent(a, equation) + (w * a.x + (1 - w) * a.x0) * tangent(r, equation)
    return Pair(a.x * r.x, a.x0 * r.x0, t)


def stopped(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """A stopped gradient: a common shift where it stops a maximum, as softmax does, else a value without tangent."""
    (pair,) = inputs
    if MAXIMUM in pair.tags:
        walk.notes.shifted.append(equation)
        finite = jnp.isfinite(pair.x) & jnp.isfinite(pair.x0)  # halves first: a masked score may be the least number
        shift = jnp.where(finite, pair.x / 2 + pair.x0 / 2, jnp.maximum(pair.x, pair.x0))
        apart = finite & (jnp.abs(difference(pair.x, pair.x0)) > jnp.log(jnp.finfo(shift.dtype).max))
        moves = jnp.where(apart, tangent(pair, equation), 0)  # too far apart for one exponential: each its own maximum
        return [Pair(jnp.where(apart, pair.x, shift), jnp.where(apart, pair.x0, shift), moves)]
    return [Pair(pair.x, pair.x0, jnp.zeros_like(pair.x))]


def choice(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """`where`: linear for a fixed condition, else the product of the condition, as 0 and 1, with what it adds."""
    which, *cases = inputs
    if not isinstance(which, Pair):
        return linear(equation, inputs, walk)
    if len(cases) != 2 or which.x.dtype != jnp.bool_:
        raise refusal(equation, "chooses among several cases by a value that depends on the attributed argument")
    no, yes = map(as_pair, cases)
    y, y0 = jnp.where(which.x, yes.x, no.x), jnp.where(which.x0, yes.x0, no.x0)
    turn = tangent(which, equation)
    like = y if jnp.issubdtype(y.dtype, jnp.inexact) else turn
    s, s0 = which.x.astype(like.dtype), which.x0.astype(like.dtype)
    share = (s + s0) / 2
    here, there = (difference(numbers(a, like), numbers(b, like)) for a, b in ((yes.x, no.x), (yes.x0, no.x0)))
    turns = jnp.where(which.x == which.x0, 0, (here + there) / 2)  # what neither stream chooses may be NaN
    t = share * tangent(yes, equation) + (1 - share) * tangent(no, equation) + turns * turn
    return [Pair(y, y0, t)]


def midpoint_slope(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """The ordinary derivative in the middle between input and baseline: for what has no rule. Not complete.

    The transform that falls back on it warns, naming the primitives that it served.

    Args:
        equation: an equation of the jaxpr.
        inputs: its inputs, pairs or plain arrays.
        walk: the interpreter, unused.

    Returns:
        Its outputs as pairs.

    Example:
        >>> import warnings
        >>> f = lambda x: jax.lax.cumprod(x)[1]
        >>> with warnings.catch_warnings(action="ignore"):
        ...     ja.deep_lift(f, baseline=jnp.zeros_like, fallback=midpoint_slope)(jnp.array([3.0, 2.0])).tolist()
        [3.0, 3.0]

    References:
        One node of the path of :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, equation 1.
    """
    del walk
    places = moving(equation, inputs)
    ends = zip(at_input(inputs), at_baseline(inputs), strict=True)
    middle = [(a + b) / 2 if i in places else a for i, (a, b) in enumerate(ends)]
    act, at = function_of(equation, middle, places)
    _, ts = jax.jvp(act, at, [tangent(inputs[i], equation) for i in places])
    ys, y0s = evaluate(equation, at_input(inputs)), evaluate(equation, at_baseline(inputs))
    return [Pair(y, y0, t if t.dtype != jax.dtypes.float0 else None) for y, y0, t in zip(ys, y0s, ts, strict=True)]


def refuse(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """Raise `NoRule`: the default for a primitive that the table does not know.

    Args:
        equation: an equation of the jaxpr.
        inputs: its inputs, unused.
        walk: the interpreter, unused.

    Returns:
        Nothing.

    Raises:
        NoRule: always.

    Example:
        >>> ja.deep_lift(jnp.max, baseline=jnp.zeros_like, fallback=refuse)(jnp.array([3.0, 2.0])).tolist()
        [3.0, 0.0]
    """
    del inputs, walk
    raise refusal(equation)

r"""Sorts, top-k and arg-max, where input and baseline may choose different entries.

Along the straight line from the baseline to the input, entry l overtakes entry e where their gap changes its sign. Each
such step is a step function of the gap, and gets the gap's secant, as every comparison does:

$$t_{eq} = \sum_{l \text{ overtakes or is overtaken}} \big([q = r^{+}_{el}] - [q = r^{-}_{el}]\big)
  \frac{t_l - t_e}{\Delta_l - \Delta_e}$$

is the tangent of the indicator "entry e stands at place q", with r- and r+ the places of e before and after the step.
Where the tangents are `x - x0` every fraction is 1 and the steps telescope to the indicator's change, so that the rule
is complete. What is read at a chosen place is a product of indicators and entries, shared as products are; for one
overtaking it is the share of the line along which the entry stood at that place.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import (
    Pair,
    Route,
    Rule,
    at_baseline,
    at_input,
    difference,
    evaluate,
    function_of,
    moving,
    pairs,
    refusal,
)

MOST_ENTRIES = 512  # every pair of entries is compared


def order(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """`sort`, `top_k`, `argmax`, `argmin`: the entries at each place, and which they are."""
    del walk
    name, params = equation.primitive.name, equation.params
    (axis,) = params["axes"] if "axes" in params else (params.get("axis", params.get("dimension")),)
    key, *others = inputs
    if any(isinstance(v, Pair) and not _jaxpr.is_float(equation.invars[i]) for i, v in enumerate(inputs)):
        raise refusal(equation, "orders integers that depend on the attributed argument")
    if not isinstance(key, Pair) or params.get("num_keys", 1) != 1 or (others and not params["is_stable"]):
        raise refusal(equation, "orders by several keys, by one that stays, or not stably")
    if key.x.shape[axis] > MOST_ENTRIES:
        raise refusal(
            equation, f"orders {key.x.shape[axis]} entries, more than the {MOST_ENTRIES} whose pairs it compares"
        )
    places = moving(equation, inputs)
    act, at = function_of(equation, at_input(inputs), places)
    act0, at0 = function_of(equation, at_baseline(inputs), places)
    tangents = [tangent(inputs[i], equation) for i in places]
    (ys, ts), (y0s, t0s) = jax.jvp(act, at, tangents), jax.jvp(act0, at0, tangents)
    count = 1 if name.startswith("arg") else ys[0].shape[axis]
    turns = _turns(key, tangents[0], axis, count, falling=name not in ("sort", "argmin"))
    if name.startswith("arg"):
        turns = jnp.squeeze(turns, axis + 1)
    entries = jax.lax.broadcasted_iota(int, key.x.shape, axis)
    read = [entries] if name.startswith("arg") else [key, entries] if name == "top_k" else inputs
    return [_at(turns, axis, *each) for each in zip(ys, y0s, ts, t0s, read, strict=True)]


def _turns(key: Pair, t: Any, axis: int, places: int, *, falling: bool) -> Any:
    """`[n, ...]`: the tangents of the indicators that entry e stands at place q, the places along the axis."""
    sign = 1 if falling else -1
    values = [jnp.moveaxis(sign * v, axis, -1) for v in (key.x, key.x0, t)]
    rows = jax.vmap(lambda x, x0, t: _turns_of_row(x, x0, t, places))(*(v.reshape(-1, v.shape[-1]) for v in values))
    rows = rows.reshape(*values[0].shape[:-1], *rows.shape[1:])  # [..., n, places]
    return jnp.moveaxis(jnp.moveaxis(rows, -2, 0), -1, axis + 1)


def _turns_of_row(x: Any, x0: Any, t: Any, places: int) -> Any:
    entry, other = jnp.arange(len(x))[:, None], jnp.arange(len(x))[None, :]

    def gap(v: Any) -> tuple[Any, Any]:
        ahead = difference(v[None, :], v[:, None])
        return ahead, (ahead > 0) | ((ahead == 0) & (other < entry))

    (end, ends), (start, starts) = gap(x), gap(x0)
    step = ends.astype(int) - starts.astype(int)  # 1 where the other overtakes the entry on the way
    along = jnp.where(step == 0, 1, end - start)
    moment = jnp.where(step == 0, jnp.inf, -start / along)
    share = jnp.where(step == 0, 0, (t[None, :] - t[:, None]) / along)
    in_time = jnp.argsort(moment, axis=1)
    step, share = jnp.take_along_axis(step, in_time, 1), jnp.take_along_axis(share, in_time, 1)
    after = starts.sum(1, keepdims=True) + jnp.cumsum(step, axis=1)
    none = jnp.zeros((len(x), places), share.dtype)
    return none.at[entry, after].add(share, mode="drop").at[entry, after - step].add(-share, mode="drop")


def _at(turns: Any, axis: int, y: Any, y0: Any, t: Any, t0: Any, read: Any) -> Pair:
    """What stands at the places: entries of `read` along the axis, whose tangents by either order are t and t0."""
    entries = jnp.moveaxis(read.x / 2 + read.x0 / 2 if isinstance(read, Pair) else read, axis, 0)
    if turns.ndim > entries.ndim:
        entries = jnp.expand_dims(entries, axis + 1)
    choices = jnp.broadcast_to(entries, turns.shape).astype(y.dtype)
    if not jnp.issubdtype(y.dtype, jnp.inexact):
        return Pair(y, y0, route=Route(turns, choices))
    own = 0 if t.dtype == jax.dtypes.float0 else (t + t0) / 2
    return Pair(y, y0, own + _summed(turns, choices))


def _summed(turns: Any, choices: Any) -> Any:
    """What the turns of the choice change; an infinite entry, masked out, is never chosen."""
    return jnp.sum(jnp.where(jnp.isfinite(choices), choices, 0) * turns, axis=0)


def followed(otherwise: Rule, *ways: Callable[..., Pair | None]) -> Rule:
    """A rule that follows a choice in the first way that fits; `otherwise` serves inputs that hold none."""

    def rule(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        held = [i for i, v in enumerate(inputs) if isinstance(v, Pair) and v.route is not None]
        for way in ways if held else ():
            if (out := way(equation, inputs, held)) is not None:
                return [out]
        return otherwise(equation, inputs, walk)

    return rule


def same_entry(equation: Any, inputs: Sequence[Any], held: list[int]) -> Pair | None:
    """An elementwise function of the choice: the same turns, other choices."""
    turns = inputs[held[0]].route.turns
    alone = len(held) == len(pairs(inputs)) and all(inputs[i].route.turns is turns for i in held)
    if not alone:
        return None
    shape = equation.outvars[0].aval.shape
    if turns.shape[1:] != shape:  # an axis of length one that the primitive stretches
        turns = jnp.broadcast_to(turns, (len(turns), *shape))
    act, _ = function_of(equation, inputs, held)
    return _pair(equation, inputs, turns, jax.vmap(act)(*(inputs[i].route.choices for i in held))[0])


def moved(equation: Any, inputs: Sequence[Any], held: list[int]) -> Pair | None:
    """Places are moved, copied, or joined with fixed ones: their turns go along."""
    if len(pairs(inputs)) > 1:
        return None
    turns, choices = inputs[held[0]].route
    joined = equation.primitive.name in ("concatenate", "pad")  # fixed places take no turns
    still = [jnp.zeros(v.aval.shape, turns.dtype) for v in equation.invars] if joined else inputs
    turn, _ = function_of(equation, still, held)
    act, _ = function_of(equation, inputs, held)
    return _pair(equation, inputs, jax.vmap(turn)(turns)[0], jax.vmap(act)(choices)[0])


def read(equation: Any, inputs: Sequence[Any], held: list[int]) -> Pair | None:
    """What is read at a chosen place: half of the change of what is read there, and the turns of the choice."""
    floats = moving(equation, inputs)
    if len(held) > 1 or held[0] in floats or len(floats) + 1 < len(pairs(inputs)):
        return None
    (place,) = held
    ends, starts = at_input(inputs), at_baseline(inputs)
    mean = [ends[i] / 2 + starts[i] / 2 if i in floats else v for i, v in enumerate(ends)]
    act, _ = function_of(equation, mean, held)
    choices = jax.vmap(act)(inputs[place].route.choices)[0]
    turns = jnp.broadcast_to(_beside(equation, inputs[place].route.turns), choices.shape)
    out = _pair(equation, inputs, turns, choices)
    if not floats:
        return out
    tangents = [tangent(inputs[i], equation) for i in floats]
    here, there = (
        jax.jvp(*function_of(equation, [*ends[:place], which, *ends[place + 1 :]], floats), tangents)[1][0]
        for which in (ends[place], starts[place])
    )
    return Pair(out.x, out.x0, out.t + (here + there) / 2)


def _beside(equation: Any, turns: Any) -> Any:
    """The turns of a place, laid out like what is read there."""
    if equation.primitive.name == "gather":
        window = equation.params["dimension_numbers"].offset_dims
        return jnp.expand_dims(turns.sum(-1), [1 + axis for axis in window])
    ndim = len(equation.outvars[0].aval.shape)
    return turns.reshape(*turns.shape, *[1] * (ndim + 1 - turns.ndim))


def _pair(equation: Any, inputs: Sequence[Any], turns: Any, choices: Any) -> Pair:
    """A function of the choice: still a choice where it is an integer or boolean, a number with its tangent else."""
    (y,), (y0,) = evaluate(equation, at_input(inputs)), evaluate(equation, at_baseline(inputs))
    if jnp.issubdtype(y.dtype, jnp.inexact):
        return Pair(y, y0, _summed(turns, choices))
    return Pair(y, y0, route=Route(turns, choices))

"""Maxima and minima, and their likes for booleans, any and all: the winner gets the credit."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import (
    MAXIMUM,
    Pair,
    at_baseline,
    at_input,
    difference,
    function_of,
    moving,
    numbers,
    refusal,
)


def maximum(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    r"""Credit to the winner at the input where the maximum rose, to the winner at the baseline where it fell.

    The winner's own change is at least as large as the maximum's, so the factor lies between 0 and 1:

    $$t = \frac{y - y_0}{x_i - x^0_i}\, t_i, \qquad i = \arg\max x \text{ if } y \ge y_0 \text{ else } \arg\max x^0$$
    """
    del walk
    places = moving(equation, inputs)
    if not places:
        raise refusal(equation, "compares integers that depend on the attributed argument")
    act, at = function_of(equation, at_input(inputs), places)
    act0, at0 = function_of(equation, at_baseline(inputs), places)
    tangents = [tangent(inputs[i], equation) for i in places]
    y, y0, t = _of_winners(act, act0, at, at0, tangents, least="min" in equation.primitive.name)
    return [Pair(y, y0, t, tags=frozenset([MAXIMUM]))]


def any_or_all(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
    """The maximum or minimum of booleans, as 0 and 1."""
    del walk
    (pair,), least = inputs, equation.primitive.name == "reduce_and"
    t = tangent(pair, equation)

    def act(value: Any) -> list[Any]:
        return [(jnp.min if least else jnp.max)(value, axis=equation.params["axes"])]

    y, y0, t = _of_winners(act, act, [numbers(pair.x, t)], [numbers(pair.x0, t)], [t], least=least)
    return [Pair(y.astype(pair.x.dtype), y0.astype(pair.x.dtype), t)]


def _of_winners(
    act: Callable[..., Any],
    act0: Callable[..., Any],
    at: list[Any],
    at0: list[Any],
    tangents: list[Any],
    *,
    least: bool,
) -> tuple[Any, Any, Any]:
    changes = [difference(a, b) for a, b in zip(at, at0, strict=True)]

    def winner(act: Callable[..., Any], at: list[Any]) -> tuple[Any, Any, Any]:
        (y,), (change,) = jax.jvp(act, at, changes)
        return y, change, jax.jvp(act, at, tangents)[1][0]

    (y, change, t), (y0, change0, t0) = winner(act, at), winner(act0, at0)
    falls = (y > y0) if least else (y < y0)
    change, t = jnp.where(falls, change0, change), jnp.where(falls, t0, t)
    factor = jnp.where(change == 0, 1, difference(y, y0) / jnp.where(change == 0, 1, change))
    return y, y0, factor * t

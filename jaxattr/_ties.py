r"""Maxima that find their winner whatever the compiler does.

JAX differentiates a maximum by comparing its operands with the result: who equals it has won. XLA may compute an
operand twice, once for the result and once to be compared with it, and round the two differently (a product that one of
them joins to an addition). Then nothing equals the maximum, and its derivative is silently zero or infinite. What is
computed in the same program as the score makes this common: a bias that is scaled, noise, a value that was hoisted. So
maxima compare their operands with each other, or read one that is computed once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _program
from jaxattr._batching import is_staged
from jaxattr._program import Program, Step, Value

_OVER_AXES = ("reduce_max", "reduce_min", "cummax", "cummin")
_OF_TWO = ("max", "min")


@jax.custom_jvp
def once(x: Any) -> Any:
    """A value that is computed once: nothing that reads it makes it anew.

    On CPU XLA drops its barriers before it decides what to fuse, but it does not look through a loop whose number of
    rounds it cannot know. This one has none, or one that changes nothing where the first entry is NaN.
    """

    def through_a_loop(x: Any) -> Any:
        first = x.reshape(-1)[0]
        rounds = (first != first).astype(jnp.int32)
        return jax.lax.while_loop(
            lambda s: s[0] < rounds,
            lambda s: (s[0] + 1, jnp.where(s[0] > 1, jnp.zeros((), x.dtype), s[1])),
            (rounds * 0, x),
        )[1]

    return jax.lax.platform_dependent(x, cpu=through_a_loop, default=jax.lax.optimization_barrier) if x.size else x


once.defjvp(lambda given, moves: (once(*given), moves[0]))


def steadied(score: Callable[[list[Any]], Any], leaves: Sequence[Any]) -> Callable[[list[Any]], Any]:
    """A score of leaves with such maxima; the score itself where it is run operation by operation, or has effects."""
    if not is_staged():
        return score
    closed = jax.make_jaxpr(lambda *leaves: score(list(leaves)))(*leaves)
    return score if closed.jaxpr.effects else rerun(score, _program.program(closed.jaxpr, closed.consts))


def rerun(score: Callable[[list[Any]], Any], whole: Program) -> Callable[[list[Any]], Any]:
    """The same of a score whose steps are known."""
    steps = steady(whole.steps, whole.outputs, whole.avals)

    def run(leaves: list[Any]) -> Any:
        known = {**whole.constants, **dict(zip(whole.inputs, leaves, strict=True))}
        return _program.run(steps, known, whole.outputs)[0]

    return run if is_staged() and steps != whole.steps else score


def steady(steps: Sequence[Step], outputs: Sequence[Value], avals: Sequence[Any]) -> list[Step]:
    """The same steps with such maxima; those that no derivative passes through are left as they are."""
    asked, result = set(outputs), []
    for step in reversed(steps):
        passed = asked.intersection(value for value in step.outputs if jnp.issubdtype(avals[value].dtype, jnp.floating))
        if passed and step.name != "stop_gradient":
            asked.update(step.inputs)
            step = _steady(step)
        result.append(step)
    return result[::-1]


def _steady(step: Step) -> Step:
    if step.name in _OVER_AXES:
        return step._replace(run=lambda values: step.run([once(value) for value in values]))
    if step.name in _OF_TWO:
        kinds = [variable.aval.dtype for variable in step.equation.invars]
        return step._replace(run=lambda values: [_of_two(step, *map(jnp.asarray, values, kinds))])
    return step


def _of_two(step: Step, x: Any, y: Any) -> Any:
    """The larger (or the smaller) of two, with JAX's derivative: one half each where they are equal."""
    beats = jnp.greater if step.name == "max" else jnp.less

    def share(x: Any, y: Any) -> Any:
        return jnp.where(beats(x, y), 1, jnp.where(x == y, 0.5, 0)).astype(x.dtype)

    def chosen(x: Any, y: Any) -> Any:
        return step.one([x, y])

    def derivative(given: tuple[Any, Any], moves: tuple[Any, Any]) -> tuple[Any, Any]:
        (x, y), (dx, dy) = given, moves
        return chosen(x, y), share(x, y) * dx + share(y, x) * dy

    steadied = jax.custom_jvp(chosen)
    steadied.defjvp(derivative)
    return steadied(x, y)

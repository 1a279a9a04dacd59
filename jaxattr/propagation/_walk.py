"""The interpreter: one walk over a jaxpr with pairs, which applies the rule of each equation and enters calls."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr._argument import Argument
from jaxattr._needed import plan
from jaxattr.propagation._control import CONTROL
from jaxattr.propagation._tables import Rules
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import Pair, Rule

Body = tuple[Any, list[Any]]  # a jaxpr and its constants


class Notes(NamedTuple):
    """What a walk writes down on its way.

    Attributes:
        shifted: equations whose rule relied on the score not changing with a common shift.
        fell_back: equations that the fallback served.
    """

    shifted: list[Any]
    fell_back: list[Any]


class Walk(NamedTuple):
    """Rules with what happens to a primitive that has none.

    Attributes:
        rules: the table, or a function that gives the table of a layer.
        fallback: the rule of all other primitives.
        notes: what is written down on the way.
        layer: the layer of the body that is walked.
        watch: applies the rule of each equation, and sees its inputs and outputs; not inside loops and branches.
    """

    rules: Rules | Callable[[str], Rules]
    fallback: Rule
    notes: Notes
    layer: str = ""
    watch: Callable[..., list[Any]] | None = None

    def __call__(self, body: Body, values: Sequence[Any]) -> list[Any]:
        """The outputs of a body; what no output needs is not evaluated, and needs no rule."""
        jaxpr, consts = body
        needed = plan(jaxpr, [True] * len(jaxpr.outvars)).equations
        return _jaxpr.walk(jaxpr, consts, values, lambda _, *given: self._equation(*given), needed)

    def _equation(self, equation: Any, inputs: list[Any]) -> list[Any]:
        if not any(isinstance(v, Pair) for v in inputs):
            return _jaxpr.bind(equation, inputs)
        rule = self._rule(equation)
        if rule is None:
            body = _jaxpr.called(equation)
            assert body is not None
            return self._replace(layer=_jaxpr.layer_of(equation, self.layer))(body, inputs)
        if self.watch is None:
            return rule(equation, inputs, self)
        return self.watch(equation, rule, inputs, self._replace(watch=None))

    def _rule(self, equation: Any) -> Rule | None:
        """The rule of an equation; None for a call, which is entered."""
        name = equation.primitive.name
        table = self.rules(_jaxpr.layer_of(equation, self.layer)) if callable(self.rules) else self.rules
        if name in table:
            return table[name]
        if _jaxpr.called(equation) is not None:
            return None
        if name not in CONTROL:
            self.notes.fell_back.append(equation)
        return CONTROL.get(name, self.fallback)


def score_of(argument: Argument) -> Body:
    """The score as a body of the leaves of its argument."""
    traced = _jaxpr.trace(lambda *leaves: argument.score(list(leaves))[0], tuple(argument.leaves), {})
    return traced.jaxpr, traced.consts


def multipliers(
    argument: Argument,
    ends: list[Any],
    starts: list[Any],
    rules: Rules | Callable[[str], Rules],
    fallback: Rule,
) -> list[Any]:
    """What one unit of each entry of the argument adds to the score, by the rule of each primitive.

    Args:
        argument: the score and the argument that it is explained for.
        ends: its leaves at the input.
        starts: its leaves at the baseline.
        rules: the table, or a function that gives the table of a layer.
        fallback: the rule of all other primitives.
    """
    body, walk = score_of(argument), Walk(rules, fallback, Notes([], []))

    def forwards(tangents: list[Any]) -> Any:
        values = [Pair(x, x0, t) for x, x0, t in zip(ends, starts, tangents, strict=True)]
        (out,) = walk(body, values)
        return (tangent(out, None), out.x) if isinstance(out, Pair) else (jnp.zeros(()), out)

    value, pull, reached = jax.vjp(forwards, [jnp.zeros_like(end) for end in ends], has_aux=True)
    (slopes,) = pull(jnp.ones_like(value))
    warn_of(walk.notes.fell_back)
    if not walk.notes.shifted:
        return slopes
    score = argument.score(argument.leaves)[0]
    return [jnp.where(_agree(reached, score), m, jnp.nan) for m in slopes]


def warn_of(fell_back: list[Any]) -> None:
    """Say which primitives the fallback served: the sum is no longer promised."""
    if fell_back:
        named = dict.fromkeys((e.primitive.name, _jaxpr.where_written(e)) for e in fell_back)
        listed = ", ".join(f"{name!r}{' at ' + line if line else ''}" for name, line in named)
        warnings.warn(f"the fallback served {listed}; what they change may be missing from the sum", stacklevel=2)


def _agree(reached: Any, score: Any) -> Any:
    """Whether the walk arrives at the score, although it took the maxima that f stops for a common shift."""
    size = jnp.maximum(jnp.abs(reached), jnp.abs(score))
    return jnp.abs(reached - score) <= jnp.sqrt(jnp.finfo(score.dtype).eps) * jnp.maximum(size, 1)

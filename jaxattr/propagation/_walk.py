"""The interpreter: one walk over a jaxpr with pairs, through calls, scans and branches."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr._argument import Argument
from jaxattr._needed import plan
from jaxattr.propagation._tables import Rules
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import Pair, Rule, refusal, widened

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

    def __call__(self, body: Body, values: Sequence[Any], wanted: Sequence[bool] | None = None) -> list[Any]:
        """The wanted outputs of a body; what no wanted output needs is not evaluated, and needs no rule."""
        jaxpr, consts = body
        wanted = [True] * len(jaxpr.outvars) if wanted is None else wanted
        known = dict(zip(jaxpr.constvars, consts, strict=True))
        known.update(zip(jaxpr.invars, values, strict=True))

        def read(variable: Any) -> Any:
            return variable.val if _jaxpr.is_literal(variable) else known[variable]

        needed = plan(jaxpr, wanted)
        for i in needed.equations:
            equation = jaxpr.eqns[i]
            known.update(
                zip(equation.outvars, self._equation(equation, [read(v) for v in equation.invars]), strict=True)
            )
        return [read(v) if w else None for v, w in zip(jaxpr.outvars, wanted, strict=True)]

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
        if name not in _CONTROL:
            self.notes.fell_back.append(equation)
        return _CONTROL.get(name, self.fallback)


def score_of(argument: Argument) -> Body:
    """The score as a body of the leaves of its argument."""
    traced = _jaxpr.trace(lambda *leaves: argument.score(list(leaves))[0], tuple(argument.leaves), {})
    return traced.jaxpr, traced.consts


def multipliers(argument: Argument, ends: list[Any], starts: list[Any], walk: Walk) -> list[Any]:
    """What one unit of each entry of the argument adds to the score, by the rules of the walk.

    Args:
        argument: the score and the argument that it is explained for.
        ends: its leaves at the input.
        starts: its leaves at the baseline.
        walk: the rules.
    """
    body = score_of(argument)

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


def _packed(value: Any, equation: Any) -> Any:
    """A pair as a tuple of arrays, so that it can pass through a loop."""
    if not isinstance(value, Pair):
        return value
    return (value.x, value.x0, tangent(value, equation))


def _unpacked(value: Any) -> Any:
    return Pair(*value) if isinstance(value, tuple) else value


def _as_pair(value: Any) -> Pair:
    if isinstance(value, Pair):
        return value
    value = widened(jnp.asarray(value))
    like = value.dtype if jnp.issubdtype(value.dtype, jnp.inexact) else float
    return Pair(value, value, jnp.zeros(value.shape, like))


def _moving_outputs(walk: Walk, body: Body, inputs: list[Any], equation: Any) -> list[bool]:
    """Which outputs of a body are pairs, found without evaluating it."""
    moving: list[bool] = []

    def outputs(packed: list[Any]) -> list[Any]:
        outs = walk(body, [_unpacked(v) for v in packed])
        moving[:] = [isinstance(v, Pair) for v in outs]
        return []

    jax.eval_shape(outputs, [_packed(v, equation) for v in inputs])
    return moving


def _scan(equation: Any, inputs: list[Any], walk: Walk) -> list[Any]:
    body = _jaxpr.body_of(equation.params["jaxpr"])
    n, k = _jaxpr.scan_sizes(equation)
    consts, carry, rows = inputs[:n], inputs[n : n + k], inputs[n + k :]

    def first(row: Any) -> Any:
        if isinstance(row, Pair):
            return Pair(row.x[0], row.x0[0], tangent(row, equation)[0])
        return row[0]

    if equation.params["length"] == 0:
        raise refusal(equation, "has no steps")
    while True:
        moving = _moving_outputs(walk, body, [*consts, *carry, *map(first, rows)], equation)
        joined = [m or isinstance(v, Pair) for m, v in zip(moving[:k], carry, strict=True)]
        if joined == [isinstance(v, Pair) for v in carry]:
            break
        carry = [_as_pair(v) if m else v for v, m in zip(carry, joined, strict=True)]

    def step(state: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
        values = [*consts, *map(_unpacked, state), *map(_unpacked, row)]
        outs = walk(body, values)
        outs[:k] = [_as_pair(o) if m else o for o, m in zip(outs[:k], joined, strict=True)]
        packed = [_packed(o, equation) for o in outs]
        return packed[:k], packed[k:]

    options = {name: equation.params[name] for name in ("length", "reverse", "unroll")}
    start, scanned = ([_packed(v, equation) for v in part] for part in (carry, rows))
    last, stacked = jax.lax.scan(step, start, scanned, **options)
    return [_unpacked(v) for v in (*last, *stacked)]


def _cond(equation: Any, inputs: list[Any], walk: Walk) -> list[Any]:
    which, *operands = inputs
    if isinstance(which, Pair):
        raise refusal(equation, "branches on a value that depends on the attributed argument")
    branches = [_jaxpr.body_of(b) for b in equation.params["branches"]]
    each = [_moving_outputs(walk, b, operands, equation) for b in branches]
    moving = [any(m) for m in zip(*each, strict=True)]

    def branch(body: Body) -> Any:
        def run(packed: list[Any]) -> list[Any]:
            outs = walk(body, [_unpacked(v) for v in packed])
            return [_packed(_as_pair(o), equation) if m else o for o, m in zip(outs, moving, strict=True)]

        return run

    outs = jax.lax.switch(which, [branch(b) for b in branches], [_packed(v, equation) for v in operands])
    return [_unpacked(v) for v in outs]


def _while(equation: Any, inputs: list[Any], walk: Walk) -> list[Any]:
    del inputs, walk
    raise refusal(
        equation, "runs a number of steps that is not known; write it as lax.scan or fori_loop with fixed bounds"
    )


def _shard_map(equation: Any, inputs: list[Any], walk: Walk) -> list[Any]:
    """The same body on the same shards: input, baseline and tangent of a value are laid out alike."""
    params = equation.params
    body = _jaxpr.body_of(params["jaxpr"])
    moving = [_jaxpr.is_float(v) for v in equation.outvars]

    def laid_out(specs: Sequence[Any], tripled: Sequence[bool]) -> list[Any]:
        return [(spec,) * 3 if many else spec for spec, many in zip(specs, tripled, strict=True)]

    def run(packed: list[Any]) -> list[Any]:
        outs = walk(body, [_unpacked(v) for v in packed])
        return [_packed(_as_pair(o), equation) if m else o for o, m in zip(outs, moving, strict=True)]

    sharded = jax.shard_map(
        run,
        mesh=params["mesh"],
        in_specs=(laid_out(params["in_specs"], [isinstance(v, Pair) for v in inputs]),),
        out_specs=laid_out(params["out_specs"], moving),
        axis_names=set(params["newly_manual_axes"]),
        check_vma=params["check_vma"],
    )
    return [_unpacked(v) for v in sharded([_packed(v, equation) for v in inputs])]


_CONTROL: Rules = {"scan": _scan, "cond": _cond, "while": _while, "shard_map": _shard_map}

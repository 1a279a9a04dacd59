"""Rules of loops, branches and shards: their bodies are walked, with pairs as tuples of arrays."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import Pair, Rule, refusal, widened


def _packed(value: Any, equation: Any) -> Any:
    """A pair as a tuple of arrays, so that it can pass through a loop."""
    if not isinstance(value, Pair):
        return value
    return (value.x, value.x0, tangent(value, equation))


def _unpacked(value: Any) -> Any:
    return Pair(*value) if isinstance(value, tuple) else value


def _carried(value: Any) -> Pair:
    """A pair with a tangent of floating point numbers, whether the value moves or not."""
    if isinstance(value, Pair):
        return value
    value = widened(jnp.asarray(value))
    like = value.dtype if jnp.issubdtype(value.dtype, jnp.inexact) else float
    return Pair(value, value, jnp.zeros(value.shape, like))


def _moving_outputs(walk: Any, body: Any, inputs: list[Any], equation: Any) -> list[bool]:
    """Which outputs of a body are pairs, found without evaluating it."""
    moving: list[bool] = []

    def outputs(packed: list[Any]) -> list[Any]:
        outs = walk(body, [_unpacked(v) for v in packed])
        moving[:] = [isinstance(v, Pair) for v in outs]
        return []

    jax.eval_shape(outputs, [_packed(v, equation) for v in inputs])
    return moving


def _scan(equation: Any, inputs: list[Any], walk: Any) -> list[Any]:
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
        carry = [_carried(v) if m else v for v, m in zip(carry, joined, strict=True)]

    def step(state: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
        values = [*consts, *map(_unpacked, state), *map(_unpacked, row)]
        outs = walk(body, values)
        outs[:k] = [_carried(o) if m else o for o, m in zip(outs[:k], joined, strict=True)]
        packed = [_packed(o, equation) for o in outs]
        return packed[:k], packed[k:]

    options = {name: equation.params[name] for name in ("length", "reverse", "unroll")}
    start, scanned = ([_packed(v, equation) for v in part] for part in (carry, rows))
    last, stacked = jax.lax.scan(step, start, scanned, **options)
    return [_unpacked(v) for v in (*last, *stacked)]


def _cond(equation: Any, inputs: list[Any], walk: Any) -> list[Any]:
    which, *operands = inputs
    if isinstance(which, Pair):
        raise refusal(equation, "branches on a value that depends on the attributed argument")
    branches = [_jaxpr.body_of(b) for b in equation.params["branches"]]
    each = [_moving_outputs(walk, b, operands, equation) for b in branches]
    moving = [any(m) for m in zip(*each, strict=True)]

    def branch(body: Any) -> Any:
        def run(packed: list[Any]) -> list[Any]:
            outs = walk(body, [_unpacked(v) for v in packed])
            return [_packed(_carried(o), equation) if m else o for o, m in zip(outs, moving, strict=True)]

        return run

    outs = jax.lax.switch(which, [branch(b) for b in branches], [_packed(v, equation) for v in operands])
    return [_unpacked(v) for v in outs]


def _while(equation: Any, inputs: list[Any], walk: Any) -> list[Any]:
    del inputs, walk
    raise refusal(
        equation, "runs a number of steps that is not known; write it as lax.scan or fori_loop with fixed bounds"
    )


def _shard_map(equation: Any, inputs: list[Any], walk: Any) -> list[Any]:
    """The same body on the same shards: input, baseline and tangent of a value are laid out alike."""
    params = equation.params
    body = _jaxpr.body_of(params["jaxpr"])
    moving = [_jaxpr.is_float(v) for v in equation.outvars]

    def laid_out(specs: Sequence[Any], tripled: Sequence[bool]) -> list[Any]:
        return [(spec,) * 3 if many else spec for spec, many in zip(specs, tripled, strict=True)]

    def run(packed: list[Any]) -> list[Any]:
        outs = walk(body, [_unpacked(v) for v in packed])
        return [_packed(_carried(o), equation) if m else o for o, m in zip(outs, moving, strict=True)]

    sharded = jax.shard_map(
        run,
        mesh=params["mesh"],
        in_specs=(laid_out(params["in_specs"], [isinstance(v, Pair) for v in inputs]),),
        out_specs=laid_out(params["out_specs"], moving),
        axis_names=set(params["newly_manual_axes"]),
        check_vma=params["check_vma"],
    )
    return [_unpacked(v) for v in sharded([_packed(v, equation) for v in inputs])]


CONTROL: dict[str, Rule] = {"scan": _scan, "cond": _cond, "while": _while, "shard_map": _shard_map}

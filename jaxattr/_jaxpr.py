"""The jaxpr of a user's function, and the few things that every pass over it does in the same way.

Functions are traced afresh at each call, through a wrapper made for that call: JAX remembers traces by the identity of
the function, and a remembered trace would go on using arrays that the function closed over and that have changed since.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core, source_info_util

from jaxattr._leaves import Rebuild, apart

Jaxpr = Any
Equation = Any
Path = tuple[int, ...]  # indices of equations, from the outermost body inwards

# Equations that only call a body, with the parameter that holds it. Kernels and loops are not among them.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}


class Traced(NamedTuple):
    """A function's jaxpr at some arguments, the arrays that go in, and the way back to the function's own result."""

    jaxpr: Jaxpr
    consts: list[Any]
    arrays: list[Any]
    result: Rebuild


def trace(f: Callable[..., Any], args: tuple, kwargs: dict) -> Traced:
    """The jaxpr of `f(*args, **kwargs)`; leaves that are not arrays are static, going in and coming out."""
    arrays, inputs = apart((args, kwargs), is_moving)
    outputs: list[Rebuild] = []

    def flat(*values: Any) -> list[Any]:
        new_args, new_kwargs = inputs(values)
        results, rebuild = apart(f(*new_args, **new_kwargs), lambda leaf: is_moving(leaf) or is_number(leaf))
        outputs.append(rebuild)
        return results

    closed = jax.make_jaxpr(flat)(*arrays)
    jaxpr, consts = body_of(closed)
    return Traced(jaxpr, consts, arrays, outputs[-1])


def is_moving(leaf: Any) -> bool:
    """Whether a leaf is an array; Python numbers are static here, so that f may use them as shapes and sizes."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind not in "OSU"
    return isinstance(leaf, jax.Array)


def is_number(leaf: Any) -> bool:
    """Whether a leaf is a number of Python, which a function may return in the place of an array."""
    return type(leaf) in (int, float, complex)


def body_of(jaxpr: Any) -> tuple[Jaxpr, list[Any]]:
    """A jaxpr and its constants, whether it came open or closed."""
    return getattr(jaxpr, "jaxpr", jaxpr), list(getattr(jaxpr, "consts", ()))


def walk(
    jaxpr: Jaxpr,
    consts: Sequence[Any],
    inputs: Sequence[Any],
    visit: Callable[[int, Equation, list[Any]], Sequence[Any]],
    equations: Iterable[int] | None = None,
    literal: Callable[[Any], Any] = lambda variable: variable.val,
) -> list[Any]:
    """Carry values of any kind through a body.

    Args:
        jaxpr: the body.
        consts: what stands for its constants.
        inputs: what stands for its inputs.
        visit: what stands for the outputs of an equation, of its index, itself and what stands for its inputs.
        equations: indices of the equations to visit, in order; None for all.
        literal: what stands for a number written into the body.

    Returns:
        What stands for its outputs; None for those that the visited equations do not make.
    """
    known = dict(zip(jaxpr.constvars, consts, strict=True))
    known.update(zip(jaxpr.invars, inputs, strict=True))

    def read(variable: Any) -> Any:
        return literal(variable) if is_literal(variable) else known.get(variable)

    for i in range(len(jaxpr.eqns)) if equations is None else equations:
        equation = jaxpr.eqns[i]
        outs = visit(i, equation, [read(v) for v in equation.invars])
        known.update(zip(equation.outvars, outs, strict=True))
    return [read(v) for v in jaxpr.outvars]


def called(equation: Equation) -> tuple[Jaxpr, list[Any]] | None:
    """The body of an equation that only calls it (`jit`, `remat`, custom derivatives), else None."""
    parameter = CALLS.get(equation.primitive.name)
    return None if parameter is None else body_of(equation.params[parameter])


def bodies(equation: Equation) -> list[tuple[Jaxpr, list[Any]]]:
    """Every jaxpr among the parameters of an equation."""
    found = []
    for value in equation.params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if hasattr(getattr(item, "jaxpr", item), "eqns"):
                found.append(body_of(item))
    return found


def bind(equation: Equation, values: Sequence[Any], **other: Any) -> list[Any]:
    """Evaluate one equation, with other parameters where they are given; it keeps its layer and its line."""
    params = equation.primitive.get_bind_params({**equation.params, **other})
    first, params = params if isinstance(params, tuple) else ((), params)
    written = equation.source_info
    layer = source_info_util.current_name_stack() + written.name_stack
    with source_info_util.user_context(written.traceback, name_stack=layer), equation.ctx.manager:
        out = equation.primitive.bind(*first, *values, **params)
    return list(out) if equation.primitive.multiple_results else [out]


def scan_sizes(equation: Equation) -> tuple[int, int]:
    """How many constants and how many carries a scan has, read from shapes (its parameters differ between releases)."""
    body, _ = body_of(equation.params["jaxpr"])
    carries = sum(o.aval.ndim == b.aval.ndim for o, b in zip(equation.outvars, body.outvars, strict=True))
    scanned = sum(o.aval.ndim == b.aval.ndim + 1 for o, b in zip(equation.invars, body.invars, strict=True))
    return len(equation.invars) - scanned - carries, carries


def is_literal(variable: Any) -> bool:
    """Whether an equation's input is a number written into the jaxpr."""
    return isinstance(variable, core.Literal)


def is_float(variable: Any) -> bool:
    """Whether a variable holds floating point or complex numbers."""
    return jnp.issubdtype(variable.aval.dtype, jnp.inexact)


def layer_of(equation: Equation, within: str = "") -> str:
    """The layer that an equation belongs to: its named scopes, which Linen opens for each module, joined by slashes.

    Args:
        equation: an equation of a body.
        within: the layer of the equation that calls the body; the scopes of a called body begin afresh there.
    """
    names = re.sub(r"\w+\(([^()]*)\)", r"\1", str(equation.source_info.name_stack))  # vmap(Dense_0) is Dense_0
    scopes = [name for name in names.split("/") if name]
    outer = [name for name in within.split("/") if name]
    return "/".join(scopes if scopes[: len(outer)] == outer else outer + scopes)


def where_written(equation: Equation) -> str:
    """The user's source line of an equation."""
    return source_info_util.summarize(equation.source_info)

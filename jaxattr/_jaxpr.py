"""The jaxpr of a user's function, and the few things that every pass over it does in the same way.

Functions are traced afresh at each call, through a wrapper made for that call: JAX remembers traces by the identity of
the function, and a remembered trace would go on using arrays that the function closed over and that have changed since.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core, source_info_util

Jaxpr = Any
Equation = Any

# Equations that only call a body, with the parameter that holds it. Kernels and loops are not among them.
_CALLS = {
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
    result: Callable[[Sequence[Any]], Any]


def trace(f: Callable[..., Any], args: tuple, kwargs: dict) -> Traced:
    """The jaxpr of `f(*args, **kwargs)`; leaves that are not arrays are static, going in and coming out."""
    leaves, tree = jax.tree.flatten((args, kwargs))
    moving = [is_moving(leaf) for leaf in leaves]
    arrays = [leaf for leaf, m in zip(leaves, moving, strict=True) if m]
    shape_of_result: list[Any] = []

    def flat(*values: Any) -> list[Any]:
        rest = iter(values)
        new_args, new_kwargs = tree.unflatten(
            [next(rest) if m else leaf for leaf, m in zip(leaves, moving, strict=True)]
        )
        out_leaves, out_tree = jax.tree.flatten(f(*new_args, **new_kwargs))
        out_moving = [is_moving(leaf) or type(leaf) in (int, float, complex) for leaf in out_leaves]
        shape_of_result[:] = [
            out_tree,
            out_moving,
            [None if m else v for v, m in zip(out_leaves, out_moving, strict=True)],
        ]
        return [leaf for leaf, m in zip(out_leaves, out_moving, strict=True) if m]

    closed = jax.make_jaxpr(flat)(*arrays)
    out_tree, out_moving, fixed = shape_of_result

    def result(values: Sequence[Any]) -> Any:
        rest = iter(values)
        return out_tree.unflatten([next(rest) if m else leaf for leaf, m in zip(fixed, out_moving, strict=True)])

    jaxpr, consts = body_of(closed)
    return Traced(jaxpr, consts, arrays, result)


def is_moving(leaf: Any) -> bool:
    """Whether a leaf is an array; Python numbers are static here, so that f may use them as shapes and sizes."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind not in "OSU"
    return isinstance(leaf, jax.Array)


def body_of(jaxpr: Any) -> tuple[Jaxpr, list[Any]]:
    """A jaxpr and its constants, whether it came open or closed."""
    return getattr(jaxpr, "jaxpr", jaxpr), list(getattr(jaxpr, "consts", ()))


def called(equation: Equation) -> tuple[Jaxpr, list[Any]] | None:
    """The body of an equation that only calls it (`jit`, `remat`, custom derivatives), else None."""
    parameter = _CALLS.get(equation.primitive.name)
    return None if parameter is None else body_of(equation.params[parameter])


def bodies(equation: Equation) -> list[tuple[Jaxpr, list[Any]]]:
    """Every jaxpr among the parameters of an equation."""
    found = []
    for value in equation.params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if hasattr(getattr(item, "jaxpr", item), "eqns"):
                found.append(body_of(item))
    return found


def bind(equation: Equation, values: Sequence[Any]) -> list[Any]:
    """Evaluate one equation."""
    params = equation.primitive.get_bind_params(equation.params)
    first, params = params if isinstance(params, tuple) else ((), params)
    with equation.ctx.manager:
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


def where_written(equation: Equation) -> str:
    """The user's source line of an equation."""
    return source_info_util.summarize(equation.source_info)

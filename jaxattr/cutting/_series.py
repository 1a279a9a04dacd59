"""Whether one cut value depends on another: then replacing both would cut the gradient between them."""

from collections.abc import Sequence
from typing import Any

from jaxattr import _jaxpr
from jaxattr._jaxpr import Path


def in_series(jaxpr: Any, chosen: Sequence[Path], *, across_steps: bool) -> bool:
    """Whether a chosen value reaches a chosen value through floating point numbers, itself in a later step included.

    Args:
        jaxpr: the outermost body.
        chosen: paths of the equations whose values are cut out.
        across_steps: whether all steps of a scan are replaced, so that a carry connects one step with the next.
    """
    return _reach(jaxpr, [False] * len(jaxpr.invars), (), set(chosen), across_steps)[1]


def _reach(
    jaxpr: Any, inputs: Sequence[bool], prefix: Path, chosen: set[Path], across: bool
) -> tuple[list[bool], bool]:
    touched = {v for v, t in zip(jaxpr.invars, inputs, strict=True) if t}
    hit = False

    def read(variable: Any) -> bool:
        return not _jaxpr.is_literal(variable) and variable in touched and _jaxpr.is_float(variable)

    for i, equation in enumerate(jaxpr.eqns):
        path, reached = (*prefix, i), [read(v) for v in equation.invars]
        holds_site = any(p[: len(path)] == path for p in chosen)
        if path in chosen:
            hit |= any(reached)
            outs = [True] * len(equation.outvars)
        elif not holds_site:
            outs = [any(reached)] * len(equation.outvars)
        elif equation.primitive.name == "scan":
            outs, inside = _scan(equation, reached, path, chosen, across)
            hit |= inside
        else:
            body = _jaxpr.called(equation)
            assert body is not None, "a site lies only in calls and scans"
            outs, inside = _reach(body[0], reached, path, chosen, across)
            hit |= inside
        touched.update(v for v, t in zip(equation.outvars, outs, strict=True) if t)
    return [read(v) for v in jaxpr.outvars], hit


def _scan(equation: Any, reached: list[bool], path: Path, chosen: set[Path], across: bool) -> tuple[list[bool], bool]:
    body, _ = _jaxpr.body_of(equation.params["jaxpr"])
    n, k = _jaxpr.scan_sizes(equation)
    inputs = list(reached)
    while True:
        outs, hit = _reach(body, inputs, path, chosen, across)
        grown = [a or (b and across) for a, b in zip(inputs[n : n + k], outs[:k], strict=True)]
        if grown == inputs[n : n + k]:
            return outs, hit
        inputs[n : n + k] = grown

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
    hit = False

    def visit(i: int, equation: Any, values: list[bool]) -> list[bool]:
        nonlocal hit
        path, reached = (*prefix, i), _through_floats(values, equation.invars)
        if path in chosen:
            hit |= any(reached)
            return [True] * len(equation.outvars)
        if not any(p[: len(path)] == path for p in chosen):
            return [any(reached)] * len(equation.outvars)
        if equation.primitive.name == "scan":
            outs, inside = _scan(equation, reached, path, chosen, across)
        else:
            body = _jaxpr.called(equation)
            assert body is not None, "a site lies only in calls and scans"
            outs, inside = _reach(body[0], reached, path, chosen, across)
        hit |= inside
        return outs

    untouched = [False] * len(jaxpr.constvars)
    outs = _jaxpr.walk(jaxpr, untouched, inputs, visit, literal=lambda _: False)
    return _through_floats(outs, jaxpr.outvars), hit


def _through_floats(touched: Sequence[bool], variables: Sequence[Any]) -> list[bool]:
    return [t and _jaxpr.is_float(v) for t, v in zip(touched, variables, strict=True)]


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

"""Which equations a result needs: the backward slice of a jaxpr, through calls and scans that hold a cut value."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from jaxattr import _jaxpr
from jaxattr._jaxpr import Path


class Plan(NamedTuple):
    """What to run of one body.

    Attributes:
        equations: indices of the equations to run, in order.
        inner: plans of the bodies that hold a site, by the index of their equation.
        inputs: which inputs of the body are needed.
        outputs: which of its outputs are wanted.
    """

    equations: list[int]
    inner: dict[int, "Plan"]
    inputs: list[bool]
    outputs: list[bool]


def plan(
    jaxpr: Any,
    outputs: Sequence[bool],
    sites: Collection[Path] = (),
    originals: Collection[Path] = (),
    *,
    effects: bool = False,
    prefix: Path = (),
) -> Plan:
    """Walk backwards from the wanted outputs.

    Args:
        jaxpr: the body.
        outputs: which of its outputs are wanted.
        sites: paths of the cut values; bodies that hold one are entered.
        originals: those of them whose own value is needed; the others are replaced, and nothing before them is run.
        effects: whether equations with side effects are kept although no value needs them.
        prefix: the path of the body.
    """
    needed = {v for v, wanted in zip(jaxpr.outvars, outputs, strict=True) if wanted and not _jaxpr.is_literal(v)}
    equations: list[int] = []
    inner: dict[int, Plan] = {}
    for i in reversed(range(len(jaxpr.eqns))):
        equation, path = jaxpr.eqns[i], (*prefix, i)
        wanted = [v in needed for v in equation.outvars]
        inside = [s for s in sites if s[: len(path)] == path and s != path]
        wants_site = any(s in originals for s in (*inside, path))
        if not (any(wanted) or wants_site or (effects and equation.effects)):
            continue
        equations.append(i)
        if path in sites and path not in originals:
            continue
        uses = [True] * len(equation.invars)
        if inside:
            inner[i], uses = _inside(equation, wanted, sites, originals, effects, path)
        needed.update(v for v, u in zip(equation.invars, uses, strict=True) if u and not _jaxpr.is_literal(v))
    return Plan(equations[::-1], inner, [v in needed for v in jaxpr.invars], list(outputs))


def _inside(
    equation: Any,
    wanted: list[bool],
    sites: Collection[Path],
    originals: Collection[Path],
    effects: bool,
    path: Path,
) -> tuple[Plan, list[bool]]:
    if (body := _jaxpr.called(equation)) is not None:
        sub = plan(body[0], wanted, sites, originals, effects=effects, prefix=path)
        return sub, sub.inputs
    jaxpr, _ = _jaxpr.body_of(equation.params["jaxpr"])
    n, k = _jaxpr.scan_sizes(equation)
    while True:
        sub = plan(jaxpr, wanted, sites, originals, effects=effects, prefix=path)
        grown = [w or u for w, u in zip(wanted[:k], sub.inputs[n : n + k], strict=True)]
        if grown == wanted[:k]:
            return sub, [*sub.inputs[:n], *grown, *sub.inputs[n + k :]]
        wanted = [*grown, *wanted[k:]]

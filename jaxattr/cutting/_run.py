"""Run a planned jaxpr, taking cut values out or putting others in their place."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr._jaxpr import Path
from jaxattr._needed import Plan
from jaxattr.cutting._sites import Site
from jaxattr.cutting._vocabulary import inside_only


class Cut(NamedTuple):
    """One value that is cut.

    Attributes:
        site: where it is.
        steps: for each scan around it, the one step that is meant, or None for all of them, stacked.
        value: what to put in its place; None where it is taken out.
        when: whether this is the step that is meant; None where every step is.
    """

    site: Site
    steps: tuple[int | None, ...]
    value: Any = None
    when: Any = None


Cuts = Mapping[Path, Cut]
Taken = dict[Path, Any]


def run(
    jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any], plan: Plan, cuts: Cuts, prefix: Path = ()
) -> tuple[list[Any], Taken]:
    """The wanted outputs (None in the place of the others) and the values taken out, by path."""
    taken: Taken = {}

    def visit(i: int, equation: Any, values: list[Any]) -> list[Any]:
        path = (*prefix, i)
        if path in cuts:
            return [_at_site(equation, values, cuts[path], taken)]
        if i not in plan.inner:
            return _jaxpr.bind(equation, values)
        enter = _scan if equation.primitive.name == "scan" else _call
        outs, inside = enter(equation, values, plan.inner[i], _within(cuts, path), path)
        taken.update(inside)
        return outs

    outs = _jaxpr.walk(jaxpr, consts, inputs, visit, plan.equations)
    return [out if wanted else None for out, wanted in zip(outs, plan.outputs, strict=True)], taken


def _within(cuts: Cuts, path: Path) -> dict[Path, Cut]:
    return {p: cut for p, cut in cuts.items() if p[: len(path)] == path}


def _at_site(equation: Any, values: list[Any], cut: Cut, taken: Taken) -> Any:
    aval = equation.outvars[0].aval
    if cut.value is None:
        (value,) = _jaxpr.bind(equation, values)
        value = inside_only(equation, values, value)
        taken[cut.site.path] = jnp.squeeze(value, cut.site.single)
        return value
    value = jnp.reshape(cut.value, aval.shape)
    if cut.when is None:
        return value
    (original,) = _jaxpr.bind(equation, values)
    return jnp.where(cut.when, value, original)


def _call(equation: Any, values: list[Any], plan: Plan, cuts: Cuts, path: Path) -> tuple[list[Any], Taken]:
    body = _jaxpr.called(equation)
    assert body is not None, "the plan enters only calls and scans"

    def inner(values: list[Any], replacements: dict[Path, tuple[Any, Any]]) -> tuple[list[Any], Taken]:
        given = {p: cut._replace(value=replacements[p][0], when=replacements[p][1]) for p, cut in cuts.items()}
        return run(*body, values, plan, given, path)

    if equation.primitive.name.startswith(("remat", "checkpoint")):  # what is not stored stays not stored
        options = {k: equation.params[k] for k in ("prevent_cse", "policy")}
        inner = jax.checkpoint(inner, **options)
    return inner(values, {p: (cut.value, cut.when) for p, cut in cuts.items()})


def _scan(equation: Any, values: list[Any], plan: Plan, cuts: Cuts, path: Path) -> tuple[list[Any], Taken]:
    body, consts = _jaxpr.body_of(equation.params["jaxpr"])
    n, k = _jaxpr.scan_sizes(equation)
    length = equation.params["length"]
    stacked = {p: cut.value for p, cut in cuts.items() if cut.steps[0] is None}

    def step(carry: list[Any], row: Any) -> Any:
        i, scanned, parts = row
        given = {p: _one_step(cut, i, parts.get(p)) for p, cut in cuts.items()}
        outs, taken = run(body, consts, [*values[:n], *carry, *scanned], plan, given, path)
        return outs[:k], (outs[k:], taken)

    carry = [v if w else None for v, w in zip(values[n : n + k], plan.outputs[:k], strict=True)]
    rows = (jnp.arange(length), values[n + k :], stacked)
    carry, (outs, taken) = jax.lax.scan(
        step, carry, rows, length=length, reverse=equation.params["reverse"], unroll=equation.params["unroll"]
    )
    taken = {p: v if cuts[p].steps[0] is None else v[cuts[p].steps[0]] for p, v in taken.items()}
    return [*carry, *outs], taken


def _one_step(cut: Cut, i: Any, part: Any) -> Cut:
    first, *rest = cut.steps
    if first is None:
        return cut._replace(steps=tuple(rest), value=part)
    here = i == first
    return cut._replace(steps=tuple(rest), when=here if cut.when is None else cut.when & here)

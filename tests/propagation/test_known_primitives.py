"""The primitives of all zoos of models, beside those that were recorded: what a new release of JAX writes has a rule.

`python -m tests.propagation.test_known_primitives` records those of the JAX that is installed beside those before. A
line may also be written by hand, where it is known that a pass does without: reuse computes for each version alone what
it has no rule for.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxattr import _jaxpr
from jaxattr.propagation import DEEPLIFT, _control
from jaxattr.reuse import _positionwise, _rules
from tests.cutting import zoo as cutting
from tests.propagation import models
from tests.reuse import zoo as reuse

RECORDED = Path(__file__).with_name("primitives.txt")


def of_the_rules():
    """The models that DeepLIFT and relevance propagation walk through."""
    for make in (models.MLPS | models.MODELS).values():
        f, shape = make()
        yield jax.make_jaxpr(f)(jnp.ones(shape)).jaxpr


def of_reuse():
    """The models that occlusion evaluates once for all versions of a text."""
    for make in reuse.MODELS.values():
        yield jax.make_jaxpr(make(5))(jnp.ones((5, reuse.D))).jaxpr


def of_the_cut():
    """The models that a score is cut out of."""
    for make in cutting.CASES.values():
        case = make()
        yield _jaxpr.trace(case.f, case.args, dict(case.kwargs)).jaxpr


ZOOS = {"cut": of_the_cut, "reuse": of_reuse, "rules": of_the_rules}
KNOWN = {
    "cut": {*_jaxpr.CALLS, "scan"},
    "reuse": {*_positionwise._PLANNERS, *_rules._RULES, *_jaxpr.CALLS},
    "rules": {*DEEPLIFT, *_control.CONTROL, *_jaxpr.CALLS},
}


def met(zoo):
    """The primitives of a zoo, and which of them hold equations of their own."""
    found = {}

    def look(jaxpr):
        for equation in jaxpr.eqns:
            inner = _jaxpr.bodies(equation)
            found[equation.primitive.name] = found.get(equation.primitive.name, False) or bool(inner)
            for body, _ in inner:
                look(body)

    with jax.numpy_rank_promotion("allow"), jax.enable_x64(zoo == "cut"):
        for jaxpr in ZOOS[zoo]():
            look(jaxpr)
    return found


def recorded():
    return {tuple(line.split()) for line in RECORDED.read_text(encoding="utf-8").splitlines()}


def unknown(zoo, found, before):
    """The primitives that are new, and those of them without a rule: the cut leaves all as they are but bodies."""
    new = sorted(name for name in found if (zoo, name) not in before)
    return new, [name for name in new if name not in KNOWN[zoo] and (zoo != "cut" or found[name])]


@pytest.mark.parametrize("zoo", ZOOS)
def test_new_primitives_have_a_rule(zoo, capsys):
    new, missing = unknown(zoo, met(zoo), recorded())
    with capsys.disabled():
        sys.stdout.write(f"\n{zoo}: new in jax {jax.__version__}: {' '.join(new)} " if new else "")
    assert not missing, (
        f"jax {jax.__version__} writes primitives for which the pass of {zoo} has no rule: {', '.join(missing)} "
        f"(new to {RECORDED.name}: {', '.join(new)})"
    )


def test_a_primitive_without_a_rule_would_be_named():
    found = {"tanh": False, "tanh_squared": False, "loop_of_its_own": True, "log2": False}
    before = recorded() - {("cut", "tanh"), ("rules", "tanh")}
    assert unknown("rules", found, before)[1] == ["loop_of_its_own", "tanh_squared"]
    assert unknown("reuse", found, before)[1] == ["loop_of_its_own", "tanh_squared"]
    assert unknown("cut", found, before)[1] == ["loop_of_its_own"], "the others run as they are"


def test_the_record_is_sorted_and_large():
    lines = RECORDED.read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    assert {line.split()[0] for line in lines} == set(ZOOS)
    assert len(lines) >= 100


if __name__ == "__main__":
    lines = {f"{zoo} {name}" for zoo in ZOOS for name in met(zoo)} | {" ".join(pair) for pair in recorded()}
    RECORDED.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")

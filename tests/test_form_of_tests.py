"""What no test and no experiment may hold: assertions that cannot fail, and chance without a seed."""

import ast
import itertools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")])
COMPARES = {"allclose", "isclose", "array_equal", "array_equiv", "approx"}
TWO_SIDED = {"assert_allclose", "assert_array_equal", "assert_equal", "assert_almost_equal", "assert_trees_all_close"}
SEEDED = {
    "default_rng",
    "Generator",
    "PCG64",
    "SeedSequence",
    "RandomState",
    "seed",
}  # peers draw from the shared state
OF_ITS_OWN = {"Random"}


def problems(source):
    """What is wrong, each as a line number and a word."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert) and (why := _vacuous(node.test)):
            found.append((node.lineno, why))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _name(node.value.func) in COMPARES:
            found.append((node.lineno, "the result is dropped"))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Compare):
            found.append((node.lineno, "the result is dropped"))
        if isinstance(node, ast.Call):
            if _name(node.func) in TWO_SIDED and len(node.args) >= 2 and _same(*node.args[:2]):
                found.append((node.lineno, "compared with itself"))
            if why := _without_a_seed(node):
                found.append((node.lineno, why))
    return sorted(found)


def _vacuous(test):
    match test:
        case ast.Constant():
            return "a constant"
        case ast.Tuple(elts) if elts:
            return "a tuple is always true"
        case ast.List(elts) | ast.Set(elts) if elts:
            return "a list is always true"
        case ast.JoinedStr() | ast.Lambda() | ast.GeneratorExp():
            return "always true"
        case ast.Compare(left, _, rights):
            sides = [left, *rights]
            if any(_same(a, b) for a, b in itertools.pairwise(sides)):
                return "compared with itself"
            if all(isinstance(side, ast.Constant) for side in sides):
                return "a constant"
        case ast.Call(func, [a, b, *_]) if _name(func) in COMPARES and _same(a, b):
            return "compared with itself"
        case ast.BoolOp(ast.Or(), values):
            return next((why for value in values if (why := _vacuous(value))), "")
        case ast.BoolOp(ast.And(), values):
            return next((why for value in values if (why := _vacuous(value))), "")
        case ast.UnaryOp(ast.Not(), operand):
            return _vacuous(operand)
    return ""


def _same(a, b):
    """Whether two sides are one expression, `approx` and the like taken off; calls may give another value each time."""
    a, b = (side.args[0] if isinstance(side, ast.Call) and _name(side.func) == "approx" else side for side in (a, b))
    calls = any(isinstance(node, ast.Call) for node in ast.walk(a))
    return not calls and not isinstance(a, ast.Constant) and ast.dump(a) == ast.dump(b)


def _without_a_seed(call):
    path = _path(call.func)
    if path[:-1] in (["np", "random"], ["numpy", "random"]):
        if path[-1] not in SEEDED:
            return "the random state that all share"
        return "" if call.args or call.keywords else "no seed"
    if path == ["default_rng"] and not (call.args or call.keywords):
        return "no seed"
    if path[:-1] == ["random"]:
        return "" if path[-1] in OF_ITS_OWN and call.args else "the random state that all share"
    return ""


def _name(func):
    return getattr(func, "attr", getattr(func, "id", ""))


def _path(node):
    """The names of a dotted path; nothing where it begins with anything but a name."""
    if isinstance(node, ast.Name):
        return [node.id]
    return [*_path(node.value), node.attr] if isinstance(node, ast.Attribute) and _path(node.value) else []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_assertions_can_fail_and_chance_has_a_seed(path):
    assert problems(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "assert True",
        "assert (a == b, 'message')",
        "assert 1 == 1",
        "assert a.b == a.b",
        "assert x[0] == pytest.approx(x[0], 0.1)",
        "assert pytest.approx(x) == x",
        "assert a < b == b",
        "assert np.allclose(a, a)",
        "assert not f''",
        "assert a == 1 or True",
        "assert (v > 0 for v in a)",
        "np.allclose(a, b)",
        "jnp.array_equal(a, b)",
        "a == b",
        "np.testing.assert_allclose(a, a, rtol=1)",
        "np.random.normal(size=3)",
        "np.random.seed()",
        "numpy.random.shuffle(a)",
        "rng = np.random.default_rng()",
        "rng = default_rng()",
        "random.random()",
        "random.seed(3)",
        "rng = random.Random()",
    ],
)
def test_it_would_be_noticed(line):
    assert len(problems(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "assert a == b",
        "assert f(x) == f(x)",
        "assert np.allclose(a, b)",
        "assert x == pytest.approx(y)",
        "rng = np.random.default_rng(0)",
        "rng = random.Random(0)",
        "np.random.seed(seed)",
        "jax.random.normal(key)",
        "close = np.allclose(a, b)",
    ],
)
def test_what_is_right_is_left(line):
    assert problems(line) == []

"""Integrated gradients to a tolerance: the rules, when they stop, and how that composes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr._ladder import ladder

X = np.array([1.5, -0.5, 2.0])
SCORES = {
    "cubic": lambda x: (x**3).sum(),
    "tanh": lambda x: jnp.tanh(3 * x).sum(),
    "product": lambda x: jnp.sin(x[0]) * jnp.exp(x[1]) * x[2],
    "kink": lambda x: jax.nn.relu(x - 0.3).sum() ** 2,
    "wave": lambda x: jnp.sin(20 * x).sum(),
}


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


def test_rules():
    rules = ladder(40)
    assert rules.sizes == [3, 5, 9, 17, 33]
    assert len(set(rules.nodes.tolist())) == 33
    for size, weights in zip(rules.sizes, rules.weights, strict=True):
        assert not weights[size:].any(), "a rule reads the first nodes alone"
        assert (weights[:size] > 0).all()
        for degree in range(size):
            assert weights @ rules.nodes**degree == pytest.approx(1 / (degree + 1), abs=1e-14)
    assert weights @ rules.nodes**33 == pytest.approx(1 / 34, abs=1e-14), "odd degrees about the middle come free"
    assert abs(rules.weights[0] @ rules.nodes**4 - 1 / 5) > 1e-3


def literal(f, x, x0, rtol, atol=0.0, at_most=129):
    """The paper's sum by each rule, until two in a row are within the tolerance."""
    rules, before = ladder(at_most), False
    slopes = [np.asarray(jax.grad(f)(x0 + t * (x - x0))) for t in rules.nodes]
    change = float(f(x) - f(x0))
    size = 0
    for size, weights in zip(rules.sizes, rules.weights, strict=True):  # noqa: B007
        phi = np.asarray(x - x0) * sum(w * g for w, g in zip(weights, slopes, strict=True))
        now = abs(change - phi.sum()) <= max(atol, rtol * abs(change))
        if now and before:
            break
        before = now
    return phi, size


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("rtol", [pytest.param(1e-1, marks=pytest.mark.slow), 1e-3, 1e-8])
def test_a_literal_twin(name, rtol):
    f, ways = SCORES[name], {"baseline": jnp.zeros_like, "rtol": rtol}
    phi, size = literal(f, X, np.zeros(3), rtol)
    found = jax.jit(ja.integrated_gradients_to(f, **ways))(X)
    np.testing.assert_allclose(found, phi, rtol=1e-10, atol=1e-12)
    assert int(jax.jit(ja.nodes_used(f, **ways))(X)) == size
    assert int(ja.nodes_used(f, **ways)(X)) == size
    gap, change = ja.completeness_gap(f, found, X, jnp.zeros(3)), f(X) - f(jnp.zeros(3))
    assert size == 129 or abs(gap) <= rtol * abs(change)


def by_chance(rule):
    """A score whose 3-node rule is exact although the 5-node rule is not (or the other way round)."""
    rules = ladder(5)
    x = np.array([1.0])
    errors = [[rules.weights[r] @ rules.nodes**d - 1 / (d + 1) for d in (5, 7, 9)] for r in (0, 1)]
    a = np.linalg.svd(np.array([errors[rule]]))[2][1:]  # combinations that this rule integrates exactly
    other = a @ np.array(errors[1 - rule])
    c = a[np.argmax(abs(other))]
    return (lambda x: sum(ci * x[0] ** (d + 1) / (d + 1) for ci, d in zip(c, (5, 7, 9), strict=True))), x


@pytest.mark.parametrize("rule", [0, 1])
def test_one_rule_by_chance_is_not_enough(rule):
    f, x = by_chance(rule)
    tolerance = 1e-7
    gaps = [abs(literal_gap(f, x, r)) for r in (0, 1)]
    assert gaps[rule] < tolerance < gaps[1 - rule] / 10
    assert int(ja.nodes_used(f, baseline=jnp.zeros_like, rtol=0, atol=tolerance)(x)) >= 9


def literal_gap(f, x, rule):
    rules = ladder(5)
    slopes = [float(jax.grad(f)(t * x)[0]) for t in rules.nodes]
    return float(f(x) - f(0 * x)) - float(x[0]) * (rules.weights[rule] @ np.array(slopes))


def test_each_row_has_its_own_numbers():
    xs = jnp.stack([X, 0.01 * X, 4 * X, -X])
    ways = {"baseline": jnp.zeros_like, "rtol": 1e-4}
    explain, count = ja.integrated_gradients_to(SCORES["tanh"], **ways), ja.nodes_used(SCORES["tanh"], **ways)
    counts = [int(count(x)) for x in xs]
    assert len(set(counts)) > 1
    assert jax.vmap(count)(xs).tolist() == counts
    np.testing.assert_allclose(jax.vmap(explain)(xs), jnp.stack([explain(x) for x in xs]), rtol=1e-12)


def test_the_last_rule_is_given_and_its_gap_is_honest():
    f, ways = SCORES["wave"], {"baseline": jnp.zeros_like, "rtol": 1e-9, "at_most": 9}
    found = ja.integrated_gradients_to(f, **ways)(X)
    assert int(ja.nodes_used(f, **ways)(X)) == 9
    assert abs(ja.completeness_gap(f, found, X, jnp.zeros(3))) > 1e-3
    assert int(ja.nodes_used(SCORES["wave"], baseline=jnp.zeros_like, rtol=1e-9, at_most=16)(X)) == 9


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_a_net_that_bends_at_the_baseline_is_a_line_from_there(dtype, jit):
    """ReLUs without biases at zeros: JAX gives them no slope at the baseline itself, where the first node would be."""
    w = jnp.asarray([[1, 2, -1], [2, 1, -1]], dtype)

    def f(x):
        return jax.nn.relu(2 * jax.nn.relu((x[:, None] * w).sum(0))).sum()

    x, ways = jnp.ones(2, dtype), {"baseline": jnp.zeros_like, "rtol": float(8 * jnp.finfo(dtype).eps)}
    found, count = ja.integrated_gradients_to(f, **ways), ja.nodes_used(f, **ways)
    if jit:
        found, count = jax.jit(found), jax.jit(count)
    assert int(count(x)) == 5
    assert found(x).astype(float).tolist() == pytest.approx([6, 6], rel=ways["rtol"])


def test_options_of_the_fixed_form():
    def f(p, q):
        return jnp.tanh(p["a"]).sum() * jnp.cos(q).sum(), q.sum()

    p, q = {"a": X}, X[:2]
    ways = {"baseline": lambda pair: jax.tree.map(jnp.zeros_like, pair), "argnums": (0, 1), "has_aux": True}
    found, aux = ja.integrated_gradients_to(f, rtol=1e-10, **ways)(p, q)
    fixed, _ = ja.integrated_gradients(f, steps=64, **ways)(p, q)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8), found, fixed)
    assert aux == q.sum()
    size, aux = ja.nodes_used(f, rtol=1e-10, **ways)(p, q)
    assert size > 5
    assert aux == q.sum()
    where = jnp.array([True, False, True])
    masked = ja.integrated_gradients_to(SCORES["product"], baseline=jnp.zeros_like, rtol=1e-8, where=where)(X)
    plain = ja.integrated_gradients(SCORES["product"], baseline=jnp.zeros_like, steps=64, where=where)(X)
    np.testing.assert_allclose(masked, plain, rtol=1e-8)
    assert masked[1] == 0


def test_forward_derivatives():
    explain = ja.integrated_gradients_to(SCORES["cubic"], baseline=jnp.zeros_like, rtol=1e-6)
    np.testing.assert_allclose(jax.jacfwd(explain)(X), np.diag(3 * X**2), rtol=1e-10, atol=1e-12)


def test_float32_below_its_rounding_ends_at_the_most():
    f, x = SCORES["tanh"], jnp.asarray([0.3, 1.7, 0.9], jnp.float32)
    assert int(ja.nodes_used(f, baseline=jnp.zeros_like, rtol=0.0, at_most=33)(x)) <= 33
    assert ja.integrated_gradients_to(f, baseline=jnp.zeros_like, rtol=0.0)(x).dtype == jnp.float32


def run(f=SCORES["cubic"], x=X, method=ja.integrated_gradients_to, **options):
    return method(f, **({"baseline": jnp.zeros_like, "rtol": 0.1} | options))(x)


WRONG = {
    "tolerance": (lambda: run(rtol=-1e-3), ValueError, "rtol of 0 or more, but got -0.001.*rtol=0.01"),
    "absolute tolerance": (lambda: run(atol=-1.0), ValueError, "atol of 0 or more"),
    "nan": (lambda: run(rtol=float("nan")), ValueError, "rtol of 0 or more, but got nan"),
    "few nodes": (lambda: run(at_most=4), ValueError, "at_most >= 5, but got 4"),
    "nodes as float": (lambda: run(at_most=9.0), TypeError, "at_most as a Python integer"),
    "integers": (lambda: run(x=jnp.arange(3)), TypeError, "integrated_gradients_to attributes to floating"),
    "of the count": (
        lambda: run(x=jnp.arange(3), method=ja.nodes_used),
        TypeError,
        "nodes_used attributes to floating",
    ),
    "baseline": (lambda: run(baseline=jnp.zeros(2)), ValueError, "baseline like the argument"),
    "score": (lambda: run(lambda x: x), ValueError, "one number, but f returned"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input(name):
    call, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        call()

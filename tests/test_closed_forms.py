"""Every method against what is known on paper: 44 scores, in double and in single precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.oracles import gauss_legendre
from tests.problems import PROBLEMS, Problem, leave_one_out

every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)


def close(actual, desired, rtol, atol=None):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol if atol is None else atol), actual, desired
    )


def explain(method, problem: Problem, dtype=None, **options):
    x = jax.tree.map(lambda a: jnp.asarray(a, dtype), problem.x)
    return method(problem.f, argnums=problem.argnums, **options)(*x)


def baseline(problem: Problem, dtype=None):
    return problem.pick(jax.tree.map(lambda a: jnp.asarray(a, dtype), problem.x0))


def ig_tolerance(problem: Problem) -> float:
    return 0.1 if "kink" in problem.tags else 1e-11


def test_there_are_enough_problems_with_distinct_names():
    assert len({p.name for p in PROBLEMS}) == len(PROBLEMS) >= 40


@every_problem
def test_the_score_equals_its_numpy_twin(problem, x64):
    for point in (problem.x, problem.x0):
        close(problem.f(*point), problem.value(*point), 1e-13)


@every_problem
def test_expected_values_are_complete(problem):
    change = problem.value(*problem.x) - problem.value(*problem.x0)
    np.testing.assert_allclose(sum(a.sum() for a in jax.tree.leaves(problem.ig)), change, rtol=1e-12, atol=1e-12)


@every_problem
def test_gradient(problem, x64):
    close(explain(ja.gradient, problem), problem.pick(problem.gradient), 1e-12)


@every_problem
def test_gradient_times_input(problem, x64):
    expected = problem.pick(jax.tree.map(lambda x, g: x * g, problem.x, problem.gradient))
    close(explain(ja.gradient_times_input, problem), expected, 1e-12)


@every_problem
def test_integrated_gradients_and_their_gap(problem, x64):
    x0 = baseline(problem)
    a = explain(ja.integrated_gradients, problem, baseline=x0, steps=64, batch_size=64)
    close(a, problem.pick(problem.ig), ig_tolerance(problem))
    f = (lambda x: problem.f(*x)) if len(problem.x) > 1 else problem.f
    gap = ja.completeness_gap(f, a, problem.pick(problem.x), x0)
    change = problem.value(*problem.x) - problem.value(*problem.x0)
    np.testing.assert_allclose(gap, change - sum(np.asarray(v).sum() for v in jax.tree.leaves(a)), atol=1e-12)
    assert abs(gap) <= ig_tolerance(problem)


@every_problem
def test_occlusion_by_the_baseline(problem, x64):
    drops = explain(ja.occlusion, problem, perturb=ja.replace(baseline(problem)))
    close(drops, leave_one_out(problem), 1e-12)


SMOOTH = [p for p in PROBLEMS if not p.tags & {"half", "kink", "homogeneous"}][::4]


@pytest.mark.parametrize("problem", SMOOTH, ids=lambda p: p.name)
@pytest.mark.parametrize(
    ("rule", "order"), [(ja.midpoint, 2), (ja.trapezoid, 2), (ja.left_riemann, 1), (ja.right_riemann, 1)]
)
def test_every_rule_converges_at_its_order(problem, rule, order, x64):
    """Ten times the nodes cut the error by about 10 to the power of the rule's order (by 7, to leave some room)."""

    def error(steps):
        a = explain(
            ja.integrated_gradients, problem, baseline=baseline(problem), nodes=rule, steps=steps, batch_size=steps
        )
        return max(np.abs(d).max() for d in jax.tree.leaves(jax.tree.map(np.subtract, a, problem.pick(problem.ig))))

    assert error(160) <= max(error(16) / 7**order, 1e-12)


@pytest.mark.parametrize("problem", PROBLEMS[::3], ids=lambda p: p.name)
def test_single_precision(problem):
    x0 = baseline(problem, jnp.float32)
    a = explain(ja.integrated_gradients, problem, jnp.float32, baseline=x0)
    assert all(v.dtype == jnp.float32 for v in jax.tree.leaves(a))
    close(a, problem.pick(problem.ig), max(ig_tolerance(problem), 2e-5))
    close(explain(ja.gradient, problem, jnp.float32), problem.pick(problem.gradient), 2e-5)
    close(explain(ja.occlusion, problem, jnp.float32, perturb=ja.replace(x0)), leave_one_out(problem), 2e-5)


@pytest.mark.parametrize("degree", range(1, 21))
def test_gauss_legendre_is_exact_up_to_its_degree_and_no_further(degree, x64):
    """The gradient of a polynomial of degree d has degree d - 1, so d / 2 nodes, rounded up, are enough."""
    x, x0 = jnp.array([1.5, -0.5]), jnp.array([-1.0, 1.0])

    def f(v):
        return jnp.sum(v**degree)

    exact = np.asarray(x) ** degree - np.asarray(x0) ** degree
    enough = -(-degree // 2)
    assert enough <= (degree + 1) / 2

    def error(n):
        return np.abs(ja.integrated_gradients(f, baseline=x0, steps=n)(x) - exact).max() / np.abs(exact).max()

    assert error(enough) < 1e-12
    if enough > 1:
        assert error(enough - 1) > 1e-9


@pytest.mark.parametrize("n", [1, 2, 3, 8, 33, 64])
def test_gauss_legendre_nodes_by_newton(n):
    for a, b in zip(ja.gauss_legendre(n), gauss_legendre(n), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)

"""Integrated gradients: nodes, baselines, precision, masks."""

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

import jaxattr as ja

RULES = [ja.gauss_legendre, ja.midpoint, ja.trapezoid, ja.left_riemann, ja.right_riemann]
X = jnp.array([1.0, -2.0, 0.5])


def score(x):
    return jnp.tanh(x).sum() + x[0] * x[1]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [2, 3, 7, 64, 501])
def test_weights_sum_to_one_and_nodes_lie_on_the_path(rule, n):
    t, w = rule(n)
    assert t.shape == w.shape == (n,)
    assert abs(w.sum() - 1) < 1e-13
    assert np.all(w > 0)
    assert t.min() >= 0
    assert t.max() <= 1
    assert np.all(np.diff(t) > 0)


@pytest.mark.parametrize("rule", [ja.gauss_legendre, ja.midpoint, ja.trapezoid])
def test_symmetric_rules_swap_with_the_path(rule):
    t, w = rule(6)
    np.testing.assert_allclose(t, 1 - t[::-1], atol=1e-15)
    np.testing.assert_allclose(w, w[::-1], atol=1e-15)


@pytest.mark.parametrize("rule", [ja.midpoint, ja.trapezoid])
@pytest.mark.parametrize("n", [2, 5])
def test_midpoint_and_trapezoid_are_exact_for_a_square_and_not_for_a_cube(rule, n, x64):
    for power, exact in ((2, True), (3, False)):
        a = ja.integrated_gradients(lambda x: x**power, baseline=jnp.zeros_like, nodes=rule, steps=n)(jnp.array(2.0))
        assert (abs(a - 2.0**power) < 1e-13) == exact


def test_the_baseline_may_be_an_array_or_a_function_and_may_be_traced():
    x0 = jnp.array([0.5, 0.0, 1.0])
    by_array = ja.integrated_gradients(score, baseline=x0)(X)
    by_function = ja.integrated_gradients(score, baseline=lambda x: x0)(X)
    by_tracer = jax.jit(lambda x0: ja.integrated_gradients(score, baseline=x0)(X))(x0)
    np.testing.assert_array_equal(by_array, by_function)
    np.testing.assert_allclose(by_array, by_tracer, rtol=1e-6)
    np.testing.assert_array_equal(by_array, ja.integrated_gradients(score, baseline=np.asarray(x0))(X))


def test_the_baseline_is_differentiable(x64):
    x = jnp.asarray(X, jnp.float64)

    @jax.jit
    def f(x0):
        return (ja.integrated_gradients(score, baseline=x0, steps=8)(x) ** 2).sum()

    jax.test_util.check_grads(f, (0.5 * x,), order=2, modes=["rev"], atol=1e-5, rtol=1e-5)


def test_nodes_of_the_users_own():
    def simpson(n):
        return (np.array([0.0, 0.5, 1.0]), np.array([1.0, 4.0, 1.0]) / 6)

    a = ja.integrated_gradients(lambda x: (x**4).sum(), baseline=jnp.zeros_like, nodes=simpson)(X)
    np.testing.assert_allclose(a, X**4, rtol=1e-5)


def test_entries_that_do_not_move_get_exactly_zero():
    a = ja.integrated_gradients(score, baseline=lambda x: x.at[0].set(0.0))(X)
    assert a[0] != 0
    assert not a[1:].any()


def test_a_text_that_equals_its_baseline_gets_exactly_zero():
    assert not ja.integrated_gradients(score, baseline=lambda x: x)(X).any()


def test_half_precision_path_and_sum_are_in_single():
    """A bfloat16 argument: the path is laid in float32, so that tiny steps are not lost, and so are the sums."""
    x = jnp.full(4, 256.0, jnp.bfloat16)
    a = ja.integrated_gradients(lambda x: x.astype(jnp.float32).sum(), baseline=lambda x: x - 2, steps=257)(x)
    assert a.dtype == jnp.float32
    np.testing.assert_allclose(a, 2.0, rtol=1e-5)


def test_where_keeps_padding_at_its_value_on_the_whole_path():
    """Padding interacts with the real tokens: it must stay as given, not travel from the baseline."""
    where = jnp.array([True, True, False])

    def f(x):
        return x[0] * x[2] + x[1] ** 2

    a = ja.integrated_gradients(f, baseline=jnp.zeros_like, where=where)(X)
    np.testing.assert_allclose(a, [X[0] * X[2], X[1] ** 2, 0.0], rtol=1e-6)
    gap = ja.completeness_gap(f, a, X, jnp.zeros_like, where=where)
    np.testing.assert_allclose(gap, 0.0, atol=1e-6)


def test_a_baseline_under_padding_may_be_nan():
    x0 = jnp.array([0.0, 0.0, jnp.nan])
    a = ja.integrated_gradients(score, baseline=x0, where=jnp.array([True, True, False]))(X)
    assert jnp.isfinite(a).all()


def test_how_far_a_half_precision_entry_moves_is_not_rounded():
    """From bfloat16 0.1 to 256: the difference is not a bfloat16 number."""
    x, x0 = jnp.array([256.0], jnp.bfloat16), jnp.array([0.1], jnp.bfloat16)
    a = ja.integrated_gradients(lambda x: x.astype(jnp.float32).sum(), baseline=x0)(x)
    np.testing.assert_allclose(a, [256 - float(x0[0])], rtol=1e-6)

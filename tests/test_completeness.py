"""The gap tells the truth, above all where the method fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxattr as ja

X, X0 = jnp.array([1.0, -2.0, 3.0]), jnp.array([0.5, 1.0, -1.0])


def kinked(x, xp=jnp):
    return xp.maximum(x[0] + 2 * x[1], 0.3 * x[2]) + xp.abs(x[1] - x[2]) * x[0]


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
@pytest.mark.parametrize("rule", [ja.gauss_legendre, ja.midpoint, ja.left_riemann, ja.right_riemann])
def test_the_gap_is_what_is_missing_also_when_the_method_fails(rule, steps, x64):
    """Kinks and too few nodes: the reported gap equals f(x) - f(x0) - sum, computed by NumPy alone."""
    a = ja.integrated_gradients(kinked, baseline=X0, nodes=rule, steps=steps)(X)
    gap = ja.completeness_gap(kinked, a, X, X0)
    true = kinked(np.asarray(X), np) - kinked(np.asarray(X0), np) - np.asarray(a).sum()
    np.testing.assert_allclose(gap, true, rtol=1e-12, atol=1e-13)
    assert abs(gap) > 1e-4, "these sums are meant to fail"


@given(st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=6, max_size=6))
def test_the_gap_of_any_numbers(values):
    x, a = np.array(values[:3], np.float32), np.array(values[3:], np.float32)
    gap = ja.completeness_gap(lambda x: (x**2).sum(), a, x, jnp.zeros_like)
    np.testing.assert_allclose(gap, (x.astype(float) ** 2).sum() - a.sum(dtype=float), rtol=1e-5, atol=1e-5)


def test_the_gap_has_a_sign():
    def f(x):
        return x.sum()

    assert ja.completeness_gap(f, jnp.zeros(3), X, X - 1) == 3
    assert ja.completeness_gap(f, jnp.full(3, 2.0), X, X - 1) == -3


def test_attributions_before_and_after_a_sum_over_axes():
    f, x = (lambda x: (x**2).sum()), jnp.arange(6.0).reshape(3, 2)
    a = ja.integrated_gradients(f, baseline=jnp.zeros_like)(x)
    for values in (a, a.sum(-1), a.sum(), {"a": a[:1], "b": [a[1:]]}):
        np.testing.assert_allclose(ja.completeness_gap(f, values, x, jnp.zeros_like(x)), 0, atol=1e-4)


def test_aux_jit_vmap_and_pytrees():
    def f(t):
        return ((t["a"] ** 2).sum() * t["b"], "aux")

    x = {"a": X, "b": jnp.array(2.0)}
    x0 = jax.tree.map(jnp.zeros_like, x)
    assert ja.completeness_gap(f, jnp.zeros(2), x, x0, has_aux=True) == 28

    def g(x):
        return ja.completeness_gap(lambda x: (x**2).sum(), jnp.zeros(3), x, jnp.zeros_like)

    np.testing.assert_allclose(jax.jit(jax.vmap(g))(jnp.stack([X, 2 * X])), [14, 56])


def test_where_keeps_the_padding():
    def f(x):
        return x[0] * x[2]

    where = jnp.array([True, True, False])
    assert ja.completeness_gap(f, jnp.zeros(3), X, jnp.zeros_like, where=where) == 3
    x0 = jnp.array([0.0, 0.0, jnp.nan])
    assert ja.completeness_gap(f, jnp.zeros(3), X, x0, where=where) == 3


def test_half_precision_is_subtracted_in_single():
    gap = ja.completeness_gap(lambda x: x.sum(), jnp.full(4, 0.25), jnp.ones(4, jnp.bfloat16), jnp.zeros_like)
    assert gap.dtype == jnp.float32
    assert gap == 3


def test_a_changed_model_is_seen():
    """Both scores are evaluated afresh: numbers of an old model do not look complete."""

    class Model:
        weight = jnp.array(1.0)

    def f(x):
        return Model.weight * x.sum()

    a = ja.integrated_gradients(f, baseline=X0)(X)
    np.testing.assert_allclose(ja.completeness_gap(f, a, X, X0), 0, atol=1e-6)
    Model.weight = jnp.array(2.0)
    np.testing.assert_allclose(ja.completeness_gap(f, a, X, X0), (X - X0).sum(), rtol=1e-6)


def test_the_sum_of_the_errors_is_never_less_than_the_gap(x64):
    """A hundred random networks and a rule with a large error: the gap is the sum of the errors with their signs."""
    rng = np.random.default_rng(0)
    nets = [rng.normal(size=(100, *shape)) for shape in ((5, 4), (5,), (5,), (4,), (4,))]

    def errors(w, b, v, x, x0):
        def f(x):
            return (v * jnp.tanh((w * x[None]).sum(-1) + b)).sum()

        rough = ja.integrated_gradients(f, baseline=x0, nodes=ja.left_riemann, steps=5)(x)
        exact = ja.integrated_gradients(f, baseline=x0, steps=96)(x)
        return ja.completeness_gap(f, rough, x, x0), jnp.abs(rough - exact).sum(), ja.completeness_gap(f, exact, x, x0)

    gap, error, none = (np.asarray(part) for part in jax.jit(jax.vmap(errors))(*nets))
    assert np.abs(none).max() < 1e-8
    assert np.all(np.abs(gap) <= error + 1e-8)
    assert np.median(np.abs(gap)) > 0.05

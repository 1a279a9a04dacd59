"""What the axioms of `test_axioms.py` need not hold for, and do not: for each method a case built to break each.

DeepLIFT's are in `propagation/test_deep_lift.py`, those of estimators over masks in `shapley/test_axioms.py`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.test_axioms import KEY, METHODS, close


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


SATURATED = (lambda x: 1 - jax.nn.relu(1 - x[0]) + 0 * x[1], np.array([2.0, 1.0]), np.zeros(2))


@pytest.mark.parametrize("method", ["gradient", "gradient_times_input", "smooth"])
def test_a_slope_is_not_sensitive(method):
    """The first coordinate decides the score, 1 against 0; where it is saturated its slope is 0."""
    f, x, x0 = SATURATED
    assert f(x) - f(x0) == 1
    assert METHODS[method](f, x, x0)[0] == 0
    assert METHODS["integrated_gradients"](f, x, x0)[0] == pytest.approx(1, abs=1e-12)
    assert METHODS["occlusion"](f, x, x0)[0] == 1


@pytest.mark.parametrize("method", ["gradient", "gradient_times_input", "occlusion", "smooth"])
def test_what_is_not_complete(method):
    """x0 x1 at (3, 2) changes by 6: the slopes sum to 5, slope times input and occlusion to 12."""
    f, x, x0 = (lambda x: x[0] * x[1]), np.array([3.0, 2.0]), np.zeros(2)
    total = METHODS[method](f, x, x0).sum()
    assert abs(total - 6) > 0.5
    if method != "smooth":
        assert total == (5 if method == "gradient" else 12)


@pytest.mark.parametrize("method", ["gradient_times_input", "smooth", "gradient", "lrp"])
def test_what_ignores_the_baseline_is_not_complete_for_a_linear_score(method):
    f, x, x0 = (lambda x: 2 * x[0] + x[1]), np.array([3.0, 2.0]), np.array([1.0, 1.0])
    assert abs(METHODS[method](f, x, x0).sum() - (f(x) - f(x0))) > 0.5
    for complete in ("integrated_gradients", "occlusion"):
        close(METHODS[complete](f, x, x0).sum(), f(x) - f(x0))


def test_smooth_is_symmetric_in_the_mean_alone():
    """Two equal coordinates draw different noise; over many draws the difference is within its error."""
    f, x = (lambda x: (x[0] + x[1]) ** 2 + x[0] ** 3 + x[1] ** 3), np.array([1.0, 1.0])
    few = METHODS["smooth"](f, x, None)
    assert few[0] != few[1]
    many = jax.jit(ja.smooth(ja.gradient(f), key=KEY, std=0.1, samples=20_000, batch_size=20_000))(x)
    assert abs(many[0] - many[1]) < 5 * 6 * 0.1 * np.sqrt(2 / 20_000)


def test_occlusion_does_not_swap():
    f, x, x0 = (lambda x: x[0] * x[1]), np.array([3.0, 2.0]), np.zeros(2)
    assert METHODS["occlusion"](f, x, x0).tolist() == [6, 6]
    assert METHODS["occlusion"](f, x0, x).tolist() == [0, 0]


def saturated(x):
    """1 - relu(1 - x0), as one elementwise function of the first coordinate."""
    return 1 - jax.nn.relu(1 - x[0])


def saturated_layers(x):
    """The same as two dense layers with biases."""
    hidden = jax.nn.relu(jnp.dot(x, jnp.array([[-1.0], [0.0]])) + 1)
    return jnp.dot(hidden, -jnp.ones(1)) + 1


@pytest.mark.parametrize("table", ["LRP_EPSILON", "LRP_GAMMA", "LRP_Z_PLUS", "LRP_ALPHA_BETA", "ATTN_LRP"])
def test_relevance_is_not_sensitive(table):
    """The hidden unit is off, and the bias behind it absorbs the whole score, 1 against 0 at the baseline."""
    x, x0 = jnp.array([2.0, 1.0]), jnp.array([0.0, 1.0])
    assert saturated_layers(x) - saturated_layers(x0) == 1
    assert ja.lrp(saturated_layers, rules=getattr(ja.propagation, table))(x).tolist() == [0, 0]


@pytest.mark.parametrize("table", ["LRP_EPSILON", "LRP_GAMMA", "LRP_Z_PLUS", "LRP_ALPHA_BETA", "ATTN_LRP"])
def test_relevance_is_not_invariant_to_the_implementation(table):
    """Written with layers the score is absorbed by a bias, written as an activation it is handed on."""
    x, rules = jnp.array([2.0, 1.0]), getattr(ja.propagation, table)
    assert saturated(x) == saturated_layers(x)
    assert ja.lrp(saturated_layers, rules=rules)(x).tolist() == [0, 0]
    np.testing.assert_allclose(ja.lrp(saturated, rules=rules)(x), [1, 0], rtol=1e-5)


def test_relevance_of_products_is_not_invariant_to_the_implementation():
    """(x x) y and x (x y), with halves for the factors, share the same 12 in two ways; neither loses any."""
    rules = ja.propagation.attn_lrp_rules(ja.propagation.epsilon(0.0), stabiliser=0.0)
    x = jnp.array([2.0, 3.0])
    assert ja.lrp(lambda v: (v[0] * v[0]) * v[1], rules=rules)(x).tolist() == [6, 6]
    assert ja.lrp(lambda v: v[0] * (v[0] * v[1]), rules=rules)(x).tolist() == [9, 3]


def test_relevance_is_not_linear():
    """A sum that cancels hands nothing on, and a stabiliser absorbs its part of the sum: z / (z + 1) at z = 4."""

    def of(f, x, **options):
        return np.asarray(ja.lrp(f, **options)(jnp.array(x)))

    apart = of(lambda x: x[0], [1.0, 1.0]) - of(lambda x: x[1], [1.0, 1.0])
    assert apart.tolist() == [1, -1]
    assert of(lambda x: x[0] - x[1], [1.0, 1.0]).tolist() == [0, 0]
    rules = ja.propagation.lrp_rules(ja.propagation.epsilon(0.0), stabiliser=1.0)
    apart = of(lambda x: x[0], [3.0, 1.0], rules=rules) + of(lambda x: x[1], [3.0, 1.0], rules=rules)
    assert apart.tolist() == [3, 1]
    np.testing.assert_allclose(of(lambda x: x[0] + x[1], [3.0, 1.0], rules=rules), [2.4, 0.8], rtol=1e-12)

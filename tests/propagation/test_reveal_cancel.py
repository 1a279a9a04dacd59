"""RevealCancel: the paper's example, a slow literal twin of sections 3.5.1 and 3.5.2, and completeness."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr.propagation import DEEPLIFT, REVEAL_CANCEL
from tests.propagation.models import MODELS

pytestmark = pytest.mark.usefixtures("x64")


def explain(f, x0, rules=REVEAL_CANCEL):
    return ja.deep_lift(f, baseline=jnp.asarray(x0), rules=rules)


def test_the_minimum_of_two():
    """min(a, b) = a - max(0, a - b), section 3.5.2: Rescale gives all to one of the two, RevealCancel halves."""

    def least(v):
        return v[0] - jax.nn.relu(v[0] - v[1])

    x = jnp.array([3.0, 2.0])
    np.testing.assert_allclose(explain(least, jnp.zeros(2))(x), [1.0, 1.0], atol=1e-14)
    np.testing.assert_allclose(explain(least, jnp.zeros(2), DEEPLIFT)(x), [0.0, 2.0], atol=1e-14)
    np.testing.assert_allclose(explain(least, jnp.zeros(2))(x[::-1]), [1.0, 1.0], atol=1e-14)


def literal(x, x0, layers, act, slope):
    """Contributions to the last layer's one number, unit by unit and part by part as the paper writes them.

    Each unit holds its change in two parts and, for each part, the contributions of the inputs to it. A part of 0 has
    the derivative for its multiplier, as the paper has it for a change of 0 in section 3.5.1.
    """
    n = len(x)
    change = x - x0
    plus, minus = np.maximum(change, 0), np.minimum(change, 0)
    to_plus, to_minus = np.diag(plus), np.diag(minus)  # [unit, input]
    a0 = x0
    for number, (w, b) in enumerate(layers):
        z0 = a0 @ w + b
        wide = w.shape[1]
        z_plus, z_minus = np.zeros(wide), np.zeros(wide)
        c_plus, c_minus = np.zeros((wide, n)), np.zeros((wide, n))
        for j in range(wide):
            for i in range(len(w)):
                part = w[i, j] * (plus[i] + minus[i])
                sent = w[i, j] * (to_plus[i] + to_minus[i])
                if part > 0:
                    z_plus[j] += part
                    c_plus[j] += sent
                elif part < 0:
                    z_minus[j] += part
                    c_minus[j] += sent
                else:
                    c_plus[j] += sent / 2
                    c_minus[j] += sent / 2
        if number == len(layers) - 1:
            return (c_plus + c_minus)[0]
        z = z0 + z_plus + z_minus
        y_plus = (act(z0 + z_plus) - act(z0) + act(z) - act(z0 + z_minus)) / 2
        y_minus = (act(z0 + z_minus) - act(z0) + act(z) - act(z0 + z_plus)) / 2
        flat = (slope(z0) + slope(z)) / 2
        to_plus = c_plus * np.where(z_plus == 0, flat, y_plus / np.where(z_plus == 0, 1, z_plus))[:, None]
        to_minus = c_minus * np.where(z_minus == 0, flat, y_minus / np.where(z_minus == 0, 1, z_minus))[:, None]
        plus, minus, a0 = y_plus, y_minus, act(z0)
    raise AssertionError


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("act", ["relu", "tanh", "sigmoid"])
def test_the_paper_unit_by_unit(seed, act):
    rng = np.random.default_rng(seed)
    sizes = [4, 6, 5, 1]
    layers = [(rng.normal(size=s), rng.normal(size=s[1])) for s in itertools.pairwise(sizes)]
    x, x0 = rng.normal(size=(2, 4))
    x[0] = x0[0]
    numpy_act, slope = {
        "relu": (lambda v: np.maximum(v, 0), lambda v: v > 0),
        "tanh": (np.tanh, lambda v: 1 / np.cosh(v) ** 2),
        "sigmoid": (lambda v: 1 / (1 + np.exp(-v)), lambda v: 1 / (2 + 2 * np.cosh(v))),
    }[act]

    def f(x):
        for number, (w, b) in enumerate(layers):
            x = jnp.dot(x, w) + b
            if number < len(layers) - 1:
                x = getattr(jax.nn, act)(x)
        return x[0]

    phi = jax.jit(explain(f, x0))(jnp.asarray(x))
    np.testing.assert_allclose(phi, literal(x, x0, layers, numpy_act, slope), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(phi.sum(), f(jnp.asarray(x)) - f(jnp.asarray(x0)), rtol=1e-10)
    assert jnp.abs(phi - jax.jit(explain(f, x0, DEEPLIFT))(jnp.asarray(x))).max() > 1e-5


def test_parts_that_cancel_still_send_importance():
    """Two inputs that cancel in the middle: the change is 0, its parts are not (section 3.5.1, last paragraph)."""

    def f(v):
        h = jax.nn.relu(v[0] - v[1] + 0.0 * v)  # 0 at input and baseline
        return jnp.sum(h)

    x = jnp.array([2.0, 2.0])
    np.testing.assert_allclose(explain(f, jnp.zeros(2), DEEPLIFT)(x).sum(), 0, atol=1e-14)
    phi = explain(f, jnp.zeros(2))(x)
    np.testing.assert_allclose(phi.sum(), 0, atol=1e-14)
    assert phi[0] > 1 > -1 > phi[1]


@pytest.mark.parametrize(
    "name",
    [
        *("max_pool_cnn", "nnx_mlp", "sparse_mixture"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("lstm", "pre_norm_transformer", "decoder")),
    ],
)
def test_complete_on_models(name):
    model = MODELS[name]()
    x, x0 = np.random.default_rng(0).normal(size=(2, 20, *model.shape))
    x[0] = x0[0] * (1 + 1e-9)
    phi = jax.jit(jax.vmap(lambda x, x0: explain(model.f, x0)(x)))(x, x0)
    gap = phi.reshape(20, -1).sum(-1) - (jax.vmap(model.f)(x) - jax.vmap(model.f)(x0))
    assert (jnp.abs(gap) <= 1e-11 * (1 + jnp.abs(phi).reshape(20, -1).sum(-1))).all()


def test_it_differs_from_rescale_where_parts_cancel_and_nowhere_else():
    w = jnp.array([[1.0, 2.0], [0.5, 1.0]])

    def f(v):
        return jnp.tanh(jnp.dot(v, w)).sum()

    rising = jnp.array([1.0, 0.5])  # all contributions are positive: there is nothing to cancel
    np.testing.assert_allclose(explain(f, jnp.zeros(2))(rising), explain(f, jnp.zeros(2), DEEPLIFT)(rising), rtol=1e-12)
    mixed = jnp.array([1.0, -0.5])
    apart = explain(f, jnp.zeros(2))(mixed) - explain(f, jnp.zeros(2), DEEPLIFT)(mixed)
    assert jnp.abs(apart).max() > 0.01


def test_second_order_is_finite():
    f, x0 = MODELS["nnx_mlp"]().f, jnp.zeros(MODELS["nnx_mlp"]().shape)
    x = jnp.asarray(np.random.default_rng(1).normal(size=x0.shape))
    assert jnp.isfinite(jax.jit(jax.grad(lambda x: jnp.sum(explain(f, x0)(x) ** 2)))(x)).all()


def test_a_ledger_refuses_two_tangents():
    with pytest.raises(ja.NoRule, match="two tangents by REVEAL_CANCEL"):
        ja.propagation.ledger(
            lambda x: jnp.tanh(jnp.dot(x, jnp.ones((2, 2)))).sum(), rules=REVEAL_CANCEL, baseline=jnp.zeros(2)
        )(jnp.ones(2))

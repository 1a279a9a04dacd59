"""Guided backpropagation and the deconvolutional network, against literal recursions and where they must agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.relevance import networks, oracles, problems

MODIFY = {
    "guided_backprop": lambda z, g: (z > 0) * (g > 0) * g,
    "deconvnet": lambda z, g: (g > 0) * g,
    "gradient": lambda z, g: (z > 0) * g,
}
methods = pytest.mark.parametrize("method", MODIFY)


def literal_cnn(modify, w, x, target):
    """The gradient by loops, modified at every ReLU."""

    def relu(x):
        return np.maximum(x, 0)

    z0 = oracles.conv_forward(w, "0", x)
    p0 = oracles.pooled(relu(z0), 2)
    z1 = oracles.conv_forward(w, "3", p0)
    p1 = oracles.pooled(relu(z1), 2)
    z2 = oracles.forward(w, "7", p1.reshape(-1))

    def conv_back(name, g):
        weight = w[f"{name}.weight"]
        back = np.zeros((weight.shape[1], g.shape[1] + 2))
        for t in range(g.shape[1]):
            back[:, t : t + 3] += np.einsum("o,oik->ik", g[:, t], weight)
        return back[:, 1:-1]

    g = (modify(z2, w["9.weight"][target]) @ w["7.weight"]).reshape(p1.shape)
    g = conv_back("3", modify(z1, oracles.pool(relu(z1), 2, g)))
    return conv_back("0", modify(z0, oracles.pool(relu(z0), 2, g)))


@methods
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_dense_layers(method, seed, x64):
    w, x = problems.mlp(seed)
    actual = getattr(ja, method)(lambda x: networks.mlp(w, x)[1])(x)
    np.testing.assert_allclose(actual, oracles.relu_backwards(w, x, 1, MODIFY[method]), rtol=1e-12, atol=1e-15)


@methods
def test_convolutions_and_maxima(method, x64):
    """The windows have no ties but between dead entries, which JAX and the loop give to different ones of them."""
    w, x = problems.cnn()
    w = w | {f"{name}.bias": w[f"{name}.bias"] + 3 for name in ("0", "3")}
    actual = getattr(ja, method)(lambda x: networks.cnn(w, x, 2)[1])(x)
    np.testing.assert_allclose(actual, literal_cnn(MODIFY[method], w, x, 1), rtol=1e-12, atol=1e-15)
    assert np.abs(actual).max() > 1e-3


def test_they_differ_from_each_other_and_from_the_gradient(x64):
    w, x = problems.mlp()
    guided, deconv, plain = (getattr(ja, m)(lambda x: networks.mlp(w, x)[1])(x) for m in MODIFY)
    assert min(np.abs(guided - deconv).max(), np.abs(guided - plain).max(), np.abs(deconv - plain).max()) > 1e-2


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet"])
@pytest.mark.parametrize("act", [jnp.tanh, jax.nn.gelu, lambda x: jnp.maximum(x, jnp.sin(x))])
def test_without_relu_they_are_the_gradient(method, act, x64):
    """A maximum of two moving values is no ReLU."""
    w, x = problems.mlp()

    def f(x):
        return networks.mlp(w, x, act)[1]

    np.testing.assert_allclose(getattr(ja, method)(f)(x), jax.grad(f)(x), rtol=1e-12)


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet"])
def test_a_relu_written_with_where_is_not_recognised(method, x64):
    """Only `max(x, 0)`, which `jax.nn.relu` is, is a ReLU: `where(x > 0, x, 0)` gets its derivative."""
    w, x = problems.mlp()

    def f(x):
        return networks.mlp(w, x, lambda z: jnp.where(z > 0, z, 0))[1]

    np.testing.assert_allclose(getattr(ja, method)(f)(x), jax.grad(f)(x), rtol=1e-12)


def test_guided_backprop_fails_the_randomisation_check(x64):
    """With random last weights its map hardly changes, the gradient's does (Adebayo et al., 2018)."""

    def likeness(method):
        """The mean correlation of the maps before and after the last weights are drawn afresh."""
        found = []
        for seed in range(20):
            w, x = problems.mlp(seed, bias=False)
            other = w | {"4.weight": problems.mlp(seed + 100, bias=False)[0]["4.weight"]}
            maps = [method(lambda x, v=v: networks.mlp(v, x)[1])(x) for v in (w, other)]
            if min(np.abs(m).max() for m in maps) > 0:
                found.append(np.corrcoef(*maps)[0, 1])
        assert len(found) >= 10
        return np.mean(found)

    assert likeness(lambda f: ja.guided_backprop(f)) > 0.5 > 0.4 > likeness(lambda f: ja.gradient(f))


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet"])
@pytest.mark.parametrize("activation", [jax.nn.softplus, jax.nn.relu6, jax.nn.elu, jax.nn.gelu])
def test_an_activation_that_holds_a_maximum_is_no_relu(method, activation, x64):
    given = getattr(ja, method)(lambda x: -activation(x))(1.0)
    np.testing.assert_allclose(given, jax.grad(lambda x: -activation(x))(1.0), rtol=1e-12)

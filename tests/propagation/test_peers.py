"""Agreement with SHAP and Captum where they are right, and our exact values where they are not."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jaxattr as ja

FILE = Path(__file__).parent / "golden" / "peers.npz"
ACTIVATIONS = {"mlp_relu": jax.nn.relu, "mlp_tanh": jnp.tanh, "mlp_sigmoid": jax.nn.sigmoid}


def dense(w, i, x):
    return jnp.dot(w[f"{i}.weight"], x) + w[f"{i}.bias"]


def mlp(activation, w, x):
    return dense(w, 4, activation(dense(w, 2, activation(dense(w, 0, x)))))


def convolved(w, i, x):
    """Windows of two along `[channels, length]`."""
    return lax.conv(x[None], w[f"{i}.weight"], (1,), "VALID")[0] + w[f"{i}.bias"][:, None]


def cnn(w, x):
    hidden = jax.nn.relu(convolved(w, 0, x))
    pooled = lax.reduce_window(hidden, -jnp.inf, lax.max, (1, 2), (1, 2), "VALID")
    return dense(w, 6, jax.nn.relu(convolved(w, 3, pooled)).ravel())


@pytest.fixture(params=[*ACTIVATIONS, "cnn"])
def stored(request, x64):
    """Logits `f(x)` and the stored arrays of one model."""
    name = request.param
    with np.load(FILE, allow_pickle=False) as file:
        assert str(file["versions"]).startswith("captum 0.9.0, shap 0.51.0, torch 2.13.0")
        arrays = {k.removeprefix(f"{name}/"): jnp.asarray(file[k]) for k in file.files if k.startswith(f"{name}/")}
    w = {k.removeprefix("weight/"): v for k, v in arrays.items() if k.startswith("weight/")}
    return name, (lambda x: cnn(w, x) if name == "cnn" else mlp(ACTIVATIONS[name], w, x)), arrays


def of_all_classes(explain, x):
    """`explain(k)(x)` for each input and class, `[N, ..., classes]`."""
    return jax.jit(jax.vmap(lambda x: jax.vmap(lambda k: explain(k)(x), out_axes=-1)(jnp.arange(3))))(x)


def test_the_logits_are_equal(stored):
    _, f, arrays = stored
    np.testing.assert_allclose(jax.vmap(f)(arrays["x"]), arrays["logits"], rtol=1e-12, atol=1e-12)


def test_one_baseline(stored):
    name, f, arrays = stored
    ours = of_all_classes(lambda k: ja.deep_lift(lambda x: f(x)[k], baseline=arrays["background"][0]), arrays["x"])
    np.testing.assert_allclose(ours, arrays["shap_one"], rtol=0, atol=1e-6)
    if name != "cnn":
        np.testing.assert_allclose(ours, arrays["captum"], rtol=0, atol=1e-6)


def test_the_difference_from_captum_on_a_max_pool_is_captums_gap(stored):
    """Captum's max-pool does not share the change that it should; SHAP's and ours do."""
    name, f, arrays = stored
    change = jax.vmap(f)(arrays["x"]) - f(arrays["background"][0])[None]

    def gap(values):
        return jnp.abs(arrays[values].reshape(4, -1, 3).sum(1) - change).max()

    assert gap("shap_one") < 1e-10
    assert (gap("captum") > 0.1) == (name == "cnn")


def test_deep_shap_over_ten_backgrounds(stored):
    _, f, arrays = stored

    def explain(k):
        return ja.mean_over(lambda b: ja.deep_lift(lambda x: f(x)[k], baseline=b), arrays["background"])

    np.testing.assert_allclose(of_all_classes(explain, arrays["x"]), arrays["shap"], rtol=0, atol=1e-6)


# Where Captum 0.9.0 is silently wrong: our exact values, from the formula of the rule on paper.


def test_a_functional_relu_has_its_secant():
    """1 - relu(1 - x) style saturation: relu(x) - relu(x - 1.5) from 0 to 2 has secants, not gradients. Captum: [2]."""

    def f(x):
        return jax.nn.relu(x[0] - 1.5)

    assert ja.deep_lift(f, baseline=jnp.zeros_like)(jnp.array([2.0])).tolist() == [0.5]
    assert ja.gradient_times_input(f)(jnp.array([2.0])).tolist() == [2.0]


def test_gelu_is_complete(x64):
    """Captum takes the gradient of GELU and is off by 0.2 and more; the secant gives GELU's own change."""
    x = jnp.array([1.0, -2.0, 0.5])

    def f(x):
        return jax.nn.gelu(x, approximate=False).sum()

    expected = jax.nn.gelu(x, approximate=False)
    np.testing.assert_allclose(ja.deep_lift(f, baseline=jnp.zeros_like)(x), expected, rtol=1e-13)
    assert jnp.abs(ja.gradient_times_input(f)(x) - expected).max() > 0.2


def test_a_product_is_shared_in_halves():
    """x * y at (2, 3) from zero is 6: three each. Captum gives [6, 6]."""
    phi = ja.deep_lift(lambda v: v[0] * v[1], baseline=jnp.zeros_like)(jnp.array([2.0, 3.0]))
    assert phi.tolist() == [3.0, 3.0]


def test_rows_of_a_batch_do_not_influence_each_other_through_softmax(x64):
    """Captum normalises softmax by the size of the whole batch, so the same row gets other numbers beside others."""
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(3, 4)), rng.normal(size=(6, 3))
    explain = jax.jit(ja.deep_lift(lambda x: jax.nn.softmax(jnp.dot(x, w))[0], baseline=jnp.zeros_like))
    alone = jnp.stack([explain(row) for row in jnp.asarray(x)])
    beside = jax.vmap(explain)(jnp.asarray(x))
    np.testing.assert_allclose(beside, alone, rtol=1e-13, atol=1e-15)
    change = jax.nn.softmax(x @ w)[:, 0] - 0.25
    np.testing.assert_allclose(beside.sum(-1), change, rtol=1e-12)

"""Parity with Captum on three small text models, whose weights and attributions are stored in `golden/`.

The models are written again in JAX; equal logits are checked first, so that a difference afterwards is the method's.
The inputs are random, so no maximum is tied: at a tie PyTorch sends the gradient to one entry and JAX splits it.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

GOLDEN = Path(__file__).parent / "golden"
RULES = {
    "gausslegendre": ja.gauss_legendre,
    "riemann_middle": ja.midpoint,
    "riemann_left": ja.left_riemann,
    "riemann_right": ja.right_riemann,
}


def dense(w, name, x):
    return jnp.dot(x, w[f"{name}.weight"].T) + jnp.expand_dims(w[f"{name}.bias"], range(x.ndim - 1))


def cnn(w, x):
    kernel = w["conv.weight"]  # [out, in, 3]
    windows = jnp.stack([x[i : len(x) - 2 + i] for i in range(3)], -1)
    hidden = jnp.einsum("tdk,odk->to", windows, kernel) + w["conv.bias"][None]
    return dense(w, "out", jax.nn.relu(hidden).max(0))


def lstm(w, x):
    def step(state, token):
        h, c = state
        gates = (
            jnp.dot(w["lstm.weight_ih_l0"], token)
            + w["lstm.bias_ih_l0"]
            + jnp.dot(w["lstm.weight_hh_l0"], h)
            + w["lstm.bias_hh_l0"]
        )
        i, f, g, o = jnp.split(gates, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zero = jnp.zeros(w["lstm.weight_hh_l0"].shape[1])
    return dense(w, "out", jax.lax.scan(step, (zero, zero), x)[0][0])


def transformer(w, x):
    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        unit = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return unit * w[f"{name}.weight"][None] + w[f"{name}.bias"][None]

    h = norm("norm1", x)
    scores = jnp.dot(dense(w, "query", h), dense(w, "key", h).T) / x.shape[-1] ** 0.5
    x = x + dense(w, "mix", jnp.dot(jax.nn.softmax(scores), dense(w, "value", h)))
    x = x + dense(w, "down", jax.nn.gelu(dense(w, "up", norm("norm2", x)), approximate=False))
    return dense(w, "out", x.mean(0))


@pytest.fixture(params=[cnn, lstm, transformer], ids=lambda model: model.__name__)
def stored(request, x64):
    """A model's score `f(x, target)`, its logits, and the stored arrays."""
    with np.load(GOLDEN / f"captum_{request.param.__name__}.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert str(arrays["versions"]).startswith("captum 0.9.0, torch 2.13.0")
    weights = {k.removeprefix("weight/"): v for k, v in arrays.items() if k.startswith("weight/")}

    def logits(x):
        return request.param({k: jnp.asarray(v) for k, v in weights.items()}, x)

    return (lambda x, target: ja.scores.log_prob(logits(x), target)), logits, arrays


def rounded(nodes, factor=1.0):
    """Captum rounds the weights of the nodes to float32, also for float64 inputs."""

    def as_captum(n):
        t, w = nodes(n)
        return t, factor * (w / factor).astype(np.float32).astype(np.float64)

    return as_captum


def same(explain, arrays, name, factor=1.0, tolerance=1e-8):
    """`explain(x, x0, target)` of all five inputs equals what Captum gave, to 1e-8 of the largest entry."""
    ours = jax.jit(jax.vmap(explain))(arrays["x"], arrays["x0"], arrays["target"])
    theirs = arrays[f"captum/{name}"]
    np.testing.assert_allclose(ours, theirs * factor, rtol=tolerance, atol=tolerance * np.abs(theirs).max())


def test_the_logits_are_equal(stored):
    _, logits, arrays = stored
    np.testing.assert_allclose(jax.vmap(logits)(arrays["x"]), arrays["logits"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(jax.vmap(logits)(arrays["x0"]), arrays["baseline_logits"], rtol=1e-12, atol=1e-12)


def test_gradients(stored):
    f, _, arrays = stored
    same(lambda x, x0, y: ja.gradient(f)(x, y), arrays, "saliency")
    same(lambda x, x0, y: ja.gradient_times_input(f)(x, y), arrays, "input_x_gradient")


@pytest.mark.parametrize("rule", RULES)
def test_integrated_gradients(stored, rule):
    f, _, arrays = stored
    options = {"nodes": rounded(RULES[rule]), "steps": int(arrays["steps"])}
    same(lambda x, x0, y: ja.integrated_gradients(f, baseline=x0, **options)(x, y), arrays, rule)


def test_weights_that_are_not_rounded_differ_by_rounding_alone(stored):
    f, _, arrays = stored

    def explain(x, x0, y):
        return ja.integrated_gradients(f, baseline=x0, steps=int(arrays["steps"]))(x, y)

    same(explain, arrays, "gausslegendre", tolerance=1e-7)


def test_captums_trapezoid_is_ours_times_n_less_one_over_n(stored):
    """The weights of Captum's trapezoid sum to (n - 1) / n instead of 1: the one difference, and it is exact."""
    f, _, arrays = stored
    n = int(arrays["steps"])
    nodes = rounded(ja.trapezoid, factor=n / (n - 1))

    def explain(x, x0, y):
        return ja.integrated_gradients(f, baseline=x0, nodes=nodes, steps=n)(x, y)

    same(explain, arrays, "riemann_trapezoid", factor=n / (n - 1))
    with pytest.raises(AssertionError):
        same(explain, arrays, "riemann_trapezoid")


def test_feature_ablation_and_occlusion(stored):
    f, _, arrays = stored
    same(lambda x, x0, y: ja.occlusion(f, perturb=ja.replace(x0))(x, y), arrays, "feature_ablation")
    for stride in (1, 2):
        keep = ja.windows(arrays["x"].shape[1], 3, stride=stride)

        def explain(x, x0, y):
            return ja.occlusion(f, keep=keep, perturb=ja.replace(x0))(x, y)

        same(explain, arrays, f"occlusion_stride_{stride}", tolerance=1e-7)  # Captum averages in float32


def test_the_files_are_small():
    assert sum(path.stat().st_size for path in GOLDEN.glob("*.npz")) < 200_000

"""Parity with zennit and LXT on stored weights: `golden/` holds their relevances and the scripts that made them.

The models are written again in JAX; equal logits are checked first, so that a difference afterwards is the method's.
zennit's conventions are ours: a bias takes part in the denominators and is modified as the weights are; the stabiliser
has the sign of the denominator, plus at 0; gamma is the generalised one; z+ is alpha 1, beta 0 at inputs of both signs.
LXT adds its stabiliser without a sign, so that it is made tiny here on both sides.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import propagation
from tests.relevance import networks

GOLDEN = Path(__file__).parent / "golden"
LAYERS = {
    "epsilon": propagation.epsilon(1e-6),
    "epsilon_large": propagation.epsilon(0.1),
    "gamma": propagation.gamma(0.25, 1e-6),
    "gamma_large": propagation.gamma(10.0, 1e-6),
    "z_plus": propagation.alpha_beta(1.0, 0.0),
    "alpha2_beta1": propagation.alpha_beta(2.0, 1.0),
    "alpha3_beta2": propagation.alpha_beta(3.0, 2.0),
}
TABLES = {name: propagation.lrp_rules(layer) for name, layer in LAYERS.items()}
# Composites: another rule for convolutions than for dense layers.
for _name in ("gamma", "z_plus"):
    TABLES[f"dense_epsilon_conv_{_name}"] = TABLES["epsilon"] | {
        "conv_general_dilated": TABLES[_name]["conv_general_dilated"]
    }
DEFAULTS = {
    "epsilon": propagation.LRP_EPSILON,
    "gamma": propagation.LRP_GAMMA,
    "z_plus": propagation.LRP_Z_PLUS,
    "alpha2_beta1": propagation.LRP_ALPHA_BETA,
}


def stored(file, model):
    """The weights, inputs and relevances of one model, in float64."""
    with np.load(GOLDEN / f"{file}.npz", allow_pickle=False) as arrays:
        assert any(version.startswith(f"{file} ") for version in arrays["versions"])
        return {
            key.removeprefix(f"{model}."): jnp.asarray(arrays[key], jnp.float64)
            for key in arrays.files
            if key.startswith(f"{model}.")
        }


def distance(actual, expected):
    """The largest difference, in parts of the largest relevance."""
    return np.abs(actual - expected).max() / np.abs(expected).max()


ZENNIT = [("mlp", name) for name in LAYERS] + [("cnn", name) for name in TABLES]


@pytest.mark.parametrize(("model", "rule"), ZENNIT)
def test_zennit(model, rule, x64):
    w = stored("zennit", model)
    network = getattr(networks, model)
    np.testing.assert_allclose(jax.vmap(lambda x: network(w, x))(w["x"]), w["out"], rtol=0, atol=1e-14)
    explain = ja.lrp(lambda x: network(w, x)[1], rules=TABLES[rule])
    actual = jax.jit(jax.vmap(explain))(w["x"])
    assert model == "mlp" or actual.shape == (1, 5, 512)
    # The relevances of the CNN are stored in float32.
    assert distance(actual, w[rule]) < (1e-12 if model == "mlp" else 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("rule", DEFAULTS)
def test_the_tables_of_the_library_are_zennits_defaults(rule):
    """The same in float32, as a user calls it."""
    with jax.enable_x64(True):
        w = jax.tree.map(lambda a: np.asarray(a, np.float32), stored("zennit", "cnn"))
    actual = ja.lrp(lambda x: networks.cnn(w, x)[1], rules=DEFAULTS[rule])(jnp.asarray(w["x"][0]))
    assert actual.dtype == jnp.float32
    assert distance(actual, w[rule][0]) < 1e-5


def test_the_stored_relevances_differ_by_rule(x64):
    """A comparison that could not fail would be worth nothing."""
    for model in ("mlp", "cnn"):
        w = stored("zennit", model)
        names = [name for name in TABLES if name in w]
        for i, a in enumerate(names):
            assert all(distance(w[a], w[b]) > 1e-3 for b in names[:i])


@pytest.mark.parametrize("masked", [-jnp.inf, pytest.param(float(np.finfo(np.float64).min), marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["gpt", "llama"])
def test_lxt(model, masked, x64):
    """Two blocks, 512 tokens, causal attention; LayerNorm, biases and GELU, or RMSNorm and a gate of SiLU."""
    w = stored("lxt", model)
    network = getattr(networks, model)
    assert w["x"].shape == (512, 8)
    np.testing.assert_allclose(network(w, w["x"], masked=masked), w["logits"], rtol=0, atol=1e-12)
    rules = propagation.attn_lrp_rules(propagation.epsilon(1e-12), stabiliser=1e-12)
    actual = jax.jit(ja.lrp(lambda x: network(w, x, masked=masked)[1], rules=rules))(w["x"])
    assert distance(actual, w["relevance"]) < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize(("model", "tolerance"), [("gpt", (1e-5, 2e-4)), ("llama", (1e-6, 2e-5))])
def test_the_usual_stabiliser_is_what_remains(model, tolerance, x64):
    """With 1e-6 in the denominators, scores that cancel to a tenth are damped; no other difference is left."""
    w = stored("lxt", model)
    network = getattr(networks, model)
    actual = jax.jit(ja.lrp(lambda x: network(w, x)[1], rules=propagation.ATTN_LRP))(w["x"])
    low, high = tolerance
    assert low < distance(actual, w["relevance"]) < high

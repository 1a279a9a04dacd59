"""Relevance propagation against slow recursions written from the published definitions, in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

import jaxattr as ja
from jaxattr import propagation
from tests.relevance import networks, oracles, problems

LAYERS = {
    "epsilon": (propagation.epsilon(1e-6), oracles.epsilon(1e-6)),
    "epsilon(0.1)": (propagation.epsilon(0.1), oracles.epsilon(0.1)),
    "gamma(0.25)": (propagation.gamma(0.25), oracles.gamma(0.25)),
    "gamma(3)": (propagation.gamma(3.0), oracles.gamma(3.0)),
    "z+": (propagation.alpha_beta(1.0, 0.0), oracles.alpha_beta(1.0, 0.0)),
    "alpha2 beta1": (propagation.alpha_beta(2.0, 1.0), oracles.alpha_beta(2.0, 1.0)),
}
ACTIVATIONS = {
    "relu": (jax.nn.relu, lambda x: np.maximum(x, 0)),
    "tanh": (jnp.tanh, np.tanh),
    "sigmoid": (jax.nn.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
}
rules = pytest.mark.parametrize("rule", LAYERS)


def same(actual, expected):
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def gelu(x):
    return x * (1 + erf(x / 2**0.5)) / 2


def silu(x):
    return x / (1 + np.exp(-x))


@rules
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_dense_layers(rule, act, x64):
    w, x = problems.mlp()
    layer, literal = LAYERS[rule]
    ours, theirs = ACTIVATIONS[act]
    explain = ja.lrp(lambda x: networks.mlp(w, x, ours)[1], rules=propagation.lrp_rules(layer))
    same(explain(x), oracles.mlp(literal, w, x, 1, theirs))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("pair", [(r, r) for r in LAYERS] + [("epsilon", "gamma(0.25)"), ("epsilon", "z+")], ids=str)
def test_convolutions_and_maxima(pair, bias, x64):
    """One rule for all layers, and composites: another rule for convolutions."""
    w, x = problems.cnn(bias=bias)
    (dense, literal), (conv, literal_conv) = (LAYERS[rule] for rule in pair)
    table = propagation.lrp_rules(dense)
    table = table | {"conv_general_dilated": propagation.lrp_rules(conv)["conv_general_dilated"]}
    explain = jax.jit(ja.lrp(lambda x: networks.cnn(w, x, 2)[1], rules=table))
    same(explain(x), oracles.cnn(literal, literal_conv, w, x, 1, 2, ACTIVATIONS["relu"][1]))


@rules
def test_attention_with_layer_norm_gelu_and_biases(rule, x64):
    w, x = problems.transformer()
    layer, literal = LAYERS[rule]
    table = propagation.attn_lrp_rules(layer)
    explain = jax.jit(ja.lrp(lambda x: networks.gpt(w, x, layers=1, heads=1)[1], rules=table))
    expected = oracles.block(literal, w, x, 1, oracles.layer_norm, oracles.layer_norm_forward, gelu)
    same(explain(x), expected)


@pytest.mark.parametrize("rule", ["epsilon", "gamma(0.25)", "alpha2 beta1"])
def test_attention_with_rms_norm_and_a_gate(rule, x64):
    w, x = problems.transformer(gated=True)
    layer, literal = LAYERS[rule]
    table = propagation.attn_lrp_rules(layer)
    explain = jax.jit(ja.lrp(lambda x: networks.llama(w, x, layers=1, heads=1)[1], rules=table))
    expected = oracles.block(literal, w, x, 1, oracles.rms_norm, oracles.rms_norm_forward, silu, gated=True)
    same(explain(x), expected)


@rules
def test_a_residual_sum(rule, x64):
    """The classical tables take sums of two moving values."""
    w, x = problems.mlp()
    w = {"0.weight": w["0.weight"][:5], "0.bias": w["0.bias"][:5]}
    layer, literal = LAYERS[rule]
    explain = ja.lrp(lambda x: (x + networks.dense(w, "0", x))[2], rules=propagation.lrp_rules(layer))
    z = oracles.forward(w, "0", x)
    r_x, r_z = oracles.plus(x, z, np.where(np.arange(5) == 2, x + z, 0))
    same(explain(x), r_x + oracles.dense(literal, w, "0", x[None], r_z[None])[0])


def test_the_stabiliser_of_sums(x64):
    """x - y shares by x / (x - y + small): at 0.5 less 0.4 with 0.1 in the denominator, half is absorbed."""
    table = propagation.lrp_rules(propagation.epsilon(), stabiliser=0.1)
    r = ja.lrp(lambda x: x[0] - x[1], rules=table)(jnp.array([0.5, 0.4]))
    np.testing.assert_allclose(r, [0.25, -0.2], rtol=1e-12)
    for make in (propagation.lrp_rules, propagation.attn_lrp_rules):
        r = ja.lrp(lambda x: x[0] - x[1], rules=make(propagation.epsilon()))(jnp.array([0.5, 0.4]))
        np.testing.assert_allclose(r, [0.5 * 0.1 / (0.1 + 1e-6), -0.4 * 0.1 / (0.1 + 1e-6)], rtol=1e-9)

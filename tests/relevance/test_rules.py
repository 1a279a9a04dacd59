"""The contract of every rule of the tables: where the tangents of the inputs are the inputs, so is the output's.

Relevance is then neither made nor lost. Biases and constants absorb, so that every case here is homogeneous or an
activation, and the stabilisers are 0.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name

import jaxattr as ja
from jaxattr import propagation

EXACT = {
    "epsilon": propagation.attn_lrp_rules(propagation.epsilon(0.0), stabiliser=0.0),
    "gamma": propagation.attn_lrp_rules(propagation.gamma(0.25, 0.0), stabiliser=0.0),
    "z+": propagation.attn_lrp_rules(propagation.alpha_beta(1.0, 0.0, 0.0), stabiliser=0.0),
    "alpha-beta": propagation.attn_lrp_rules(propagation.alpha_beta(2.0, 1.0, 0.0), stabiliser=0.0),
}
M = np.random.default_rng(0).normal(size=(3, 4))
POSITIVE = np.abs(M)
SLOPES = np.random.default_rng(1).normal(size=(2, 3))
IDS = np.array([2, 0, 0])

UNARY = {
    "abs": jnp.abs, "acosh": lambda a: jnp.arccosh(1 + a), "asinh": jnp.arcsinh, "atan": jnp.arctan, "cbrt": jnp.cbrt,
    "ceil": jnp.ceil, "clamp": lambda a: lax.clamp(0.25, a, 0.75), "cos": jnp.cos, "cosh": jnp.cosh, "elu": jax.nn.elu,
    "erf": lax.erf, "erfc": lax.erfc, "exp": jnp.exp, "exp2": jnp.exp2, "expm1": jnp.expm1, "floor": jnp.floor,
    "gelu": jax.nn.gelu, "gelu, exact": lambda a: jax.nn.gelu(a, approximate=False),
    "hard_sigmoid": jax.nn.hard_sigmoid, "hard_silu": jax.nn.hard_silu, "integer_pow": lambda a: a**3,
    "leaky_relu": jax.nn.leaky_relu, "lgamma": lambda a: lax.lgamma(a), "log": jnp.log, "log1p": jnp.log1p,
    "logistic": jax.nn.sigmoid, "max": lambda a: jnp.maximum(a, 0.5), "min": lambda a: jnp.minimum(a, 0.5),
    "mish": jax.nn.mish, "pow": lambda a: a**1.7, "relu6": jax.nn.relu6, "rem": lambda a: a % 0.7, "round": jnp.round,
    "sign": jnp.sign, "silu": jax.nn.silu, "silu by hand": lambda a: a / (1 + jnp.exp(-a)), "sin": jnp.sin,
    "sinh": jnp.sinh, "softplus": jax.nn.softplus, "softsign": jax.nn.soft_sign, "sqrt": jnp.sqrt,
    "square": jnp.square, "tan": jnp.tan, "tanh": jnp.tanh, "where": lambda a: jnp.where(a > 0.5, a, a**2),
    "snake": lambda a: a + jnp.sin(a) ** 2, "constants": lambda a: jnp.where(a > 0.5, 1.0, 0.25),
}  # fmt: skip

# Functions of two arrays `[2, 3]` of positive numbers: linear, homogeneous or products.
JOINING = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "add of three": lambda a, b: a + jnp.sin(b) + b,
    "broadcast_in_dim": lambda a, b: jnp.broadcast_to(a[:, None], (2, 4, 3)),
    "concatenate": lambda a, b: jnp.concatenate([a, b]),
    "conv_general_dilated": lambda a, b: lax.conv(a[None], jnp.asarray(POSITIVE[:, :2].T[None]), (1,), "SAME"),
    "cummax": lambda a, b: lax.cummax(a, 1),
    "cumsum": lambda a, b: jnp.cumsum(a, 1),
    "dot_general": lambda a, b: jnp.dot(a, POSITIVE),
    "dot_general, right": lambda a, b: jnp.dot(POSITIVE.T, a.T),
    "dot_general, moved": lambda a, b: jnp.dot(a, POSITIVE).reshape(4, 2).T[:, 1:],
    "dot_general of two": lambda a, b: jnp.dot(a, b.T),
    "dot_general of one": lambda a, b: jnp.dot(a, a.T),
    "dynamic_slice": lambda a, b: lax.dynamic_slice(a, (0, 1), (2, 2)),
    "dynamic_update_slice": lambda a, b: lax.dynamic_update_slice(a, b[:1], (0, 0)),
    "gather": lambda a, b: a[:, IDS],
    "gated": lambda a, b: jax.nn.sigmoid(a) * jnp.tanh(b),
    "layer norm": lambda a, b: (a - a.mean(1, keepdims=True)) * lax.rsqrt(a.var(1, keepdims=True) + 1e-6),
    "l2 norm": lambda a, b: a / jnp.sqrt((a**2).sum(1, keepdims=True)),
    "max of two": lambda a, b: jnp.maximum(a, b),
    "min of two": lambda a, b: jnp.minimum(a, b),
    "mul of two": lambda a, b: a * b,
    "mul by a constant": lambda a, b: a * SLOPES,
    "name": lambda a, b: checkpoint_name(a * b, "here"),
    "neg": lambda a, b: -a,
    "pad": lambda a, b: jnp.pad(a, 1),
    "reduce_max": lambda a, b: a.max(1),
    "reduce_min": lambda a, b: a.min(1),
    "reduce_sum": lambda a, b: a.sum(1),
    "reduce_window_max": lambda a, b: lax.reduce_window(a, -jnp.inf, lax.max, (1, 2), (1, 1), "VALID"),
    "reduce_window_sum": lambda a, b: lax.reduce_window(a, 0.0, lax.add, (1, 2), (1, 1), "VALID"),
    "rev": lambda a, b: a[::-1],
    "scatter": lambda a, b: a.at[0].set(b[1]),
    "scatter-add": lambda a, b: a.at[:, IDS].add(b),
    "select_n": lambda a, b: jnp.where(SLOPES > 0, a, b),
    "sort": lambda a, b: jnp.sort(a, 1),
    "split": lambda a, b: jnp.split(a, 3, 1)[1],
    "top_k": lambda a, b: lax.top_k(a, 2)[0],
    "transpose": lambda a, b: a.T,
    "scan": lambda a, b: lax.scan(lambda c, r: (jnp.tanh(c + r), c * r), a[0], b)[1],
    "cond": lambda a, b: lax.cond(True, lambda: a * b, lambda: a),
    "remat": lambda a, b: jax.checkpoint(lambda a: jnp.tanh(a) * b)(a),
}  # fmt: skip


def conserved(f, rules, x64_inputs):
    a, b = x64_inputs

    def score(a, b):
        y = f(a, b)
        return (y * jnp.asarray(np.random.default_rng(3).uniform(0.5, 1.5, size=y.shape))).sum()

    ra, rb = jax.jit(ja.lrp(score, rules=rules, argnums=(0, 1)))(a, b)
    value = score(a, b)
    assert abs(value) > 1e-3
    np.testing.assert_allclose(ra.sum() + rb.sum(), value, rtol=1e-11)


@pytest.fixture
def inputs(x64):
    """Positive numbers that no kink and no tie touches."""
    rng = np.random.default_rng(4)
    return jnp.asarray(rng.uniform(0.55, 1.45, (2, 3))), jnp.asarray(rng.uniform(0.55, 1.45, (2, 3)))


def test_activations_hand_relevance_on_unchanged(inputs):
    """The identity rule, entry by entry: the relevance of f(x_i) is the relevance of x_i, at both signs."""
    a, _ = inputs
    signed = a * jnp.asarray([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])
    for name, act in UNARY.items():
        for x in (a, signed):
            y = act(x)
            if not np.isfinite(y).all():
                continue
            r = ja.lrp(lambda x, act=act: (act(x) * SLOPES).sum(), rules=EXACT["epsilon"])(x)
            np.testing.assert_allclose(r, y * SLOPES, rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("name", JOINING)
def test_relevance_is_neither_made_nor_lost(name, inputs):
    conserved(JOINING[name], EXACT["epsilon"], inputs)


@pytest.mark.parametrize("table", ["gamma", "z+", "alpha-beta"])
@pytest.mark.parametrize("name", [name for name in JOINING if "dot" in name or "conv" in name])
def test_linear_layers_of_every_table(name, table, inputs):
    """At positive contributions alone, alpha 2 and beta 1 hand on twice the relevance: no negative part goes off."""
    if table == "alpha-beta" and "of" not in name:
        r = ja.lrp(lambda a: JOINING[name](a, a).sum(), rules=EXACT[table])(inputs[0])
        np.testing.assert_allclose(r.sum(), 2 * JOINING[name](inputs[0], inputs[0]).sum(), rtol=1e-11)
    else:
        conserved(JOINING[name], EXACT[table], inputs)


@pytest.mark.parametrize("table", EXACT)
def test_linear_layers_with_weights_of_both_signs(table, inputs):
    both = POSITIVE * np.array([[1.0], [-1.0], [1.0]])
    conserved(lambda a, b: jnp.dot(a, both), EXACT[table], inputs)


def test_the_tables_have_the_same_primitives():
    assert set(propagation.LRP_EPSILON) == set(propagation.ATTN_LRP)
    assert {k for k in propagation.ATTN_LRP if propagation.ATTN_LRP[k] is not propagation.LRP_EPSILON[k]} >= {
        "dot_general",
        "conv_general_dilated",
        "mul",
    }
    assert set(propagation.LRP_EPSILON) <= set(propagation.GUIDED) == set(propagation.DECONVNET)

"""The ledger: what is absorbed sums to what the attribution lacks, and each leak stands where it belongs."""

import warnings

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jaxattr as ja
from jaxattr.propagation import ATTN_LRP, DEEPLIFT, LRP_EPSILON, LRP_GAMMA, ledger, midpoint_slope
from tests.propagation.models import MODELS

pytestmark = pytest.mark.usefixtures("x64")

SLOW = ("masked_transformer", "lstm", "decoder", "mixture_of_the_top_two", "scanned_remat_transformer")
NAMES = ["max_pool_cnn", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["relevance", "changes"])
def test_what_is_absorbed_is_what_the_sum_lacks(name, method):
    model = MODELS[name]()
    x, x0 = (jnp.asarray(v) for v in np.random.default_rng(0).normal(size=(2, *model.shape)))
    if method == "relevance":
        lack = model.f(x) - jax.jit(ja.lrp(model.f, rules=ATTN_LRP))(x).sum()
        entries = jax.jit(ledger(model.f, rules=ATTN_LRP))(x)
    else:
        lack = model.f(x) - model.f(x0) - jax.jit(ja.deep_lift(model.f, baseline=x0))(x).sum()
        entries = jax.jit(ledger(model.f, rules=DEEPLIFT, baseline=x0))(x)
    size = sum(abs(e.received) for e in entries)
    np.testing.assert_allclose(sum(e.absorbed for e in entries), lack, rtol=1e-9, atol=1e-13 * size)
    if method == "changes":
        assert max(abs(e.absorbed) for e in entries) < 1e-13 * size
    else:
        assert abs(lack) > 1e-3


def test_each_leak_stands_where_it_belongs():
    """Two layers by hand: the biases absorb just what they add, and the stopped sine belongs to the activation."""
    w, b = jnp.array([[1.0, -2.0], [3.0, 4.0]]), jnp.array([0.5, 8.0])

    def f(x):
        h = jnp.tanh(jnp.dot(x, w) + b)
        return 3 + jnp.sum(h + lax.stop_gradient(jnp.sin(h)))

    x = jnp.array([0.3, -0.2])
    z = jnp.dot(x, w) + b
    h = jnp.tanh(z) + jnp.sin(jnp.tanh(z))
    layer, last = (e for e in ledger(f, rules=LRP_EPSILON)(x) if abs(e.absorbed) > 1e-5)
    assert (layer.primitive, last.primitive) == ("add", "add")
    np.testing.assert_allclose([layer.received, last.received], [h.sum(), h.sum() + 3], rtol=1e-12)
    np.testing.assert_allclose(layer.absorbed, jnp.sum(h * b / z), rtol=1e-4)  # the stabiliser is 1e-6
    np.testing.assert_allclose(last.absorbed, 3, rtol=1e-12)


def test_a_fallback_shows_what_it_costs():
    x, x0 = jnp.array([1.0, 3.0, 2.0]), jnp.array([0.5, -1.0, 2.0])

    def f(x):
        return jnp.tanh(lax.cumprod(x)[2] / 3)

    with warnings.catch_warnings(action="ignore"):
        phi = ja.deep_lift(f, baseline=x0, fallback=midpoint_slope)(x)
    with pytest.warns(UserWarning, match="'cumprod'"):
        entries = ledger(f, rules=DEEPLIFT, baseline=x0, fallback=midpoint_slope)(x)
    absorbed = {e.primitive: e.absorbed for e in entries}
    np.testing.assert_allclose(absorbed.pop("cumprod"), f(x) - f(x0) - phi.sum(), rtol=1e-12)
    assert max(map(abs, absorbed.values())) < 1e-15


class Two(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1, name="head")(nn.relu(nn.Dense(4, name="body")(x))).sum()


@pytest.fixture
def two():
    module = Two()
    variables = module.init(jax.random.key(0), jnp.ones(3, float))
    return lambda x: module.apply(jax.tree.map(lambda v: v + 0.1, variables), x)


def test_entries_name_layer_line_and_primitive(two):
    entries = ledger(two)(jnp.arange(3.0))
    assert [(e.primitive, e.layer) for e in entries if e.primitive == "dot_general"] == [
        ("dot_general", "Two/body"),
        ("dot_general", "Two/head"),
    ]
    assert all("linear.py" in e.line for e in entries if e.primitive == "dot_general")


def test_under_jit_vmap_and_jit_inside(two):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
    rows = jax.jit(jax.vmap(ledger(two)))(x)
    alone = jax.jit(ledger(lambda v: jax.jit(two)(v)))
    inner = [alone(row) for row in x]
    for i, row in enumerate(inner):
        assert [e.layer for e in row] == [e.layer for e in rows]
        np.testing.assert_allclose([e.absorbed for e in row], [e.absorbed[i] for e in rows], rtol=1e-12, atol=1e-14)


def test_rules_by_layer(two):
    """One table for the body, another for the head: the same as the walk by hand through the two layers."""
    seen = []

    def by_layer(layer):
        seen.append(layer)
        return LRP_GAMMA if layer.startswith("Two/body") else LRP_EPSILON

    x = jnp.asarray(np.random.default_rng(3).normal(size=3))
    mixed = ja.lrp(two, rules=by_layer)(x)
    assert {"Two/body", "Two/head", "Two"} <= set(seen)
    assert jnp.abs(mixed - ja.lrp(two, rules=LRP_GAMMA)(x)).max() > 1e-3
    assert jnp.abs(mixed - ja.lrp(two, rules=LRP_EPSILON)(x)).max() > 1e-3

    np.testing.assert_allclose(ja.lrp(jax.jit(two), rules=by_layer)(x), mixed, rtol=1e-12)
    everywhere = ja.lrp(two, rules=lambda layer: LRP_GAMMA)(x)
    np.testing.assert_allclose(everywhere, ja.lrp(two, rules=LRP_GAMMA)(x), rtol=1e-14)


def test_a_compiled_function_inside_a_scope_belongs_to_it(two):
    def scoped(x):
        with jax.named_scope("outer"):
            return jax.jit(two)(x)

    layers = [e.layer for e in ledger(scoped)(jnp.arange(3.0)) if e.primitive == "dot_general"]
    assert layers == ["outer/Two/body", "outer/Two/head"]


def test_layers_and_lines_reach_through_a_cut():
    """What the cut runs again is still written where the user wrote it, and rules by layer find it."""

    def score(table, ids):
        with jax.named_scope("tail"):
            return jnp.tanh(table[ids]).sum()

    table, ids = jnp.arange(6.0).reshape(3, 2), jnp.array([0, 2])
    embed, head = ja.cut(score, at=lambda table, ids: table)
    x = embed(table, ids)
    entries = ledger(lambda x: head(x, table, ids))(x)
    assert [e.layer for e in entries] == ["tail"] * len(entries)
    assert all(__name__.split(".")[-1] in e.line for e in entries)

    seen = []

    def by_layer(layer):
        seen.append(layer)
        return LRP_EPSILON

    ja.lrp(lambda x: head(x, table, ids), rules=by_layer)(x)
    assert set(seen) == {"tail"}

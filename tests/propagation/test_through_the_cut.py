"""DeepLIFT and relevance on the embeddings of unmodified models: cut, send back, complete."""

import jax
import jax.ad_checkpoint
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.cutting import zoo

SLOW = ("linen_bert", "linen_bert_three_tables", "nnx_split_scan", "keras_conv", "linen_jitted_apply")
MODELS = [
    "linen_embed", "nnx_module", "equinox", "keras_lstm", "inside_scan",
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_deep_lift_is_complete_on_embeddings(name, x64):
    with jax.numpy_rank_promotion("allow"):  # models of other libraries add vectors to matrices
        case = zoo.CASES[name]()
        embed, head = ja.cut(case.f, at=case.at, **case.options)
        x = embed(*case.args)
        x0 = jax.tree.map(lambda a: a / 2 - 0.1, x)

        def f(x):
            return head(x, *case.args)

        a = jax.jit(lambda x: ja.deep_lift(f, baseline=x0)(x))(x)
        gap = ja.completeness_gap(f, a, x, x0)
        size = sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(a))
        ends = jnp.abs(f(x)) + jnp.abs(f(x0))
    eps = jnp.finfo(jax.tree.leaves(x)[0].dtype).eps
    assert size > 1e-3
    assert jnp.abs(gap) <= 100 * eps * (size + ends)


def test_relevance_at_a_named_value(x64):
    w = jax.random.normal(jax.random.key(0), (4, 4))

    def f(x):
        hidden = jax.ad_checkpoint.checkpoint_name(jax.nn.relu(x @ w), "hidden")
        return jax.nn.relu(hidden @ w.T).sum()

    x = jax.random.normal(jax.random.key(1), (3, 4))
    embed, head = ja.cut(f, at="hidden")
    np.testing.assert_allclose(ja.lrp(head)(embed(x), x).sum(), f(x), rtol=1e-4)

"""The measures of ERASER beside its own script, over a hundred texts (`golden/make_eraser.py` records them)."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

GOLDEN = np.load(Path(__file__).with_name("golden") / "eraser.npz")


def logits(ids):
    bias, words, pairs = (jnp.asarray(GOLDEN[name]) for name in ("bias", "words", "pairs"))
    real = (ids > 0)[:, None]
    both = jnp.where(real[1:], jnp.tanh(pairs[ids[:-1]] * pairs[ids[1:], ::-1]), 0)
    return bias + jnp.where(real, words[ids], 0).sum(0) + both.sum(0)


@pytest.mark.parametrize("name", ["comprehensiveness", "sufficiency"])
def test_a_hundred_texts_as_the_official_script_scores_them(name, x64):
    measure = getattr(ja.metrics, f"{name}_eraser")
    ids, scores = jnp.asarray(GOLDEN["ids"]), jnp.asarray(GOLDEN["scores"])

    def one(x, a):
        ways = {"perturb": ja.delete(0), "key": jax.random.key(0), "where": x > 0, "random_rankings": 1}
        curve = measure(logits, a, x, **ways).given
        return curve, ja.metrics.aopc_eraser(curve)

    curves, areas = jax.jit(jax.vmap(one))(ids, scores)
    assert len(curves) >= 100
    np.testing.assert_allclose(curves.mean(0), GOLDEN[name], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(areas.mean(), GOLDEN[f"{name}_aopc"], rtol=1e-12)
    np.testing.assert_allclose(curves[:, -1].mean(), GOLDEN[f"{name}_last"], rtol=1e-12)

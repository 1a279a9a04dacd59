"""What the contract does not hold, with JAX's own promotion of dtypes refused: measures, shares, fills and drivers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

X = np.random.default_rng(0).normal(size=(4, 3))
REAL = np.array([True, True, True, False])
ZERO = ja.replace(0.0)


def score(x):
    return jnp.tanh(x.sum())


def logits(x):
    return jnp.stack([score(x), -score(x)])


RANKING = {"perturb": ZERO, "key": jax.random.key(0), "random_rankings": 2, "where": REAL}
KEEP = np.array([[True, False, False, True], [False, False, True, True]])  # masks of several positions, averaged
USES = {
    "replace with an integer": lambda x: ja.replace(0)(x, REAL),
    "replace with an array": lambda x: ja.replace(jnp.arange(3))(x, REAL),
    "delete": lambda x: ja.delete(0)(x, REAL),
    "occlusion by masks": lambda x: ja.occlusion(score, perturb=ZERO, keep=KEEP)(x),
    "integrated_gradients_to": ja.integrated_gradients_to(score, baseline=jnp.zeros_like, rtol=1e-3),
    "shapley.until": ja.shapley.until(
        lambda key: ja.shapley.permutation(score, perturb=ZERO, key=key, samples=2),
        key=jax.random.key(0),
        half_width=1.0,
        at_most=64,
    ),
    "completeness_gap": lambda x: ja.metrics.completeness_gap(score, x, x, jnp.zeros_like, where=REAL),
    "max_shares": lambda x: ja.pooling.max_shares(x, where=REAL),
    "mean_shares": lambda x: ja.pooling.mean_shares(x, where=REAL),
    "to_positions": lambda x: ja.pooling.to_positions(x.sum(0), ja.pooling.max_shares(x)),
    "text_mean": lambda x: ja.fills.text_mean(where=REAL)(x),
    "pearson": lambda x: ja.metrics.pearson(x[:, 0], x[:, 1], where=REAL),
    "spearman": lambda x: ja.metrics.spearman(x[:, 0], x[:, 1], where=REAL),
    "kendall_tau": lambda x: ja.metrics.kendall_tau(x[:, 0], x[:, 1], where=REAL),
    "most_important": lambda x: ja.metrics.most_important(x[:, 0], [0.5], where=REAL),
    "comprehensiveness": lambda x: ja.metrics.comprehensiveness_eraser(logits, x[:, 0], x, **RANKING),
    "aopc_samek": lambda x: ja.metrics.aopc_samek(logits, x[:, 0], x, **RANKING),
    "standard_error": ja.metrics.standard_error,
}


@pytest.mark.parametrize("wide", [False, True], ids=["single", "double"])
@pytest.mark.parametrize("name", USES)
def test_no_dtype_is_promoted(name, wide):
    """In double precision integers have 64 bits and fixed tables 32, so that they differ too."""
    with jax.enable_x64(wide), jax.numpy_dtype_promotion("strict"):
        x = jnp.asarray(X, jnp.float64 if wide else jnp.float32)
        result = jax.eval_shape(USES[name], x)
    assert all(leaf.dtype in (x.dtype, bool) for leaf in jax.tree.leaves(result))

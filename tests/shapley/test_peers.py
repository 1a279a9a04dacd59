"""Parity with SHAP, shapiq and Captum on one small model; `golden/make_peers.py` wrote what they give."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import surrogates

GOLDEN = Path(__file__).parent / "golden" / "peers.npz"


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


@pytest.fixture(scope="module")
def stored():
    with np.load(GOLDEN, allow_pickle=False) as file:
        arrays = dict(file)
    assert str(arrays["versions"]).startswith("shap 0.51.0, shapiq 1.4.1, captum 0.9.0, torch 2.13.0")
    return arrays


def explain(stored, method, **options):
    def f(x):
        h = jnp.tanh((stored["w"] * x[None]).sum(1))
        return h[:3].prod() + (h * stored["v"]).sum()

    return np.asarray(jax.jit(method(f, perturb=ja.replace(stored["x0"]), **options))(stored["x"]))


def close(actual, desired, tolerance=1e-12):
    np.testing.assert_allclose(actual, desired, rtol=0, atol=tolerance)


def test_it_is_the_same_game(stored):
    values = explain(stored, functools.partial(ja.shapley.interactions, index=lambda v: jnp.diag(v[:5])))
    close(np.diagonal(values), stored["values"][:5])


def test_exact_values(stored):
    exact = explain(stored, ja.shapley.exact)
    close(exact, stored["shap/exact"])
    close(exact, stored["shapiq/SV"])
    close(exact, stored["captum/shapley"], 2e-6)  # single precision
    close(explain(stored, ja.shapley.kernel, samples=None), stored["shap/kernel"], 1e-11)
    close(explain(stored, ja.shapley.banzhaf), stored["shapiq/BV"])


def test_permutations_of_shap(stored):
    """The recorded orders, each forwards and backwards."""
    orders = np.concatenate([stored["shap/orders"], stored["shap/orders"][:, ::-1]])
    ways = {"key": jax.random.key(0), "samples": 1, "orders": lambda key, n: orders}
    close(explain(stored, ja.shapley.permutation, **ways), stored["shap/permutation"])
    assert np.abs(stored["shap/permutation"] - stored["shap/exact"]).max() > 1e-3


def test_sampling_of_captum_in_the_limit(stored):
    """2,000 single orders: within five of our standard errors of the exact values."""
    ways = {"key": jax.random.key(0), "samples": 2000, "orders": ja.shapley.uniform, "batch_size": 4096}
    error = explain(stored, ja.shapley.permutation_error, **ways)
    assert np.all(np.abs(stored["captum/sampling"] - stored["shap/exact"]) < 5 * error)
    assert np.all(np.abs(explain(stored, ja.shapley.permutation, **ways) - stored["shap/exact"]) < 5 * error)


def test_partition_of_shap(stored):
    tree = ja.shapley.merges(stored["clustering"])
    close(explain(stored, ja.shapley.owen, tree=tree), stored["shap/partition"])
    assert np.abs(stored["shap/partition"] - stored["shap/exact"]).max() > 1e-4


@pytest.mark.parametrize(
    ("index", "theirs"),
    [
        (ja.shapley.sii, "SII"),
        (ja.shapley.k_sii, "k-SII"),
        (ja.shapley.stii, "STII"),
        (ja.shapley.banzhaf_index, "BII"),
    ],
)
def test_interactions_of_shapiq(stored, index, theirs):
    close(explain(stored, ja.shapley.interactions, index=index), stored[f"shapiq/{theirs}"])


def test_interactions_of_shap_are_half_of_shapley_taylor(stored):
    """SHAP 0.51's exact explainer halves each pair, and its weights are those of the Shapley-Taylor index."""
    ours = explain(stored, ja.shapley.interactions, index=ja.shapley.stii)
    close((ours + np.diag(np.diagonal(ours))) / 2, stored["shap/interactions"])


def test_lime_of_captum_on_the_same_masks(stored):
    """Captum's LIME with the ridge of scikit-learn, in single precision."""
    keep = stored["masks"]
    scores = stored["values"][(keep * 2 ** np.arange(5)).sum(1)]
    weights = surrogates.cosine_kernel(0.25)(jnp.asarray(keep.mean(1)))
    fit = surrogates._fit(jnp.asarray(keep), jnp.asarray(scores), weights, np.ones(5, bool), 0.5)
    close(fit.slopes, stored["captum/lime"], 1e-6)

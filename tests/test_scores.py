"""Scores against NumPy, their gradients, and their limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from jaxattr import scores

SETS = ([0.5, 2.0, -1.0], [0.0, 0.0], [30.0, -30.0, 5.0, 5.5], [1.0, 2.0, 3.0, 4.0, 5.0])


def numbers(logits):
    z = np.array(logits, np.float64)
    p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    return z, p


@pytest.mark.parametrize("logits", SETS, ids=str)
def test_scores_of_a_label(logits, x64):
    z, p = numbers(logits)
    for label in range(len(z)):
        others = np.delete(np.arange(len(z)), label)
        expected = {
            "logit": z[label],
            "prob": p[label],
            "log_prob": np.log(p[label]),
            "log_odds": z[label] - np.log(np.exp(z[others]).sum()),
            "margin": z[label] - z[others].max(),
        }
        for name, value in expected.items():
            score = getattr(scores, name)
            np.testing.assert_allclose(score(jnp.array(logits), label), value, rtol=1e-12, atol=1e-14, err_msg=name)
            np.testing.assert_allclose(jax.jit(score)(jnp.array(logits), label), value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("logits", SETS, ids=str)
def test_scores_of_the_distribution(logits, x64):
    _, p = numbers(logits)
    np.testing.assert_allclose(scores.entropy(jnp.array(logits)), -(p * np.log(p)).sum(), rtol=1e-11)
    for k in range(1, len(p) + 1):
        np.testing.assert_allclose(scores.top_k_mass(jnp.array(logits), k), np.sort(p)[::-1][:k].sum(), rtol=1e-12)


@given(st.lists(st.floats(-50, 50, allow_subnormal=False), min_size=3, max_size=3), st.integers(0, 2))
def test_identities(logits, label):
    with jax.enable_x64(True):
        z = jnp.array(logits, jnp.float64)
        p = scores.prob(z, label)
        assert 0 <= p <= 1
        np.testing.assert_allclose(jnp.exp(scores.log_prob(z, label)), p, rtol=1e-12)
        odds = scores.log_odds(z, label)
        np.testing.assert_allclose(jax.nn.log_sigmoid(odds), scores.log_prob(z, label), rtol=1e-9, atol=1e-12)
        assert (scores.margin(z, label) > 0) == (jnp.argmax(z) == label and jnp.sum(z == z.max()) == 1)
        assert 0 <= scores.entropy(z) <= np.log(3) + 1e-12
        np.testing.assert_allclose(scores.top_k_mass(z, 3), 1, rtol=1e-12)


@pytest.mark.parametrize("name", ["logit", "prob", "log_prob", "log_odds", "margin"])
def test_gradients_of_a_label_score(name, x64):
    def score(z):
        return getattr(scores, name)(z, 1)

    check_grads(score, (jnp.array([0.5, 2.0, -1.0]),), order=2, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("score", [scores.entropy, lambda z: scores.top_k_mass(z, 2)], ids=["entropy", "top_k_mass"])
def test_gradients_of_a_distribution_score(score, x64):
    check_grads(score, (jnp.array([0.5, 2.0, -1.0]),), order=2, atol=1e-5, rtol=1e-5)


def test_impossible_classes():
    """A logit of minus infinity: no NaN, neither in the value nor in the slope."""
    z = jnp.array([0.0, -jnp.inf, 0.0])
    np.testing.assert_allclose(scores.entropy(z), np.log(2), rtol=1e-6)
    assert jnp.isfinite(jax.grad(scores.entropy)(z)).all()
    assert scores.prob(z, 1) == 0
    assert scores.log_prob(z, 1) == -jnp.inf


def test_log_prob_does_not_underflow():
    assert scores.log_prob(jnp.array([0.0, 500.0]), 0) == -500
    np.testing.assert_allclose(scores.log_odds(jnp.array([0.0, 500.0]), 0), -500)
    assert jax.grad(scores.log_odds)(jnp.array([0.0, 500.0]), 1).tolist() == [-1, 1]


def test_labels_may_be_numpy_and_traced():
    z = jnp.array([0.5, 2.0])
    assert scores.logit(z, np.int64(1)) == 2
    assert jax.vmap(scores.logit, (None, 0))(z, jnp.array([0, 1])).tolist() == [0.5, 2.0]

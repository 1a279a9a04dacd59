"""Attributions at a pooled vector carried to words: equal to those at the words where theory says so."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import pooling

T, C = 7, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(T, C))
TIED = np.array(X)
TIED[5] = TIED[1] = np.abs(X).max(0) + 1  # one word at two places wins everything
WHERE = np.arange(T) < 5


def head(p):
    return jnp.tanh(p).sum() + (p[1:] * p[:-1]).sum()


def literal_max_shares(x, where):
    shares = np.zeros_like(x)
    for c in range(x.shape[1]):
        best = max(x[t, c] for t in range(len(x)) if where[t])
        winners = [t for t in range(len(x)) if where[t] and x[t, c] == best]
        for t in winners:
            shares[t, c] = 1 / len(winners)
    return shares


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("x", [X, TIED, np.round(X)], ids=["no ties", "a word twice", "many ties"])
@pytest.mark.parametrize("where", [np.ones(T, bool), WHERE], ids=["all", "padded"])
def test_shares_of_a_maximum(x, where):
    found = jax.jit(lambda x, w: pooling.max_shares(x, where=w))(x, where)
    np.testing.assert_allclose(found, literal_max_shares(x, where))
    first = pooling.max_shares(jnp.asarray(x), where=where, ties=pooling.first)
    np.testing.assert_array_equal(first.argmax(0), np.where(where[:, None], x, -np.inf).argmax(0))
    assert set(np.unique(first)) == {0, 1}
    np.testing.assert_allclose(first.sum(0), 1)


def test_shares_are_the_gradient_of_the_maximum():
    for x in (X, TIED):
        slopes = jax.jacobian(lambda x: x.max(0))(jnp.asarray(x))  # [C, T, C]
        np.testing.assert_allclose(pooling.max_shares(x), np.einsum("ctc->tc", slopes))


@pytest.mark.parametrize("x", [X, TIED])
def test_a_baseline_equal_at_all_positions_gives_the_attribution_of_the_words(x):
    """On the straight line the winners stay the same, so the pooled vector moves straight too."""
    x, x0 = jnp.asarray(x), jnp.broadcast_to(jnp.linspace(-1, 1, C), (T, C))
    pooled = ja.integrated_gradients(head, baseline=x0.max(0))(x.max(0))
    words = pooling.to_positions(pooled, pooling.max_shares(x))
    direct = ja.integrated_gradients(lambda x: head(x.max(0)), baseline=x0)(x).sum(-1)
    np.testing.assert_allclose(words, direct, rtol=1e-10, atol=1e-12)


def test_another_baseline_moves_the_winner_and_differs():
    x, x0 = jnp.asarray(X), jnp.asarray(RNG.normal(size=(T, C)))
    pooled = ja.integrated_gradients(head, baseline=x0.max(0))(x.max(0))
    words = pooling.to_positions(pooled, pooling.max_shares(x))
    direct = ja.integrated_gradients(lambda x: head(x.max(0)), baseline=x0, steps=400)(x).sum(-1)
    assert np.abs(words - direct).max() > 0.1
    np.testing.assert_allclose(words.sum(), direct.sum(), rtol=0.02)


@pytest.mark.parametrize("where", [None, WHERE], ids=["all", "padded"])
def test_an_average_carries_any_baseline(where):
    x, x0 = jnp.asarray(X), jnp.asarray(RNG.normal(size=(T, C)))
    real = np.ones(T, bool) if where is None else where

    def mean(x):
        return x.mean(0, where=real[:, None])

    pooled = ja.integrated_gradients(head, baseline=mean(x0))(mean(x))
    words = pooling.to_positions(pooled, pooling.mean_shares(x, x0=x0, where=where))
    direct = ja.integrated_gradients(lambda x: head(mean(x)), baseline=x0)(x).sum(-1)
    np.testing.assert_allclose(words, direct, rtol=1e-9, atol=1e-11)
    assert not np.any(words[~real])


def test_fixed_weights_carry_and_moving_weights_do_not():
    x, x0, query = jnp.asarray(X), jnp.zeros((T, C)), jnp.linspace(-1, 1, C)
    weights = jax.nn.softmax(x @ query)
    pooled = ja.integrated_gradients(head, baseline=jnp.zeros(C))(weights @ x)
    words = pooling.to_positions(pooled, pooling.weighted_shares(x, weights))
    fixed = ja.integrated_gradients(lambda x: head(weights @ x), baseline=x0)(x).sum(-1)
    moving = ja.integrated_gradients(lambda x: head(jax.nn.softmax(x @ query) @ x), baseline=x0)(x).sum(-1)
    np.testing.assert_allclose(words, fixed, rtol=1e-10, atol=1e-12)
    assert np.abs(words - moving).max() > 0.01


def test_a_dimension_that_does_not_change_keeps_the_sum():
    x = jnp.asarray(X).at[:, 2].set(0)
    shares = pooling.weighted_shares(x, jnp.arange(1.0, T + 1))
    np.testing.assert_allclose(shares.sum(0), 1)
    np.testing.assert_allclose(shares[:, 2], np.arange(1, T + 1) / 28)


@pytest.mark.parametrize("make", [pooling.max_shares, pooling.mean_shares])
def test_the_sum_is_kept_for_several_axes_and_under_vmap(make):
    x = RNG.normal(size=(3, T, C, 2))
    pooled = RNG.normal(size=(3, C, 2))
    words = jax.vmap(lambda x, a: pooling.to_positions(a, make(x)))(x, pooled)
    assert words.shape == (3, T)
    np.testing.assert_allclose(words.sum(1), pooled.sum((1, 2)))


def test_half_precision_is_widened_and_integers_have_shares():
    x = jnp.asarray(X, jnp.bfloat16)
    assert pooling.max_shares(x).dtype == pooling.mean_shares(x).dtype == jnp.float32
    assert pooling.max_shares(jnp.array([[3], [-1]])).tolist() == [[1], [0]]


def test_not_a_number_is_not_hidden():
    x = jnp.asarray(X).at[2, 1].set(jnp.nan)
    for ties in (pooling.shared, pooling.first):
        found = pooling.max_shares(x, ties=ties)
        assert np.isnan(found[:, 1]).all()
        assert np.isfinite(found[:, 0]).all()


def test_a_very_negative_value_among_padding_wins():
    x = jnp.array([[-jnp.inf], [jnp.inf]])
    np.testing.assert_array_equal(pooling.max_shares(x, where=jnp.array([True, False])), [[1], [0]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pooling.max_shares("x"), TypeError, "max_shares wants x as an array of real numbers, but got str"),
        (lambda: pooling.max_shares(X > 0), TypeError, r"array of real numbers, but got bool\[7,5\]"),
        (lambda: pooling.max_shares(1.0), ValueError, r"wants x as \[T, C\].*float.*pools over its leading axis"),
        (lambda: pooling.max_shares(np.zeros((0, 3))), ValueError, r"at least one position, but got float64\[0,3\]"),
        (lambda: pooling.max_shares(X, ties="first"), TypeError, "wants ties to be a function, but got str"),
        (lambda: pooling.max_shares(X, where=WHERE[:3]), ValueError, r"max_shares wants where of shape \[T\]"),
        (lambda: pooling.mean_shares(X, where=WHERE * 1), TypeError, "mean_shares wants where as a boolean"),
        (lambda: pooling.mean_shares(X, where=WHERE & False), ValueError, "at least one real position"),
        (lambda: pooling.mean_shares(X, x0=X[:3]), ValueError, r"mean_shares wants x0 like the argument"),
        (lambda: pooling.weighted_shares(X, X[0]), ValueError, r"wants weights \[7\], one a position, but got"),
        (lambda: pooling.weighted_shares(X, None), ValueError, r"wants weights \[7\], one a position, but got None"),
        (lambda: pooling.to_positions(X[0, :2], X), ValueError, r"wants shares \[T, \*\[2\]\].*Positions come first"),
        (lambda: pooling.to_positions(None, X), TypeError, "wants pooled as an array of real numbers, but got None"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()

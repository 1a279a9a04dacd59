"""Noise: the draws, their independence of layout, and what their mean and variance estimate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

KEY = jax.random.key(5)
X = jnp.array([[0.5, -1.0], [2.0, 0.25], [1.0, 1.0]])


def square(x):
    return (x**2).sum()


def test_smooth_gradient_of_a_square_estimates_the_gradient(x64):
    """The gradient 2 (x + noise): its mean is 2x with error 2 std / sqrt(n), its variance 4 std^2."""
    n, std = 4096, 0.3
    g = ja.gradient(square)
    options = {"key": KEY, "std": std, "samples": n, "batch_size": n}
    mean, variance = ja.smooth(g, **options)(X), ja.vargrad(g, **options)(X)
    assert np.abs(mean - 2 * X).max() < 5 * 2 * std / np.sqrt(n)
    assert np.abs(variance / (4 * std**2) - 1).max() < 5 * np.sqrt(2 / n)


def test_smooth_is_the_mean_of_with_noise_over_folded_keys():
    g = ja.gradient(lambda x: jnp.sin(x).sum())
    keys = [jax.random.fold_in(KEY, k) for k in range(6)]
    each = jnp.stack([ja.with_noise(g, key=k, std=0.2)(X) for k in keys])
    np.testing.assert_allclose(ja.smooth(g, key=KEY, std=0.2, samples=6)(X), each.mean(0), rtol=1e-5)
    np.testing.assert_allclose(ja.vargrad(g, key=KEY, std=0.2, samples=6)(X), each.var(0), rtol=1e-4, atol=1e-7)


def test_more_samples_keep_the_first_ones():
    g = ja.gradient(square)
    three, six = (ja.smooth(g, key=KEY, std=0.2, samples=n)(X) for n in (3, 6))
    rest = [ja.with_noise(g, key=jax.random.fold_in(KEY, k), std=0.2)(X) for k in range(3, 6)]
    np.testing.assert_allclose(six, (3 * three + sum(rest)) / 6, rtol=1e-5)


def test_one_key_under_vmap_is_the_same_noise_and_one_key_a_row_is_not():
    def f(x, k):
        return ja.with_noise(lambda x: x, key=k, std=1.0)(x)

    rows = jnp.zeros((2, 3, 2))
    same = jax.vmap(f, (0, None))(rows, KEY)
    np.testing.assert_array_equal(same[0], same[1])
    own = jax.vmap(f)(rows, jax.random.split(KEY, 2))
    assert not np.any(own[0] == own[1])


def test_each_leaf_has_its_own_noise():
    tree = {"a": jnp.zeros(5), "b": jnp.zeros(5)}
    noisy = ja.with_noise(lambda t: t, key=KEY, std=1.0)(tree)
    assert not np.any(noisy["a"] == noisy["b"])


def test_a_standard_deviation_for_each_leaf_and_for_each_entry():
    tree = {"a": jnp.zeros(5), "b": jnp.zeros((2, 2))}
    std = {"a": 0.0, "b": jnp.array([[1.0, 0.0], [0.0, 1.0]])}
    noisy = ja.with_noise(lambda t: t, key=KEY, std=std)(tree)
    assert not noisy["a"].any()
    np.testing.assert_array_equal(noisy["b"] != 0, std["b"] != 0)


def test_the_standard_deviation_may_be_traced():
    g = ja.gradient(square)
    traced = jax.jit(lambda s: ja.smooth(g, key=KEY, std=s, samples=4)(X))(0.2)
    np.testing.assert_allclose(traced, ja.smooth(g, key=KEY, std=0.2, samples=4)(X), rtol=1e-5)


def test_where_adds_no_noise_to_padding():
    where = jnp.array([True, False, True])
    noisy = ja.with_noise(lambda x: x, key=KEY, std=1.0, where=where)(X)
    np.testing.assert_array_equal(noisy[1], X[1])
    assert np.all(noisy[np.array([0, 2])] != X[np.array([0, 2])])


@pytest.mark.parametrize("method", [ja.smooth, ja.vargrad])
def test_no_noise_changes_nothing(method):
    value = method(ja.gradient(square), key=KEY, std=0.0, samples=3)(X)
    np.testing.assert_allclose(value, 2 * X if method is ja.smooth else 0 * X, rtol=1e-6, atol=1e-12)


def test_noise_in_half_precision_is_summed_in_single():
    value = ja.smooth(ja.gradient(square), key=KEY, std=0.1, samples=9)(X.astype(jnp.bfloat16))
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 2 * X, atol=0.3)

"""Averages over baselines, keys and rows: numbers, spread, and an honest standard error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

X = np.array([1.0, -2.0, 0.5])


def cube(x):
    return (x**3).sum() + x[0] * x[1]


def make(b):
    return ja.integrated_gradients(cube, baseline=b, steps=4)


@pytest.mark.parametrize("count", [2, 31, 32, 33, 70])
@pytest.mark.parametrize("staged", [False, True])
def test_chunks_do_not_show(count, staged, x64):
    """Counts around the default chunk of 32, where the last chunk is padded, or not."""
    backgrounds = jax.random.normal(jax.random.key(0), (count, 3))
    each = np.asarray(jax.vmap(lambda b: make(b)(X))(backgrounds))
    pairs = (
        (ja.mean_over, each.mean(0)),
        (ja.variance_over, each.var(0)),
        (ja.standard_error_over, each.std(0, ddof=1) / np.sqrt(count)),
    )
    for average, expected in pairs:
        explain = average(make, backgrounds)
        np.testing.assert_allclose((jax.jit(explain) if staged else explain)(X), expected, rtol=1e-9, atol=1e-12)


def test_expected_gradients_are_complete_for_the_mean_baseline_score(x64):
    backgrounds = jax.random.normal(jax.random.key(1), (20, 3))
    a = ja.mean_over(make, backgrounds)(X)
    np.testing.assert_allclose(a.sum(), cube(X) - jax.vmap(cube)(backgrounds).mean(), rtol=1e-12)


def test_an_average_over_a_pytree_of_keys_and_baselines():
    keys, backgrounds = jax.random.split(jax.random.key(2), 5), jnp.ones((5, 3))

    def noisy(k, b):
        return ja.with_noise(make(b), key=k, std=0.1)

    mean = ja.mean_over(lambda kb: noisy(*kb), (keys, backgrounds))(X)
    loop = sum(noisy(k, b)(X) for k, b in zip(keys, backgrounds, strict=True)) / 5
    np.testing.assert_allclose(mean, loop, rtol=1e-5)


def test_the_mean_of_averages_nests():
    a, b = jnp.arange(6.0).reshape(2, 3), jnp.ones((3, 3))
    nested = ja.mean_over(lambda p: ja.mean_over(lambda q: make(p + q), b), a)(X)
    np.testing.assert_allclose(nested, ja.mean_over(make, a + 1)(X), rtol=1e-5)


def test_variance_is_exact_where_the_mean_is_large():
    """One pass, but not the difference of squares: values near 1e4 that differ by 1 keep their variance."""
    xs = jnp.asarray(1e4 + np.arange(40) % 2, jnp.float32)
    value = ja.variance_over(lambda b: lambda x: x * b, xs, batch_size=7)(jnp.ones(2))
    np.testing.assert_allclose(value, 0.25, rtol=1e-3)


def test_half_precision_is_summed_in_single():
    """In bfloat16 a sum of 400 ones would stop at 256."""
    mean = ja.mean_over(lambda b: lambda x: x + b, jnp.ones(400, jnp.bfloat16))(jnp.zeros(2, jnp.bfloat16))
    assert mean.dtype == jnp.float32
    np.testing.assert_allclose(mean, 1.0, rtol=1e-6)


def test_aux_of_the_mean_is_aux_of_the_input():
    def f(x):
        return (cube(x), {"at": x})

    explain = ja.mean_over(
        lambda b: ja.integrated_gradients(f, baseline=b, has_aux=True), jnp.zeros((2, 3)), has_aux=True
    )
    value, aux = explain(X)
    np.testing.assert_allclose(value.sum(), cube(X), rtol=1e-5)
    np.testing.assert_array_equal(aux["at"], X)


def test_two_standard_errors_cover_the_truth_as_often_as_they_should(x64):
    """Expected gradients of a cubic over uniform backgrounds, by 400 sets of 30: Student's t says 94.5 % (t(29) at 2).

    The truth is known: from b the entry i gets x_i^3 - b_i^3, and the mean of b_i^3 is 0.
    """

    def f(x):
        return (x**3).sum()

    x = jnp.asarray(X, jnp.float64)

    def one(b):
        return ja.integrated_gradients(f, baseline=b, steps=2)

    truth = np.asarray(x**3)[None]

    @jax.jit
    @jax.vmap
    def interval(key):
        backgrounds = jax.random.uniform(key, (30, 3), minval=-1, maxval=1)
        return ja.mean_over(one, backgrounds)(x), ja.standard_error_over(one, backgrounds)(x)

    mean, error = interval(jax.random.split(jax.random.key(11), 400))
    covered = np.abs(mean - truth) <= 2 * error
    share = covered.mean(0)  # three entries, 400 sets each
    slack = 3.3 * np.sqrt(0.945 * 0.055 / 400)
    assert np.all(np.abs(share - 0.945) < slack), share


def test_the_standard_error_of_smooth_is_that_of_its_draws(x64):
    g = ja.gradient(lambda x: (x**4).sum())
    keys = jax.vmap(lambda k: jax.random.fold_in(jax.random.key(4), k))(jnp.arange(50))

    def noisy(k):
        return ja.with_noise(g, key=k, std=0.2)

    error = ja.standard_error_over(noisy, keys)(X)
    variance = ja.vargrad(g, key=jax.random.key(4), std=0.2, samples=50)(X)
    np.testing.assert_allclose(error, np.sqrt(variance / 49), rtol=1e-10)

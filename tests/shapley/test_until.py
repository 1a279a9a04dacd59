"""Drawing until the error is small enough."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.shapley.games import LOSE, score

KEY = jax.random.key(5)
VALUES = np.random.default_rng(4).normal(size=16)


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


def shapley(key):
    return ja.shapley.permutation(score(VALUES), key=key, perturb=LOSE, samples=1)


def normal(key):
    return lambda x: {"a": x + jax.random.normal(key), "word": "kept"}


def test_it_stops_at_the_first_batch_that_is_narrow_enough():
    """The same numbers as the fixed number of draws that it ends with; one batch less is too wide."""
    x, ways = jnp.ones(4), {"key": KEY, "half_width": 0.05, "at_most": 5000, "batch_size": 50}
    phi = jax.jit(ja.shapley.until(shapley, **ways))(x)
    report = jax.jit(ja.shapley.until_report(shapley, **ways))(x)
    count = int(report.samples)
    assert 100 <= count < 5000
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(count))
    draws = np.asarray(jax.jit(jax.vmap(lambda key: shapley(key)(x)))(keys))
    np.testing.assert_allclose(draws.mean(0), phi, atol=1e-12)
    np.testing.assert_allclose(draws.std(0, ddof=1) / np.sqrt(count), report.standard_error, atol=1e-12)
    assert 1.96 * report.standard_error.max() <= 0.05
    assert 1.96 * draws[: count - 50].std(0, ddof=1).max() / np.sqrt(count - 50) > 0.05
    assert phi.sum() == pytest.approx(VALUES[-1] - VALUES[0], abs=1e-12)


def test_it_stops_at_the_most_and_not_before_the_least():
    x = jnp.array(2.0)
    at_most = ja.shapley.until_report(normal, key=KEY, half_width=1e-6, at_most=70)(x)  # a string is no jit output
    assert int(at_most.samples) == 70
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(70))
    mean = ja.shapley.until(normal, key=KEY, half_width=1e-6, at_most=70)(x)
    np.testing.assert_allclose(mean["a"], ja.mean_over(normal, keys)(x)["a"], atol=1e-12)
    assert mean["word"] == "kept"
    at_least = jax.jit(ja.shapley.until_report(shapley, key=KEY, half_width=1e6, at_most=900, at_least=100))(
        jnp.ones(4)
    )
    assert int(at_least.samples) == 128


@pytest.mark.slow
def test_rows_under_vmap_keep_their_own_numbers():
    def explain(x, half_width):
        return ja.shapley.until_report(shapley, key=KEY, half_width=half_width, at_most=3000)(x).samples

    widths = jnp.array([0.3, 0.04])
    counts = jax.jit(jax.vmap(explain, (None, 0)))(jnp.ones(4), widths)
    assert counts[0] < counts[1]
    for width, count in zip(widths, counts, strict=True):
        assert jax.jit(explain)(jnp.ones(4), width) == count


def test_forward_derivatives_pass():
    def explain(w):
        drawn = ja.shapley.until(
            lambda k: ja.shapley.permutation(lambda x: w * x.prod(), key=k, perturb=LOSE, samples=1),
            key=KEY,
            half_width=0.1,
            at_most=200,
        )
        return drawn(jnp.ones(3)).sum()

    assert jax.jit(jax.jacfwd(explain))(2.0) == pytest.approx(1)


def test_stopping_costs_little_coverage_with_many_draws():
    """500 repeats with normal draws: at least 64 draws keep the 95 % interval above 92 %; four draws do not."""
    keys = jax.random.split(jax.random.key(8), 500)

    def covered(at_least, batch_size):
        ways = {"half_width": 0.2, "at_most": 4000, "at_least": at_least, "batch_size": batch_size}

        def one(key):
            def make(k):
                return lambda: jax.random.normal(k)

            return ja.shapley.until(make, key=key, **ways)(), ja.shapley.until_report(make, key=key, **ways)()

        mean, (error, _) = jax.jit(jax.vmap(one))(keys)
        return float((np.abs(mean) <= 1.96 * error).mean())

    assert covered(64, 32) > 0.92
    assert covered(2, 2) < 0.90


def run(**options):
    ways = {"key": KEY, "half_width": 0.1, "at_most": 100} | options
    return ja.shapley.until(options.pop("make", shapley), **{k: v for k, v in ways.items() if k != "make"})


WRONG = {
    "make not a function": ({"make": 3}, TypeError, "until wants make to be a function, but got int.*permutation"),
    "no key": ({"key": None}, TypeError, "typed random key"),
    "no width": ({"half_width": 0.0}, ValueError, "half_width > 0, but got 0.0.*try 0.01"),
    "least above most": ({"at_least": 200}, ValueError, "at_least <= at_most, but got at_least=200 and at_most=100"),
    "least of one": ({"at_least": 1}, ValueError, "at_least >= 2, but got 1"),
    "most a float": ({"at_most": 1e4}, TypeError, "at_most as a Python integer, but got float"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(name):
    options, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        run(**options)

"""LIME and RISE: what they estimate, and how far off they say they are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxattr as ja
from tests.shapley.games import LOSE, play

N = 5
KEYS = jax.random.split(jax.random.key(9), 1000)
INSIDE = (np.arange(2**N)[:, None] >> np.arange(N)[None]) & 1 == 1


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


def game():
    return np.random.default_rng(21).normal(size=2**N)


def lime_limit(values):
    """Weighted least squares over all masks, each with the chance of LIME's draws."""
    sizes = INSIDE.sum(1)
    chance = np.array([0 if k == N else 1 / (N * len(INSIDE[sizes == k])) for k in sizes])
    weight = chance * np.exp(-((1 - np.sqrt(sizes / N)) ** 2) / (2 * 0.5**2))
    design = np.column_stack([np.ones(2**N), INSIDE]) * np.sqrt(weight)[:, None]
    return np.linalg.lstsq(design, values * np.sqrt(weight), rcond=None)[0][1:]


def rise_limit(values):
    return np.array([values[INSIDE[:, i]].mean() for i in range(N)])


CASES = {
    "lime": (ja.lime, ja.lime_error, 400, {"ridge": 1e-6, "kernel": ja.cosine_kernel(0.5)}, lime_limit),
    "rise": (ja.rise, ja.rise_error, 120, {}, rise_limit),
}


@pytest.mark.parametrize("name", CASES)
def test_mean_and_coverage(name):
    """200 seeds: a mean within 4 standard errors of the limit; 1,000 repeats: 95 % intervals cover 93 to 97 %."""
    method, error, samples, more, limit = CASES[name]
    values = game()
    ways = {"samples": samples, "batch_size": samples, **more}
    both = jax.jit(jax.vmap(lambda key: [play(m, values, key=key, **ways) for m in (method, error)]))
    phi, se = (np.asarray(part) for part in both(KEYS))
    truth = limit(values)
    few = phi[:200]
    assert np.all(np.abs(few.mean(0) - truth) < 4 * few.std(0, ddof=1) / np.sqrt(200))
    left = samples - N - 1 if name == "lime" else samples / 2 - 1
    covered = (np.abs(phi - truth) <= stats.t.ppf(0.975, left) * se).mean()
    assert 0.93 < covered < 0.97, covered


def test_lime_finds_a_linear_score_and_ridge_shrinks_it():
    w = np.array([1.0, -2.0, 0.0])

    def fit(ridge):
        explain = ja.lime(lambda x: (w * x).sum(), key=KEYS[0], perturb=LOSE, samples=200, ridge=ridge)
        return np.asarray(jax.jit(explain)(jnp.ones(3)))

    np.testing.assert_allclose(fit(0.0), w, atol=1e-10)
    assert np.abs(fit(10.0)[:2] / w[:2]).max() < 0.9


def test_lime_begins_with_the_full_text_and_drops_every_number_of_players():
    seen = []

    def f(x):
        jax.debug.callback(lambda x: seen.append(tuple(np.asarray(x))), x)
        return x.sum()

    jax.jit(ja.lime(f, key=KEYS[0], perturb=LOSE, samples=64))(jnp.ones(3))
    jax.effects_barrier()
    sizes = [sum(row) for row in seen]
    assert len(seen) == 64
    assert sizes.count(3) == 1
    assert {0, 1, 2} < set(sizes)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_chunks_and_traced_padding_change_nothing(name):
    where = np.array([True, False, True, True, False])
    for method in CASES[name][:2]:

        def explain(where, batch_size, method=method):
            ways = {"key": KEYS[0], "samples": 20, "batch_size": batch_size, "where": where}
            return method(lambda x: x[0] * x[2] + x.sum(), perturb=LOSE, **ways)(jnp.ones(5))

        whole = np.asarray(jax.jit(functools.partial(explain, where, 20))())
        np.testing.assert_allclose(jax.jit(functools.partial(explain, batch_size=3))(where), whole, atol=1e-11)
        assert not whole[~where].any()
        assert np.all(whole[where] != 0)


def test_what_is_not_known_is_nan():
    """A player that no mask kept; coefficients that the masks do not determine."""

    def explain(method, n, **options):
        drawn = method(lambda x: x.sum(), perturb=LOSE, key=KEYS[0], **options)
        return np.asarray(jax.jit(drawn)(jnp.ones(n)))

    means = explain(ja.rise, 8, samples=1)
    assert np.isnan(means).any()
    assert not np.isnan(means).all()
    assert np.isnan(explain(ja.lime, 8, samples=3, ridge=0.0)).all()
    assert np.isnan(explain(ja.lime_error, 3, samples=4)).all()


def call(method, **options):
    return method(lambda x: x.sum(), **({"key": KEYS[0], "perturb": LOSE} | options))(jnp.ones(3))


WRONG = {
    "lime without a key": (lambda: call(ja.lime, key=0), TypeError, "lime wants a typed random key"),
    "lime of one": (lambda: call(ja.lime, samples=1), ValueError, "lime wants samples >= 2, but got 1"),
    "kernel a string": (lambda: call(ja.lime, kernel="rbf"), TypeError, "kernel to be a function, .*cosine_kernel"),
    "negative ridge": (lambda: call(ja.lime_error, ridge=-1), ValueError, "lime_error wants ridge >= 0, .*-1. Write"),
    "no width": (lambda: ja.cosine_kernel(0.0), ValueError, "width > 0, but got 0.0.*width=0.25"),
    "share beyond one": (lambda: call(ja.rise, share=1.5), ValueError, "share between 0 and 1, but got 1.5. Write"),
    "rise of none": (lambda: call(ja.rise, samples=0), ValueError, "rise wants samples >= 1, but got 0"),
    "error of one": (lambda: call(ja.rise_error, samples=1), ValueError, "rise_error wants samples >= 2, but got 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(name):
    wrong, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        wrong()

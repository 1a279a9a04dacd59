"""Agreement of two attributions, against SciPy, by hand, and in the cases that go wrong elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.test_util import check_grads

import jaxattr as ja

PEERS = {
    ja.metrics.pearson: scipy.stats.pearsonr,
    ja.metrics.spearman: scipy.stats.spearmanr,
    ja.metrics.kendall_tau: scipy.stats.kendalltau,
}
each = pytest.mark.parametrize("measure", PEERS, ids=lambda m: m.__name__)
RANKS = (ja.metrics.spearman, ja.metrics.kendall_tau)


def draws(rng, kind, n):
    """Numbers without ties, with many ties, and of very different sizes."""
    if kind == "ties":
        return rng.integers(-2, 3, n).astype(float)
    return rng.normal(size=n) * (10.0 ** rng.integers(-9, 9, n) if kind == "sizes" else 1.0)


@each
def test_scipy(measure, x64):
    rng = np.random.default_rng(0)
    mine = jax.jit(measure)
    for kind in ("plain", "ties", "sizes"):
        for n in (3, 40):
            for _ in range(20):
                a, b = draws(rng, kind, n), draws(rng, kind, n)
                if len(set(a)) > 1 and len(set(b)) > 1:
                    np.testing.assert_allclose(mine(a, b), PEERS[measure](a, b)[0], rtol=1e-12, atol=1e-12)


def test_by_hand():
    a, b = jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 3.0, 2.0])
    np.testing.assert_allclose(ja.metrics.pearson(a, b), 0.5, rtol=1e-6)  # (1 + 0 + 0) / 2
    np.testing.assert_allclose(ja.metrics.spearman(a, b * b), 0.5, rtol=1e-6)
    np.testing.assert_allclose(ja.metrics.kendall_tau(a, b), 1 / 3, rtol=1e-6)  # two pairs alike, one opposite
    tied = jnp.array([1.0, 1.0, 2.0])  # ranks 1.5, 1.5, 3; no pair (0, 1)
    np.testing.assert_allclose(ja.metrics.spearman(a, tied), np.sqrt(3) / 2, rtol=1e-6)
    np.testing.assert_allclose(ja.metrics.kendall_tau(a, tied), 2 / np.sqrt(6), rtol=1e-6)


@each
def test_where_is_leaving_out(measure):
    """Also where what lies in padding is infinite or NaN, under jit and one row at a time under vmap."""
    a, b = jax.random.normal(jax.random.key(0), (2, 9))
    where = jnp.arange(9) < 6
    expected = measure(a[:6], b[:6])
    for junk in (7.0, jnp.inf, -jnp.inf, jnp.nan):
        dirty = jnp.where(where, a, junk), jnp.where(where, b, -junk)
        np.testing.assert_allclose(measure(*dirty, where=where), expected, rtol=1e-5)
    rows = jax.jit(jax.vmap(lambda a, b, w: measure(a, b, where=w)))
    np.testing.assert_allclose(rows(a[None], b[None], where[None])[0], expected, rtol=1e-5)


@each
def test_a_constant_has_no_correlation(measure):
    """NaN, also where the mean of equal numbers is rounded, which would give a ratio of rounding errors."""
    for constant in (0.0, 0.1, -1e-30):
        for n in (3, 6, 7, 11, 13):
            assert jnp.isnan(measure(jnp.full(n, constant), jnp.arange(n * 1.0)))
    assert jnp.isnan(measure(jnp.arange(3.0), jnp.ones(3)))
    assert jnp.isnan(measure(jnp.ones(1), jnp.ones(1)))


@each
def test_it_is_symmetric_and_signed(measure):
    a, b = jax.random.normal(jax.random.key(0), (2, 12))
    np.testing.assert_allclose(measure(a, b), measure(b, a), rtol=1e-5)
    np.testing.assert_allclose(measure(-a, b), -measure(a, b), rtol=1e-5)
    np.testing.assert_allclose(measure(a, a), 1, rtol=1e-6)


@pytest.mark.parametrize("measure", RANKS, ids=lambda m: m.__name__)
def test_ranks_see_no_monotone_change(measure):
    a, b = jax.random.normal(jax.random.key(0), (2, 15))
    expected = measure(a, b)
    maps = [jnp.exp, jnp.tanh, jnp.arctan, jnp.sinh, jnp.cbrt, jax.nn.sigmoid, jax.nn.softplus, lambda v: v**3]
    maps += [lambda v, c=c: c * v + c for c in (1e-6, 0.1, 3.0, 1e6)]
    maps += [lambda v, c=c: v + jnp.tanh(c * v) for c in (0.1, 0.5, 1.0, 2.0)]
    maps += [lambda v, c=c: jnp.where(v > c, 5 + v, v) for c in (-1.0, -0.5, 0.0, 0.5)]
    assert len(maps) == 20
    for change in maps:
        np.testing.assert_allclose(measure(change(a), b), expected, rtol=1e-5)


def test_pearson_of_extreme_sizes():
    """No square overflows or vanishes in float32."""
    a, b = jax.random.normal(jax.random.key(0), (2, 12))
    for size in (1e-30, 1e30):
        np.testing.assert_allclose(ja.metrics.pearson(size * a, b), ja.metrics.pearson(a, b), rtol=1e-5)


def test_pearson_is_differentiable(x64):
    a, b = jax.random.normal(jax.random.key(0), (2, 7), jnp.float64)
    check_grads(jax.jit(ja.metrics.pearson), (a, b), order=2, modes=["rev"])


@each
def test_nan_is_refused_or_passed_on(measure):
    a = jnp.array([1.0, jnp.nan, 2.0])
    with pytest.raises(ValueError, match=r"without NaN, but 1 of 3 positions.*debug_nans"):
        measure(a, jnp.arange(3.0))
    assert jnp.isnan(jax.jit(measure)(a, jnp.arange(3.0)))
    assert jnp.isnan(jax.jit(measure)(jnp.arange(3.0), a))


def test_standard_error(x64):
    rows = np.random.default_rng(0).normal(size=(9, 3))
    ours = ja.metrics.standard_error({"a": rows, "b": rows[:, 0]})
    np.testing.assert_allclose(ours["a"], scipy.stats.sem(rows), rtol=1e-12)
    np.testing.assert_allclose(ours["b"], scipy.stats.sem(rows[:, 0]), rtol=1e-12)
    where = np.arange(9) < 4
    dirty = np.where(where[:, None], rows, np.nan)
    error = jax.jit(lambda v, w: ja.metrics.standard_error(v, where=w))
    np.testing.assert_allclose(error(dirty, where), scipy.stats.sem(rows[:4]), rtol=1e-12)
    assert np.isnan(error(rows, np.arange(9) < 1)).all(), "one row has no standard error"
    assert np.isnan(error(dirty, where | (np.arange(9) == 8))).all(), "a NaN among rows that count"

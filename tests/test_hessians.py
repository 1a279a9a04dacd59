"""Integrated Hessians: the double integral of the paper, closed forms, axioms, and what it cannot see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import integrated_hessians

X = np.random.default_rng(0).normal(size=(4, 3))
X0 = np.random.default_rng(1).normal(size=(4, 3)) / 2
W = np.random.default_rng(2).normal(size=(4, 3))


def smooth(x):
    """A smooth score in which all positions interact, but for the last, which is additive."""
    s = (x * W[: len(x)]).sum(-1)
    return jnp.tanh(s[:3].sum()) + s[0] * s[1] ** 2 + jnp.sin(x[3]).sum()


def literal(f, x, x0, n=24):
    """The integral over alpha and beta, entry by entry, on a grid; pairs of entries summed by position."""
    t, w = ja.gauss_legendre(n)
    total, delta = np.zeros((x.size, x.size)), (x - x0).ravel()
    flat = jax.jit(lambda v: (jax.grad(g)(v), jax.hessian(g)(v)))
    g = lambda v: f(v.reshape(x.shape))  # noqa: E731
    for a, wa in zip(t, w, strict=True):
        for b, wb in zip(t, w, strict=True):
            slope, curve = flat(x0.ravel() + a * b * delta)
            total += wa * wb * (a * b * np.outer(delta, delta) * curve + np.diag(delta * slope))
    return total.reshape(len(x), x.shape[1], len(x), x.shape[1]).sum((1, 3))


def test_it_is_the_double_integral_of_the_paper(x64):
    found = jax.jit(integrated_hessians(smooth, baseline=X0))(X)
    np.testing.assert_allclose(found, literal(smooth, X, X0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("power", "share"), [(2, 1 / 4), (3, 1 / 9), (4, 1 / 16)])
def test_a_product_is_shared_equally_by_all_pairs(x64, power, share):
    x = jnp.arange(1.0, power + 1)
    found = integrated_hessians(lambda x: x.prod(), baseline=jnp.zeros_like)(x)
    np.testing.assert_allclose(found, np.full((power, power), share * float(x.prod())), rtol=1e-6)


def test_rows_sum_to_integrated_gradients_and_all_of_it_to_the_change(x64):
    pairs = integrated_hessians(smooth, baseline=X0)(X)
    single = ja.integrated_gradients(smooth, baseline=X0, steps=64)(X).sum(-1)
    np.testing.assert_allclose(pairs.sum(1), single, atol=1e-6)
    np.testing.assert_allclose(pairs, pairs.T, atol=1e-12)
    assert abs(ja.completeness_gap(smooth, pairs, X, X0)) < 1e-6


def test_positions_that_do_not_interact_share_nothing(x64):
    pairs = integrated_hessians(smooth, baseline=X0)(X)
    assert np.abs(pairs[3, :3]).max() < 1e-12 < abs(pairs[3, 3])
    assert np.abs(pairs[:3, :3]).min() > 1e-3


def test_linearity_and_a_swap_of_the_ends(x64):
    other = lambda x: (x**3).sum() * x[0, 0]  # noqa: E731
    go = lambda f, x=X, x0=X0: integrated_hessians(f, baseline=x0, steps=64)(x)  # noqa: E731
    np.testing.assert_allclose(go(lambda x: 2 * smooth(x) - other(x)), 2 * go(smooth) - go(other), atol=1e-10)
    assert np.abs(go(smooth) + go(smooth, X0, X)).max() > 1e-2, "the path has a direction: the ends cannot be swapped"


def test_kinks_are_not_seen_and_the_gap_says_so():
    relu = lambda x: jax.nn.relu(x.sum() - 1)  # noqa: E731
    x = jnp.ones(3)
    pairs = integrated_hessians(relu, baseline=jnp.zeros_like)(x)
    assert np.abs(pairs - np.diag(np.diag(pairs))).max() == 0
    assert ja.completeness_gap(relu, pairs, x, jnp.zeros_like) > 0.1
    soft = lambda x: jax.nn.softplus(20 * (x.sum() - 1)) / 20  # noqa: E731
    pairs = integrated_hessians(soft, baseline=jnp.zeros_like, steps=200)(x)
    assert np.abs(ja.completeness_gap(soft, pairs, x, jnp.zeros_like)) < 1e-3
    assert pairs[0, 1] > 0.1


def test_several_arrays_share_their_positions(x64):
    tree = {"a": X[:, :2], "b": X[:, 2]}
    start = {"a": X0[:, :2], "b": X0[:, 2]}
    joined = lambda t: smooth(jnp.concatenate([t["a"], t["b"][:, None]], 1))  # noqa: E731
    found = integrated_hessians(joined, baseline=start)(tree)
    np.testing.assert_allclose(found, integrated_hessians(smooth, baseline=X0)(X), atol=1e-12)


def test_padding_does_not_move():
    where = np.array([True, True, False, True])
    x = jnp.asarray(X, jnp.float32)
    pairs = integrated_hessians(smooth, baseline=jnp.zeros_like, where=where)(x)
    assert np.abs(pairs[2]).max() == np.abs(pairs[:, 2]).max() == 0
    gap = ja.completeness_gap(smooth, pairs, x, jnp.zeros_like, where=where)
    assert abs(gap) < 1e-4


def test_half_precision_is_summed_in_float32():
    x = jnp.asarray(X, jnp.bfloat16)
    found = integrated_hessians(lambda x: (x.sum(-1)[:2] ** 2).sum(), baseline=jnp.zeros_like)(x)
    assert found.dtype == jnp.float32
    wanted = np.asarray(x, np.float32).sum(-1)[:2] ** 2
    np.testing.assert_allclose(np.diag(found)[:2], wanted, rtol=0.05)


@pytest.mark.parametrize(
    ("options", "x", "kind", "message"),
    [
        ({"steps": 0}, X, ValueError, "steps"),
        ({"nodes": 5}, X, TypeError, "nodes"),
        ({"baseline": jnp.zeros(3)}, X, ValueError, "baseline"),
        ({}, np.float32(1), ValueError, "positions along the leading axis"),
    ],
)
def test_bad_input_says_what_is_wanted(options, x, kind, message):
    given = {"baseline": jnp.zeros_like, **options}
    with pytest.raises(kind, match=message):
        integrated_hessians(lambda x: (x**2).sum(), **given)(jnp.asarray(x, jnp.float32))

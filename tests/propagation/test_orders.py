"""Sorts, top-k and arg-max whose streams choose different entries, beside a slow walk along the line."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jaxattr as ja

N = 5
pytestmark = pytest.mark.usefixtures("x64")


def turns(x, x0, t):
    """The rule, literally: along the line from x0 to x, one overtaking after the other.

    Each overtaking of e by l has the share (t_l - t_e) / (change of l - change of e); the places of both then change.
    """
    change = x - x0
    events = []
    for e, other in itertools.combinations(range(len(x)), 2):
        gap0, gap = x0[other] - x0[e], x[other] - x[e]
        if (gap0 > 0) != (gap > 0):
            events.append((-gap0 / (gap - gap0), e, other))
    order = sorted(range(len(x)), key=lambda i: -x0[i])
    table = np.zeros((len(x), len(x)))  # [entry, place]
    for _, e, other in sorted(events):
        share = (t[other] - t[e]) / (change[other] - change[e])
        a, b = order.index(e), order.index(other)
        assert abs(a - b) == 1, "only neighbours overtake"
        first, second = (e, other) if a < b else (other, e)
        p = min(a, b)
        table[second, p] += share
        table[first, p] -= share
        table[first, p + 1] += share
        table[second, p + 1] -= share
        order[a], order[b] = order[b], order[a]
    assert order == sorted(range(len(x)), key=lambda i: -x[i])
    return table


def literal(weights):
    """Multipliers of f(x) = sum over places q of weights[q, i] where entry i stands at q, by the twin above."""

    def multipliers(x, x0):
        columns = [np.sum(turns(x, x0, t) * weights.T) for t in np.eye(len(x))]
        return np.array(columns)

    return multipliers


@jax.jit
def standing(x, x0, weights):
    """Attribution and value of the sum over places q of weights[q, i] where entry i stands at q."""

    def f(x):
        return jnp.take_along_axis(weights, jnp.argsort(x, descending=True)[:, None], axis=1).sum()

    return ja.deep_lift(f, baseline=x0)(x), f(x) - f(x0)


@pytest.mark.parametrize("seed", range(20))
def test_which_entry_stands_where(seed):
    rng = np.random.default_rng(seed)
    x, x0, weights = rng.normal(size=N), rng.normal(size=N), rng.normal(size=(N, N))
    phi, change = standing(x, x0, weights)
    expected = literal(weights)(x, x0) * (x - x0)
    np.testing.assert_allclose(phi, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(expected.sum(), change, rtol=1e-9, atol=1e-12)


def test_one_overtaking_is_the_share_of_the_line():
    """From (0, 1) to (4, 2) the first overtakes at one third of the line, and holds the maximum for two."""
    x, x0 = jnp.array([4.0, 2.0]), jnp.array([0.0, 1.0])
    phi = jax.jit(ja.deep_lift(lambda x: lax.top_k(x, 1)[0][0], baseline=x0))(x)
    np.testing.assert_allclose(phi, [4 * 2 / 3, 1 / 3], rtol=1e-14)
    ig = ja.integrated_gradients(lambda x: lax.top_k(x, 1)[0][0], baseline=x0, steps=3000, nodes=ja.midpoint)(x)
    np.testing.assert_allclose(phi, ig, atol=1e-3)


def test_a_step_is_shared_by_the_gap():
    """[first is ahead of second] turns while the gap goes from -1 to 2: 4/3 for the first, -1/3 for the second."""
    x, x0 = jnp.array([4.0, 2.0]), jnp.array([0.0, 1.0])
    phi = jax.jit(ja.deep_lift(lambda x: jax.nn.one_hot(jnp.argmax(x), 2, dtype=x.dtype)[0], baseline=x0))(x)
    np.testing.assert_allclose(phi, [4 / 3, -1 / 3], rtol=1e-14)


def test_the_same_order_is_an_ordinary_slope():
    x0 = jnp.asarray(np.random.default_rng(0).permutation(N).astype(float))
    x = 2 * x0 + 1

    def f(x):
        values, which = lax.top_k(x, 3)
        return jnp.tanh(values) @ jnp.arange(3.0) + jnp.take(jnp.arange(7.0), which).sum()

    order = jnp.argsort(-x)
    secant = jnp.zeros(N).at[order[:3]].set((jnp.tanh(x) - jnp.tanh(x0))[order[:3]] * jnp.arange(3.0))
    np.testing.assert_allclose(jax.jit(ja.deep_lift(f, baseline=x0))(x), secant, rtol=1e-12)


SCORES = {
    "values": lambda x: lax.top_k(x, 2)[0].sum(),
    "sorted rows": lambda x: jnp.dot(jnp.sort(x, axis=1), jnp.arange(4.0)).sum(),
    "a median": lambda x: jnp.median(x, axis=0).sum(),
    "payload": lambda x: jnp.dot(lax.sort((x, x**2), dimension=0, num_keys=1)[1], jnp.arange(4.0)).sum(),
    "one-hot": lambda x: (jax.nn.one_hot(jnp.argmin(x, 1), 4) * jnp.cumsum(x, 1)).sum(),
    "one-hot, not scaled": lambda x: jax.nn.one_hot(jnp.argmax(x, 1), 4)[:, 1:3].sum(),
    "looked up": lambda x: jnp.sin(x)[jnp.arange(3), jnp.argmax(x, 1)].sum(),
    "sliced": lambda x: lax.dynamic_index_in_dim(x, jnp.argmax(x.sum(1))).sum(),
    "chosen by select_n": lambda x: lax.select_n(jnp.argmax(x[:, :3], 1), x[:, 0], x[:, 1] ** 2, jnp.ones(3)).sum(),
    "where": lambda x: jnp.where(jnp.arange(4)[None] < jnp.argmax(x, 1, keepdims=True), x, -(x**2)).sum(),
}


@pytest.mark.parametrize("name", SCORES)
def test_complete_under_jit_and_vmap(name):
    f = SCORES[name]
    x, x0 = np.random.default_rng(1).normal(size=(2, 100, 3, 4))
    x[0], x[1], x[2, 1] = x0[0], x0[1] * (1 + 1e-9), x0[2, 1]
    x0[3], x[4, :, 1] = 0, x[4, :, 0]  # ties
    phi = jax.jit(jax.vmap(lambda x, x0: ja.deep_lift(f, baseline=x0)(x)))(x, x0)
    np.testing.assert_allclose(phi.sum((1, 2)), jax.vmap(f)(x) - jax.vmap(f)(x0), rtol=1e-9, atol=1e-11)
    alone = jax.jit(ja.deep_lift(f, baseline=jnp.asarray(x0[9])))(jnp.asarray(x[9]))
    np.testing.assert_allclose(phi[9], alone, rtol=1e-12, atol=1e-13)


def test_masked_experts_are_never_chosen():
    def f(x):
        open_ = jnp.where(jnp.array([True, False, True, True]), x, -jnp.inf)
        weights, which = lax.top_k(jax.nn.softmax(open_), 2)
        return weights @ jnp.take(jnp.arange(4.0), which)

    x, x0 = jnp.array([0.1, 5.0, 2.0, -1.0]), jnp.array([3.0, 9.0, -2.0, 1.0])
    phi = jax.jit(ja.deep_lift(f, baseline=x0))(x)
    np.testing.assert_allclose(phi.sum(), f(x) - f(x0), rtol=1e-12)
    assert phi[1] == 0


def test_second_order():
    x, x0 = jnp.array([0.3, 1.5, 0.7]), jnp.array([1.0, 0.0, 0.5])

    @jax.jit
    def first(x):
        return ja.deep_lift(lambda x: jnp.tanh(lax.top_k(x, 2)[0]) @ jnp.array([1.0, 3.0]), baseline=x0)(x)[1]

    step = 1e-6 * jnp.array([1.0, 0.0, 0.0])
    slope = (first(x + step) - first(x - step)) / 2e-6
    np.testing.assert_allclose(jax.jit(jax.grad(first))(x)[0], slope, rtol=1e-6)

"""Maxima under `jit`: XLA may compute an operand twice and round it differently; the winner is found all the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import _ties


def _normal(arrays, _):
    return jax.nn.relu(arrays["x"] @ arrays["w"] + jax.random.normal(arrays["key"], (1, 6)))


def _scaled(arrays, x):
    return jnp.maximum(x @ arrays["w"] + 0.37 * arrays["p"], 0)


def _batch_norm(arrays, x):
    return jnp.maximum((x @ arrays["w"] - arrays["p"]) * (arrays["q"] * 0.3) + arrays["p"] * 0.7, 0)


def _shift(arrays, x):
    return x + 0.37 * arrays["p"]


def _shift_and_scale(arrays, x):
    return (x - arrays["q"]) * (arrays["p"] * 0.3) + arrays["q"] * 0.7


def _noise(arrays, x):
    return _normal({**arrays, "x": x}, None)


def assert_close(found, wanted, of):
    """Equal but for the rounding of a sum of so many terms."""
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(found, wanted, rtol=4 * of * eps, atol=of * eps)


FEATURES = [_noise, _scaled, _batch_norm, _shift, _shift_and_scale]


def _drawn(seed):
    keys = jax.random.split(jax.random.key(seed), 6)
    shapes = {"x": (5, 6), "start": (5, 6), "w": (6, 6), "p": (1, 6), "q": (1, 6)}
    return {name: jax.random.normal(k, shape) for k, (name, shape) in zip(keys, shapes.items(), strict=False)} | {
        "key": keys[5]
    }


def _score(features, arrays):
    def f(x):
        z = features(arrays, x)
        return jnp.tanh(z.max(0)).sum() + (z**2).sum() / 100

    return f


def _explained(features, hoist):
    def explain(arrays):
        f = _score(features, arrays)
        return ja.integrated_gradients(f, baseline=arrays["start"], steps=16, hoist=hoist)(arrays["x"])

    return explain


@pytest.mark.parametrize("hoist", [True, False])
@pytest.mark.parametrize("features", FEATURES)
def test_a_maximum_beside_arithmetic_of_the_same_program(features, hoist):
    jitted = jax.jit(_explained(features, hoist))
    for seed in range(6):
        arrays = _drawn(seed)
        assert_close(jitted(arrays), _explained(features, False)(arrays), of=16)


@pytest.mark.parametrize("features", FEATURES)
def test_the_same_for_many_rows(features):
    rows = [_drawn(seed) for seed in range(4)]
    stacked = {name: jnp.stack([row[name] for row in rows]) for name in rows[0]}
    found = jax.jit(jax.vmap(_explained(features, True)))(stacked)
    for row, values in zip(rows, found, strict=True):
        assert_close(values, _explained(features, False)(row), of=16)


def test_noise_before_a_maximum():
    def smoothed(x, key):
        explained = ja.gradient(lambda x: jnp.tanh((x + 0.3 * shift).max(0)).sum())
        return ja.smooth(explained, key=key, std=0.3, samples=8)(x)

    x, shift, key = *jax.random.normal(jax.random.key(0), (2, 7, 5)), jax.random.key(1)
    assert_close(jax.jit(smoothed)(x, key), smoothed(x, key), of=8)


def test_equal_entries_still_share_under_jit():
    f = lambda x: (0.3 * x + x * x).max(0).sum()  # noqa: E731
    x = jnp.array([[1.0], [1.0], [0.5]])
    found = jax.jit(ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=8))(x)
    assert_close(found, jnp.array([[0.65], [0.65], [0.0]]), of=8)  # (0.3 + 1) / 2 each


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("pair", [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (np.inf, np.inf), (np.nan, 1.0), (1.0, np.nan)])
def test_the_larger_of_two_has_the_derivatives_of_jax(name, pair):
    choose = getattr(jnp, name)

    def steady(a, b):
        return _ties.steadied(lambda leaves: choose(*leaves), [a, b])([a, b])

    given = tuple(map(jnp.float32, pair))
    for f in (lambda g: jax.jit(g), lambda g: jax.jit(jax.grad(g, (0, 1))), lambda g: jax.jit(jax.jacfwd(g, (0, 1)))):
        np.testing.assert_array_equal(f(steady)(*given), f(choose)(*given))


def test_softmax_and_its_stopped_maximum_are_left_alone():
    def score(leaves):
        return jax.nn.softmax(leaves[0])[0]

    def same(x):
        assert _ties.steadied(score, [x]) is score
        return x

    jax.jit(same)(jnp.ones(3))


def test_once_is_the_identity():
    for x in (jnp.array([1.0, -0.0, jnp.inf]), jnp.array([jnp.nan, 2.0]), jnp.zeros((0, 3)), jnp.float32(3)):
        np.testing.assert_array_equal(_ties.once(x), x)
        np.testing.assert_array_equal(jax.jit(_ties.once)(x), x)
        np.testing.assert_array_equal(jax.vmap(_ties.once)(jnp.stack([x, x]))[1], x)
    x = jnp.array([1.0, 2.0])
    np.testing.assert_array_equal(jax.jit(jax.grad(lambda x: (_ties.once(x) ** 3).sum()))(x), 3 * x**2)
    np.testing.assert_array_equal(jax.jit(jax.hessian(lambda x: (_ties.once(x) ** 3).sum()))(x), jnp.diag(6 * x))


def test_interactions_through_a_maximum():
    def explain(arrays):
        return ja.integrated_hessians(_score(_noise, arrays), baseline=arrays["start"], steps=4)(arrays["x"])

    jitted = jax.jit(explain)
    for seed in range(3):
        arrays = _drawn(seed)
        assert_close(jitted(arrays), explain(arrays), of=16)

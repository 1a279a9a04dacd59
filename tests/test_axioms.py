"""The axioms: for each method those that must hold, on 200 drawn cases each, and those that a built case must break.

All scores of a cell come from one family, `sum of v (W x + b)^3`, whose functions differ in numbers alone: each method
is compiled once. Cubes make integrated gradients exact with two nodes. Columns that a method need not satisfy have a
counter-example at the end, DeepLIFT's in `propagation/test_deep_lift.py`, so that a test that holds for everything
would be noticed.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxattr as ja

KEY = jax.random.key(0)
SIZE, UNITS = 4, 6
SHARP = ja.propagation.lrp_rules(ja.propagation.epsilon(0.0), stabiliser=0.0)
seeds = given(st.integers(0, 2**32 - 1))


def net(p, x):
    w, b, v = p
    return (v * ((w * x[None]).sum(-1) + b) ** 3).sum()


def backgrounds(x0):
    return jnp.stack([x0, x0 / 2, -x0])


METHODS = {
    "gradient": lambda f, x, x0: ja.gradient(f)(x),
    "gradient_times_input": lambda f, x, x0: ja.gradient_times_input(f)(x),
    "integrated_gradients": lambda f, x, x0: ja.integrated_gradients(f, baseline=x0, steps=4)(x),
    "occlusion": lambda f, x, x0: ja.occlusion(f, perturb=ja.replace(x0))(x),
    "smooth": lambda f, x, x0: ja.smooth(ja.gradient(f), key=KEY, std=0.1, samples=4)(x),
    "expected_gradients": lambda f, x, x0: ja.mean_over(
        lambda b: ja.integrated_gradients(f, baseline=b, steps=4), backgrounds(x0)
    )(x),
    "deep_lift": lambda f, x, x0: ja.deep_lift(f, baseline=x0)(x),
    "lrp": lambda f, x, x0: ja.lrp(f, rules=SHARP)(x),
    "shapley": lambda f, x, x0: ja.shapley.exact(f, perturb=ja.replace(x0))(x),
}
every_method = pytest.mark.parametrize("method", METHODS)
with_symmetric_noise = pytest.mark.parametrize("method", [m for m in METHODS if m != "smooth"])


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


@functools.cache
def compiled(method):
    return jax.jit(lambda p, x, x0: METHODS[method](functools.partial(net, p), x, x0))


def phi(method, p, x, x0):
    return np.asarray(compiled(method)(p, x, x0))


@functools.cache
def score():
    return jax.jit(net)


def draw(seed):
    """Parameters, input, baseline; three of the six hidden units are off, so that two nets fit into one."""
    rng = np.random.default_rng(seed)
    w, b, v = rng.normal(size=(UNITS, SIZE)), rng.normal(size=UNITS), rng.normal(size=UNITS)
    v[3:] = 0
    return (w, b, v), rng.normal(size=SIZE), rng.normal(size=SIZE), rng


def close(a, b, scale=None):
    scale = np.abs(b).max() if scale is None else scale
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * max(1.0, scale))


@pytest.mark.parametrize("method", ["integrated_gradients", "expected_gradients", "deep_lift", "shapley"])
@seeds
def test_completeness(method, seed):
    p, x, x0, _ = draw(seed)
    starts = backgrounds(x0) if method == "expected_gradients" else [x0]
    change = score()(p, x) - np.mean([score()(p, b) for b in starts])
    a = phi(method, p, x, x0)
    close(a.sum(), change, np.abs(a).sum())


@seeds
def test_completeness_of_gradient_times_input_for_homogeneous_scores(seed):
    """Degree 1 without biases, from zero: here |W x| instead of the cube."""
    (w, _, v), x, _, _ = draw(seed)
    a = homogeneous()(w, v, x)
    close(a.sum(), (v * np.abs(w @ x)).sum(), np.abs(a).sum())


@functools.cache
def homogeneous():
    return jax.jit(lambda w, v, x: ja.gradient_times_input(lambda x: (v * jnp.abs((w * x[None]).sum(-1))).sum())(x))


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "deep_lift", "shapley"])
@seeds
def test_sensitivity(method, seed):
    """One coordinate differs from the baseline and the score differs: that coordinate gets all of it."""
    p, x, x0, rng = draw(seed)
    i = rng.integers(SIZE)
    x0 = np.where(np.arange(SIZE) == i, x0, x)
    change = score()(p, x) - score()(p, x0)
    a = phi(method, p, x, x0)
    close(a[i], change, 10.0)
    assert not np.any(np.delete(a, i))


@every_method
@seeds
def test_dummy(method, seed):
    """What the score does not read gets exactly nothing."""
    (w, b, v), x, x0, rng = draw(seed)
    i = rng.integers(SIZE)
    w[:, i] = 0
    a = phi(method, (w, b, v), x, x0)
    assert a[i] == 0
    assert np.all(np.delete(a, i) != 0)


@every_method
@seeds
def test_implementation_invariance(method, seed):
    """The same function by other parameters: units in another order, one split in two, one scaled through."""
    (w, b, v), x, x0, rng = draw(seed)
    other = (w.copy(), b.copy(), v.copy())
    other[0][3], other[1][3], other[2][3] = w[0], b[0], 0.25 * v[0]
    other[2][0] = 0.75 * v[0]
    other[0][1], other[1][1], other[2][1] = 2 * w[1], 2 * b[1], v[1] / 8
    order = rng.permutation(UNITS)
    close(phi(method, tuple(part[order] for part in other), x, x0), phi(method, (w, b, v), x, x0))


@every_method
@seeds
def test_linearity(method, seed):
    (w, b, v), x, x0, rng = draw(seed)
    c, d = rng.normal(size=2)
    g = np.concatenate([np.zeros(3), rng.normal(size=3)])
    separate = c * phi(method, (w, b, v), x, x0) + d * phi(method, (w, b, g), x, x0)
    close(phi(method, (w, b, c * v + d * g), x, x0), separate, 100.0)


@every_method
@seeds
def test_scale(method, seed):
    (w, b, v), x, x0, rng = draw(seed)
    c = rng.normal()
    close(phi(method, (w, b, c * v), x, x0), c * phi(method, (w, b, v), x, x0))


@with_symmetric_noise
@seeds
def test_symmetry(method, seed):
    (w, b, v), x, x0, _ = draw(seed)
    w[:, 1], x[1], x0[1] = w[:, 0], x[0], x0[0]
    a = phi(method, (w, b, v), x, x0)
    close(a[0], a[1])
    assert a[0] != a[2]


@pytest.mark.parametrize("method", ["integrated_gradients", "deep_lift"])
@seeds
def test_baseline_swap(method, seed):
    p, x, x0, _ = draw(seed)
    close(phi(method, p, x0, x), -phi(method, p, x, x0))


T, D = 4, 3


def text(p, x, real):
    """A bag of token embeddings with attention: no positions, padding masked."""
    query, out = p
    weights = jnp.where(real, jnp.exp(jnp.tanh((x * query[None]).sum(-1))), 0)
    return jnp.tanh((weights[:, None] * jnp.sin(x) * out[None]).sum() / weights.sum())


def per_token(method, p, x, x0, real):
    def f(x):
        return text(p, x, real)

    explain = {
        "gradient": lambda: ja.gradient(f, where=real),
        "gradient_times_input": lambda: ja.gradient_times_input(f, where=real),
        "integrated_gradients": lambda: ja.integrated_gradients(f, baseline=x0, steps=4, where=real),
        "occlusion": lambda: ja.occlusion(f, perturb=ja.replace(x0), where=real),
        "expected_gradients": lambda: ja.mean_over(
            lambda b: ja.integrated_gradients(f, baseline=b, steps=4, where=real), backgrounds(x0)
        ),
        "deep_lift": lambda: ja.deep_lift(f, baseline=x0, where=real),
        "lrp": lambda: ja.lrp(f, rules=ja.propagation.ATTN_LRP, where=real),
        "shapley": lambda: ja.shapley.exact(f, perturb=ja.replace(x0), where=real),
    }[method]()
    return explain(x)


@functools.cache
def compiled_text(method):
    return jax.jit(functools.partial(per_token, method))


@functools.cache
def compiled_batch(method):
    return jax.jit(jax.vmap(functools.partial(per_token, method), (None, 0, 0, 0)))


def draw_text(seed, length=T):
    rng = np.random.default_rng(seed)
    p = rng.normal(size=D), rng.normal(size=D)
    return p, rng.normal(size=(length, D)), rng.normal(size=(length, D)), np.ones(length, bool), rng


@with_symmetric_noise
@seeds
def test_permutation_equivariance(method, seed):
    p, x, x0, real, rng = draw_text(seed)
    order = rng.permutation(T)
    whole = np.asarray(compiled_text(method)(p, x, x0, real))
    close(compiled_text(method)(p, x[order], x0[order], real), whole[order])


@with_symmetric_noise
@seeds
def test_pad_invariance(method, seed):
    """Masked padding, with junk in it, leaves the real tokens' numbers and gets exactly 0."""
    p, x, x0, real, rng = draw_text(seed)

    def junk(a):
        return np.concatenate([a, 10 * rng.normal(size=(2, D))])

    a = np.asarray(compiled_text(method)(p, junk(x), junk(x0), np.concatenate([real, [False, False]])))
    close(a[:T], compiled_text(method)(p, x, x0, real))
    assert not a[T:].any()


@with_symmetric_noise
@seeds
def test_batch_independence(method, seed):
    """A row's numbers are bitwise the same whatever lies in the other rows, NaN too."""
    p, *_ = draw_text(seed)
    rows = [draw_text(seed + k)[1:4] for k in range(3)]
    x, x0, real = (np.stack(part) for part in zip(*rows, strict=True))
    first = np.asarray(compiled_batch(method)(p, x, x0, real))
    x[1:], x0[2] = x[1:] * 100, np.nan
    second = np.asarray(compiled_batch(method)(p, x, x0, real))
    np.testing.assert_array_equal(first[0], second[0])
    assert np.any(first[1] != second[1])


# What need not hold, and does not.

SATURATED = (lambda x: 1 - jax.nn.relu(1 - x[0]) + 0 * x[1], np.array([2.0, 1.0]), np.zeros(2))


@pytest.mark.parametrize("method", ["gradient", "gradient_times_input", "smooth"])
def test_a_slope_is_not_sensitive(method):
    """The first coordinate decides the score, 1 against 0; where it is saturated its slope is 0."""
    f, x, x0 = SATURATED
    assert f(x) - f(x0) == 1
    assert METHODS[method](f, x, x0)[0] == 0
    assert METHODS["integrated_gradients"](f, x, x0)[0] == pytest.approx(1, abs=1e-12)
    assert METHODS["occlusion"](f, x, x0)[0] == 1


@pytest.mark.parametrize("method", ["gradient", "gradient_times_input", "occlusion", "smooth"])
def test_what_is_not_complete(method):
    """x0 x1 at (3, 2) changes by 6: the slopes sum to 5, slope times input and occlusion to 12."""
    f, x, x0 = (lambda x: x[0] * x[1]), np.array([3.0, 2.0]), np.zeros(2)
    total = METHODS[method](f, x, x0).sum()
    assert abs(total - 6) > 0.5
    if method != "smooth":
        assert total == (5 if method == "gradient" else 12)


@pytest.mark.parametrize("method", ["gradient_times_input", "smooth", "gradient", "lrp"])
def test_what_ignores_the_baseline_is_not_complete_for_a_linear_score(method):
    f, x, x0 = (lambda x: 2 * x[0] + x[1]), np.array([3.0, 2.0]), np.array([1.0, 1.0])
    assert abs(METHODS[method](f, x, x0).sum() - (f(x) - f(x0))) > 0.5
    for complete in ("integrated_gradients", "occlusion"):
        close(METHODS[complete](f, x, x0).sum(), f(x) - f(x0))


def test_smooth_is_symmetric_in_the_mean_alone():
    """Two equal coordinates draw different noise; over many draws the difference is within its error."""
    f, x = (lambda x: (x[0] + x[1]) ** 2 + x[0] ** 3 + x[1] ** 3), np.array([1.0, 1.0])
    few = METHODS["smooth"](f, x, None)
    assert few[0] != few[1]
    many = jax.jit(ja.smooth(ja.gradient(f), key=KEY, std=0.1, samples=20_000, batch_size=20_000))(x)
    assert abs(many[0] - many[1]) < 5 * 6 * 0.1 * np.sqrt(2 / 20_000)


def test_occlusion_does_not_swap():
    f, x, x0 = (lambda x: x[0] * x[1]), np.array([3.0, 2.0]), np.zeros(2)
    assert METHODS["occlusion"](f, x, x0).tolist() == [6, 6]
    assert METHODS["occlusion"](f, x0, x).tolist() == [0, 0]

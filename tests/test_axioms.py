"""The axioms: for each method those that must hold, on 200 drawn cases each, in double and in single precision.

All scores of a cell come from one family, `sum of v (W x + b)^3`, whose functions differ in numbers alone: each method
is compiled once. Cubes make integrated gradients exact with two nodes. What a method need not satisfy has a
counter-example in `test_counter_examples.py`, so that a test that holds for everything would be noticed.
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
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}  # relative to the terms that are summed
QUICK_IN_SINGLE = ("deep_lift",)  # every axiom concerns it; the others run with the slow tests


def for_each(*methods):
    """Runs a test for each method in both precisions."""
    cases = [pytest.param(m, np.float64, id=m) for m in methods]
    for m in methods:
        marks = () if m in QUICK_IN_SINGLE else pytest.mark.slow
        cases.append(pytest.param(m, np.float32, id=f"{m}-float32", marks=marks))
    return pytest.mark.parametrize(("method", "dtype"), cases, indirect=["dtype"])


every_method = for_each(*METHODS)
with_symmetric_noise = for_each(*(m for m in METHODS if m != "smooth"))


@pytest.fixture
def dtype(request):
    """The precision of a test, which is JAX's too."""
    with jax.enable_x64(request.param == np.float64):
        yield request.param


@functools.cache
def compiled(method):
    return jax.jit(lambda p, x, x0: METHODS[method](functools.partial(net, p), x, x0))


def phi(method, p, x, x0):
    return np.asarray(compiled(method)(p, x, x0))


@functools.cache
def score():
    return jax.jit(net)


def draw(seed, dtype):
    """Parameters, input, baseline; three of the six hidden units are off, so that two nets fit into one."""
    rng = np.random.default_rng(seed)
    w, b, v, x, x0 = (rng.normal(size=size).astype(dtype) for size in ((UNITS, SIZE), UNITS, UNITS, SIZE, SIZE))
    v[3:] = 0
    return (w, b, v), x, x0, rng


def size(p, *points):
    """What the terms of the score add up to at the points: a difference of scores is off by its rounding."""
    w, b, v = p
    return sum((np.abs(v) * np.abs(w @ x + b) ** 3).sum() for x in points)


def of_secants(p, x, x0):
    """The same of shares by secants: that of a unit which hardly moves is a quotient of two small differences."""
    w, b, v = p
    y, y0 = w @ x + b, w @ x0 + b
    secants = np.abs(v) * np.maximum(np.abs(y), np.abs(y0)) ** 3 / np.abs(y - y0)
    return (secants @ np.abs(w * (x - x0)[None])).max()


def close(a, b, scale=None):
    scale = np.abs(b).max() if scale is None else scale
    tolerance = TOLERANCE[a.dtype.type]
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, scale))


@for_each("integrated_gradients", "expected_gradients", "deep_lift", "shapley")
@seeds
def test_completeness(method, dtype, seed):
    p, x, x0, _ = draw(seed, dtype)
    starts = backgrounds(x0) if method == "expected_gradients" else [x0]
    change = score()(p, x) - np.mean([score()(p, b) for b in starts])
    a = phi(method, p, x, x0)
    close(a.sum(), change, np.abs(a).sum())


@pytest.mark.parametrize("dtype", TOLERANCE, indirect=True)
@seeds
def test_completeness_of_gradient_times_input_for_homogeneous_scores(dtype, seed):
    """Degree 1 without biases, from zero: here |W x| instead of the cube."""
    (w, _, v), x, _, _ = draw(seed, dtype)
    a = homogeneous()(w, v, x)
    close(a.sum(), (v * np.abs(w @ x)).sum(), np.abs(a).sum())


@functools.cache
def homogeneous():
    return jax.jit(lambda w, v, x: ja.gradient_times_input(lambda x: (v * jnp.abs((w * x[None]).sum(-1))).sum())(x))


@for_each("integrated_gradients", "occlusion", "deep_lift", "shapley")
@seeds
def test_sensitivity(method, dtype, seed):
    """One coordinate differs from the baseline and the score differs: that coordinate gets all of it."""
    p, x, x0, rng = draw(seed, dtype)
    i = rng.integers(SIZE)
    x0 = np.where(np.arange(SIZE) == i, x0, x)
    change = score()(p, x) - score()(p, x0)
    a = phi(method, p, x, x0)
    close(a[i], change, size(p, x, x0))
    assert not np.any(np.delete(a, i))


@every_method
@seeds
def test_dummy(method, dtype, seed):
    """What the score does not read gets exactly nothing."""
    (w, b, v), x, x0, rng = draw(seed, dtype)
    i = rng.integers(SIZE)
    w[:, i] = 0
    a = phi(method, (w, b, v), x, x0)
    assert a[i] == 0
    assert np.all(np.delete(a, i) != 0)


@every_method
@seeds
def test_implementation_invariance(method, dtype, seed):
    """The same function by other parameters: units in another order, one split in two, one scaled through."""
    (w, b, v), x, x0, rng = draw(seed, dtype)
    other = (w.copy(), b.copy(), v.copy())
    other[0][3], other[1][3], other[2][3] = w[0], b[0], 0.25 * v[0]
    other[2][0] = 0.75 * v[0]
    other[0][1], other[1][1], other[2][1] = 2 * w[1], 2 * b[1], v[1] / 8
    order = rng.permutation(UNITS)
    close(phi(method, tuple(part[order] for part in other), x, x0), phi(method, (w, b, v), x, x0))


@every_method
@seeds
def test_linearity(method, dtype, seed):
    (w, b, v), x, x0, rng = draw(seed, dtype)
    c, d = rng.normal(size=2).astype(dtype)
    g = np.concatenate([np.zeros(3), rng.normal(size=3)]).astype(dtype)
    separate = c * phi(method, (w, b, v), x, x0) + d * phi(method, (w, b, g), x, x0)
    terms = of_secants((w, b, np.abs(c * v) + np.abs(d * g)), x, x0) if method == "deep_lift" else 100.0
    close(phi(method, (w, b, c * v + d * g), x, x0), separate, terms)


@every_method
@seeds
def test_scale(method, dtype, seed):
    (w, b, v), x, x0, rng = draw(seed, dtype)
    c = dtype(rng.normal())
    close(phi(method, (w, b, c * v), x, x0), c * phi(method, (w, b, v), x, x0))


@with_symmetric_noise
@seeds
def test_symmetry(method, dtype, seed):
    (w, b, v), x, x0, _ = draw(seed, dtype)
    w[:, 1], x[1], x0[1] = w[:, 0], x[0], x0[0]
    a = phi(method, (w, b, v), x, x0)
    close(a[0], a[1], size((w, b, v), x, x0))
    assert a[0] != a[2]


@for_each("integrated_gradients", "deep_lift")
@seeds
def test_baseline_swap(method, dtype, seed):
    p, x, x0, _ = draw(seed, dtype)
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


def draw_text(seed, dtype):
    rng = np.random.default_rng(seed)
    query, out, x, x0 = (rng.normal(size=size).astype(dtype) for size in (D, D, (T, D), (T, D)))
    return (query, out), x, x0, np.ones(T, bool), rng


@with_symmetric_noise
@seeds
def test_permutation_equivariance(method, dtype, seed):
    p, x, x0, real, rng = draw_text(seed, dtype)
    order = rng.permutation(T)
    whole = np.asarray(compiled_text(method)(p, x, x0, real))
    close(compiled_text(method)(p, x[order], x0[order], real), whole[order])


@with_symmetric_noise
@seeds
def test_pad_invariance(method, dtype, seed):
    """Masked padding, with junk in it, leaves the real tokens' numbers and gets exactly 0."""
    p, x, x0, real, rng = draw_text(seed, dtype)

    def junk(a):
        return np.concatenate([a, 10 * rng.normal(size=(2, D)).astype(dtype)])

    a = np.asarray(compiled_text(method)(p, junk(x), junk(x0), np.concatenate([real, [False, False]])))
    close(a[:T], compiled_text(method)(p, x, x0, real))
    assert not a[T:].any()


@with_symmetric_noise
@seeds
def test_batch_independence(method, dtype, seed):
    """A row's numbers are bitwise the same whatever lies in the other rows, NaN too."""
    p, *_ = draw_text(seed, dtype)
    rows = [draw_text(seed + k, dtype)[1:4] for k in range(3)]
    x, x0, real = (np.stack(part) for part in zip(*rows, strict=True))
    first = np.asarray(compiled_batch(method)(p, x, x0, real))
    x[1:], x0[2] = x[1:] * 100, np.nan
    second = np.asarray(compiled_batch(method)(p, x, x0, real))
    np.testing.assert_array_equal(first[0], second[0])
    assert np.any(first[1] != second[1])

"""What is affine in the argument is evaluated at the ends of the line alone, and the numbers stay the same."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name

import jaxattr as ja
from jaxattr import _affine
from tests.propagation.models import MODELS

HOISTED = {
    "max_pool_cnn", "image_cnn", "simple_rnn", "lstm", "gru", "bidirectional_lstm", "nnx_lstm", "nnx_mlp",
    "post_norm_transformer", "mixture_of_all_experts", "mixture_of_the_best_expert", "mixture_of_the_best_two",
    "mixture_of_the_top_two", "sparse_mixture", "mixture_above_a_threshold", "equinox_mlp", "logsumexp",
}  # fmt: skip
QUICK = {"max_pool_cnn", "lstm", "post_norm_transformer", "mixture_of_the_top_two", "equinox_mlp", "remat"}
RNG = np.random.default_rng(0)
X, X0, V = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4)) / 3, RNG.normal(size=(4, 3))


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def both(f, x, x0, **options):
    """With and without hoisting."""
    return [jax.jit(ja.integrated_gradients(f, baseline=x0, hoist=h, **options))(x) for h in (True, False)]


def assert_same(f, x=X, x0=X0, tolerance=1e-13, **options):
    found, plain = both(f, jnp.asarray(x), jnp.asarray(x0), **options)
    np.testing.assert_allclose(found, plain, rtol=tolerance, atol=tolerance * np.abs(plain).max())


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in MODELS])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_models(name, dtype, tolerance):
    model = MODELS[name]()
    rng = np.random.default_rng(1)
    x, x0 = (jnp.asarray(rng.normal(size=model.shape), dtype) for _ in range(2))
    assert (_affine.split(lambda leaves: model.f(leaves[0]), [x]).hoisted) == (name in HOISTED)
    assert_same(model.f, x, x0, tolerance=tolerance, steps=5)


def after(op):
    """A score that is affine up to a product and not beyond."""
    return lambda x: jnp.tanh(op(x).reshape(-1)[:6].reshape(2, 3) @ V.T).sum()


AFFINE = {
    "neg": lambda x: -x,
    "sub, add": lambda x: 2 - x + V[0, 0] - (x - 1),
    "mul, div": lambda x: 3 * x * np.arange(20.0).reshape(5, 4) / 7,
    "reshape, transpose": lambda x: x.reshape(2, 10).T,
    "broadcast": lambda x: jnp.broadcast_to(x[:, None], (5, 2, 4)),
    "slice, squeeze, expand": lambda x: jnp.expand_dims(x[1:4, :3], 1),
    "pad": lambda x: jnp.pad(x, 2, constant_values=0.7),
    "pad with a value that moves": lambda x: lax.pad(x, x[0, 0], ((1, 0, 0), (0, 1, 0))),
    "concatenate": lambda x: jnp.concatenate([x, np.ones((2, 4)), 2 * x]),
    "reversed": lambda x: x[::-1],
    "cumsum": lambda x: jnp.cumsum(x, 0),
    "sum, mean": lambda x: x.sum(1, keepdims=True) + x.mean(0, keepdims=True),
    "windows": lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 1), (1, 1), "VALID"),
    "converted": lambda x: x.astype(jnp.float32).astype(jnp.float64),
    "gathered": lambda x: x[np.array([4, 0, 0, 2])],
    "dynamic slice": lambda x: lax.dynamic_slice(x, (jnp.argmax(V[:, 0]), 0), (2, 4)),
    "selected": lambda x: jnp.where(np.arange(4) > 1, x, 0.5),
    "split": lambda x: jnp.split(x, 2, axis=1)[1],
    "under jit": lambda x: jax.jit(lambda x: 2 * x)(x),
    "named": lambda x: checkpoint_name(x, "here"),
    "product on the left": lambda x: LEFT @ x,
    "convolution": lambda x: jnp.convolve(x[:, 0], np.array([1.0, 2.0, -1.0])),
}
LEFT = np.random.default_rng(5).normal(size=(3, 5))


@pytest.mark.parametrize("name", AFFINE)
def test_affine_operations(name):
    f = after(AFFINE[name])
    parts = _affine.split(lambda leaves: f(leaves[0]), [jnp.asarray(X)])
    assert parts.hoisted
    ends = [parts.prefix([jnp.asarray(x)]) for x in (X, X0, 0.3 * X + 0.7 * X0)]
    tolerance = 1e-6 if name == "converted" else 1e-12
    for a, b, between in zip(*ends, strict=True):
        np.testing.assert_allclose(0.3 * a + 0.7 * b, between, rtol=tolerance, atol=tolerance)
        assert a.shape != X.shape or not np.array_equal(a, X), "the product itself is in the prefix"
    np.testing.assert_allclose(parts.rest(ends[0], parts.constants), f(X), rtol=1e-12)
    assert_same(f, tolerance=tolerance)


OTHERS = {
    "a square": lambda x: x * x,
    "a quotient": lambda x: 1 / (x + 9),
    "rounded": lambda x: x.astype(jnp.int32).astype(float) * x[0, 0],
    "a product of two": lambda x: x @ x.T,
    "a moving choice": lambda x: jnp.where(x > 0, x, 2 * x),
    "a moving place": lambda x: lax.dynamic_slice(x, (jnp.argmax(x[:, 0]), 0), (2, 4)),
    "a maximum": lambda x: jnp.maximum(x, 0.1),
    "a fixed part": lambda x: lax.stop_gradient(x) + 0.1,
    "a rule of its own": lambda x: doubled(x),
}


@jax.custom_vjp
def doubled(x):
    """Twice x, with the slope 5: a rule of its own must not be seen through."""
    return 2 * x


doubled.defvjp(lambda x: (2 * x, None), lambda _, g: (5 * g,))


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_affine_is_left(name):
    f = after(OTHERS[name])
    assert not _affine.split(lambda leaves: f(leaves[0]), [jnp.asarray(X)]).hoisted
    assert_same(f)


def test_the_slope_of_a_rule_of_its_own_is_kept():
    found, plain = both(lambda x: jnp.tanh(doubled(x @ V)).sum(), jnp.asarray(X), jnp.asarray(X0))
    np.testing.assert_allclose(found, plain, rtol=1e-12)
    seen = both(lambda x: jnp.tanh(2 * (x @ V)).sum(), jnp.asarray(X), jnp.asarray(X0))[0]
    np.testing.assert_allclose(found, 2.5 * seen, rtol=1e-12)


def test_a_residual_and_several_products():
    def f(x):
        h = x @ V
        return jnp.tanh(h).sum() + jnp.sin(x).sum() + (jnp.cos(x @ V[:, :2]) * h[:, :2]).sum()

    assert_same(f)


def test_an_affine_score_needs_no_nodes():
    found, plain = both(lambda x: (LEFT @ x @ V).sum(), jnp.asarray(X), jnp.asarray(X0), steps=1)
    np.testing.assert_allclose(found, plain, rtol=1e-12)


def test_sums_are_taken_out_where_less_is_left():
    def mean(x):
        return jnp.tanh(x.mean(0)).sum()

    def standard(x):
        return (((x - x.mean(0, keepdims=True)) ** 2) @ V).sum()

    parts = _affine.split(lambda leaves: mean(leaves[0]), [jnp.asarray(X)])
    assert [z.shape for z in parts.prefix([X])] == [(4,)]
    assert not _affine.split(lambda leaves: standard(leaves[0]), [jnp.asarray(X)]).hoisted
    assert_same(mean)


def scanned(reverse, xs=lambda x: x, start=lambda x: jnp.zeros(3)):
    def f(x):
        def one(h, row):
            h = jnp.tanh(row @ V + 0.5 * h @ V[:3])
            return h, h * row[0]

        h, out = lax.scan(one, start(x), xs(x), reverse=reverse)
        return (h**2).sum() + jnp.sin(out).sum()

    return f


@pytest.mark.parametrize("reverse", [False, True])
def test_products_leave_a_loop(reverse):
    f = scanned(reverse)
    parts = _affine.split(lambda leaves: f(leaves[0]), [jnp.asarray(X)])
    assert [z.shape for z in parts.prefix([X])] == [(5, 4), (5, 3)], "the rows themselves are read too"
    np.testing.assert_allclose(parts.rest(parts.prefix([jnp.asarray(X)]), parts.constants), f(X), rtol=1e-12)
    assert_same(f)


def test_loops_over_rows_that_are_made_of_the_argument():
    assert_same(scanned(False, xs=lambda x: (x @ V @ V.T)[::-1]))
    assert_same(scanned(False, start=lambda x: x[0, :3]))
    assert_same(scanned(False, xs=jnp.tanh))
    assert not _affine.split(lambda leaves: scanned(False, xs=jnp.tanh)(leaves[0]), [jnp.asarray(X)]).hoisted


def test_a_loop_within_a_loop():
    def f(x):
        def outer(total, rows):
            return total + scanned(False)(rows), None

        return lax.scan(outer, 0.0, jnp.stack([x, 2 * x, x[::-1]]))[0]

    assert _affine.split(lambda leaves: f(leaves[0]), [jnp.asarray(X)]).hoisted
    assert_same(f)


def test_constants_of_a_loop_that_move():
    def f(x):
        return lax.scan(lambda h, row: (jnp.tanh(h + row @ x[:3, :3]), None), jnp.zeros(3), jnp.asarray(X[:, :3]))[
            0
        ].sum()

    assert_same(f)


def _count(jaxpr, name, within=0):
    """How many equations of this name there are, and how many of them in loops."""
    inside = outside = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == name:
            inside, outside = inside + bool(within), outside + (not within)
        for body, _ in ja._jaxpr.bodies(equation):
            more = _count(body, name, within + (equation.primitive.name == "scan"))
            inside, outside = inside + more[0], outside + more[1]
    return inside, outside


def test_the_loop_over_nodes_holds_no_convolution():
    def f(x):
        return jnp.tanh(lax.conv(x.T[None], jnp.asarray(RNG.normal(size=(6, 4, 3))), (1,), "SAME")).max(-1).sum()

    def places(**options):
        explain = ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=64, **options)
        return _count(jax.make_jaxpr(explain)(jnp.asarray(X)).jaxpr, "conv_general_dilated")

    assert places(batch_size=4) == (0, 3), "two ends and one way back"
    assert places(batch_size=4, hoist=False) == (2, 0), "two at each node"
    assert places(batch_size=8, hoist=False) == (0, 16), "few chunks stand one after another, as loops are slow here"


@pytest.mark.slow
def test_jit_vmap_and_second_order():
    f, x = scanned(False), jnp.asarray(RNG.normal(size=(3, 5, 4)))
    explain = [ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=4, hoist=h) for h in (True, False)]
    for make in (
        lambda e: e(x[0]),
        lambda e: jax.jit(jax.vmap(e))(x),
        lambda e: jax.jit(jax.grad(lambda x: (e(x) ** 2).sum()))(x[0]),
        lambda e: jax.jit(jax.hessian(lambda x: e(x)[0, 0]))(x[0]),
        lambda e: jax.jvp(e, (x[0],), (x[1],))[1],
    ):
        found, plain = map(make, explain)
        np.testing.assert_allclose(found, plain, rtol=1e-11, atol=1e-12)


def test_weights_that_are_under_vmap_and_grad():
    def total(w, hoist):
        explain = ja.integrated_gradients(lambda x: jnp.tanh(x @ w).sum(), baseline=X0, steps=4, hoist=hoist)
        return (explain(jnp.asarray(X)) ** 2).sum()

    w = jnp.stack([V, 2 * V])
    for make in (jax.vmap, lambda f: jax.vmap(jax.grad(f))):
        found, plain = (make(functools.partial(total, hoist=h))(w) for h in (True, False))
        np.testing.assert_allclose(found, plain, rtol=1e-12)


def test_where_several_arguments_and_aux():
    def f(p, q):
        return jnp.tanh(p["a"] @ V).sum() * jnp.tanh(q @ V[:, 0]), q.sum()

    p, q = {"a": jnp.asarray(X)}, jnp.asarray(X0[0])
    options = {"argnums": (0, 1), "has_aux": True, "baseline": lambda pair: jax.tree.map(jnp.zeros_like, pair)}
    found, plain = (ja.integrated_gradients(f, hoist=h, **options)(p, q) for h in (True, False))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-12), found, plain)
    assert_same(lambda x: jnp.tanh(x @ V).sum(), where=np.arange(5) < 3)


def test_half_precision_loses_no_more_than_without():
    def f(x):
        return jnp.tanh(x @ jnp.asarray(V, x.dtype)).astype(jnp.float32).sum()

    truth = both(f, jnp.asarray(X), jnp.zeros(X.shape))[1]
    errors = [np.abs(a - truth).max() for a in both(f, jnp.asarray(X, jnp.bfloat16), jnp.zeros(X.shape, jnp.bfloat16))]
    assert errors[0] < 2 * errors[1] < 0.2


def test_side_effects_happen_at_every_node():
    seen = []

    def f(x):
        jax.debug.callback(lambda: seen.append(1))
        return jnp.tanh(x @ V).sum()

    ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=3, batch_size=1)(jnp.asarray(X))
    jax.effects_barrier()
    assert len(seen) >= 3
    assert not _affine.split(lambda leaves: f(leaves[0]), [jnp.asarray(X)]).hoisted

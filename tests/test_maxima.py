"""Maxima along a line are followed by their pieces, and the numbers are those of the plain formula."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

import jaxattr as ja
from jaxattr import _affine, _envelope

RNG = np.random.default_rng(0)
X, X0, W, B = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 4)), RNG.normal(size=(4, 5)), RNG.normal(size=5)
V = RNG.normal(size=5)


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


def literal(start, move, t, slopes):
    """Node by node, column by column: the winners, all that equal the maximum, share its slope."""
    found = np.zeros(start.shape)
    for node, slope in zip(t, slopes, strict=True):
        z = start + node * move
        won = z == z.max(0)
        found += np.where(won, slope / won.sum(0), 0)
    return found


def lines(kind):
    start, move = RNG.normal(size=(2, 9, 6))
    if kind == "parallel":
        move = np.broadcast_to(move[:1], move.shape)
    if kind == "from one point":
        start = np.broadcast_to(start[:1], start.shape)
    if kind == "repeated":
        start, move = start[[0, 1, 2, 0, 1, 2, 0, 3, 3]], move[[0, 1, 2, 0, 1, 2, 0, 3, 3]]
    if kind == "masked":
        start, move = np.where(np.arange(9)[:, None] < 4, start, -np.inf), np.where(np.arange(9)[:, None] < 4, move, 0)
    return (start[:1], move[:1]) if kind == "one" else (start, move)


@pytest.mark.parametrize("kind", ["any", "parallel", "from one point", "repeated", "masked", "one"])
@pytest.mark.parametrize("steps", [1, 2, 50])
def test_winners_and_shares(kind, steps):
    start, move = lines(kind)
    t, slopes = ja.gauss_legendre(steps)[0], RNG.normal(size=(steps, 6))
    won = jax.jit(_envelope.winners)(start, move, t)
    np.testing.assert_allclose(won.start + t[:, None] * won.move, (start + t[:, None, None] * move).max(1), rtol=1e-12)
    found = jax.jit(_envelope.shares)(start, move, t, won, slopes)
    np.testing.assert_allclose(found, literal(start, move, t, slopes), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("steps", [1, 2, 25])
def test_lines_that_cross_at_a_node_share(steps):
    """Two words change places: they are equal half way, which is a node where their number is odd."""
    start = np.array([[0.5, 2.0, -1.0], [1.25, -3.0, -1.0], [-4.0, -4.0, -4.0]])
    move, t, slopes = start[[1, 0, 2]] - start, ja.gauss_legendre(steps)[0], RNG.normal(size=(steps, 3))
    found = in_jit(start, move, t, slopes)
    np.testing.assert_allclose(found, literal(start, move, t, slopes), rtol=1e-12, atol=1e-13)


def test_crossings_within_rounding_of_a_node():
    """In float32, lines that cross so near to a node that the place of the crossing is rounded to its other side."""
    t = ja.gauss_legendre(20)[0].astype(np.float32)
    rng = np.random.default_rng(3)
    low, slope = rng.normal(size=(2, 400)).astype(np.float32)
    steeper = slope + np.float32(10.0) ** rng.uniform(-5, 0, 400).astype(np.float32)
    other = low + t[rng.integers(0, 20, 400)] * (slope - steeper) + rng.integers(-3, 4, 400) * np.float32(6e-8)
    start, move = np.stack([low, other]), np.stack([slope, steeper])
    slopes = np.ones((20, 400), np.float32)
    found = in_jit(start, move, t, slopes)
    ahead = (start - start[::-1]).astype(float)[:, None] + t[None, :, None] * (move - move[::-1]).astype(float)[:, None]
    least, most = ((ahead > 2e-6).sum(1), (ahead > -2e-6).sum(1))  # within rounding either may win, or both share
    assert (found >= least).all()
    assert (found <= most).all()
    assert (least < most).any()
    np.testing.assert_allclose(found.sum(0), 20, rtol=1e-6)


@jax.jit
def in_jit(start, move, t, slopes):
    return _envelope.shares(start, move, t, _envelope.winners(start, move, t), slopes)


def test_what_is_not_a_number_spreads():
    start, move = lines("any")
    t, slopes = ja.gauss_legendre(5)[0], np.ones((5, 6))
    start[3, 2] = np.nan
    start, move, t, slopes = map(jnp.asarray, (start, move, t, slopes))
    found = np.asarray(_envelope.shares(start, move, t, _envelope.winners(start, move, t), slopes))
    assert np.isnan(found[:, 2]).all(), "as in the gradient of jnp.max"
    assert np.isfinite(np.delete(found, 2, 1)).all()


@jax.custom_jvp
def guided(x):
    """A ReLU with a slope where it is flat, which has to be kept: there all positions tie."""
    return jnp.maximum(x, 0.0)


guided.defjvp(lambda p, t: (guided(*p), 3.0 * t[0]))

TAKEN = {
    "the argument itself": lambda x: jnp.tanh(x.max(0)).sum(),
    "a product": lambda x: jnp.tanh((x @ W).max(0)).sum(),
    "bias and relu": lambda x: jnp.tanh(jax.nn.relu(x @ W + B[None]).max(0)) @ V,
    "clipped": lambda x: jnp.tanh(jnp.minimum(jnp.maximum(x @ W, -0.3), 0.8).max(0)) @ V,
    "tanh": lambda x: (jnp.tanh(x @ W).max(0) ** 2) @ V,
    "over features": lambda x: jnp.sin((x @ W).max(-1)).sum(),
    "over all": lambda x: jnp.sin(jax.nn.relu(x @ W).max()),
    "over two axes": lambda x: jnp.sin((x[:, :, None] * V[None, None]).max((0, 1))).sum(),
    "under jit": lambda x: jnp.tanh(jax.jit(lambda x: jax.nn.relu(x @ W).max(0))(x)) @ V,
    "masked": lambda x: jnp.tanh(jnp.where((jnp.arange(7) < 5)[:, None], x @ W, -jnp.inf).max(0)) @ V,
    "two": lambda x: jnp.tanh((x @ W).max(0) * (x[::-1] @ W + 1).max(0)).sum(),
    "and read beside": lambda x: jnp.tanh((x @ W).max(0)).sum() * jnp.sin(x @ W).sum() + jnp.cos(x).sum(),
    "of its mean": lambda x: jnp.tanh((x - x.mean(0, keepdims=True)).max(0)).sum(),
}
LEFT = {
    "a slope of its own": lambda x: jnp.tanh(guided(x - 9).max(0)).sum(),
    "of a square": lambda x: jnp.tanh((x**2).max(0)).sum(),
    "turned round": lambda x: jnp.tanh((-jax.nn.relu(x)).max(0)).sum(),
    "read in between": lambda x: (lambda h: jnp.tanh(h.max(0)).sum() + (h**2).sum())(jax.nn.relu(x)),
    "another at each place": lambda x: jnp.tanh(jnp.maximum(x, X0).max(0)).sum(),
}


def split(f):
    return _affine.split(lambda leaves: f(leaves[0]), [jnp.asarray(X)])


def both(f, x=X, x0=X0, **options):
    x, x0 = jnp.asarray(x), jnp.asarray(x0)
    return [jax.jit(ja.integrated_gradients(f, baseline=x0, hoist=h, **options))(x) for h in (True, False)]


@pytest.mark.parametrize("name", TAKEN)
def test_maxima_of_lines_are_taken(name):
    parts = split(TAKEN[name])
    assert len(parts.maxima) == (2 if name == "two" else 1)
    found, plain = both(TAKEN[name], steps=9)
    assert np.abs(plain).max() > 1e-3
    np.testing.assert_allclose(found, plain, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", LEFT)
def test_other_maxima_are_left(name):
    parts = split(LEFT[name])
    assert not parts.maxima
    np.testing.assert_allclose(*both(LEFT[name], steps=9), rtol=1e-11, atol=1e-13)


def test_a_literal_sum():
    f, t, w = TAKEN["bias and relu"], *ja.gauss_legendre(20)
    total = sum(wi * np.asarray(jax.grad(f)(X0 + ti * (X - X0))) for ti, wi in zip(t, w, strict=True))
    np.testing.assert_allclose(both(f, steps=20)[0], (X - X0) * total, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "nodes", [ja.left_riemann, ja.trapezoid, ja.midpoint, lambda n: tuple(a[::-1] for a in ja.midpoint(n))]
)
def test_nodes_at_the_start_and_out_of_order(nodes):
    """Where all lines meet at the start of a constant baseline, the gradient shares among all."""
    x = RNG.normal(size=(7, 4))
    np.testing.assert_allclose(
        *both(TAKEN["a product"], x, np.zeros((7, 4)), steps=8, nodes=nodes), rtol=1e-11, atol=1e-13
    )


def test_repeated_words_share():
    x = X[np.argsort(X.max(1))[[6, 1, 2, 6, 5, 6, 4]]]  # the rows that win are there again
    for x0 in (np.zeros((7, 4)), np.broadcast_to(X0[:1], X0.shape)):
        found, plain = both(TAKEN["bias and relu"], x, x0, steps=11)
        np.testing.assert_allclose(found, plain, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(found[0], found[3], rtol=1e-12)
    assert np.abs(found[0]).max() > 0


@pytest.mark.slow
def test_derivatives_are_those_of_the_plain_formula():
    def total(w, x, hoist):
        def f(x):
            return jnp.tanh(jax.nn.relu(x @ w).max(0)) @ V

        return (ja.integrated_gradients(f, baseline=X0, steps=7, hoist=hoist)(x) ** 2).sum()

    w, x = jnp.asarray(W), jnp.asarray(X)
    for make in (
        lambda f: jax.grad(f, (0, 1))(w, x),
        lambda f: jax.jit(jax.grad(f, (0, 1)))(w, x),
        lambda f: jax.vmap(jax.grad(f, (0, 1)))(jnp.stack([w, 2 * w]), jnp.stack([x, x[::-1]])),
        lambda f: jax.jvp(f, (w, x), (w, 2 * x))[1],
        lambda f: jax.hessian(f, 1)(w, x),
    ):
        found, plain = (make(functools.partial(total, hoist=h)) for h in (True, False))
        jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-11), found, plain)


def test_rows_and_a_mesh():
    xs = jnp.asarray(RNG.normal(size=(8, 7, 4)))
    explain = ja.integrated_gradients(TAKEN["bias and relu"], baseline=jnp.zeros_like, steps=8)
    alone = jnp.stack([jax.jit(explain)(x) for x in xs])
    np.testing.assert_allclose(jax.vmap(explain)(xs), alone, rtol=1e-12)
    mesh = jax.make_mesh((8,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = PartitionSpec("rows")
    spread = jax.jit(jax.shard_map(jax.vmap(explain), mesh=mesh, in_specs=spec, out_specs=spec))
    np.testing.assert_allclose(spread(xs), alone, rtol=1e-12)


def test_half_precision_is_left_to_the_plain_formula():
    def f(x):
        return jnp.tanh((x @ jnp.asarray(W, x.dtype)).max(0)).astype(jnp.float32).sum()

    halves = _affine.split(lambda leaves: f(leaves[0]), [jnp.asarray(X, jnp.bfloat16)])
    assert not halves.maxima


def test_no_node_looks_at_the_positions():
    """Of what is as large as the lines, no operation is as many times as large as there are nodes."""
    f = TAKEN["bias and relu"]
    jaxpr = jax.make_jaxpr(ja.integrated_gradients(f, baseline=X0, steps=64))(jnp.asarray(X))
    assert largest(jaxpr.jaxpr) < 64 * 7 * 5
    plain = jax.make_jaxpr(ja.integrated_gradients(f, baseline=X0, steps=64, hoist=False))(jnp.asarray(X))
    assert largest(plain.jaxpr) >= 64 * 7 * 5


def largest(jaxpr):
    sizes = [v.aval.size for e in jaxpr.eqns for v in e.outvars if hasattr(v.aval, "size")]
    inner = [
        largest(body) for e in jaxpr.eqns if e.primitive.name != "custom_jvp_call" for body, _ in ja._jaxpr.bodies(e)
    ]
    called = [largest(ja._jaxpr.called(e)[0]) for e in jaxpr.eqns if e.primitive.name == "custom_jvp_call"]
    return max([*sizes, *inner, *called])

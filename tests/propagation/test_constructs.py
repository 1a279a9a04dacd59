"""Calls, loops, branches and shards, alone and inside one another: DeepLIFT and relevance are those of the plain score.

The numbers are worked out by hand, from (1, 0) to (3, 2). DeepLIFT gives a factor its change times the mean of the
other, and relevance goes to two factors in halves, to terms in proportion.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import jaxattr as ja

pytestmark = pytest.mark.usefixtures("x64")

X, X0 = np.array([3.0, 2.0]), np.array([1.0, 0.0])
RULES = ja.propagation.attn_lrp_rules(ja.propagation.epsilon(0.0), stabiliser=0.0)


class Plain(NamedTuple):
    """A score with its attributions by DeepLIFT and by relevance."""

    f: Callable[..., Any]
    lift: list[float]
    relevance: list[float]


PRODUCT = Plain(lambda x: x[0] * x[1], [2, 4], [3, 3])
SQUARED = Plain(lambda x: x[0] ** 2 * x[1], [8, 10], [9, 9])
REPEATED = Plain(lambda x: x[0] * x[1] * x[1], [2, 10], [3, 9])
TWO_TERMS = Plain(lambda x: x[0] * x[1] + x[0], [4, 4], [6, 3])
TOTAL = Plain(lambda x: (x[0] + x[1]) * x[1], [2, 8], [3, 7])
ROWS = Plain(lambda x: (x * x[0]).sum(), [10, 4], [12, 3])
TWICE = Plain(lambda x: x[0] * x[1] * 2, [4, 8], [6, 6])
THREE_TIMES = Plain(lambda x: x[0] * x[1] * 3, [6, 12], [9, 9])
OFF = Plain(lambda x: jax.nn.relu(x[0] - x[1]), [2, -2], [3, -2])
NOTHING = Plain(lambda x: jnp.float64(5), [0, 0], [0, 0])


@jax.custom_jvp
def square(v):
    """Its derivative is wrong, so that it is noticed where it is used."""
    return v**2


square.defjvp(lambda at, tangents: (square(*at), 100 * tangents[0]))


@jax.custom_jvp
def by_square(v, w):
    return square(v) * w


by_square.defjvp(lambda at, tangents: (by_square(*at), 100 * tangents[0]))


@jax.custom_vjp
def times(v, w):
    return v * w


times.defvjp(lambda v, w: (times(v, w), None), lambda _, g: (100 * g, 100 * g))


@jax.custom_vjp
def times_twice(v, w):
    return times(times(v, w), w)


times_twice.defvjp(lambda v, w: (times_twice(v, w), None), lambda _, g: (100 * g, 100 * g))


def count(to):
    """A loop of unknown length over what does not move."""
    return lax.while_loop(lambda n: n < to, lambda n: n + 1.0, 0.0)


def counting(x):
    return x[0] * x[1] * count(x.size + 1)


def either(flag, yes, no, *values):
    return lax.cond(jnp.asarray(flag), yes, no, *values)


def sharded(body, *specs, out):
    mesh = jax.make_mesh((2,), ("i",), axis_types=(AxisType.Auto,))
    return jax.shard_map(body, mesh=mesh, in_specs=specs, out_specs=out)


def squares_by_shard(v):
    return lax.map(lambda row: row**2, v)


def each_other(x):
    """A shard chooses by its place, which does not move."""
    shard = sharded(lambda v: lax.cond(lax.axis_index("i") == 0, jnp.square, lambda v: v, v), P("i"), out=P("i"))
    return shard(x)[0] * x[1]


def all_in_one(x):
    @jax.checkpoint
    def step(c, flag):
        return lax.cond(flag, lambda c: times(c, x[1]), lambda c: jax.jit(square)(c), c), None

    return jax.jit(lambda c: lax.scan(step, c, jnp.array([False, True]))[0])(x[0])


WRITTEN = {
    "cond": [
        (PRODUCT, lambda x: either(True, lambda v: v[0] * v[1], jnp.sum, x)),
        (SQUARED, lambda x: either(False, jnp.sum, lambda v: either(True, by_square, times, *v), x)),
        (NOTHING, lambda x: either(True, lambda v: 5.0, lambda v: v[0] * v[1], x)),
        (PRODUCT, lambda x: either(False, lambda v: 5.0, lambda v: v[0] * v[1], x)),
        (REPEATED, lambda x: lax.switch(jnp.asarray(2), [jnp.sum, jnp.max, lambda v: v[0] * v[1] * v[1]], x)),
        (
            TWO_TERMS,
            lambda x: lax.scan(
                lambda c, flag: (lax.cond(flag, lambda c: c * x[1], lambda c: c + x[0], c), None),
                x[0],
                jnp.array([True, False]),
            )[0],
        ),
    ],
    "custom_jvp": [
        (SQUARED, lambda x: square(x[0]) * x[1]),
        (SQUARED, lambda x: by_square(*x)),
        (OFF, lambda x: jax.checkpoint(jax.nn.relu)(x[0] - x[1])),
        (SQUARED, lambda x: lax.scan(lambda c, r: (c, square(r)), 0.0, x[:1])[1][0] * x[1]),
    ],
    "custom_vjp": [
        (PRODUCT, lambda x: times(*x)),
        (REPEATED, lambda x: times_twice(*x)),
        (REPEATED, lambda x: lax.fori_loop(0, 2, lambda i, c: times(c, x[1]), x[0])),
    ],
    "remat": [
        (PRODUCT, jax.checkpoint(lambda x: x[0] * x[1])),
        (REPEATED, jax.checkpoint(lambda x: jax.checkpoint(lambda a, b: a * b)(x[0], x[1]) * x[1])),
        (SQUARED, jax.checkpoint(lambda x: by_square(*x), policy=jax.checkpoint_policies.nothing_saveable)),
        (REPEATED, lambda x: lax.scan(jax.checkpoint(lambda c, _: (c * x[1], None)), x[0], None, length=2)[0]),
    ],
    "while": [
        (THREE_TIMES, counting),
        (THREE_TIMES, lambda x: either(True, jax.checkpoint(counting), jnp.sum, x)),
        (THREE_TIMES, lambda x: lax.scan(lambda c, r: (c, r[0] * r[1] * count(3)), 0.0, x[None])[1][0]),
    ],
    "scan": [
        (TOTAL, lambda x: lax.scan(lambda c, r: (c + r, None), 0.0, x)[0] * x[1]),
        (TWICE, lambda x: lax.scan(lambda c, r: (r, r * c), x[0], x, reverse=True)[1].sum()),
        (REPEATED, lambda x: lax.fori_loop(0, 2, lambda i, c: c * x[1], x[0])),
        (
            REPEATED,
            lambda x: lax.scan(
                lambda c, _: (lax.scan(lambda d, r: (d * r, None), c, x[1:])[0], None), x[0], None, length=2
            )[0],
        ),
    ],
    "jit": [
        (PRODUCT, jax.jit(lambda x: jax.jit(jnp.multiply)(*x))),
        (REPEATED, lambda x: jax.jit(lambda v, n: v[0] * v[1] ** n, static_argnums=1)(x, 1) * x[1]),
        (ROWS, lambda x: lax.scan(lambda c, r: (c, jax.jit(lambda v: v * x[0])(r)), 0.0, x)[1].sum()),
    ],
    "shard_map": [
        (SQUARED, lambda x: sharded(squares_by_shard, P("i"), out=P("i"))(x)[0] * x[1]),
        (SQUARED, each_other),
        (ROWS, jax.jit(lambda x: sharded(jax.checkpoint(lambda v, c: v * c), P("i"), P(), out=P("i"))(x, x[0]).sum())),
        (TOTAL, lambda x: sharded(lambda v: lax.psum(v.sum(), "i"), P("i"), out=P())(x) * x[1]),
    ],
    "all in one": [(SQUARED, all_in_one)],
}
CASES = [
    pytest.param(*case, id=f"{name}-{i}", marks=pytest.mark.slow if i > 2 else ())
    for name, cases in WRITTEN.items()
    for i, case in enumerate(cases)
]


def attributed(f):
    return jax.jit(lambda x: (f(x), ja.deep_lift(f, baseline=X0)(x), ja.lrp(f, rules=RULES)(x)))(X)


@pytest.mark.parametrize(("plain", "written"), CASES)
def test_it_is_the_plain_score(plain, written):
    value, lift, relevance = attributed(written)
    assert value == plain.f(X)
    np.testing.assert_allclose(lift, plain.lift, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(relevance, plain.relevance, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "plain", [PRODUCT, SQUARED, REPEATED, TWO_TERMS, TOTAL, ROWS, TWICE, THREE_TIMES, OFF, NOTHING]
)
def test_the_plain_scores_by_hand(plain):
    _, lift, relevance = attributed(plain.f)
    np.testing.assert_allclose(lift, plain.lift, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(relevance, plain.relevance, rtol=1e-13, atol=1e-13)


def doubled(x):
    return lax.while_loop(lambda v: v < 10, lambda v: 2 * v, x[0])


INSIDE = {
    "jit": jax.jit(doubled),
    "remat": jax.checkpoint(doubled),
    "cond": lambda x: either(True, doubled, jnp.sum, x),
    "scan": lambda x: lax.scan(lambda c, _: (c + doubled(x), None), 0.0, None, length=2)[0],
    "shard_map": lambda x: sharded(lambda v: lax.map(lambda r: doubled(r[None]), v), P("i"), out=P("i"))(x).sum(),
}


@pytest.mark.parametrize("name", INSIDE)
def test_a_loop_of_unknown_length_over_what_moves_is_refused_wherever_it_stands(name):
    for explain in (ja.deep_lift(INSIDE[name], baseline=X0), ja.lrp(INSIDE[name], rules=RULES)):
        with pytest.raises(ja.NoRule, match="no rule for the primitive 'while'"):
            explain(X)

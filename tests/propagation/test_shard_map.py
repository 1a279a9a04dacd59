"""A body that the user maps over shards by hand: DeepLIFT goes through it as through any other call."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec as P

import jaxattr as ja


def test_a_mapped_body_gives_the_same_numbers():
    mesh = jax.make_mesh((8,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    w = jax.random.normal(jax.random.key(0), (4, 4))
    x = jax.random.normal(jax.random.key(1), (16, 4))

    def body(x, w):
        return jax.lax.psum(jnp.tanh(x @ w).sum(), "rows"), jnp.sin(x)

    mapped = jax.shard_map(body, mesh=mesh, in_specs=(P("rows"), P()), out_specs=(P(), P("rows")))

    def by_hand(x):
        total, waves = mapped(x, w)
        return total * waves.sum()

    def plain(x):
        return jnp.tanh(x @ w).sum() * jnp.sin(x).sum()

    a = jax.jit(ja.deep_lift(by_hand, baseline=jnp.zeros_like))(x)
    np.testing.assert_allclose(a, ja.deep_lift(plain, baseline=jnp.zeros_like)(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(a.sum(), plain(x) - plain(0 * x), rtol=1e-5, atol=1e-5)

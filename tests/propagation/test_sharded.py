"""DeepLIFT of programs for several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import jaxattr as ja
from tests.propagation.jaxprs import primitives

X, X0 = np.random.default_rng(0).normal(size=(2, 4, 3))


@pytest.mark.parametrize("varying", [False, True])
def test_inside_shard_map_the_sum_over_devices_is_followed(varying, x64):
    """psum and pvary: the shards hold the attribution of the whole."""
    mesh = jax.make_mesh((2,), ("i",), axis_types=(AxisType.Auto,))
    seen = set()

    def score(x):
        total = lax.psum(jnp.tanh(x).sum(), "i")
        return lax.psum((lax.pcast(total, "i", to="varying") * x).sum(), "i") if varying else total**3

    def local(x, x0):
        seen.update(primitives(score, x))
        return ja.deep_lift(score, baseline=x0)(x)

    def whole(x):
        return jnp.tanh(x).sum() * x.sum() if varying else jnp.tanh(x).sum() ** 3

    phi = jax.jit(jax.shard_map(local, mesh=mesh, in_specs=(P("i"), P("i")), out_specs=P("i")))(X, X0)
    assert seen & {"psum", "psum_invariant"}
    assert ("pvary" in seen) == varying
    np.testing.assert_allclose(phi.sum(), whole(X) - whole(X0), rtol=1e-12)
    np.testing.assert_allclose(phi, ja.deep_lift(whole, baseline=X0)(X), rtol=1e-11, atol=1e-12)


def test_reshard(x64):
    mesh = jax.make_mesh((2,), ("i",), axis_types=(AxisType.Explicit,))
    with jax.set_mesh(mesh):

        def f(x):
            return jnp.sum(jax.sharding.reshard(jnp.sin(x), P("i")) ** 2)

        assert "reshard" in primitives(f, X)
        phi = jax.jit(ja.deep_lift(f, baseline=X0))(X)
        np.testing.assert_allclose(phi.sum(), f(X) - f(X0), rtol=1e-12)


def test_inputs_over_many_devices_give_the_same_numbers(x64):
    mesh = jax.make_mesh((4,), ("i",), axis_types=(AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, P("i"))

    def f(x):
        return jnp.sum(jax.nn.softmax(x) * jnp.tanh(x[::-1]))

    explain = jax.jit(lambda x, x0: ja.deep_lift(f, baseline=x0)(x))
    np.testing.assert_allclose(
        explain(*(jax.device_put(v, sharding) for v in (X, X0))), explain(X, X0), rtol=1e-11, atol=1e-13
    )

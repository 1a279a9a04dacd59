"""Rules of propagation: secants and shares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import propagation
from tests.core.same import same
from tests.propagation.primitives import CASES, SHAPE

pytestmark = pytest.mark.usefixtures("x64")


TOGETHER = "and div gather max mul reduce_prod reduce_window_max select_n stop_gradient".split()


@pytest.mark.parametrize("low", [-2.0, 0.2])
def test_secants(low):
    """DeepLIFT of functions of many primitives at once is complete, whatever the weights of their entries."""
    functions = [case.f for name in TOGETHER for case in CASES[name] if case.low == low]
    rng = np.random.default_rng(0)
    x, x0 = rng.uniform(low, 2, (2, 6, 2, *SHAPE))
    x[1], x[2, 0], x[3, :, 0], x0[4] = x0[1] * (1 + 1e-9), x0[2, 0], x0[3, :, 0], max(low, 0)

    def outputs(v):
        return jnp.concatenate([jnp.ravel(f(*v)) for f in functions])

    size = jax.eval_shape(outputs, x[0]).shape[0]
    weights = rng.normal(size=(6, size))

    @jax.jit
    @jax.vmap
    def sums(x, x0, w):
        phi = ja.deep_lift(lambda *v: jnp.sum(w * outputs(v)), baseline=tuple(x0), argnums=(0, 1))(*x)
        return sum(p.sum() for p in phi), sum(jnp.abs(p).sum() for p in phi), (w * (outputs(x) - outputs(x0))).sum()

    total, scale, change = sums(x, x0, weights)
    assert np.all(np.abs(total - change) <= 1e-11 * scale + 1e-12)
    assert np.abs(change[:1]).min() > 1e-3


def test_shares_by_hand():
    """What completeness leaves open: how a change is shared."""

    @jax.jit
    def explained():
        def share(f, x, x0, **options):
            return ja.deep_lift(f, baseline=jnp.array(x0), **options)(jnp.array(x))

        cumulative = propagation.DEEPLIFT | {"cumprod": propagation.midpoint_slope}
        cancel = {"rules": propagation.REVEAL_CANCEL}
        return {
            "slope": share(lambda x: jax.lax.cumprod(x)[1], [3.0, 2.0], [0.0, 0.0], rules=cumulative),
            "cancelled": share(lambda x: ((x[0] - x[1]) / 2) ** 3, [3.0, 1.0], [0.0, 0.0], **cancel),
            "no logarithm": share(lambda x: jnp.log(x[0] - x[1]), [4.0, 2.0], [1.0, 0.0], **cancel),
            "guided": ja.guided_backprop(lambda x: jax.nn.relu(x).sum())(jnp.array([0.0, 2.0])),
            "less a bias": ja.lrp(lambda x: jnp.dot(x, jnp.array([1.0, 2.0])) - 1)(jnp.array([3.0, 1.0])),
            "product": share(lambda x: x[0] * x[1], [3.0, 5.0], [1.0, 2.0]),
            "quotient": share(lambda x: x[0] / x[1], [3.0, 4.0], [2.0, 1.0]),
            "reciprocal": share(lambda x: x[0] * (1 / x[1]), [3.0, 4.0], [2.0, 1.0]),
            "of three": share(jnp.prod, [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
            "choice": share(lambda x: jnp.where(x[0] > x[1], x[1], 1.0), [3.0, 2.0], [1.0, 1.5]),
        }

    expected = {
        "slope": [3, 3],  # in the middle, (1.5, 1)
        "cancelled": [2.25, -1.25],  # the mean of both orders: 3.375 and 1.125; -2.375 and -0.125
        "no logarithm": np.log(2) * np.array([3, -2]),  # by the secant: 1 - 2 has none
        "guided": [0, 1],
        "less a bias": np.array([3, 2]) * 4 / (4 + 1e-6),  # each with its part of the sum, stabilised by 1e-6
        "product": [2 * 3.5, 3 * 2],  # each its change times the mean of the other
        "quotient": [0.4 * 1, 2.2 * (1 / 4 - 1)],  # 1 / 4 has a fifth of the weight, 1 has the rest
        "reciprocal": [0.4 * 1, 2.2 * (1 / 4 - 1)],
        "choice": [0.75 * 2 / 1.5, 0.5 / 2 - 0.75 * 0.5 / 1.5],  # half of what moves, and the turn by the gap
        "of three": [1.5, 1.5, 3],  # two make 2, shared in halves, then the third
    }
    same(explained(), expected)

"""The one contract of every rule: where the tangents of the inputs are x - x0, that of the output is y - y0.

For each primitive of the table, functions that hold it; every entry of their output is a score of its own, and its
attribution must sum to the difference of two independent evaluations, in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.propagation.jaxprs import primitives
from tests.propagation.primitives import CASES, EARLIER, LATER, SHAPE, SHARDED

EPS = np.finfo(np.float64).eps
RELEASE = tuple(int(part) for part in jax.__version__.split(".")[:2])
EVERY = {**CASES, **{name: cases for name, (release, cases) in LATER.items() if release <= RELEASE}}


def pairs_of_arguments(case):
    """Inputs and baselines `[n, 2, 2, 3]`: far apart, nearly equal, equal, equal in part, baseline at the edge."""
    rng = np.random.default_rng(0)
    edge = min(max(case.low, 0.0), case.high)
    x, x0 = (rng.uniform(case.low, case.high, (10, 2, *SHAPE)) for _ in range(2))
    x0[3], x0[4] = x[3] * (1 + 1e-9), x[4] * (1 + 4e-16)
    x0[5], x0[6, 0], x0[7, :, 0] = x[5], x[6, 0], x[7, :, 0]
    x0[8], x[9] = edge, edge
    inside = [np.clip(v, case.low, case.high) for v in (x, x0)]
    return jnp.asarray(inside[0]), jnp.asarray(inside[1])


@pytest.mark.parametrize("name", EVERY)
def test_secant(name, x64):
    cases = EVERY[name]
    for case in {(case.low, case.high): case for case in cases}.values():
        x, x0 = pairs_of_arguments(case)
        together = [other.f for other in cases if (other.low, other.high) == (case.low, case.high)]
        for i, f in enumerate(together):
            assert name in primitives(f, *x[0]), f"function {i} does not hold the primitive"

        def outputs(v, together=together):
            return jnp.concatenate([jnp.ravel(f(*v)) for f in together])

        def sums(x, x0, outputs=outputs):
            def entry(w):
                phi = ja.deep_lift(lambda *v: jnp.sum(w * outputs(v)), baseline=tuple(x0), argnums=(0, 1))(*x)
                return sum(p.sum() for p in phi), sum(jnp.abs(p).sum() for p in phi)

            return jax.vmap(entry)(jnp.eye(jax.eval_shape(outputs, x).shape[0]))

        total, size = jax.jit(jax.vmap(sums))(x, x0)
        y, y0 = jax.jit(jax.vmap(outputs))(x), jax.jit(jax.vmap(outputs))(x0)
        assert jnp.isfinite(size).all()
        allowed = 1e-11 * size + 32 * EPS * (jnp.abs(y) + jnp.abs(y0))
        gap = jnp.abs(total - (y - y0))
        assert (gap <= allowed).all(), f"gap {gap.max()} at entries {jnp.nonzero((gap > allowed).any(0))[0]}"
        assert jnp.abs(y - y0).max() > 1e-3, "functions that do not change test nothing"


def test_every_primitive_of_the_table_has_a_case():
    table = set(ja.propagation.DEEPLIFT)
    listed = {*CASES, *LATER, *EARLIER, *SHARDED}
    assert table == listed
    assert len(table) == len(CASES) + len(LATER) + len(EARLIER) + len(SHARDED)


def test_the_table_holds_eighty_primitives():
    assert len(CASES) >= 80

"""The axioms of values: which method keeps which, on drawn games, and one that each method breaks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxattr as ja
from tests.shapley.games import play

N = 4
KEY = jax.random.key(1)
SHAPLEY = {
    "exact": ja.shapley.exact,
    "permutation": functools.partial(ja.shapley.permutation, key=KEY, samples=2),
    "kernel": functools.partial(ja.shapley.kernel, key=KEY, samples=30),
    "owen": functools.partial(ja.shapley.owen, tree=((0, 1), (2, 3))),
}
METHODS = SHAPLEY | {
    "banzhaf": ja.shapley.banzhaf,
    "lime": functools.partial(ja.lime, key=KEY, samples=60, ridge=1e-3),
    "rise": functools.partial(ja.rise, key=KEY, samples=60),
}
seeds = settings(max_examples=settings.default.max_examples // 4)(given(st.integers(0, 2**32 - 1)))
SETS = np.arange(2**N)


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


@functools.cache
def compiled(name):
    return jax.jit(functools.partial(play, METHODS[name]))


def phi(name, values):
    return np.asarray(compiled(name)(jnp.asarray(values)))


def draw(seed):
    return np.random.default_rng(seed).normal(size=2**N)


def symmetric(values, i, j):
    """The game in which i and j may change places."""
    swapped = (SETS & ~(1 << i | 1 << j)) | ((SETS >> i & 1) << j) | ((SETS >> j & 1) << i)
    return (values + values[swapped]) / 2


@pytest.mark.parametrize("name", SHAPLEY)
@seeds
def test_efficiency(name, seed):
    values = draw(seed)
    assert phi(name, values).sum() == pytest.approx(values[-1] - values[0], abs=1e-12)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("lime", "rise", "kernel")])
@seeds
def test_dummy(name, seed):
    """A player that adds the same to everything gets just that."""
    values = draw(seed)
    values = values[SETS & ~4] + 0.7 * (SETS >> 2 & 1)
    assert phi(name, values)[2] == pytest.approx(0.7, abs=1e-12)


@pytest.mark.parametrize("name", METHODS)
@seeds
def test_linearity(name, seed):
    a, b = draw(seed), draw(seed + 1)
    np.testing.assert_allclose(phi(name, 2 * a - 3 * b), 2 * phi(name, a) - 3 * phi(name, b), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["exact", "banzhaf", "owen"])
@seeds
def test_symmetry(name, seed):
    """The players of one branch for the tree."""
    a = phi(name, symmetric(draw(seed), 0, 1))
    assert a[0] == pytest.approx(a[1], abs=1e-12)


# What need not hold, and does not.


@pytest.mark.parametrize("name", ["banzhaf", "lime", "rise"])
def test_what_is_not_efficient(name):
    values = (SETS == 15).astype(float)
    assert abs(phi(name, values).sum() - 1) > 0.1
    assert phi("exact", values).sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["permutation", "kernel", "lime", "rise"])
def test_symmetry_holds_in_the_mean_alone(name):
    """Two players that may change places, in one draw of a few samples."""
    a = phi(name, symmetric(draw(3), 0, 1))
    assert abs(a[0] - a[1]) > 1e-6


def test_owen_is_symmetric_inside_a_branch_alone():
    a = phi("owen", symmetric(draw(3), 0, 2))
    assert abs(a[0] - a[2]) > 1e-3


@pytest.mark.parametrize("name", ["kernel", "lime", "rise"])
def test_what_gives_a_dummy_something(name):
    """In a finite sample for KernelSHAP and LIME, and always for RISE, which gives levels."""
    values = draw(5)[SETS & ~4]
    assert abs(phi(name, values)[2]) > 1e-4
    assert phi("exact", values)[2] == pytest.approx(0, abs=1e-14)


def test_exact_is_not_indifferent_to_joining_two_players():
    """Banzhaf's two-efficiency: a pair joined into one player gets what the two got; Shapley values do not keep it."""
    values = draw(1)
    joined = [0, 0, 1, 2]
    for name, method in (("exact", ja.shapley.exact), ("banzhaf", ja.shapley.banzhaf)):
        pair = jax.jit(functools.partial(play, method, players=joined))(values)[0]
        gap = abs(pair - phi(name, values)[:2].sum())
        assert gap < 1e-12 if name == "banzhaf" else gap > 1e-2

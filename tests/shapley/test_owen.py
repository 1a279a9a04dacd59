"""Owen values against all orders that keep the groups of a tree together."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.shapley import oracles
from tests.shapley.games import LOSE, play

TREES = {
    "flat": (0, 1, 2, 3, 4),
    "segmentation": ((0, 3), (1, 2, 4)),
    "binary": ((0, (1, 2)), (3, 4)),
    "mixed": (4, ((0, 2), 1, 3)),
}


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


@pytest.mark.parametrize("name", TREES)
def test_all_orders_that_keep_groups_together(name):
    explain = jax.jit(functools.partial(play, functools.partial(ja.shapley.owen, tree=TREES[name])))
    for seed in range(5):
        values = np.random.default_rng(seed).normal(size=32)
        phi = np.asarray(explain(values))
        np.testing.assert_allclose(phi, oracles.owen(values, TREES[name]), atol=1e-13)
        assert abs(phi.sum() - (values[-1] - values[0])) < 1e-12
        if name == "flat":
            np.testing.assert_allclose(phi, oracles.shapley(values), atol=1e-13)


def test_groups_of_a_segmentation_get_the_value_of_the_game_of_groups():
    values = np.random.default_rng(0).normal(size=32)
    phi = jax.jit(functools.partial(play, ja.shapley.owen, tree=TREES["segmentation"]))(values)
    groups = jax.jit(functools.partial(play, ja.shapley.exact, players=[0, 1, 1, 0, 1]))(values)
    np.testing.assert_allclose([phi[0] + phi[3], phi[1] + phi[2] + phi[4]], groups, atol=1e-13)


def test_cost_of_halves_is_at_most_quadratic():
    calls = []

    def f(x):
        jax.debug.callback(lambda _: calls.append(1), x[0])
        return x.sum() ** 2

    ja.shapley.owen(f, tree=ja.shapley.halves(16), perturb=LOSE)(jnp.ones(16))
    jax.effects_barrier()
    assert 16 < len(calls) <= 256


def test_padding_leaves_the_tree():
    values = np.random.default_rng(3).normal(size=8)
    phi = jax.jit(functools.partial(play, ja.shapley.owen, tree=(0, (1, 2))))(values)

    def f(x):
        return jnp.asarray(values)[((x[:3] > 0.5) * 2 ** jnp.arange(3)).sum().astype(int)] + x[3:].sum()

    where, tree = np.array([1, 1, 1, 0, 0], bool), ((0, 3), ((1, 2), 4))
    ways = {"tree": tree, "perturb": LOSE}
    seen = jax.jit(ja.shapley.owen(f, where=where, **ways))(jnp.ones(5))
    np.testing.assert_allclose(seen, [*phi, 0, 0], atol=1e-13)
    traced = jax.jit(lambda w: ja.shapley.owen(f, where=w, **ways)(jnp.ones(5)))(where)
    np.testing.assert_allclose(traced, [*phi, 0, 0], atol=1e-13)


def test_lists_and_one_player():
    values = np.random.default_rng(4).normal(size=8)
    a = jax.jit(functools.partial(play, ja.shapley.owen, tree=[[0, 1], [2]]))(values)
    b = jax.jit(functools.partial(play, ja.shapley.owen, tree=((0, 1), 2)))(values)
    np.testing.assert_allclose(a, b, atol=1e-14)
    np.testing.assert_allclose(play(ja.shapley.owen, np.array([1.0, 3.0]), tree=0), [2.0])


def test_trees_from_a_clustering():
    assert ja.shapley.halves(1) == 0
    assert ja.shapley.halves(4) == ((0, 1), (2, 3))
    linkage = np.array([[0, 1, 0.5, 2], [2, 3, 0.7, 2], [4, 5, 1.0, 4]])
    assert ja.shapley.merges(linkage) == ((0, 1), (2, 3))


WRONG = {
    "player missing": ((0, 1), ValueError, r"3 players 0 to 2 once, but got \[0, 1\].*halves\(3\)"),
    "player twice": ((0, (1, 1)), ValueError, r"but got \[0, 1, 1\]"),
    "no integers": ((0, (1, "2")), TypeError, "nested tuples or lists, but got str.*For example"),
    "empty branch": ((0, 1, 2, ()), TypeError, "but got tuple"),
    "boolean": ((0, 1, True), TypeError, "but got bool"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_trees(name):
    tree, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        ja.shapley.owen(lambda x: x.sum(), tree=tree, perturb=LOSE)(jnp.ones(3))


def test_wrong_sizes():
    with pytest.raises(ValueError, match=r"1048576 terms together, but this one needs 5389680640.*halves\(30\)"):
        ja.shapley.owen(lambda x: x.sum(), tree=(*range(20), tuple(range(20, 30))), perturb=LOSE)(jnp.ones(30))
    with pytest.raises(ValueError, match="number >= 1, but got 0"):
        ja.shapley.halves(0)
    with pytest.raises(ValueError, match=r"rows as \[n - 1, 2\] or more columns, but got int.*3.*For example"):
        ja.shapley.merges([0, 1, 2])
    with pytest.raises(ValueError, match=r"row 1 joins 0 and 2.*Row k makes"):
        ja.shapley.merges([[0, 1], [0, 2]])

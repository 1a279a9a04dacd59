"""Masks, exact games and sampled ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr.shapley import _kernel
from tests.core.same import same
from tests.shapley import oracles as games
from tests.shapley.games import play

KEY = jax.random.key(5)
pytestmark = pytest.mark.usefixtures("x64")


def test_masks():
    def windows(length, size, stride):
        return ja.windows(length, size, stride=stride).tolist()

    assert ja.leave_one_out(3).tolist() == [[False, True, True], [True, False, True], [True, True, False]]
    assert windows(5, 2, 2) == [[0, 0, 1, 1, 1], [1, 1, 0, 0, 1], [1, 1, 1, 1, 0]]
    assert windows(5, 3, 2) == [[0, 0, 0, 1, 1], [1, 1, 0, 0, 0]]
    assert windows(2, 3, 1) == [[0, 0]]
    assert ja.spans([None, 0, 1, 1, -1]).tolist() == [[1, 0, 1, 1, 1], [1, 1, 0, 0, 1]]
    assert ja.groups.of_positions([0, 0, -1], [None, 0, 1, 2]).tolist() == [-1, 0, 0, -1]


def test_exact_games():
    """All indices of one game of four players, whose first idles in no coalition."""
    values = np.random.default_rng(0).normal(size=16)
    tree = ((0, 3), (1, 2))

    @jax.jit
    def explained(values, where):
        def pairs(index):
            return play(functools.partial(ja.shapley.interactions, index=index), values)

        indices = ("sii", "k_sii", "stii", "banzhaf_index")
        return {
            "shapley": play(ja.shapley.exact, values, batch_size=3),
            "kernel": play(ja.shapley.kernel, values, samples=None),
            "banzhaf": play(ja.shapley.banzhaf, values),
            "owen": play(functools.partial(ja.shapley.owen, tree=tree), values),
            "flat": play(functools.partial(ja.shapley.owen, tree=(0, 1, 2, 3)), values),
            **{name: pairs(getattr(ja.shapley, name)) for name in indices},
            "arch_detect": play(ja.shapley.arch_detect, values),
            "words": play(ja.shapley.exact, values, players=[-1, 0, 1, 1], where=np.array([True, True, True, False])),
            "padded": play(ja.shapley.interactions, values, where=np.array([False, True, True, True])),
            "two": play(ja.shapley.interactions, values[:4]),
            "one": play(ja.shapley.kernel, values[:2], samples=None),
            "no pair": play(ja.shapley.interactions, values[:2], index=ja.shapley.sii),
            "hidden": play(ja.shapley.interactions, values * jnp.nan, where=where),
        }

    fixed = values[[9, 11, 13, 15]]  # players 0 and 3 always stay, 1 and 2 play
    padded = np.zeros((4, 4))
    padded[1:, 1:] = games.k_sii(values[1::2])  # player 0 always stays
    hidden = np.full((4, 4), np.nan)
    hidden[0] = hidden[:, 0] = 0  # not even what is not a number reaches padding
    same(
        explained(values, np.array([False, True, True, True])),
        {name: getattr(games, name)(values) for name in "shapley banzhaf sii k_sii stii banzhaf_index".split()}
        | {"kernel": games.shapley(values), "owen": games.owen(values, tree), "arch_detect": games.arch_detect(values)}
        | {
            "words": games.shapley(fixed),
            "padded": padded,
            "hidden": hidden,
            "two": games.k_sii(values[:4]),
            "one": games.shapley(values[:2]),
            "flat": games.shapley(values),
            "no pair": games.sii(values[:2]),
        },
        1e-11,
    )


def test_draws_of_orders():
    """Estimates and their errors from the very orders that were drawn, one player after another."""
    values, orders = np.random.default_rng(1).normal(size=16), ("uniform", "antithetic", "stratified")

    @jax.jit
    def explained(values):
        found = {}
        for name in orders:
            ways = {"key": KEY, "samples": 3, "orders": getattr(ja.shapley, name)}
            found[name] = play(ja.shapley.permutation, values, **ways)
            found[f"{name}, error"] = play(ja.shapley.permutation_error, values, **ways)
        return found

    _, v = games.table(values)

    def literal_draw(order):
        phi, before = np.zeros(4), frozenset()
        for i in order:
            phi[i], before = v[before | {i}] - v[before], before | {i}
        return phi

    expected = {}
    for name in orders:
        drawn = [getattr(ja.shapley, name)(jax.random.fold_in(KEY, k), 4).tolist() for k in range(3)]
        draws = np.array([np.mean([literal_draw(order) for order in each], 0) for each in drawn])
        expected |= {name: draws.mean(0), f"{name}, error": draws.std(0, ddof=1) / np.sqrt(3)}
    same(explained(values), expected)


@pytest.mark.parametrize("whole", [0, 1])
def test_error_of_a_fit(whole, monkeypatch):
    """The sandwich of KernelSHAP, from the coalitions that were taken: those that were drawn have an error."""
    values, ways = np.random.default_rng(1).normal(size=16), {"key": KEY, "samples": 16, "whole": whole}
    error = jax.jit(lambda values: play(ja.shapley.kernel_error, values, **ways))(values)
    monkeypatch.setattr(_kernel, "_error", lambda fit: fit)
    fit = jax.tree.map(np.asarray, jax.jit(lambda values: play(ja.shapley.kernel_error, values, **ways))(values))
    z, other, w, n, m = fit.pairs.inside, fit.pairs.outside, fit.pairs.weights[:, None], 4, 16 - 4 * whole
    a = np.linalg.inv((z.T @ (w * z) + other.T @ (w * other)) / 2)
    middle = a - np.outer(a.sum(1), a.sum(1)) / a.sum()
    rest = [gains - part @ fit.values for gains, part in ((fit.pairs.gains, z), (fit.pairs.others, other))]
    drawn = ((z * rest[0][:, None] + other * rest[1][:, None]) / 2)[4 * whole :] @ middle
    share = w[4 * whole :].sum()  # of the weight that lies on what is drawn
    expected = share * np.sqrt(((drawn - drawn.mean(0)) ** 2).sum(0) / (m * (m - n + 1)))
    np.testing.assert_allclose(error, expected, rtol=1e-9)

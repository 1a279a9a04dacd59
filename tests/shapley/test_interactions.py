"""Pair interactions against the formulas, and what each index promises."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.shapley import oracles
from tests.shapley.games import LOSE, play, random_game, score

INDICES = {name: getattr(ja.shapley, name) for name in ("sii", "k_sii", "stii", "banzhaf_index")}
ORACLES = {name: getattr(oracles, name) for name in INDICES}


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


@functools.cache
def compiled(name):
    if name == "arch_detect":
        return jax.jit(functools.partial(play, ja.shapley.arch_detect))
    return jax.jit(functools.partial(play, functools.partial(ja.shapley.interactions, index=INDICES[name])))


@pytest.mark.parametrize("name", [*INDICES, "arch_detect"])
def test_random_games_against_the_formulas(name):
    oracle = ORACLES.get(name, oracles.arch_detect)
    for seed in range(25):
        _, values = random_game(seed, most=6)
        scale = max(np.abs(values).max(), 1) ** (2 if name == "arch_detect" else 1)
        if len(values) < 4:
            continue
        found = np.asarray(compiled(name)(values))
        np.testing.assert_allclose(found, oracle(values), rtol=0, atol=1e-12 * scale * 4)
        if name in ("k_sii", "stii"):
            assert abs(np.triu(found).sum() - (values[-1] - values[0])) < 1e-11 * scale


def test_one_player_has_no_pairs():
    values = np.array([1.0, 4.0])
    for name in INDICES:
        np.testing.assert_allclose(compiled(name)(values), [[3.0]])
    np.testing.assert_allclose(compiled("arch_detect")(values), [[0.0]])


def test_a_game_of_pairs_is_its_own_explanation():
    """Terms of a quadratic game: all four indices give the pair terms, k-SII and STII the single ones too."""
    single, pair = np.array([1.0, -2.0, 0.5]), {(0, 1): 3.0, (1, 2): -1.0}

    def f(x):
        return (single * x).sum() + sum(b * x[i] * x[j] for (i, j), b in pair.items())

    terms = np.array([[0, 3.0, 0], [3.0, 0, -1.0], [0, -1.0, 0]])
    for name, index in INDICES.items():
        found = np.array(jax.jit(ja.shapley.interactions(f, perturb=LOSE, index=index))(jnp.ones(3)))
        diagonal = single if name in ("k_sii", "stii") else single + terms.sum(1) / 2
        np.testing.assert_allclose(found, terms + np.diag(diagonal), atol=1e-13)


def test_a_third_order_term_is_shared_in_different_ways():
    values = np.zeros(8)
    values[7] = 6.0
    assert compiled("stii")(values)[0, 1] == pytest.approx(2)
    assert compiled("sii")(values)[0, 1] == pytest.approx(3)
    assert compiled("k_sii")(values)[0, 1] == pytest.approx(3)
    assert compiled("k_sii")(values)[0, 0] == pytest.approx(-1)
    assert compiled("banzhaf_index")(values)[0, 1] == pytest.approx(3)
    assert compiled("arch_detect")(values)[0, 1] == pytest.approx(18)


def test_padding_has_no_pairs():
    where = np.array([True, False, True])

    def f(x):
        return x[0] * x[1] * x[2]

    for method in (ja.shapley.interactions, ja.shapley.arch_detect):
        found = np.asarray(jax.jit(method(f, perturb=LOSE, where=where))(jnp.ones(3)))
        traced = jax.jit(lambda w, m=method: m(f, perturb=LOSE, where=w)(jnp.ones(3)))(where)
        np.testing.assert_allclose(traced, found, atol=1e-12)
        assert found[0, 2] == found[2, 0] == pytest.approx(1)
        assert not found[1].any()
        assert not found[:, 1].any()


def test_many_players_for_arch_detect():
    n = 40
    found = np.asarray(jax.jit(ja.shapley.arch_detect(lambda x: x[3] * x[17] + x.sum(), perturb=LOSE))(jnp.ones(n)))
    expected = np.zeros((n, n))
    expected[3, 17] = expected[17, 3] = 1
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_wrong_calls():
    f = score(np.arange(8.0))
    with pytest.raises(TypeError, match=r"index to be a function, but got str.*index=jaxattr.shapley.k_sii"):
        ja.shapley.interactions(f, perturb=LOSE, index="sii")
    with pytest.raises(ValueError, match=r"index to give \[n, n\] = \[3, 3\], but got float64\[8\]"):
        ja.shapley.interactions(f, perturb=LOSE, index=lambda v: v)(jnp.ones(3))
    with pytest.raises(ValueError, match=r"at most 20 players.*but got 21.*arch_detect"):
        ja.shapley.interactions(lambda x: x.sum(), perturb=LOSE)(jnp.ones(21))

"""Exact indices against brute force over all coalitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.shapley import oracles
from tests.shapley.games import LOSE, play, random_game

SEEDS = range(100)


@functools.cache
def compiled(name):
    """Keyed by shape: one program for each number of players."""
    method = {
        "exact": ja.shapley.exact,
        "banzhaf": ja.shapley.banzhaf,
        "kernel": functools.partial(ja.shapley.kernel, samples=None),
    }[name]
    return jax.jit(functools.partial(play, method))


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


@pytest.mark.parametrize(
    ("name", "oracle"), [("exact", oracles.shapley), ("banzhaf", oracles.banzhaf), ("kernel", oracles.shapley)]
)
def test_a_hundred_random_games_against_brute_force(name, oracle):
    """KernelSHAP over every coalition is the exact value too."""
    sizes = set()
    for seed in SEEDS:
        n, values = random_game(seed)
        phi, scale = np.asarray(compiled(name)(values)), np.abs(values).max()
        np.testing.assert_allclose(phi, oracle(values), rtol=0, atol=1e-12 * max(scale, 1))
        if name != "banzhaf":
            assert abs(phi.sum() - (values[-1] - values[0])) <= 1e-12 * max(scale, 1)
        sizes.add(n)
    assert sizes == set(range(1, 11))


def test_values_of_a_published_weighted_vote():
    """A council of weights 4, 2, 1, 1 with quota 5: 6/8 and 2/8 swings for the largest; Shapley values by hand."""
    weights = np.array([4, 2, 1, 1])
    values = np.array([float((weights * [s >> i & 1 for i in range(4)]).sum() >= 5) for s in range(16)])
    np.testing.assert_allclose(compiled("exact")(values), [0.75, 1 / 12, 1 / 12, 1 / 12], atol=1e-15)
    np.testing.assert_allclose(compiled("banzhaf")(values), [7 / 8, 1 / 8, 1 / 8, 1 / 8], atol=1e-15)


def test_twenty_players_in_one_program():
    """A closed form at the limit: shares of the product of twenty, of which only a million scores are held."""
    values = jnp.concatenate([jnp.arange(1.0, 20.0), jnp.array([40.0])])

    def f(x):
        return (x > 0).all() * 20.0 + (x * values).sum()

    phi = jax.jit(ja.shapley.exact(f, perturb=LOSE, batch_size=2**14))(jnp.ones(20))
    np.testing.assert_allclose(phi, np.asarray(values) + 1, atol=1e-10)


def test_single_precision_sums_to_the_change_of_the_score():
    rng = np.random.default_rng(0)
    values = rng.normal(size=2**14).astype(np.float32)
    phi = jax.jit(functools.partial(play, functools.partial(ja.shapley.exact, batch_size=4096)))(values)
    assert phi.dtype == jnp.float32
    assert abs(float(phi.sum()) - (values[-1] - values[0])) < 2e-5


@pytest.mark.parametrize(
    "name",
    ["exact", "kernel"]
    + [
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("banzhaf", "permutation", "owen", "interactions", "arch_detect")
    ],
)
def test_chunks_jit_and_vmap_change_nothing(name):
    _, values = random_game(1, most=5)
    n = len(values).bit_length() - 1
    more = {"permutation": {"key": jax.random.key(0)}, "kernel": {"key": jax.random.key(0), "samples": 20}}
    more["owen"] = {"tree": ja.shapley.halves(n)}
    method = functools.partial(getattr(ja.shapley, name), **more.get(name, {}))
    whole = jax.jit(functools.partial(play, method))(values)
    for batch_size in (1, 7, 1000):
        chunked = jax.jit(functools.partial(play, method, batch_size=batch_size))
        np.testing.assert_allclose(chunked(values), whole, rtol=0, atol=1e-13)
    if name == "exact":
        np.testing.assert_allclose(play(method, values, batch_size=7), whole, rtol=0, atol=1e-13)
    rows = np.stack([values, 2 * values])
    mapped = jax.jit(jax.vmap(functools.partial(play, method)))(rows)
    factor = 4 if name == "arch_detect" else 2
    np.testing.assert_allclose(mapped, np.stack([whole, factor * whole]), rtol=0, atol=1e-12)


def test_words_of_several_sub_tokens_are_players():
    """Groups as word ids: special tokens always stay, and a word's value is that of the game of words."""
    ids = jnp.array([101, 5, 6, 7, 102])
    words = [None, 0, 0, 1, None]

    def f(ids):
        kept = (ids != 0).astype(float)
        return kept[0] * kept[4] * (3 * kept[1] * kept[2] + 2 * kept[3] + kept[1] * kept[3])

    ways = {"perturb": ja.replace(0), "players": words}
    np.testing.assert_allclose(ja.shapley.exact(f, **ways)(ids), [3.5, 2.5])
    groups = jnp.array([-1, 0, 0, 1, -1])
    traced = jax.jit(lambda g: ja.shapley.exact(f, perturb=ja.replace(0), players=g, number=3)(ids))(groups)
    np.testing.assert_allclose(traced, [3.5, 2.5, 0])


def test_deleted_words_move_the_rest():
    """An order-sensitive score of shorter texts, by hand over the four coalitions."""
    ids = jnp.array([2, 1])

    def f(ids):
        return (10 * ids[0] + ids[1]).astype(float)

    # v() = 0, v(2) = 20, v(1) = 10, v(2 1) = 21
    np.testing.assert_allclose(ja.shapley.exact(f, perturb=ja.delete(0))(ids), [15.5, 5.5])


def test_padding_costs_nothing_where_it_is_seen():
    """A text of 100 positions with 3 words: 8 coalitions, where `where` is at hand; an error where it is traced."""
    x = jnp.ones(100)
    where = np.arange(100) < 3
    calls = []

    def f(x):
        jax.debug.callback(lambda _: calls.append(1), x[0])
        return x[:3].prod() + x.sum()

    phi = ja.shapley.exact(f, perturb=LOSE, where=where)(x)
    jax.effects_barrier()
    assert len(calls) == 8
    np.testing.assert_allclose(phi, np.where(where, 4 / 3, 0), atol=1e-12)
    with pytest.raises(ValueError, match=r"at most 20 players.*but got 100.*players=, or write"):
        jax.jit(lambda w: ja.shapley.exact(lambda x: x.sum(), perturb=LOSE, where=w)(x))(where)


def test_a_background_set_is_an_average():
    """The mean over baselines of the values for each: those of the game whose coalitions are worth the mean score."""
    rng = np.random.default_rng(0)
    x, backgrounds, w = rng.normal(size=4), rng.normal(size=(6, 4)), rng.normal(size=(3, 4))

    def f(x):
        return jnp.tanh((w * x[None]).sum(1)).prod() + x[0] * x[1]

    explain = ja.mean_over(lambda b: ja.shapley.exact(f, perturb=ja.replace(b)), backgrounds)
    masks = [np.array([s >> i & 1 for i in range(4)], bool) for s in range(16)]
    worth = jax.jit(lambda m: jax.vmap(lambda b: f(jnp.where(m, x, b)))(backgrounds).mean())
    values = np.array([worth(m) for m in masks])
    np.testing.assert_allclose(jax.jit(explain)(x), oracles.shapley(values), atol=1e-12)


def test_gradients_pass_through_replace():
    """d phi / dx of x0 x1 from 0 is half of the other; d phi / d w through another argument."""
    x, w = jnp.array([3.0, 2.0]), jnp.array(5.0)

    def f(x, w):
        return w * x[0] * x[1]

    def first(x, w):
        return ja.shapley.exact(f, perturb=LOSE)(x, w)[0]

    by_x, by_w = jax.jit(jax.grad(first, argnums=(0, 1)))(x, w)
    np.testing.assert_allclose(by_x, [5.0, 7.5])
    np.testing.assert_allclose(by_w, 3.0)
    for method, samples in ((ja.shapley.permutation, 1), (ja.shapley.kernel, 4)):
        drawn = method(f, key=jax.random.key(0), perturb=LOSE, samples=samples)
        slopes = jax.jit(jax.jacobian(lambda x, drawn=drawn: drawn(x, w)))(x)
        np.testing.assert_allclose(slopes, [[5.0, 7.5], [5.0, 7.5]], atol=1e-12)

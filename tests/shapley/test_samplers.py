"""Samplers: every draw sums to the change of the score, the mean is right, and the intervals cover what they say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxattr as ja
from tests.shapley import oracles
from tests.shapley.games import LOSE, play, random_game, score

N = 6
KEYS = jax.random.split(jax.random.key(7), 1000)
ORDERS = {name: getattr(ja.shapley, name) for name in ("uniform", "antithetic", "stratified")}


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in double precision."""


def game():
    return np.random.default_rng(11).normal(size=2**N)


def sampler(name, samples):
    """estimate(values, key), error(values, key), and the degrees of freedom of the error."""
    if name.startswith("kernel"):
        methods, more, left = (ja.shapley.kernel, ja.shapley.kernel_error), {}, samples - N + 1
        if "whole" in name:
            more, left = {"whole": 1}, samples - 2 * N + 1
    else:
        more, left = {"orders": ORDERS[name]}, samples - 1
        methods = (ja.shapley.permutation, ja.shapley.permutation_error)
    both = [
        lambda values, key, m=m: play(m, values, key=key, samples=samples, batch_size=1024, **more) for m in methods
    ]
    return *both, left


SAMPLERS = {"uniform": 40, "antithetic": 40, "stratified": 30, "kernel": 120, "kernel, whole=1": 126}


@pytest.mark.parametrize("name", [pytest.param("uniform", marks=pytest.mark.slow), *list(SAMPLERS)[1:]])
def test_mean_efficiency_and_coverage(name):
    """200 seeds: exact sums, and a mean within 4 standard errors; 1,000 repeats: 95 % intervals cover 93 to 97 %."""
    values = game()
    truth, change = oracles.shapley(values), values[-1] - values[0]
    estimate, error, left = sampler(name, SAMPLERS[name])
    both = jax.jit(jax.vmap(lambda key: (estimate(values, key), error(values, key))))
    phi, se = (np.asarray(part) for part in both(KEYS))
    assert np.abs(phi.sum(1) - change).max() < 1e-12
    few = phi[:200]
    assert np.all(np.abs(few.mean(0) - truth) < 4 * few.std(0, ddof=1) / np.sqrt(200))
    covered = (np.abs(phi - truth) <= stats.t.ppf(0.975, left) * se).mean()
    assert 0.93 < covered < 0.97, covered
    # The error is the spread that is seen over the repeats.
    np.testing.assert_allclose(np.sqrt((se**2).mean(0)), phi.std(0), rtol=0.1)


@pytest.mark.parametrize(
    "name", ["antithetic", *(pytest.param(name, marks=pytest.mark.slow) for name in ("uniform", "stratified"))]
)
def test_each_single_draw_sums_to_the_change_of_the_score(name):
    for seed in range(3):
        _, values = random_game(seed, most=8)
        one = functools.partial(ja.shapley.permutation, samples=1, orders=ORDERS[name])
        draws = jax.jit(jax.vmap(lambda key, one=one, values=values: play(one, values, key=key)))(KEYS[:200])
        scale = max(np.abs(values).max(), 1)
        assert np.abs(np.asarray(draws).sum(1) - (values[-1] - values[0])).max() < 1e-12 * scale


def test_an_estimate_is_the_mean_of_draws_and_its_error_their_spread():
    """By mean_over and standard_error_over of one-draw transforms with the same keys."""
    values, keys = game(), KEYS[:5]

    def make(key):
        return ja.shapley.permutation(score(values), key=key, perturb=LOSE, samples=1)

    x = jnp.ones(N)
    draws = np.asarray(jax.jit(jax.vmap(lambda key: make(key)(x)))(keys))
    np.testing.assert_allclose(jax.jit(ja.mean_over(make, keys))(x), draws.mean(0), atol=1e-13)
    se = jax.jit(ja.standard_error_over(make, keys))(x)
    np.testing.assert_allclose(se, draws.std(0, ddof=1) / np.sqrt(5), atol=1e-13)


@pytest.mark.slow
def test_draws_fold_their_number_into_the_key():
    """Five samples are the first five of six: the sixth is what the mean of six adds."""
    values, key = game(), jax.random.key(3)
    five, six = (jax.jit(functools.partial(play, ja.shapley.permutation, key=key, samples=s))(values) for s in (5, 6))
    orders = ja.shapley.antithetic(jax.random.fold_in(key, 5), N)
    given = functools.partial(ja.shapley.permutation, key=key, samples=1, orders=lambda *_: orders)
    sixth = jax.jit(functools.partial(play, given))(values)
    np.testing.assert_allclose(6 * six - 5 * five, sixth, atol=1e-12)


def test_what_the_orders_promise():
    for seed in range(5):
        there, back = np.asarray(ja.shapley.antithetic(jax.random.key(seed), 7))
        assert sorted(there) == list(range(7))
        np.testing.assert_array_equal(there, back[::-1])
        square = np.asarray(ja.shapley.stratified(jax.random.key(seed), 7))
        np.testing.assert_array_equal(np.sort(square, 0), np.arange(7)[:, None] + np.zeros((1, 7), int))
        np.testing.assert_array_equal(np.sort(square, 1), np.arange(7)[None] + np.zeros((7, 1), int))
    assert len({tuple(np.asarray(ja.shapley.uniform(k, 3))[0].tolist()) for k in KEYS[:60]}) == 6


def test_antithetic_and_kernel_are_exact_for_pairs():
    """A score in which at most pairs interact: no sampling error at all."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=N), np.triu(rng.normal(size=(N, N)), 1)

    def f(x):
        return (a * x).sum() + (b * x[:, None] * x[None]).sum()

    truth = a + (b.sum(0) + b.sum(1)) / 2
    one = ja.shapley.permutation(f, key=KEYS[0], perturb=LOSE, samples=1)
    np.testing.assert_allclose(jax.jit(one)(jnp.ones(N)), truth, atol=1e-12)
    fitted = ja.shapley.kernel(f, key=KEYS[0], perturb=LOSE, samples=40)
    np.testing.assert_allclose(jax.jit(fitted)(jnp.ones(N)), truth, atol=1e-11)
    single = ja.shapley.permutation(f, key=KEYS[0], perturb=LOSE, samples=1, orders=ja.shapley.uniform)
    assert np.abs(np.asarray(jax.jit(single)(jnp.ones(N))) - truth).max() > 0.1


@pytest.mark.parametrize(
    ("method", "samples"),
    [
        (ja.shapley.permutation, 3),
        (ja.shapley.kernel, 9),
        pytest.param(ja.shapley.permutation_error, 3, marks=pytest.mark.slow),
        pytest.param(ja.shapley.kernel_error, 9, marks=pytest.mark.slow),
    ],
)
def test_padding_that_is_traced_or_seen_gives_the_same_draws(method, samples):
    where = np.array([True, False, True, True, False])

    def f(x):
        return x[0] * x[2] * x[3] + x[2] + x[1] * x[4]

    ways = {"key": KEYS[0], "perturb": LOSE, "samples": samples}
    seen = jax.jit(method(f, where=where, **ways))(jnp.ones(5))
    traced = jax.jit(lambda w: method(f, where=w, **ways)(jnp.ones(5)))(where)
    np.testing.assert_allclose(seen, traced, atol=1e-12)
    assert not np.asarray(seen)[~where].any()
    if "error" not in method.__name__:
        assert np.asarray(seen).sum() == pytest.approx(2, abs=1e-12)


def test_small_coalitions_taken_once_make_a_smaller_error():
    """Six single players and their complements once, 34 pairs drawn, against 40 drawn: over 1,000 repeats."""
    values = game()
    truth = oracles.shapley(values)

    def spread(whole):
        estimates = jax.jit(jax.vmap(lambda key: play(ja.shapley.kernel, values, key=key, samples=40, whole=whole)))(
            KEYS
        )
        return np.sqrt(((np.asarray(estimates) - truth) ** 2).mean())

    assert spread(1) < 0.9 * spread(0)


@pytest.mark.slow
def test_pairs_taken_once_have_the_weight_that_draws_would_give_them():
    """A game that only single players and their complements change: what is drawn beside them does not matter."""
    values = np.zeros(2**N)
    numbers = np.random.default_rng(5).normal(size=(N, 2))
    for i in range(N):
        values[1 << i], values[2**N - 1 - (1 << i)] = numbers[i]
    few = play(ja.shapley.kernel, values, key=KEYS[0], samples=3000, whole=1)
    np.testing.assert_allclose(few, oracles.shapley(values), atol=0.02)
    rest = play(ja.shapley.kernel, values, key=KEYS[1], samples=3000, whole=1)
    drawn = [play(ja.shapley.kernel, values, key=k, samples=3000) for k in KEYS[:2]]
    assert np.abs(few - rest).max() < 0.5 * np.abs(drawn[0] - drawn[1]).max()


def test_kernel_says_when_the_coalitions_do_not_determine_the_values():
    """Where only the shapes are known: NaN, in every entry, rather than a number."""
    values = game()
    explain = jax.jit(jax.vmap(lambda key: play(ja.shapley.kernel, values, key=key, samples=5)))
    phi = np.asarray(explain(KEYS[:200]))
    undetermined = np.isnan(phi).any(1)
    assert undetermined.any()
    assert np.isnan(phi[undetermined]).all()
    assert not undetermined.all()
    np.testing.assert_allclose(phi[~undetermined].sum(1), values[-1] - values[0], atol=1e-9)


def test_one_player_gets_everything():
    values = np.array([1.0, 4.0])
    for method, samples in ((ja.shapley.permutation, 2), (ja.shapley.kernel, 2), (ja.shapley.kernel, None)):
        explain = jax.jit(functools.partial(play, method, key=KEYS[0], samples=samples))
        np.testing.assert_allclose(explain(values), [3.0])


X = np.ones(3)


def plus(x):
    return x.sum()


def call(method, x=X, f=plus, **options):
    ways = {"perturb": LOSE, "key": jax.random.key(0)} | options
    return method(f, **{k: v for k, v in ways.items() if v is not ...})(jnp.asarray(x))


E_, P, PE, K, KE = (
    ja.shapley.exact,
    ja.shapley.permutation,
    ja.shapley.permutation_error,
    ja.shapley.kernel,
    ja.shapley.kernel_error,
)
WRONG = {
    "no key": (lambda: call(P, key=None), TypeError, "shapley.permutation wants a typed random key, .*Write key="),
    "old key": (lambda: call(K, key=np.zeros(2, np.uint32)), TypeError, "shapley.kernel wants a typed random key"),
    "kernel without a key": (lambda: call(K, key=...), TypeError, "typed random key, but got None"),
    "no samples": (lambda: call(P, samples=0), ValueError, "samples >= 1, but got 0"),
    "one sample has no error": (lambda: call(PE, samples=1), ValueError, "samples >= 2, but got 1.*samples=2"),
    "error of every coalition": (lambda: call(KE, samples=None), TypeError, "samples as a Python integer, .*None"),
    "few pairs": (lambda: call(K, samples=1), ValueError, "samples >= 2 for 3 players, .*got 1. Write samples=30"),
    "few pairs for an error": (lambda: call(KE, samples=2), ValueError, "samples >= 3 for 3 players"),
    "every coalition of many": (
        lambda: call(K, np.ones(15), samples=None),
        ValueError,
        "samples=None wants at most 14 players, but got 15. Write samples=256",
    ),
    "orders a string": (lambda: call(P, orders="random"), TypeError, "orders to be a function, .*str.*antithetic"),
    "orders of floats": (lambda: call(P, orders=lambda k, n: np.ones((1, n))), TypeError, "integers .m, n., but"),
    "orders of others": (
        lambda: call(P, orders=lambda k, n: np.arange(4)[None]),
        ValueError,
        r"\[m, n\] with n = 3 players, but got int64\[1,4\]",
    ),
    "order with a player twice": (
        lambda: call(P, orders=lambda k, n: np.array([[0, 1, 1]])),
        ValueError,
        r"every player once, but got \[\[0, 1, 1\]\].*For example orders=",
    ),
    "many players": (lambda: call(E_, np.ones(21), key=...), ValueError, "at most 20 players.*got 21. Join.*permuta"),
    "players of another length": (
        lambda: call(E_, key=..., players=[0, 1]),
        ValueError,
        r"players of shape \[T\] with T = 3, .*int64\[2\].*one group to each",
    ),
    "players of floats": (lambda: call(E_, key=..., players=X), TypeError, "players as integers .*float64.*None, 0"),
    "players beyond the number": (
        lambda: call(E_, key=..., players=[0, 1, 2], number=2),
        ValueError,
        "players below number=2, but got 2. Write number=3",
    ),
    "whole of three players": (
        lambda: call(ja.shapley.kernel, whole=1),
        ValueError,
        r"whole < \(n - 1\) / 2, .*whole=1 and 3 players. Write samples=None",
    ),
    "whole with traced players": (
        lambda: jax.jit(lambda p: call(ja.shapley.kernel, np.ones(6), whole=1, players=p, number=6))(np.arange(6)),
        TypeError,
        "whole=0 where players= or where= is traced, .*got whole=1. Drop whole=",
    ),
    "too few samples beside the whole": (
        lambda: call(ja.shapley.kernel_error, np.ones(6), whole=1, samples=11),
        ValueError,
        "samples >= 12 for 6 players and whole=1, .*got 11. Write samples=66",
    ),
    "number alone": (lambda: call(E_, key=..., number=3), TypeError, "number= beside players= alone, .*drop number"),
    "traced players": (
        lambda: jax.jit(lambda p: call(E_, key=..., players=p))(np.arange(3)),
        TypeError,
        "number= when players is traced, .*Write number=",
    ),
    "nobody plays": (lambda: call(E_, key=..., players=[None] * 3), ValueError, "number >= 1, but got 0"),
    "nobody is real": (
        lambda: call(E_, key=..., players=[0, None, None], where=np.array([False, True, True])),
        ValueError,
        "one player or more with a real position, .*leave none of 1. Leave such texts out",
    ),
    "perturb missing its function": (
        lambda: call(E_, key=..., perturb=0),
        TypeError,
        "shapley.exact wants perturb to be a function, but got int",
    ),
    "score with axes": (lambda: call(E_, f=lambda x: x, key=...), ValueError, "explains one number, .*float64.3"),
    "a perturbation that changes shapes": (
        lambda: call(E_, key=..., perturb=lambda x, keep: x[:2]),
        ValueError,
        "the value of perturb like the argument, float64.3., but got float64.2.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(name):
    wrong, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        wrong()

"""Faithfulness by removal: by hand, against literal twins, and every way in which such measures have gone wrong."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.metrics import twins

KEY = jax.random.key(0)
FRACTIONS = ("0.01", "0.05", "0.1", "0.2", "0.5", "1")
Q = [float(q) for q in FRACTIONS]
TABLE = np.random.default_rng(1).normal(size=(9, 3))
PADS = 2
REAL = np.array([False, True, True, True, True, True, True])
IDS = np.array([4, 7, 1, 7, 3, 5, 2])
SCORES = np.array([9.0, 0.3, -0.8, 0.3, 0.9, 0.1, -0.2])
PADDED = np.concatenate([IDS, np.zeros(PADS, int)])


def of_list(tokens):
    """Logits of a list: token effects, an order effect between neighbours, a bias."""
    z = np.array([0.2, 0.0, -0.1])
    for token in tokens:
        z = z + TABLE[token]
    for first, second in itertools.pairwise(tokens):
        z = z + np.tanh(TABLE[first] * TABLE[second][::-1])
    return z


def of_padded(ids):
    table = jnp.asarray(TABLE)
    real = (ids > 0)[:, None]
    rows = jnp.where(real, table[ids], 0)
    pairs = jnp.where(real[1:], jnp.tanh(rows[:-1] * rows[1:, ::-1]), 0)
    return jnp.asarray([0.2, 0.0, -0.1]) + rows.sum(0) + pairs.sum(0)


MEASURES = {
    ja.metrics.comprehensiveness_eraser: lambda order: twins.comprehensiveness(of_list, order, IDS, FRACTIONS),
    ja.metrics.sufficiency_eraser: lambda order: twins.sufficiency(of_list, order, IDS, FRACTIONS, REAL),
    ja.metrics.log_odds_dig: lambda order: twins.log_odds(of_list, order, IDS, FRACTIONS),
    ja.metrics.aopc_samek: lambda order: twins.area(of_list, order, IDS),
}
each = pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.__name__)
one_and_slowly_the_others = pytest.mark.parametrize(
    "measure",
    [
        pytest.param(m, id=m.__name__, marks=() if m is ja.metrics.comprehensiveness_eraser else pytest.mark.slow)
        for m in MEASURES
    ],
)
WHERE = jnp.concatenate([jnp.asarray(REAL), jnp.zeros(PADS, bool)])
GIVEN = jnp.concatenate([jnp.asarray(SCORES), jnp.full(PADS, 99.0)])


def options(measure, **more):
    own = {} if measure is ja.metrics.aopc_samek else {"fractions": Q}
    return {"perturb": ja.delete(0), "key": KEY, "where": WHERE} | own | more


@each
def test_literal_twin(measure, x64):
    """The given and the reversed ranking, a special token in front that never moves, padding behind, tied scores."""
    twin, ways = MEASURES[measure], options(measure, random_rankings=3)
    ours = jax.jit(lambda x, a: measure(of_padded, a, x, **ways))(jnp.asarray(PADDED), GIVEN)
    np.testing.assert_allclose(ours.given, twin(twins.ranking(SCORES, REAL)), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.reversed, twin(twins.ranking(-SCORES, REAL)), rtol=1e-12, atol=1e-14)
    assert not np.allclose(ours.given, ours.reversed)
    draws = [jax.random.uniform(jax.random.fold_in(KEY, i), GIVEN.shape, jnp.float32) for i in range(3)]
    random = np.mean([twin(twins.ranking(list(d), REAL)) for d in draws], axis=0)
    np.testing.assert_allclose(ours.random, random, rtol=1e-12, atol=1e-14)
    if measure is not ja.metrics.comprehensiveness_eraser:
        return
    chunked = jax.jit(lambda x, a: measure(of_padded, a, x, **ways, batch_size=7))(jnp.asarray(PADDED), GIVEN)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), chunked, ours)


def test_by_hand():
    """Two classes, z = 2 (said 7) - (said 5): exact probabilities at each removal."""

    def f(ids):
        z = 2.0 * (ids == 7).any() - 1.0 * (ids == 5).any()
        return jnp.stack([z, 0.0 * z])

    def p(z):
        return 1 / (1 + np.exp(-z))

    @jax.jit
    def measures(a, ids):
        ways = {"perturb": ja.delete(0), "key": KEY}
        comp = ja.metrics.comprehensiveness_eraser(f, a, ids, fractions=[0.25, 1.0], **ways)
        suff = ja.metrics.sufficiency_eraser(f, a, ids, fractions=[0.25, 1.0], **ways)
        odds = ja.metrics.log_odds_dig(f, a, ids, fractions=[0.25], **ways)
        return comp, suff, odds, ja.metrics.aopc_samek(f, a, ids, **ways), ja.metrics.aopc_eraser(comp)

    comp, suff, odds, area, mean = measures(jnp.array([-1.0, 2.0, 0.0, 0.0]), jnp.array([5, 7, 1, 2]))
    np.testing.assert_allclose(comp.given, [p(1) - p(-1), p(1) - p(0)], rtol=1e-5)
    np.testing.assert_allclose(comp.reversed, [p(1) - p(2), p(1) - p(0)], rtol=1e-5)  # negative: not clipped
    np.testing.assert_allclose(suff.given, [p(1) - p(2), 0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(suff.reversed, [p(1) - p(-1), 0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(odds.given, [np.log(p(-1)) - np.log(p(1))], rtol=1e-5)
    curve = [p(1) - p(-1), p(1) - p(-1), p(1) - p(-1), p(1) - p(0)]
    np.testing.assert_allclose(area.given, np.mean(curve), rtol=1e-5)
    np.testing.assert_allclose(mean.given, np.mean(comp.given), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5, 7, 10, 100])
def test_how_many_positions_a_fraction_is(n):
    """ceil, never none: 1 % of 10 is one position; and exactly, though 0.29 * 100 < 29 and 0.07 * 100 > 7."""
    fractions = ("0.01", "0.05", "0.07", "0.2", "0.29", "0.5", "1")
    marked = ja.metrics.most_important(jnp.arange(n * 1.0), [float(q) for q in fractions]).sum(1)
    assert marked.tolist() == [twins.number(q, n) for q in fractions]
    assert marked.min() >= 1


def test_ties_go_to_the_earlier_position_and_sign_counts():
    a = jnp.array([0.0, 1.0, -5.0, 1.0, -0.0, 1.0])
    marked = ja.metrics.most_important(a, [2 / 6, 4 / 6, 5 / 6])
    assert marked.astype(int).tolist() == [[0, 1, 0, 1, 0, 0], [1, 1, 0, 1, 0, 1], [1, 1, 0, 1, 1, 1]]
    infinite = jnp.array([-jnp.inf, jnp.inf, 0.0, -jnp.inf])
    marked = ja.metrics.most_important(infinite, [0.3, 1.0], where=jnp.array([True, True, True, False]))
    assert marked.astype(int).tolist() == [[0, 1, 0, 0], [1, 1, 1, 0]], "padding is never marked, not even for -inf"


@one_and_slowly_the_others
def test_nan_attributions_are_refused_or_give_nan(measure):
    """NaN would rank first; in padding it does not matter."""
    ids, ways = jnp.asarray(PADDED), options(measure)
    with pytest.raises(ValueError, match=r"without NaN, but 1 of 9 positions are NaN.*debug_nans"):
        measure(of_padded, GIVEN.at[2].set(jnp.nan), ids, **ways)
    traced = jax.jit(lambda a: measure(of_padded, a, ids, **ways))
    assert all(np.isnan(leaf).all() for leaf in traced(GIVEN.at[2].set(jnp.nan)))
    clean, dirty = traced(GIVEN), traced(GIVEN.at[0].set(jnp.nan).at[-1].set(jnp.nan))
    jax.tree.map(np.testing.assert_array_equal, clean, dirty)


def test_the_class_is_that_of_the_full_text():
    """The removal turns the prediction: the probability of the first class is followed, not the maximum."""

    def f(ids):
        return jnp.where((ids == 7).any(), jnp.array([3.0, 0.0]), jnp.array([0.0, 3.0]))

    ways = {"perturb": ja.delete(0), "key": KEY, "fractions": [0.5]}
    comp = ja.metrics.comprehensiveness_eraser(f, jnp.array([1.0, 0.0]), jnp.array([7, 1]), **ways)
    p = 1 / (1 + np.exp(-3))
    np.testing.assert_allclose(comp.given, [p - (1 - p)], rtol=1e-5)


def test_log_odds_do_not_underflow():
    """log(softmax(z)) is -inf at a logit 200 below the others; log_softmax is -200."""

    def f(ids):
        return jnp.where((ids == 7).any(), jnp.array([200.0, 0.0]), jnp.array([0.0, 200.0]))

    ways = {"perturb": ja.replace(0), "key": KEY}
    odds = ja.metrics.log_odds_dig(f, jnp.array([1.0, 0.0]), jnp.array([7, 1]), **ways)
    np.testing.assert_allclose(odds.given, [-200], rtol=1e-6)


def test_another_effect_and_another_removal_are_other_numbers():
    ids, ways = jnp.asarray(PADDED), options(ja.metrics.comprehensiveness_eraser, random_rankings=1)

    @jax.jit
    def measured(ids):
        def measure(f=of_padded, **more):
            return ja.metrics.comprehensiveness_eraser(f, GIVEN, ids, **(ways | more)).given

        entropy = measure(lambda ids: ja.scores.entropy(of_padded(ids)), effect=ja.effects.drop)
        return measure(), entropy, measure(effect=ja.effects.kl), measure(perturb=ja.replace(8))

    plain, entropy, kl, replaced = measured(ids)
    label = int(of_padded(ids).argmax())
    keep = ~ja.metrics.most_important(GIVEN, Q, where=WHERE)
    full, texts = of_padded(ids), jax.jit(ja.perturbed(of_padded, keep=keep, perturb=ja.delete(0)))(ids)
    each_entropy, p = jax.vmap(ja.scores.entropy)(texts), jax.nn.softmax(texts)[:, label]
    np.testing.assert_allclose(plain, jax.nn.softmax(full)[label] - p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(entropy, ja.scores.entropy(full) - each_entropy, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kl, jax.vmap(lambda z: ja.effects.kl(full, z))(texts), rtol=1e-4)
    assert not np.allclose(replaced, plain)


def test_rows_do_not_depend_on_their_neighbours():
    """vmap is a loop, a row with NaN stays alone, and padding another row's length changes nothing."""
    ids = jnp.stack([jnp.asarray(PADDED), jnp.asarray(PADDED)[::-1], jnp.asarray(PADDED)])
    a = jnp.stack([GIVEN, GIVEN[::-1], GIVEN.at[3].set(jnp.nan)])
    where = jnp.stack([WHERE, WHERE[::-1], WHERE])
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(3))

    def row(x, a, w, k):
        return ja.metrics.sufficiency_eraser(of_padded, a, x, perturb=ja.delete(0), key=k, where=w)

    alone = jax.jit(row)
    rows = jax.jit(jax.vmap(row))(ids, a, where, keys)
    for i in range(2):
        jax.tree.map(
            lambda r, s, i=i: np.testing.assert_allclose(r[i], s, rtol=1e-5, atol=1e-6),
            rows,
            alone(ids[i], a[i], where[i], keys[i]),
        )
    assert np.isnan(rows.given[2]).all()
    error = ja.metrics.standard_error(rows, where=~jnp.isnan(rows.given[:, 0]))
    assert np.isfinite(error.given).all()


@pytest.mark.slow
def test_random_attributions_score_like_random_rankings():
    """The null: over 200 random attributions the given ranking is the random one, within three standard errors."""
    keys = jax.random.split(KEY, 200)

    def row(k):
        draw, rest = jax.random.split(k)
        a = jax.random.normal(draw, WHERE.shape)
        return ja.metrics.aopc_samek(
            of_padded, a, jnp.asarray(PADDED), perturb=ja.delete(0), key=rest, where=WHERE, random_rankings=4
        )

    result = jax.jit(jax.vmap(row))(keys)
    difference = result.given - result.random
    error = ja.metrics.standard_error(difference)
    assert error > 0
    assert abs(difference.mean()) < 3 * error


@pytest.mark.slow
def test_the_true_effects_rank_better_than_random():
    ids = jnp.asarray(PADDED)
    drops = ja.occlusion(of_padded, perturb=ja.delete(0), where=WHERE, effect=ja.effects.predicted(ja.scores.prob))(ids)
    comp = ja.metrics.aopc_eraser(
        ja.metrics.comprehensiveness_eraser(of_padded, drops, ids, **options(ja.metrics.comprehensiveness_eraser))
    )
    assert comp.given > comp.random > comp.reversed


def test_a_text_without_real_positions_gives_nan_while_traced():
    measure = jax.jit(
        lambda w: ja.metrics.aopc_samek(of_padded, GIVEN, jnp.asarray(PADDED), perturb=ja.delete(0), key=KEY, where=w)
    )
    assert all(np.isnan(leaf) for leaf in measure(jnp.zeros(9, bool)))
    assert all(np.isfinite(leaf) for leaf in measure(WHERE))


def test_a_gradient_of_the_measure(x64):
    """By the model's parameters: the loss that a faithful model could be trained with."""
    x = jax.random.normal(KEY, (5, 3), jnp.float64)
    a = jnp.arange(5.0)

    def loss(w):
        ways = {"perturb": ja.replace(0.0), "key": KEY, "fractions": [0.4], "random_rankings": 1}
        return ja.metrics.comprehensiveness_eraser(lambda x: jnp.tanh(jnp.dot(x, w)).sum(0), a, x, **ways).given[0]

    w = jax.random.normal(jax.random.key(1), (3, 2), jnp.float64)
    slope, step = jax.jit(jax.grad(loss))(w), 1e-6
    numeric = (jax.jit(loss)(w.at[0, 0].add(step)) - jax.jit(loss)(w.at[0, 0].add(-step))) / (2 * step)
    np.testing.assert_allclose(slope[0, 0], numeric, rtol=1e-6)


def test_one_trace_of_the_model_for_all_rankings():
    calls = []

    def f(ids):
        calls.append(1)
        return of_padded(ids)

    jax.jit(lambda x: ja.metrics.comprehensiveness_eraser(f, GIVEN, x, **options(ja.metrics.comprehensiveness_eraser)))(
        jnp.asarray(PADDED)
    )
    assert len(calls) == 1

"""Shares, correlations, the jackknife and linear classifiers, each against a slow or closed form."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr

from experiments._shared import agreement, bags, linear
from experiments._shared.differences import deviations

RNG = np.random.default_rng(0)


def test_a_share_has_the_binomial_error():
    hits = np.array([True] * 30 + [False] * 70)
    found = agreement.share(hits)
    assert found["mean"] == pytest.approx(0.3)
    assert found["standard_error"] == pytest.approx(np.sqrt(0.3 * 0.7 / 99))
    assert np.isnan(agreement.mean(np.array([1.0]))["standard_error"])


def test_rank_correlation_is_that_of_scipy_with_ties():
    a, b = RNG.integers(0, 5, 40).astype(float), RNG.normal(size=40)
    assert agreement.rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(agreement.correlation(np.ones(3), np.arange(3.0)))


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = RNG.normal(size=12)
    found = agreement.jackknife(values, np.ones(12, int), float)
    assert found["mean"] == pytest.approx(values.mean())
    assert found["standard_error"] == pytest.approx(values.std(ddof=1) / np.sqrt(12))


def test_the_jackknife_weighs_groups_by_their_size():
    found = agreement.jackknife(np.array([[1.0], [4.0]]), np.array([3, 1]), lambda x: float(x[0]))
    assert found["mean"] == pytest.approx(7 / 4)
    assert found["standard_error"] == pytest.approx(1.5)  # without one group the figure is 4, without the other 1


def test_a_classifier_is_compared_on_the_same_rows():
    said, network, labels = (np.array(row, bool) for row in ([1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 1, 1]))
    found = agreement.compared(said, network, labels)
    assert [found[name]["mean"] for name in ("accuracy", "agreement", "accuracy_difference")] == [0.5, 0.5, 0.0]
    assert found["accuracy_difference"]["standard_error"] == pytest.approx(np.sqrt(2 / 3) / 2)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_intercept_is_that_of_all_cuts(seed):
    rng = np.random.default_rng(seed)
    sums, positive = rng.integers(-4, 5, 15).astype(float), rng.random(15) < 0.5
    cuts = [-10.0, *(np.unique(sums) + 0.5)]
    most = max(((sums > cut) == positive).sum() for cut in cuts)
    assert ((sums + linear.best_intercept(sums, positive) > 0) == positive).sum() == most


def test_slopes_of_a_linear_model_give_the_model_back():
    weights, rows = RNG.normal(size=6), (RNG.random((50, 6)) < 0.4).astype(float)
    scores = rows @ weights + 0.7
    found = linear.of_averages(weights, csr_matrix(rows), scores, 0.0)
    assert found["tangent"].intercept == pytest.approx(0.7)
    assert found["none"].intercept == 0
    assert (found["best"].positive(csr_matrix(rows)) == (scores > 0)).all()
    shifted = linear.of_averages(weights, csr_matrix(rows), scores, 0.5)["tangent"]
    assert (shifted.positive(csr_matrix(rows)) == (scores > 0.5)).all()


def test_logistic_regression_finds_the_word_that_decides():
    rows = (RNG.random((300, 5)) < 0.5).astype(np.float32)
    found, penalty = linear.logistic_regression(csr_matrix(rows), rows[:, 3].astype(int))
    assert found.weights.argmax() == 3
    assert penalty in linear.PENALTIES
    assert (found.positive(csr_matrix(rows)) == (rows[:, 3] > 0)).all()


def test_bags_hold_the_words_of_the_dictionary():
    texts = [["b", "a", "b", "z"], [], ["j"]]
    index = {letter: place for place, letter in enumerate("abcdefghij")}
    packed = bags.pack(texts, index)
    wanted = np.array([[letter in text for letter in "abcdefghij"] for text in texts], float)
    assert packed.shape == (3, 2)
    np.testing.assert_array_equal(bags.unpack(jnp.asarray(packed), 10), wanted)
    np.testing.assert_array_equal(bags.sparse(packed, 10, chunk=2).toarray(), wanted)
    assert bags.holding(packed, 10).tolist() == wanted.sum(0).tolist()


def test_differences_are_the_slopes_but_for_a_kink():
    def f(params, x):
        return jnp.abs(x[0] - params["kink"]) + 3 * x[1] * x[2]

    rows = np.array([[0.50005, 2.0, 1.0], [9.0, 2.0, 1.0]])
    small, large = deviations(f, {"kink": np.float32(0.5)}, rows, steps=(None, 1e-3))
    assert small["largest"] < 1e-9
    assert small["beyond"] == 0
    # the step crosses the kink of the first row: slope (h - (h - 2 * 5e-5)) / 2h instead of 1, the largest slope is 6
    assert large["largest"] == pytest.approx((1 - 0.05) / 6, rel=1e-6)
    assert large["beyond"] == pytest.approx(1 / 6)
    assert large["entries"] == 6
    masked = deviations(f, {"kink": np.float32(0.5)}, rows, steps=(1e-3,), where=np.array([False, True, True]))
    assert masked[0]["largest"] < 1e-9
    assert masked[0]["entries"] == 4
    assert jnp.zeros(1).dtype == jnp.float32, "double precision ends with the check"


def test_every_intercept_agrees_as_often_as_it_says():
    sums = np.array([0.3, -1.0, 2.0, 0.1])
    for positive in itertools.product([False, True], repeat=4):
        said = np.array(positive)
        best = ((sums + linear.best_intercept(sums, said) > 0) == said).mean()
        assert best >= max(said.mean(), 1 - said.mean())

"""The parts of the LSTM experiment: DeepSHAP of padded reviews, grouping by word, pictures."""

import doctest
import importlib

import jax
import keras
import numpy as np
import pytest
import scipy.stats
from rich.console import Console

from experiments._shared import page
from experiments._shared.by_word import Words, by_word, common
from experiments.imdb_lstm import flax_model, keras_model, pictures, report, result
from experiments.imdb_lstm.data import choose, drawn, in_front
from experiments.imdb_lstm.explain import Explained, Many, deep_shap, explain, explain_many
from experiments.imdb_lstm.force import Row, force
from experiments.imdb_lstm.result import shown
from experiments.imdb_lstm.settings import Hyperparameters

QUIET = Console(quiet=True)
VALUES = {"A": (5.0, 4.0, 3.0, 2.0, 1.0), "B": (2.0, 9.0, 1.5, 1.0, 0.5)}
REVIEWS = np.array([[0, 0, 0, 4, 9, 2], [5, 6, 7, 8, 9, 3]], np.int32)
BACKGROUNDS = np.array([[0, 0, 0, 0, 3, 5], [0, 0, 0, 7, 7, 2], [0, 6, 6, 2, 3, 8], [4, 5, 3, 2, 8, 9]], np.int32)


def flax():
    model = flax_model.LstmClassifier(10, 4, 5)
    params = jax.jit(model.init)(jax.random.key(1), REVIEWS[0])
    return flax_model.network(model), jax.tree.map(lambda a: 6 * a, params)


def source():
    before = keras.config.floatx()
    keras.config.set_floatx("float32")
    try:
        keras.utils.set_random_seed(1)
        model = keras_model.build(10, Hyperparameters(width=4, units=5), 6)
    finally:
        keras.config.set_floatx(before)
    trainable, others = keras_model.variables(model)
    return keras_model.network(model), ([6 * value + 0.1 for value in trainable], others)


@pytest.fixture(autouse=True, scope="module")
def promotion():
    """Keras multiplies matrices with vectors."""
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module", params=[flax, source])
def model(request, promotion):
    return request.param()


@pytest.fixture(scope="module")
def found(model):
    network, params = model
    return explain(network, params, REVIEWS, BACKGROUNDS, score="probability", batch_size=3, console=QUIET)


@pytest.fixture(scope="module")
def alone(model):
    """DeepSHAP with one background."""
    network, params = model
    value = jax.jit(deep_shap(network, "probability", batch_size=1)[0])
    return lambda ids, background: np.asarray(value(params, ids, background[None]))


def test_values_add_up_from_the_expected_value_to_the_score(model, found):
    network, params = model
    f = jax.jit(network.scores["probability"])
    outputs = np.array([f(params, ids) for ids in BACKGROUNDS])
    assert found.expected == pytest.approx(outputs.mean(), rel=1e-5)
    assert found.scores.tolist() == pytest.approx([float(f(params, ids)) for ids in REVIEWS], rel=1e-5)
    handed_out = np.abs(found.values).sum(1)
    assert (np.abs(found.scores - outputs.mean() - found.values.sum(1)) < 1e-5 * handed_out).all()
    assert (np.abs(found.gaps) < 1e-5 * handed_out).all()
    assert (handed_out > 0.05).all()
    np.testing.assert_allclose(found.relative, np.abs(found.gaps) / handed_out, rtol=1e-3)
    assert found.seconds > 0


def test_a_gap_is_a_share_of_what_was_handed_out():
    values, none = np.array([[3.0, -1.0]]), np.zeros((1, 2))
    assert Explained(values, none, np.ones(1), 0.0, np.array([-0.5]), 0.0).relative.tolist() == [0.125]


def test_values_and_errors_are_those_of_a_mean_over_backgrounds(found, alone):
    for row, ids in enumerate(REVIEWS):
        each = np.stack([alone(ids, background) for background in BACKGROUNDS])
        np.testing.assert_allclose(found.values[row], each.mean(0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.errors[row], each.std(0, ddof=1) / 2, rtol=1e-3, atol=1e-6)


def test_many_reviews_get_the_means_over_their_own_backgrounds(model, alone):
    network, params = model
    rows, chosen = np.concatenate([BACKGROUNDS[:1], REVIEWS]), np.array([[0, 1], [3, 1], [2, 0]])
    many = explain_many(network, params, rows, BACKGROUNDS, chosen, score="probability", batch=2, console=QUIET)
    for row, ids in enumerate(rows):
        each = np.stack([alone(ids, BACKGROUNDS[place]) for place in chosen[row]])
        np.testing.assert_allclose(many.values[row], each.mean(0), rtol=1e-4, atol=1e-6)
    assert many.values.shape == (3, 6)
    assert (many.relative < 1e-5).all()


def test_own_backgrounds_are_different_members_and_each_is_as_likely():
    found = drawn(5, 4000, 2, seed=0)
    assert (found[:, 0] != found[:, 1]).all()
    assert np.bincount(found.ravel()) == pytest.approx(1600, abs=150)
    assert (np.sort(drawn(3, 7, 9, seed=0), 1) == np.arange(3)).all()
    assert not np.array_equal(drawn(5, 4000, 2, seed=1), found)


def test_the_models_are_compared_over_words_and_within_reviews():
    ids = np.array([[0, 2, 3, 4], [2, 3, 4, 4], [2, 2, 3, 4]])
    first = np.array([[9.0, 1, 2, 3], [1, 2, 3, 3], [1, 1, 2, 3]])
    other = np.array([[-9.0, 3, 4, 5], [3, 4, 5, 5], [5, 4, 3, 0]])
    found = {name: Many(values, np.zeros(3)) for name, values in (("A", first), ("B", other))}
    grouped = {name: by_word(ids, many.values) for name, many in found.items()}
    same = result.alike(ids, found, grouped, at_least=(2, 2))
    assert same["words"] == 3
    means = [[values[ids == word].mean() for word in (2, 3, 4)] for values in (first, other)]
    assert same["correlation_of_means"] == pytest.approx(np.corrcoef(means)[0, 1])
    each = [1.0, 1.0, scipy.stats.spearmanr(first[2], other[2]).statistic]
    assert same["rank_correlation_in_a_review"]["mean"] == pytest.approx(np.mean(each)), "padding takes no part"
    assert same["rank_correlation_in_a_review"]["standard_error"] == pytest.approx(np.std(each, ddof=1) / np.sqrt(3))


def test_padding_gets_nothing_exactly_where_the_background_is_padding_too(found, alone):
    padded, full = REVIEWS
    for background in BACKGROUNDS:
        values, same = alone(padded, background), background == padded
        assert (values[same] == 0).all()
        assert (values[~same] != 0).all()
    most, *_, least = BACKGROUNDS
    assert (alone(padded, most)[:3] == 0).all(), "a background with more padding leaves all of the padding at 0"
    assert (alone(padded, least)[:3] != 0).all(), "a background without padding leaves none of it at 0"
    assert (alone(full, most) != 0).all(), "words against padding get their share"
    assert (found.values[0][:3] != 0).any(), "nor is the mean over backgrounds of several lengths 0 at padding"


def test_the_logit_is_what_the_sigmoid_gets(model):
    network, params = model
    for ids in REVIEWS:
        logit, probability = (jax.jit(network.scores[name])(params, ids) for name in ("logit", "probability"))
        assert jax.nn.sigmoid(logit) == pytest.approx(float(probability), rel=1e-5)


def test_flax_reads_batches_and_drops_the_same_entries_at_all_words():
    model = flax_model.LstmClassifier(10, 64, 5, dropout=0.5)
    params = jax.jit(model.init)(jax.random.key(0), REVIEWS)
    forward = jax.jit(model.apply)
    np.testing.assert_allclose(forward(params, REVIEWS), [forward(params, row) for row in REVIEWS], rtol=1e-5)
    train = {"train": True, "rngs": {"dropout": jax.random.key(1)}, "capture_intermediates": True}
    _, state = jax.jit(lambda params: model.apply(params, REVIEWS, **train))(params)
    (dropped,) = state["intermediates"]["Dropout_0"]["__call__"]
    gone = np.asarray(dropped == 0)
    assert 0.2 < gone.mean() < 0.8
    assert (gone == gone[:, :1]).all()
    assert (gone[0] != gone[1]).any()


def test_grouping_by_word_against_a_computation_by_hand():
    ids = np.array([[7, 7, 3], [7, 3, 0], [5, 7, 7]])
    values = np.array([[1.0, 3.0, -1.0], [5.0, 2.0, 9.0], [8.0, 0.0, 1.0]])
    found = by_word(ids, values)
    assert found.ids.tolist() == [0, 3, 5, 7]
    assert found.occurrences.tolist() == [1, 2, 1, 5]
    assert found.reviews.tolist() == [1, 2, 1, 3]
    np.testing.assert_allclose(found.means, [9.0, 0.5, 8.0, 2.0])
    # Word 7: the sums are 4, 5, 1 of 2, 1, 2 occurrences; their differences from 2 n are 0, 3, -3; 18 * 3/2 / 25.
    half = scipy.stats.t.ppf(0.975, 2) * np.sqrt(18 * 1.5 / 25)
    # Word 3: the sums are -1 and 2, less 0.5 each; 4.5 * 2 / 4.
    np.testing.assert_allclose(found.halves[[1, 3]], [scipy.stats.t.ppf(0.975, 1) * 1.5, half])
    assert np.isnan(found.halves[[0, 2]]).all(), "one review says nothing of the spread over reviews"


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(400):
        ids = (rng.random((40, 3)) < 0.5).astype(int)
        values = rng.normal(size=(40, 1)) + 0.1 * rng.normal(size=(40, 3))  # occurrences of one review are alike
        found = by_word(ids, values)
        hits += abs(found.means[1]) <= found.halves[1]
    assert 0.92 < hits / 400 < 0.98


def test_common_words_are_frequent_no_padding_and_in_falling_order():
    found = Words(*map(np.array, ([0, 1, 2, 3, 4], [99, 99, 20, 19, 30], [9, 9, 5, 9, 9], [1, 2, 3, 4, 5], [0] * 5)))
    assert common(found, occurrences=20, reviews=5, special=2).ids.tolist() == [4, 2]
    assert common(found, occurrences=20, reviews=6, special=2).ids.tolist() == [4]
    assert common(found, occurrences=19, reviews=0, special=1).ids.tolist() == [4, 3, 2, 1]


def test_words_of_one_review_are_never_listed():
    found = by_word(np.array([[5, 5, 5]]), np.ones((1, 3)))
    assert not len(common(found, occurrences=1, reviews=1, special=2).ids)


def test_words_are_listed_from_the_ends_of_both_models_with_what_is_no_word():
    ids = np.array([[0, 1, 2, 3, 4, 5, 6]] * 2)
    grouped = {name: by_word(ids, np.array([[9.0, 8, *values]] * 2)) for name, values in VALUES.items()}
    listed = result.words(grouped, ["<pad>", "<unk>", *"abcde"], at_least=(2, 2), count=1)
    assert [one["word"] for one in listed["A"]["ends"]] == ["a", "b", "e"]
    assert [one["word"] for one in listed["B"]["ends"]] == ["b", "a", "e"]
    for found in listed.values():
        assert found["count"] == 5
        assert [one["word"] for one in found["special"]] == ["<pad>", "<unk>"]
    first = {"word": "a", "occurrences": 2, "reviews": 2, "mean": 5.0, "half_interval": 0.0}
    assert listed["A"]["ends"][0] == first


def test_padding_moves_to_the_front():
    assert in_front(np.array([[5, 7, 0, 0], [4, 2, 3, 6], [0, 0, 0, 0]])).tolist() == [
        [0, 0, 5, 7],
        [4, 2, 3, 6],
        [0, 0, 0, 0],
    ]


def test_choices_are_nested_and_independent():
    short, longer = (choose(50, count, seed=0, part=1) for count in (5, 20))
    assert short.tolist() == longer[:5].tolist()
    assert sorted(choose(50, 99, seed=0, part=1).tolist()) == list(range(50))
    assert choose(50, 5, seed=0, part=2).tolist() != short.tolist()
    assert choose(50, 5, seed=1, part=1).tolist() != short.tolist()


def test_only_the_last_words_are_shown():
    tokens, numbers = shown("One two<br />Three. Four!", np.array([1.0, 2.0, 3.0]))
    assert (tokens, numbers.tolist()) == (["two", "Three", "Four"], [1.0, 2.0, 3.0])


def test_the_force_plot_goes_from_the_far_ends_to_the_score():
    values = np.array([0.5, -0.25, 0.125, 0.0])
    row = Row("A $title$", ["up", "$down$", "more", "none"], values, expected=0.25, score=0.625)
    figure = force([row, row], "two reviews")
    ax = figure.axes[0]
    corners = np.concatenate([patch.get_xy() for patch in ax.patches])
    assert len(figure.axes) == 2
    assert len(ax.patches) == 3
    assert corners[:, 0].min() == pytest.approx(0.625 - 0.625, abs=0.02)
    assert corners[:, 0].max() == pytest.approx(0.625 + 0.25, abs=0.02)
    said = {text.get_text() for text in ax.texts}
    assert {"A $title$", "raise it: up +0.500,  more +0.125", "lower it: $down$ -0.250"} <= said
    assert {"expected 0.250 ", " score 0.625"} <= said
    assert not any(text.get_parse_math() for text in ax.texts)


def test_a_review_without_forces_can_be_drawn():
    (ax,) = force([Row("flat", ["a"], np.zeros(1), 0.5, 0.5)], "one").axes
    assert {"raise it: none", "lower it: none"} <= {text.get_text() for text in ax.texts}


def test_bars_have_their_intervals():
    ends = [
        {"word": "good", "occurrences": 20, "reviews": 9, "mean": 0.5, "half_interval": 0.1},
        {"word": "$bad$", "occurrences": 1200, "reviews": 9, "mean": -0.25, "half_interval": 0.2},
    ]
    made = {"settings": {"score": "logit"}, "models": {"Flax": {"words": {"ends": ends}}}}
    (ax,) = pictures.words(made).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["good (20)", "$bad$ (1,200)"]
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())
    assert [bar.get_width() for bar in ax.patches] == [0.5, -0.25]
    lines = [segment[:, 0].tolist() for held in ax.collections for segment in held.get_segments()]
    np.testing.assert_allclose(lines, [[0.4, 0.6], [-0.45, -0.05]])
    models = {"Flax": {"words": {"ends": ends}}, "B": {"words": {"ends": ends[::-1]}}}
    assert report.words(made | {"models": models}, 1) == [
        ("good", "20", "9", "+0.5000 ± 0.1000", "+0.5000 ± 0.1000"),
        ("$bad$", "1,200", "9", "-0.2500 ± 0.2000", "-0.2500 ± 0.2000"),
    ]


def test_an_image_stands_in_the_page():
    assert page.image(b"\x89PNG", 'a "plot"') == (
        '<img class="drawn" alt="a &quot;plot&quot;" src="data:image/png;base64,iVBORw==">'
    )


@pytest.mark.parametrize("name", ["data", "force", "result"])
def test_examples_print_what_they_say(name):
    found = doctest.testmod(importlib.import_module(f"experiments.imdb_lstm.{name}"))
    assert found.attempted
    assert not found.failed

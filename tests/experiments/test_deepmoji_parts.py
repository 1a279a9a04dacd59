"""The parts of the experiment in the shape of DeepMoji, against slow literal versions."""

import doctest
import importlib

import jax
import numpy as np
import pytest
import scipy.stats

from experiments._shared import record
from experiments._shared.words import words
from experiments.deepmoji_occlusion import compare, data, explain, pictures, report, result
from experiments.deepmoji_occlusion.model import DeepMoji

IDS = np.array([[4, 9, 2, 7, 5, 3, 0, 0], [8, 2, 6, 6, 3, 9, 1, 4], [5, 0, 0, 0, 0, 0, 0, 0]], np.int32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(cell, xs):
    h = c = np.zeros(len(cell["hi"]["bias"]))
    states = []
    for x in xs:
        i, f, g, o = (x @ cell["i" + n]["kernel"] + h @ cell["h" + n]["kernel"] + cell["h" + n]["bias"] for n in "ifgo")
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return states


def literal(params, ids):
    """The probabilities and the attention of a text without padding, step by step in NumPy."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["params"])
    layers = [np.tanh(p["embed"]["embedding"][ids])]
    for name in ("lstm_0", "lstm_1"):
        ahead = lstm(p[f"{name}_forward"], layers[0])
        back = lstm(p[f"{name}_backward"], layers[0][::-1])[::-1]
        layers.insert(0, np.concatenate([ahead, back], 1))
    states = np.concatenate(layers, 1)
    scores = np.exp(states @ p["attend"]["kernel"][:, 0])
    logits = (scores / scores.sum()) @ states @ p["dense"]["kernel"] + p["dense"]["bias"]
    return np.exp(logits) / np.exp(logits).sum(), scores / scores.sum()


def probabilities(params, ids):
    bias = np.asarray(params["params"]["dense"]["bias"], np.float64)
    return literal(params, ids)[0] if len(ids) else np.exp(bias) / np.exp(bias).sum()


@pytest.fixture(
    scope="module",
    params=[pytest.param(7, marks=pytest.mark.slow, id="seven classes"), pytest.param(2, id="two classes")],
)
def case(request):
    """Random networks with large weights, so that every word has its effect."""
    model = DeepMoji(12, request.param, 6, 4)
    leaves, tree = jax.tree.flatten(jax.eval_shape(model.init, jax.random.key(0), IDS))
    rng = np.random.default_rng(request.param)
    params = tree.unflatten([rng.normal(size=leaf.shape).astype(np.float32) for leaf in leaves])
    return model, params, explain.explain(explain.compiled(model), params, IDS)


def test_effects_and_attention_are_those_of_shorter_texts(case):
    model, params, found = case
    k = min(5, model.classes)
    for row, ids in enumerate(IDS):
        real = ids[ids != 0]
        full, weights = literal(params, real)
        np.testing.assert_allclose(found.full[row], full, atol=1e-5)
        np.testing.assert_allclose(found.attention[row, : len(real)], weights, rtol=1e-4)
        assert (found.attention[row, len(real) :] == 0).all()
        top = np.argsort(-full)[:k]
        assert found.top(row).tolist() == top.tolist()
        for place in range(len(real)):
            without = probabilities(params, np.delete(real, place))
            np.testing.assert_allclose(found.without[row, place], without, atol=1e-5)
            assert found.effects[row, place] == pytest.approx(np.abs(full - without)[top].sum(), abs=1e-5)
        assert (found.effects[row, len(real) :] == 0).all()
    assert found.evaluations == 9
    assert found.effects[:2].max() > 1e-2
    assert np.ptp(found.attention[0, :6]) > 1e-2


def test_agreement(case):
    _, _, found = case
    agreed = compare.agreement(found)
    for row, count in ((0, 6), (1, 8)):
        expected = scipy.stats.spearmanr(found.effects[row, :count], found.attention[row, :count]).statistic
        assert agreed.correlation[row] == pytest.approx(expected)
        first = found.effects[row, :count].argmax() == found.attention[row, :count].argmax()
        assert agreed.same_first[row] == first
    assert np.isnan(agreed.correlation[2])
    np.testing.assert_allclose(agreed.by_chance, [1 / 6, 1 / 8, 1])
    assert compare.mean_of(agreed.correlation).texts == 2


def test_rank_correlation_shares_ranks():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 4, (2, 9)).astype(float)
        assert compare.rank_correlation(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic)


def test_curves_delete_the_first_words_together(case):
    model, params, found = case
    rankings = compare.orders(found, seed=0)
    assert {name: len(order) for name, order in rankings.items()} == {"deletion": 1, "attention": 1, "random": 5}
    ids = IDS[:2]
    curves = compare.curves(model, params, ids, {name: order[:, :2] for name, order in rankings.items()}, count=4)
    for name, numbers in (("deletion", found.effects), ("attention", found.attention)):
        for row in range(2):
            real = ids[row][ids[row] != 0]
            full = probabilities(params, real)
            top = np.argsort(-full)[: min(5, model.classes)]
            order = np.argsort(-numbers[row][: len(real)], kind="stable")
            for step in range(5):
                rest = probabilities(params, np.delete(real, order[:step]))
                assert curves.change[name][row, step] == pytest.approx(np.abs(full - rest)[top].sum(), abs=1e-5)
                assert curves.kept[name][row, step] == pytest.approx(rest[full.argmax()], abs=1e-5)
    assert (curves.change["random"][:, 0] == 0).all()
    np.testing.assert_allclose(curves.change["deletion"][:, 1], found.effects[:2].max(1), atol=1e-5)


def test_random_orders_delete_words_before_padding(case):
    _, _, found = case
    order = compare.orders(found, seed=1)["random"]
    assert (np.sort(order[:, 0, :6], -1) == np.arange(6)).all()
    assert len(np.unique(order[:, 1], axis=0)) == 5


def test_batches_hold_each_text_once_and_all_its_words():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 41, 100)
    ids = np.where(np.arange(40) < lengths[:, None], np.arange(1, 101)[:, None], 0).astype(np.int32)
    for epoch in (1, 2):
        batches = list(data.like_lengths(ids, np.arange(100), batch=8, epochs=epoch, seed=3))
        assert len(batches) == epoch * 12
    seen = np.concatenate([rows for _, rows in batches[:12]])
    assert len(set(seen)) == 96
    for part, rows in batches:
        assert ((part != 0).sum(1) == lengths[rows]).all()
        assert part.shape[1] % 16 == 0 or part.shape[1] == 40
    assert min(part.shape[1] for part, _ in batches) == 16
    assert not np.array_equal(batches[0][1], batches[12][1])


def test_long_texts_are_of_one_class():
    texts = ("one two.", "three", "four five six", "seven!")
    rows = data.Rows(texts, np.zeros((4, 3), np.int32), np.array([0, 1, 0, 1]))
    long, labels = data.joined(rows, length=4, count=3, seed=0)
    assert labels.tolist() == [0, 1, 0]
    assert long[0] in ("one two. four", "four five six one")
    assert long[1] in ("three seven!", "seven! three"), "there are no more words"


def test_an_example_holds_the_words_that_were_read_and_what_happens_without_them(case):
    model, _, found = case
    names = tuple("abcdefg")[: model.classes]
    k = min(5, model.classes)
    made = record.rounded(result.example("one two, So <b> it", 1, found, 0, names))
    assert words(made["text"]) == words("one two, So <b> it")[-6:]
    assert made["label"] == "b"
    assert list(made["likeliest"]) == [names[c] for c in found.top(0)]
    np.testing.assert_allclose(made["deletion"], found.effects[0, :6], rtol=1e-5)
    np.testing.assert_allclose(made["attention"], found.attention[0, :6], rtol=1e-5)
    order = np.argsort(-found.effects[0, :6])
    assert [one["place"] for one in made["strongest"]] == (order[:5] + 1).tolist()
    for one in made["strongest"]:
        place = one["place"] - 1
        assert one["word"].lower() == words(made["text"])[place]
        assert sum(map(abs, one["moved"].values())) == pytest.approx(one["change"], abs=1e-5)
        assert one["then"] == names[found.without[0, place].argmax()]
        assert len(one["moved"]) == k
    drawn = pictures.both(made, k)
    assert [row.method.split(" (")[0] for row in drawn.rows] == [f"deletion, top-{k} change", "attention weight"]
    assert all(max(row.numbers) == pytest.approx(1) for row in drawn.rows)
    assert drawn.sheet.title.startswith("Labelled b. The network: ")
    head, lines = report.strongest(made)
    assert len(head) == len(lines[0]) == 4 + k


def test_where_every_number_is_zero_the_picture_is_empty(case):
    found = case[2]
    still = explain.Explained(**{**vars(found), "effects": np.zeros_like(found.effects)})
    example = result.example("a b c d e f", 0, still, 0, tuple("abcdefg"))
    assert max(pictures.both(example, 5).rows[0].numbers) == 0


def test_some_texts_of_many(case):
    found = case[2]
    some = found.where(np.array([True, False, True]))
    assert some.ids.tolist() == IDS[[0, 2]].tolist()
    assert some.without.tolist() == found.without[[0, 2]].tolist()
    assert (some.seconds, some.evaluations) == (found.seconds, found.evaluations)


def test_the_histogram_counts_every_text_once():
    values = np.array([-0.96, 0.5, 0.05, 0.05, np.nan])
    spread = result.agreeing(compare.Agreement(values, np.zeros(5), np.ones(5)))
    assert spread["histogram"]["texts"].sum() == 4
    assert spread["histogram"]["texts"][[0, 10, 15]].tolist() == [1, 2, 1]
    assert spread["median_rank_correlation"] == 0.05


def test_the_lead_is_within_a_text():
    values = {
        "deletion": np.array([[0, 1.0, 3.0], [0, 2.0, 2.0]]),
        "attention": np.array([[0, 1.0, 1.0], [0, 1.0, 1.0]]),
    }
    assert result.lead(values) == compare.Mean(1.0, 0.0, 2)
    assert result.share(0.5, 100) == {"mean": 0.5, "standard_error": 0.05, "texts": 100}


def test_means_of_few_texts():
    assert str(compare.mean_of(np.array([1.0, 3.0, np.nan]))) == "2.000 ± 1.000"
    assert compare.mean_of(np.array([5.0])) == compare.Mean(5.0, 0.0, 1)
    assert compare.mean_of(np.array([np.nan])).texts == 0


@pytest.mark.parametrize("name", ["datasets.text_pickle", "deepmoji_occlusion.compare", "deepmoji_occlusion.pictures"])
def test_examples_print_what_they_say(name):
    found = doctest.testmod(importlib.import_module(f"experiments.{name}"))
    assert found.attempted
    assert not found.failed

"""The IMDB experiment from end to end, on a few invented reviews."""

import dataclasses
import io
import json

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from experiments._shared.methods import INTEGRATED
from experiments.datasets import imdb
from experiments.datasets.imdb import MissingDataError
from experiments.imdb_cnn import explain, pictures, train, whole
from experiments.imdb_cnn.__main__ import Config, main
from experiments.imdb_cnn.data import Corpus
from experiments.imdb_cnn.model import ConvClassifier
from experiments.imdb_cnn.train import Hyperparameters
from experiments.quickstart.data import corpus

MODEL = Hyperparameters(width=8, filters=8, hidden=8, epochs=5, batch=16, dropout=0.1, rate=1e-2)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imdb")
    (folder / "parquet").mkdir()
    for size, split in ((800, "train"), (100, "test")):
        reviews = corpus(size, seed=size)
        columns = {
            "text": [f"{review.text}<br />" for review in reviews],
            "label": [review.label for review in reviews],
            "id": list(range(len(reviews))),
            "rating": [9 if review.label else 2 for review in reviews],
        }
        pq.write_table(pa.table(columns), folder / "parquet" / f"{split}.parquet")
    imdb.prepare(folder / "data", imdb.parquet(folder / "parquet"))
    return Config(
        out=folder / "run",
        data_dir=folder / "data",
        reviews=6,
        whole=40,
        steps=4,
        expressions=3,
        show=2,
        vocabulary=300,
        length=24,
        check_rows=1,
        model=MODEL,
    )


def run(config):
    printed = io.StringIO()
    main(config, Console(file=printed, width=120))
    return printed.getvalue(), json.loads((config.out / "result.json").read_text())


@pytest.mark.slow
def test_a_second_run_reuses_parameters_and_finds_the_same(config):
    printed, first = run(config)
    assert "trained now" in printed
    assert first["test_accuracy"]["mean"] > 0.6
    before = {path.name: path.read_bytes() for path in config.out.iterdir()}
    assert set(before) == {"encoded.npz", "params.npz", "result.json", "first_words.png"}
    printed, second = run(config)
    assert "read from the last run" in printed
    assert (config.out / "params.npz").read_bytes() == before["params.npz"]
    assert {name: value for name, value in first.items() if name != "cost"} == {
        name: value for name, value in second.items() if name != "cost"
    }
    assert [len(found) for found in first["whole_test_set"]["expressions"].values()] == [3, 3]
    scores = [entry["score"] for entry in first["whole_test_set"]["expressions"]["positive"]]
    assert scores == sorted(scores, reverse=True)
    assert first["finite_differences"][0]["largest"] < 1e-6
    assert first["cost"]["gradient norm, test set"]["rows"] == 40
    assert len(first["examples"]) == 2
    assert "review, predicted" in pictures.coloured(first)._repr_html_()


def test_norms_are_those_of_the_gradient_at_the_word_vectors():
    model = ConvClassifier(20, 8, 8, 8)
    ids = np.array([[4, 9, 2, 7, 3], [5, 3, 0, 0, 0], [2, 2, 6, 0, 0]], np.int32)
    params = model.init(jax.random.key(0), ids[0])
    found = whole.norms(model, params, ids, np.array([1, 0, 1], np.int32), console=Console(quiet=True))
    scores = whole.margins(model, params, ids)
    for row, score, values in zip(ids, scores, found, strict=True):
        logits = model.apply(params, row)
        assert score == pytest.approx(float(logits[1] - logits[0]), abs=1e-6)
        assert (values[row == 0] == 0).all()

    # each id of the first row stands there once, so its row of the table has the slopes of that word alone
    def margin(params):
        logits = model.apply(params, ids[0])
        return logits[1] - logits[0]

    table = jax.grad(margin)(params)["params"]["embed"]["embedding"]
    np.testing.assert_allclose(found[0], np.linalg.norm(table[ids[0]], axis=-1), rtol=1e-4, atol=1e-7)


def test_an_expression_is_the_strongest_word_and_the_two_that_follow():
    texts = [["a", "b", "c", "d"], ["e", "f"]]
    found = whole.expressions(
        texts, np.array([[1.0, 5.0, 2.0, 0.0, 9.0], [1.0, 2.0, 7.0, 0.0, 0.0]]), [3.0, -1.0], [8, 2]
    )
    assert found == [
        {"row": 8, "score": 3.0, "norm": 5.0, "expression": "b c d"},
        {"row": 2, "score": -1.0, "norm": 2.0, "expression": "f"},
    ]


def test_how_norms_are_spread():
    ids = np.array([[2, 2, 2, 2, 2, 2, 2, 2], [3, 3, 0, 0, 0, 0, 0, 0]])
    norms = np.array([[4.0, 0, 1, 1, 1, 1, 1, 1], [0.0, 2, 0, 0, 0, 0, 0, 0]])
    found = whole.figures(ids, norms)
    assert found["words_without_any"]["mean"] == pytest.approx((1 / 8 + 1 / 2) / 2)
    assert found["in_five_strongest"]["mean"] == pytest.approx((8 / 10 + 1) / 2)


def test_first_words_are_counted_by_predicted_class():
    ids = np.array([[2, 3, 0], [4, 2, 0], [3, 2, 0]])
    norms = np.array([[1.0, 2, 0], [3, 1, 0], [5, 1, 0]])
    found = whole.first_words(ids, norms, np.array([1, 0, 1]), ("<pad>", "<unk>", "a", "b", "c"), 1)
    assert [(entry["word"], entry["reviews"], entry["share"]["mean"]) for entry in found["positive"]] == [("b", 2, 1)]
    assert [(entry["word"], entry["reviews"]) for entry in found["negative"]] == [("c", 1)]


@pytest.mark.slow
def test_differences_are_checked_on_short_reviews_alone():
    model = ConvClassifier(20, 4, 3, 3)
    ids = np.array([[4, 9, 2, 7, 3], [5, 3, 0, 0, 0], [2, 2, 6, 0, 0]], np.int32)
    params = model.init(jax.random.key(3), ids[0])
    found = explain.checked(model, params, ids, 2, longest=3)
    assert [entry["entries"] for entry in found] == [4 * (2 + 3)] * 3
    assert found[0]["largest"] < 1e-8


def test_other_settings_are_trained_afresh(tmp_path, monkeypatch):
    ids = np.array([[2, 3, 4]], np.int32)
    texts = Corpus(tuple("abcde"), (ids, np.array([0])), (ids, np.array([1])), "a" * 64)
    monkeypatch.setattr(train, "_fit", lambda model, *rest: model.init(jax.random.key(0), ids))
    monkeypatch.setattr(train, "accuracy", lambda *rest: 0.5)

    def reused(texts=texts, seed=0, **changed):
        settings = dataclasses.replace(MODEL, **changed)
        path, quiet = tmp_path / "params.npz", Console(quiet=True)
        return train.trained(texts, path, settings, seed=seed, console=quiet)[2]["reused"]

    assert not reused()
    assert reused()
    assert not reused(seed=1)
    assert reused(seed=1)
    assert not reused(seed=1, rate=0.5)
    assert not reused(seed=1, rate=0.5, width=4)
    assert not reused(dataclasses.replace(texts, sha256="b" * 64), seed=1, rate=0.5, width=4)


def test_without_data_the_message_comes_first(config, tmp_path):
    with pytest.raises(MissingDataError, match=r"python -m experiments\.datasets imdb .*--parquet FOLDER"):
        main(dataclasses.replace(config, data_dir=tmp_path), Console(file=io.StringIO()))


def test_padding_does_not_move_the_logits():
    model = ConvClassifier(20, 8, 8, 8)
    ids = np.array([4, 9, 2, 7], np.int32)
    params = model.init(jax.random.key(0), ids)
    params["params"]["windows"]["bias"] = jax.numpy.full(8, 3.0)
    longer = np.pad(ids, (0, 5))
    np.testing.assert_allclose(model.apply(params, ids), model.apply(params, longer), rtol=1e-6)
    assert (params["params"]["embed"]["embedding"][0] == 0).all()


def test_the_pad_vector_has_no_gradient():
    model = ConvClassifier(20, 8, 8, 8)
    ids = np.array([4, 9, 0, 0], np.int32)
    params = model.init(jax.random.key(0), ids)
    table = jax.grad(lambda params: model.apply(params, ids)[1])(params)["params"]["embed"]["embedding"]
    assert (table[0] == 0).all()
    assert (table[4] != 0).any()


def test_expressions_speak_for_the_class_on_whose_side_they_are():
    texts = [["a", "b", "c", "d"], ["e", "f"]]
    outcome = explain.Outcome(np.array([[1.0, 2.0, 3.0, -9.0, 50.0], [9.0] * 5]), None)
    found = explain.expressions(texts, outcome, np.array([0, 1]), count=3)
    assert found == {"positive": [("b c d", 4.0)], "negative": [("a b c", 6.0)]}


def test_gap_figures():
    values = np.zeros((4, 2), np.float32)
    figures = explain.gap_figures(explain.Outcome(values, np.array([0.1, -0.2, 0.3, -4.0])))
    assert figures["median"] == pytest.approx(0.25)
    assert figures["worst"] == 4.0
    assert figures["median_relative"] == pytest.approx(1.0), "nothing was handed out"


def test_deletion_compares_with_random_words():
    model = ConvClassifier(30, 8, 8, 8)
    ids = np.array([[4, 9, 2, 7, 5, 6, 3, 0], [8, 2, 0, 0, 0, 0, 0, 0]], np.int32)
    params = model.init(jax.random.key(0), ids[0])
    labels = np.array([0, 1], np.int32)
    first = {INTEGRATED: np.array([[0, 1, 2, 3, 4], [0, 1, 0, 1, 0]])}
    found = explain.deletion(model, params, ids, labels, first, seed=0)
    whole = [model.apply(params, row) for row in ids]
    rest = [model.apply(params, np.array([6, 3], np.int32)), model.apply(params, np.array([0], np.int32))]
    falls = [(a[y] - a[1 - y]) - (b[y] - b[1 - y]) for a, b, y in zip(whole, rest, labels, strict=True)]
    assert found[INTEGRATED]["mean"] == pytest.approx(float(np.mean(falls)), abs=1e-5)
    assert set(found) == {INTEGRATED, "random words"}

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
from experiments.imdb_cnn import explain, train
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
        gradient_reviews=20,
        steps=4,
        show=2,
        vocabulary=300,
        length=24,
        model=MODEL,
    )


def run(config):
    printed = io.StringIO()
    main(config, Console(file=printed, width=120))
    return printed.getvalue(), json.loads((config.out / "result.json").read_text())


def test_a_second_run_reuses_data_and_parameters(config):
    printed, first = run(config)
    assert "trained now" in printed
    assert first["test_accuracy"] > 0.6
    before = {path.name: path.read_bytes() for path in config.out.iterdir()}
    assert set(before) == {"encoded.npz", "params.npz", "report.html", "result.json"}
    printed, second = run(config)
    assert "read from the last run" in printed
    assert (config.out / "params.npz").read_bytes() == before["params.npz"]
    for name in ("test_accuracy", "absolute_gap", "fall_without_first_5_words", "top_expressions", "data_sha256"):
        assert first[name] == second[name]


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
    outcome = explain.Outcome(np.array([[1.0, 2.0, 3.0, -9.0, 50.0], [9.0] * 5]), None, 0.0)
    found = explain.expressions(texts, outcome, np.array([0, 1]), count=3)
    assert found == {"positive": [("b c d", 4.0)], "negative": [("a b c", 6.0)]}


def test_first_words_are_counted_by_predicted_class():
    outcome = explain.Outcome(np.array([[1.0, 2.0, 9.0], [3.0, 1.0, 0.0], [0.0, 5.0, 0.0]]), None, 0.0)
    found = explain.frequent([["a", "b"], ["c", "d"], ["e", "b"]], outcome, np.array([1, 0, 1]), count=1)
    assert found == {"positive": [("b", 2)], "negative": [("c", 1)]}


def test_gap_figures():
    values = np.zeros((4, 2), np.float32)
    figures = explain.gap_figures(explain.Outcome(values, np.array([0.1, -0.2, 0.3, -4.0]), 0.0))
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
    assert found[INTEGRATED][0] == pytest.approx(float(np.mean(falls)), abs=1e-5)
    assert set(found) == {INTEGRATED, "random words"}

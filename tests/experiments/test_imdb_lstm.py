"""The LSTM experiment from end to end, on a few invented reviews."""

import dataclasses
import io
import json

import jax
import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from experiments.datasets import imdb
from experiments.imdb_cnn.data import Corpus
from experiments.imdb_lstm import keras_model, pictures, train
from experiments.imdb_lstm.__main__ import Config, main
from experiments.imdb_lstm.data import fewer
from experiments.imdb_lstm.settings import Hyperparameters

MODEL = Hyperparameters(width=8, units=8, epochs=3, batch=16, dropout=0.1, rate=3e-2)
GOOD, BAD = ("great", "lovely"), ("awful", "boring")
PLAIN = "a the film it was this plot of and in actor scene with we saw".split()
FILES = {"encoded.npz", "flax.npz", "keras.npz", "force_flax.png", "force_keras.png", "words.png", "reviews.html"}
FILES |= {"result.json"}


def invented(count):
    """Texts of 4 to 25 plain words and one that decides the label."""
    rng = np.random.default_rng(count)
    for number in range(count):
        words = rng.choice(PLAIN, rng.integers(4, 26)).tolist()
        words.insert(int(rng.integers(len(words))), str(rng.choice((BAD, GOOD)[number % 2])))
        yield f"{' '.join(words).capitalize()}.<br />{number}!", number % 2


@pytest.fixture(autouse=True)
def as_users_run_it():
    """Single precision, and products of matrices with vectors, which Keras needs."""
    before = keras.config.floatx()
    keras.config.set_floatx("float32")
    with jax.numpy_rank_promotion("allow"):
        yield
    keras.config.set_floatx(before)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imdb")
    (folder / "parquet").mkdir()
    for size, split in ((500, "train"), (250, "test")):
        texts, labels = zip(*invented(size), strict=True)
        ratings = [9 if label else 2 for label in labels]
        columns = {"text": texts, "label": labels, "id": range(size), "rating": ratings}
        pq.write_table(pa.table(columns), folder / "parquet" / f"{split}.parquet")
    imdb.prepare(folder / "data", imdb.parquet(folder / "parquet"))
    return Config(
        out=folder / "run",
        data_dir=folder / "data",
        reviews=3,
        backgrounds=7,
        batch_size=7,
        many=40,
        few_backgrounds=4,
        occurrences=5,
        in_reviews=3,
        listed=4,
        vocabulary=300,
        length=20,
        model=MODEL,
    )


def run(config):
    printed = io.StringIO()
    main(config, Console(file=printed, width=160))
    return printed.getvalue(), json.loads((config.out / "result.json").read_text())


@pytest.mark.slow
def test_both_models_are_trained_explained_and_add_up(config):
    printed, first = run(config)
    assert printed.count("trained now") == 2
    assert set(first["models"]) == {"Flax", "Keras"}
    for name, found in first["models"].items():
        assert found["test_accuracy"]["mean"] > 0.8
        assert found["test_accuracy"]["standard_error"] < 0.03
        assert found["worst_relative_gap"] < 1e-5
        assert found["relative_gap_of_many"]["worst"] < 1e-5
        assert 0 < found["expected_value"] < 1
        listed = found["words"]["ends"]
        assert all(word["occurrences"] >= 5 and word["reviews"] >= 3 for word in listed)
        assert [word["mean"] for word in listed] == sorted((w["mean"] for w in listed), reverse=True)
        assert {word["word"] for word in listed[:2]} == set(GOOD)
        for review in first["reviews"]:
            total = found["expected_value"] + sum(review["values"][name])
            assert total == pytest.approx(review["score"][name], abs=1e-4)
    assert first["agreement"]["correlation_of_means"] > 0.3
    assert {name: spent["rows"] for name, spent in first["cost"].items()} == {"Flax": 40, "Keras": 40}
    assert first["versions"]["keras"] == keras.__version__
    before = {path.name: path.read_bytes() for path in config.out.iterdir()}
    assert set(before) == FILES
    assert "Review 3, " in before["reviews.html"].decode()
    assert set(pictures.figures(first)) == {"force_flax", "force_keras", "words"}

    printed, second = run(dataclasses.replace(config, score="logit", reviews=2, many=8, occurrences=2, in_reviews=2))
    assert printed.count("read from the last run") == 2
    for name, found in second["models"].items():
        assert (config.out / f"{name.lower()}.npz").read_bytes() == before[f"{name.lower()}.npz"]
        assert found["test_accuracy"] == first["models"][name]["test_accuracy"]
        assert found["worst_relative_gap"] < 1e-5
        odds = np.exp([review["score"][name] for review in second["reviews"]])
        scores = [review["score"][name] for review in first["reviews"]]
        np.testing.assert_allclose(odds / (1 + odds), scores[:2], rtol=1e-4)


def test_without_data_the_message_comes_first(config, tmp_path):
    with pytest.raises(imdb.MissingDataError, match=r"experiments\.datasets imdb .*--download"):
        main(dataclasses.replace(config, data_dir=tmp_path), Console(quiet=True))


def test_fewer_training_reviews_are_another_corpus():
    ids = np.arange(40).reshape(20, 2)
    texts = Corpus(tuple("ab"), (ids, np.arange(20)), (ids, np.arange(20)), "a" * 64)
    assert fewer(texts, None, seed=0) is fewer(texts, 20, seed=0) is texts
    found = fewer(texts, 5, seed=0)
    assert len(set(found.train[1].tolist())) == 5
    assert (found.train[0] == ids[found.train[1]]).all()
    assert len({found.sha256, texts.sha256, fewer(texts, 5, seed=1).sha256}) == 3
    assert found.test is texts.test


@pytest.mark.slow
def test_other_settings_are_trained_afresh(tmp_path, monkeypatch):
    ids = np.array([[0, 3, 4]], np.int32)
    texts = Corpus(tuple("abcde"), (ids, np.array([0])), (ids, np.array([1])), "a" * 64)
    monkeypatch.setattr(train.flax_model, "fit", lambda model, *_, **__: model.init(jax.random.key(0), ids))
    monkeypatch.setattr(train.keras_model, "fit", lambda *_, **__: None)
    monkeypatch.setattr(train, "accuracy", lambda *_: 0.5)

    def reused(texts=texts, seed=0, **changed):
        settings = dataclasses.replace(MODEL, **changed)
        found = train.trained(texts, tmp_path, settings, seed=seed, console=Console(quiet=True))
        return [model.about["reused"] for model in found]

    assert reused() == [False, False]
    assert reused() == [True, True]
    assert reused(seed=1) == [False, False]
    assert reused(seed=1, width=4) == [False, False]
    (tmp_path / "keras.npz").unlink()
    assert reused(seed=1, width=4) == [True, False]
    assert reused(dataclasses.replace(texts, sha256="b" * 64), seed=1, width=4) == [False, False]


def test_another_backend_of_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(RuntimeError, match=r"on the JAX backend, got tensorflow.*KERAS_BACKEND=jax"):
        keras_model.build(10, MODEL, 5)


def test_the_variables_of_keras_are_put_back():
    model = keras_model.build(10, MODEL, 5)
    trainable, others = keras_model.variables(model)
    keras_model.assign(model, ([2 * value + 1 for value in trainable], others))
    for value, doubled in zip(trainable, keras_model.variables(model)[0], strict=True):
        assert (doubled == 2 * value + 1).all()

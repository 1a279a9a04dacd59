"""The experiment on a global maximum: from end to end on a few invented reviews, and each figure beside a slow twin."""

import dataclasses
import functools
import io
import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import experiments.pooled_embedding  # noqa: F401  chooses the backend of Keras
from experiments.datasets import imdb
from experiments.pooled_embedding import costs, explain, keras_model, linen_model
from experiments.pooled_embedding import report as tables
from experiments.pooled_embedding.__main__ import Config, main
from experiments.pooled_embedding.data import corpus
from experiments.pooled_embedding.network import padding, pool, zeros
from experiments.pooled_embedding.settings import Hyperparameters

MODEL = Hyperparameters(width=8, hidden=8, epochs=4, batch=16, rate=2e-2)
IDS = jnp.array([4, 7, 4, 2, 9, 0, 0, 0], jnp.int32)
OTHER = jnp.array([5, 3, 3, 8, 2, 6, 1, 9], jnp.int32)


@pytest.fixture(autouse=True)
def as_users_run_it():
    """Single precision, and products of matrices with vectors, which Keras needs."""
    before = keras.config.floatx()
    keras.config.set_floatx("float32")
    with jax.numpy_rank_promotion("allow"):
        yield
    keras.config.set_floatx(before)


@functools.cache
def flax():
    module = linen_model.PooledClassifier(10, 6, 5)
    params = module.init(jax.random.key(0), IDS)
    params = jax.tree.map(lambda a: a + jax.random.normal(jax.random.key(a.size), a.shape), params)
    return linen_model.network(module), params


@functools.cache
def source():
    keras.utils.set_random_seed(0)
    model = keras_model.build(10, dataclasses.replace(MODEL, width=6, hidden=5), 8)
    params = [v + jax.random.normal(jax.random.key(v.size), v.shape) for v in keras_model.variables(model)]
    return model, keras_model.network(model), params


@pytest.fixture(params=["Flax", "Keras"])
def net(request):
    return flax() if request.param == "Flax" else source()[1:]


def invented(count):
    """Texts of plain words and one or two that decide the label."""
    rng = np.random.default_rng(count)
    for number in range(count):
        words = rng.choice("a the film it was this plot of and in actor scene".split(), rng.integers(8, 30)).tolist()
        for word in rng.choice((["awful", "boring"], ["great", "lovely"])[number % 2], rng.integers(1, 3)):
            words.insert(int(rng.integers(len(words))), str(word))
        yield f"{' '.join(words)}.<br />{number}!", number % 2


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imdb")
    for size, split in ((400, "train"), (120, "test")):
        texts, labels = zip(*invented(size), strict=True)
        columns = {"text": texts, "label": labels, "id": range(size)}
        pq.write_table(pa.table(columns | {"rating": [9 if n else 2 for n in labels]}), folder / f"{split}.parquet")
    imdb.prepare(folder / "data", imdb.parquet(folder))
    sizes = {"train_reviews": 320, "test_reviews": 96, "compared": 4, "deleted": 8, "in_reviews": 3}
    folders = {"out": folder / "run", "data_dir": folder / "data"}
    return Config(**folders, **sizes, steps=4, vocabulary=300, length=60, model=MODEL)


@pytest.mark.slow
def test_from_the_reviews_to_the_record(config):
    printed = io.StringIO()
    main(config, Console(file=printed, width=120))
    assert "96 reviews explained" in printed.getvalue()
    found = json.loads((config.out / "result.json").read_text())
    assert {path.suffix for path in config.out.iterdir()} == {".npz", ".png", ".json", ".html"}
    assert len(found["data_sha256"]) == 64
    for model in found["models"].values():
        assert model["test_accuracy"]["mean"] > 0.8
        assert model["whole_test_set"]["zeros"]["cost"]["rows"] == 96
        assert model["whole_test_set"]["zeros"]["largest_loss_to_words"] < 1e-5
        assert model["compared"]["baselines"]["padding"]["largest_difference"]["worst"] < 1e-4
    assert found["models"]["Flax"]["winners"]["padding"]["mean"] == 0
    for head, lines in (
        (tables.MODELS, tables.models(found)),
        (tables.COSTS, tables.costs(found)),
        (tables.FEW, tables.few(found)),
        (tables.WINNERS, tables.winners(found)),
        (tables.RULES, tables.rules(found)),
        (tables.SAME, tables.same(found)),
        (tables.DELETION, tables.deletion(found)),
    ):
        assert all(len(line) == len(head) for line in lines)
    before = (config.out / "keras.npz").read_bytes()
    main(dataclasses.replace(config, test_reviews=96), Console(file=io.StringIO()))
    assert (config.out / "keras.npz").read_bytes() == before
    again = json.loads((config.out / "result.json").read_text())
    assert again["models"]["Keras"]["parameters_reused"]
    assert again["models"]["Keras"]["deletion"] == found["models"]["Keras"]["deletion"]


def test_a_missing_data_set_says_what_to_type(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"experiments\.datasets imdb"):
        main(Config(out=tmp_path, data_dir=tmp_path), Console(file=io.StringIO()))


def test_rows_are_drawn_once_and_kept(config, tmp_path):
    sizes = {"size": 50, "length": 9, "train": 30, "test": 7, "seed": 0}
    first = corpus(config.data_dir, tmp_path / "rows.npz", **sizes)
    stamp = (tmp_path / "rows.npz").stat().st_mtime_ns
    again = corpus(config.data_dir, tmp_path / "rows.npz", **sizes)
    assert (tmp_path / "rows.npz").stat().st_mtime_ns == stamp
    assert (again.test[0] == first.test[0]).all()
    assert first.test[0].shape == (7, 9)
    other = corpus(config.data_dir, tmp_path / "rows.npz", **(sizes | {"seed": 1}))
    assert other.places.tolist() != first.places.tolist()
    assert len(other.words) == 50


def test_both_models_are_cut_where_they_say(net):
    network, params = net
    score, x, p = network.score(params, IDS), network.vectors(params, IDS), network.pooled(params, IDS)
    assert x.shape == (8, 6)
    np.testing.assert_allclose(network.from_vectors(x, params, IDS), score, rtol=1e-6)
    np.testing.assert_allclose(network.from_pooled(p, params, IDS), score, rtol=1e-6)
    np.testing.assert_allclose(pool(network, x, IDS), p)
    expected = np.asarray(x)[: 5 if network.masked else 8].max(0)
    np.testing.assert_allclose(p, expected)


def test_the_logit_of_keras_is_that_of_its_probability():
    model, network, params = source()
    odds = jax.nn.sigmoid(network.score(params, IDS))
    np.testing.assert_allclose(keras_model.probability(model, params, IDS), odds, rtol=1e-6)
    keras_model.assign(model, params)
    np.testing.assert_allclose(model(IDS[None])[0, 0], odds, rtol=1e-6)


def test_another_backend_of_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(RuntimeError, match=r"on the JAX backend, got tensorflow.*KERAS_BACKEND=jax"):
        keras_model.build(10, MODEL, 5)


@pytest.mark.parametrize("baseline", [zeros, padding])
def test_words_get_what_the_dimensions_had(net, baseline):
    network, params = net
    found = jax.jit(explain.at_pooled(network, baseline, steps=256))(params, IDS)
    start = network.from_pooled(pool(network, baseline(network, params, IDS), IDS), params, IDS)
    np.testing.assert_allclose(found["words"].sum(), network.score(params, IDS) - start, atol=2e-2)
    np.testing.assert_allclose(found["words"].sum(), found["dimensions"].sum(), rtol=1e-5)
    assert found["won"].sum() == pytest.approx(6)
    assert found["words"][0] == found["words"][2], "the word stands twice"
    if network.masked or baseline is padding:
        assert (found["words"][5:] == 0).all()
    by_vectors = jax.jit(costs.at_vectors(network, baseline, steps=256))(params, IDS)
    np.testing.assert_allclose(by_vectors, found["words"], atol=1e-5)


def test_winners_are_counted_like_by_hand():
    x = jnp.array([[3.0, 1, -1, 0, 2], [3.0, 0, -2, 5, 2], [1.0, 4, -3, 0, 2], [0.0, 4, 1, 1, 0]])
    ids = jnp.array([7, 7, 9, 0])
    shares = jnp.array([[0.5, 0, 0, 0, 1 / 3], [0.5, 0, 0, 1, 1 / 3], [0, 0.5, 0, 0, 1 / 3], [0, 0.5, 1, 0, 0]])
    found = explain.winners_counted(x, shares, ids)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {"tied": 3 / 5, "one_word": 1 / 5, "padding": 1.5 / 5, "nameless": 1 / 5, "reach": 1.0}
    )
    quiet = explain.winners_counted(x, shares.at[2].set(0), ids)
    assert float(quiet["reach"]) == pytest.approx(2 / 3)


def test_gaps_are_told_in_quantiles():
    found = {
        "words": np.array([[1.0, -3.0, 0.0], [2.0, 0.0, 2.0]]),
        "dimensions": np.array([[-2.0, 0.0], [1.0, 3.0]]),
        "gap": np.array([0.5, -0.25]),
        "lost": np.array([0.0, -1e-3]),
    }
    told = explain.gap_figures(found, np.array([[5, 6, 7], [5, 6, 0]]))
    assert told["gap"]["1.0"] == 0.5
    assert told["gap"]["0.5"] == pytest.approx(0.375)
    assert told["largest_loss_to_words"] == pytest.approx(1e-3)
    assert told["change"]["mean"] == pytest.approx((1.5 + 3.75) / 2)
    assert told["attribution_at_padding"]["mean"] == pytest.approx(0.25)


def test_the_left_sum_has_its_known_error():
    network, params = flax()
    found = explain.rules_compared(network, params, zeros, np.stack([IDS, OTHER]))
    assert found["probability"]["left_riemann_50"]["1.0"] > found["probability"]["gauss_legendre_32"]["1.0"]
    p = np.asarray(jax.vmap(network.pooled, in_axes=(None, 0))(params, jnp.stack([IDS, OTHER])))
    gaps = []
    for row, ids in zip(p, (IDS, OTHER), strict=True):
        f = lambda a, row=row, ids=ids: jax.nn.sigmoid(network.from_pooled(a * row, params, ids))  # noqa: E731
        slopes = jax.vmap(jax.grad(f))(jnp.arange(50) / 50)
        gaps.append(float(f(1.0) - f(0.0) - slopes.mean()))
    assert found["probability"]["left_riemann_50"]["1.0"] == pytest.approx(max(map(abs, gaps)), abs=1e-5)

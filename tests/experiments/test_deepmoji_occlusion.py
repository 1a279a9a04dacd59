"""The experiment in the shape of DeepMoji from end to end, on a few invented texts."""

import dataclasses
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from experiments._shared.words import words
from experiments.datasets import deepmoji
from experiments.deepmoji_occlusion import data, pictures, train
from experiments.deepmoji_occlusion.__main__ import Config, main
from experiments.deepmoji_occlusion.train import Hyperparameters

MODEL = Hyperparameters(width=12, units=6, embed_dropout=0.1, dropout=0.1, rate=2e-2, epochs=5, batch=16)
NAMES = deepmoji.NAMES["psychexp"]
PLAIN = "a the when it was this then of and in my I with we saw".split()
FILES = {"params.npz", "comparison.png", "short.html", "long.html", "result.json"}


def invented(count, seed):
    """Texts of 9 to 13 words, all plain but for one that names the class."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        text = rng.choice(PLAIN, rng.integers(8, 13)).tolist()
        text.insert(int(rng.integers(len(text))), NAMES[number % 7])
        yield " ".join(text), number % 7


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deepmoji")
    rows = [
        (*row, split)
        for seed, (split, count) in enumerate((("test", 700), ("train", 90), ("validation", 10)))
        for row in invented(count, seed)
    ]
    rows += [(rows[0][0].upper(), 0, "train"), (rows[5][0], 5, "validation"), ("  ", 2, "test"), (" ", 1, "train")]
    columns = dict(zip(("text", "label", "split"), map(list, zip(*rows, strict=True)), strict=True))
    (folder / "parquet").mkdir()
    pq.write_table(pa.table(columns), folder / "parquet" / "psychexp.parquet")
    deepmoji.prepare(folder / "data", "psychexp", deepmoji.parquet("psychexp")(folder / "parquet"))
    return Config(
        out=folder / "run",
        data_dir=folder / "data",
        texts=20,
        delete=3,
        short=12,
        short_texts=3,
        long=16,
        long_texts=2,
        show=2,
        length=16,
        model=MODEL,
    )


def run(config):
    printed = io.StringIO()
    main(config, Console(file=printed, width=160))
    return printed.getvalue(), json.loads((config.out / "result.json").read_text())


@pytest.mark.slow
def test_words_are_deleted_explained_and_compared(config, capsys):
    printed, first = run(config)
    assert "trained now" in printed
    assert "deletion, top-5 change" in capsys.readouterr().out, "the picture in the terminal"
    assert first["classes_watched"] == 5
    assert first["test_accuracy"]["mean"] > 0.9
    assert first["bag_of_words"]["test_accuracy"]["mean"] > 0.9
    assert first["majority"]["test_accuracy"]["mean"] < 0.3
    change, kept = first["curves"]["top_change"], first["curves"]["probability"]
    assert change["deletion"][0]["mean"] == change["random"][0]["mean"] == 0
    assert change["deletion"][1]["mean"] > 3 * change["random"][1]["mean"], "one word decides, and deletion finds it"
    assert kept["deletion"][1]["mean"] < 0.7 * kept["random"][1]["mean"]
    assert [length["evaluations_a_text"] for length in first["lengths"]] == [13, 17]
    assert all(length["deletion_seconds_a_text"] > 0 for length in first["lengths"])
    assert {name: spent["rows"] for name, spent in first["cost"].items()} == {
        "deletion, and attention too": 20,
        "attention alone": 20,
    }
    agreed = first["agreement"]
    assert -1 <= agreed["rank_correlation"]["mean"] <= 1
    assert sum(agreed["histogram"]["texts"]) == agreed["rank_correlation"]["texts"] <= 20
    before = {path.name: path.read_bytes() for path in config.out.iterdir()}
    assert set(before) == FILES
    assert len(before["result.json"]) < 150_000
    assert before["short.html"].decode().count("Labelled") >= 2
    assert pictures.comparison(first).axes[2].get_xlabel().startswith("rank correlation")

    with pytest.raises(ValueError, match=r"text of exactly 99 words, got none among 103.*--short"):
        run(dataclasses.replace(config, short=99))
    assert (config.out / "params.npz").read_bytes() == before["params.npz"], "reused"


def untrained(model, rows, *_):
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.asarray(rows.ids[:1]))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


@pytest.mark.slow
def test_other_settings_are_trained_afresh(config, tmp_path, monkeypatch):
    found = data.corpus(config.data_dir, "psychexp", split="published", length=16)
    monkeypatch.setattr(train, "_fit", untrained)
    monkeypatch.setattr(train, "predict", lambda forward, ids: np.zeros(len(ids), int))
    monkeypatch.setattr(train, "bag_of_words", lambda *rows, **_: (np.zeros(len(rows[2].ids), int), {}))

    def reused(found=found, seed=0, **changed):
        settings = dataclasses.replace(MODEL, **changed)
        return train.trained(found, tmp_path / "p.npz", settings, seed=seed, console=Console(quiet=True))[2]["reused"]

    assert not reused()
    assert reused()
    assert not reused(seed=1)
    assert not reused(seed=1, units=4)
    assert reused(seed=1, units=4)
    assert not reused(dataclasses.replace(found, sha256="b" * 64), seed=1, units=4)


def test_without_data_the_message_comes_first(config, tmp_path):
    with pytest.raises(deepmoji.MissingDataError, match=r"--download .*fetches https"):
        main(dataclasses.replace(config, data_dir=tmp_path), Console(file=io.StringIO()))


def test_the_two_splits_hold_the_same_texts_but_for_those_that_recur(config):
    sizes = {}
    for split in ("published", "exchanged"):
        found = data.corpus(config.data_dir, "psychexp", split=split, length=16)
        parts = (found.train, found.validation, found.test)
        keys = [{tuple(words(text)) for text in part.texts} for part in parts]
        assert not keys[0] & keys[1]
        assert not (keys[0] | keys[1]) & keys[2]
        assert sum(len(part.texts) for part in parts) + found.left_out == 804
        assert found.left_out == 3, "two recur, one has no words"
        sizes[split] = [len(part.texts) for part in parts]
    assert sizes["published"][2] == 701
    assert sizes["exchanged"][2] == 103
    assert sizes["exchanged"][1] == pytest.approx(700 / 13, abs=3)


def test_the_real_set_is_split_without_overlap(shared, tmp_path):
    deepmoji.prepare(tmp_path, "psychexp", deepmoji.parquet("psychexp")(shared / "data" / "deepmoji"))
    found = data.corpus(tmp_path, "psychexp", split="exchanged", length=64)
    assert [len(part.ids) for part in (found.train, found.validation, found.test)] == [5951, 496, 1000]
    assert found.left_out == 33
    long, labels = data.joined(found.test, length=300, count=7, seed=0)
    assert [len(words(text)) for text in long] == [300] * 7
    assert sorted(labels) == list(range(7))

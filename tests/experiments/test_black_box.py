"""The experiment on trees from end to end, on a few invented reviews, and its parts."""

import dataclasses
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reviews import prepared
from rich.console import Console

import jaxattr as ja
from experiments._shared import record
from experiments._shared.bags import unpack
from experiments.black_box import pictures, trees
from experiments.black_box.__main__ import SMALL, main
from experiments.black_box.explain import differences, literal
from experiments.black_box.trees import Hyperparameters
from experiments.datasets.imdb import MissingDataError

SIZE = 12
RNG = np.random.default_rng(0)
BITS = (RNG.random((200, SIZE)) < 0.5).astype(np.uint8)
PACKED = np.packbits(BITS, axis=-1)
LABELS = ((BITS[:, 0] | BITS[:, 5]) & (1 - BITS[:, 9])).astype(np.int32)


@pytest.fixture(scope="module")
def model():
    settings = Hyperparameters(trees=20, leaves=6, rate=0.3, features=1.0)
    return trees.fitted((PACKED, LABELS), SIZE, settings, seed=0)


def test_the_trees_learn_and_their_margins_are_their_log_odds(model):
    found = trees.margins(model, PACKED, SIZE, chunk=70)
    assert ((found > 0) == LABELS).mean() > 0.95
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), model.predict_proba(BITS)[:, 1], atol=1e-9)


def test_a_chunk_is_one_call():
    class Counting:
        def __init__(self):
            self.shapes = []

        def decision_function(self, rows):
            self.shapes.append(rows.shape)
            return rows.sum(1)

    counting = Counting()
    f = trees.score(counting)
    assert float(f(jnp.ones(3))) == 3
    np.testing.assert_array_equal(jax.vmap(f)(jnp.ones((4, 3))), [3, 3, 3, 3])
    assert counting.shapes == [(1, 3), (4, 3)]
    counting.shapes.clear()
    np.testing.assert_allclose(ja.finite_differences(f, step=1.0, batch_size=3)(jnp.ones(3)), 1)
    assert len(counting.shapes) == 2, "all entries moved up, and all moved down"
    assert all(shape == (3, 3) for shape in counting.shapes)


def test_differences_are_those_of_entries_set_by_hand(model):
    found = differences(model, PACKED[:6], SIZE, batch=5, console=Console(quiet=True))
    np.testing.assert_allclose(found, literal(model, PACKED[:6], SIZE, np.arange(SIZE)), atol=1e-5)
    assert set(np.abs(found).mean(0).argsort()[-3:]) == {0, 5, 9}


def test_by_hand_means_the_word_in_less_the_word_out(model):
    bits = BITS[:1].astype(float)
    put, taken = bits.copy(), bits.copy()
    put[0, 5], taken[0, 5] = 1, 0
    wanted = model.decision_function(put) - model.decision_function(taken)
    assert literal(model, PACKED[:1], SIZE, np.array([5]))[0, 0] == pytest.approx(float(wanted[0]))


def test_trees_have_no_slope_for_a_small_step(model):
    f = trees.score(model)
    x = unpack(jnp.asarray(PACKED[0]), SIZE)
    assert (ja.finite_differences(f)(x) == 0).all()
    assert (ja.finite_differences(f, step=0.6)(x) != 0).any()


@pytest.mark.slow
def test_the_experiment_from_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    settings = Hyperparameters(trees=30, leaves=4, rate=0.3, features=0.5)
    config = dataclasses.replace(
        SMALL, out=tmp_path / "run", data_dir=prepared(tmp_path), dictionary=28, reviews=None, explained=8, show=3,
        model=settings,
    )  # fmt: skip
    printed = io.StringIO()
    main(config, Console(file=printed, width=200))
    found = json.loads((config.out / "result.json").read_text())
    assert found["test_accuracy"]["mean"] > 0.9
    assert "reviews a second" in printed.getvalue()
    assert found["against_plain_predictions"]["largest"] < 1e-5
    assert [entry["not_zero"] > 0 for entry in found["steps"]] == [False, False, False, True, True]
    assert {entry["with"] for entry in found["rank_correlation"]} == {"logistic regression"}
    assert found["frequent"]["network"] is None
    assert list(pictures.figures(found)) == ["strongest_words"]
    best = next(entry for entry in found["classifiers"] if entry["intercept"] == "best")
    assert best["agreement"]["mean"] > 0.9

    slopes = {"words": "great awful unheard", "averages": [2.0, -2.0, 0.0]}
    record.save(tmp_path / "imdb_bag", {"frequent": slopes})
    main(config, Console(quiet=True))
    found = json.loads((config.out / "result.json").read_text())
    beside = [entry for entry in found["rank_correlation"] if entry["with"] == "imdb_bag"]
    assert [(entry["words"], entry["count"], entry["mean"]) for entry in beside] == [
        ("all", 2, 1.0),
        ("with an effect", 2, 1.0),
    ]
    assert list(pictures.figures(found)) == ["strongest_words", "beside_network"]


def test_without_data_the_command_that_prepares_them_is_told(tmp_path):
    with pytest.raises(MissingDataError, match=r"python -m experiments.datasets imdb"):
        main(dataclasses.replace(SMALL, out=tmp_path / "run", data_dir=tmp_path), Console(quiet=True))

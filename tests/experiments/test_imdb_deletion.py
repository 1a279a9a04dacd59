"""Every word deleted: from end to end on invented reviews, and its parts."""

import io
import json

import jax
import numpy as np
import pytest
from rich.console import Console

from experiments._shared.words import PAD
from experiments.imdb_cnn.model import ConvClassifier
from experiments.imdb_cnn.train import Hyperparameters
from experiments.imdb_deletion.__main__ import Config, main
from experiments.imdb_deletion.deleted import deciding, explainer, figures, ragged
from tests.experiments.reviews import prepared

SMALL = Hyperparameters(width=8, filters=8, hidden=8, epochs=4, batch=16, dropout=0.1, rate=1e-2)


@pytest.mark.slow
def test_from_end_to_end(tmp_path):
    printed = io.StringIO()
    config = Config(
        out=tmp_path / "run", data_dir=prepared(tmp_path), reviews=40, in_full=6, vocabulary=300, length=24, model=SMALL
    )
    main(config, Console(file=printed, width=120))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert "deletions in" in printed.getvalue()
    assert result["all_reviews"]["reviews"] == 40
    assert result["largest_difference"] <= 1e-5 * max(1, result["largest_drop"])
    assert 0 < result["all_reviews"]["without_effect"]["mean"] < 1


def test_the_drops_are_those_of_shorter_reviews():
    model = ConvClassifier(20, width=4, filters=3, hidden=4)
    ids = np.array([3, 7, 1, 9, 4, PAD, PAD], np.int32)
    params = model.init(jax.random.key(0), ids)
    found = explainer(model)(params, ids, ids != PAD)
    sign = 1 if found["predicted"] == 1 else -1

    def margin(ids):
        both = model.apply(params, ids)
        return sign * float(both[1] - both[0])

    expected = [margin(ids[:5]) - margin(np.delete(ids[:5], i)) for i in range(5)]
    np.testing.assert_allclose(found["drops"], [*expected, 0, 0], atol=1e-6)


def test_figures_and_words():
    rows = ragged(np.array([[1, 2, 2, PAD], [2, PAD, PAD, PAD], [PAD, PAD, PAD, PAD]]))
    assert [len(row) for row in rows] == [3, 1, 1]
    found = [
        {"drops": np.array([0.0, 2.0, 0.0]), "margin": 1.0, "predicted": 0},
        {"drops": np.array([0.5]), "margin": 1.0, "predicted": 0},
    ]
    told = figures(rows[:2], found)
    assert told["words"] == 4
    assert told["without_effect"]["mean"] == np.mean([2 / 3, 0])
    assert told["one_word"]["mean"] == 0.5
    assert told["largest"]["mean"] == 1.25
    many = [rows[1]] * 100 + [rows[0]]
    words = deciding(many, [found[1]] * 100 + [found[0]], ("pad", "rare", "often"), 3)
    assert [one["word"] for one in words["negative"]] == ["often"]
    assert words["negative"][0]["times"] == 102
    assert words["positive"] == []

"""The quickstart from end to end, on a tiny setting, and its parts."""

import dataclasses
import io
import json

import jax
import numpy as np
import pytest
from rich.console import Console

from experiments._shared.methods import GRADIENT, INTEGRATED, OCCLUSION, margin, methods, top_words
from experiments._shared.words import PAD
from experiments.quickstart import report
from experiments.quickstart.__main__ import Config, main
from experiments.quickstart.data import Review
from experiments.quickstart.explain import Outcome, Run, planted, random_rate
from experiments.quickstart.model import Classifier

CONFIG = Config(reviews=1600, held_out=100, epochs=8, show=2, steps=8)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart")
    printed = io.StringIO()
    config = dataclasses.replace(CONFIG, report=folder / "report.html", json=folder / "result.json")
    main(config, Console(file=printed, width=100))
    return folder, printed.getvalue()


def test_figures_are_written_and_plausible(tiny):
    result = json.loads((tiny[0] / "result.json").read_text())
    assert result["accuracy"] > 0.9
    assert result["held_out"] == 100
    assert result["random_rate"] == pytest.approx(0.12, abs=0.04)
    assert set(result["methods"]) == {GRADIENT, INTEGRATED, OCCLUSION}
    assert result["methods"][OCCLUSION]["hit_rate"] > 0.7
    gap = result["methods"][INTEGRATED]["absolute_gap"]
    assert 0 <= gap["median"] <= gap["worst"] < 2
    assert len(result["data_sha256"]) == 64
    assert "report" not in result["settings"], "no path of the machine"


def test_the_report_stands_alone(tiny):
    page = (tiny[0] / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    for foreign in ("<script", "http://", "https://", "<link", "@import", "url("):
        assert foreign not in page
    assert page.count("integrated gradients") >= 4


def test_the_terminal_names_what_matters(tiny):
    for said in ("Held-out accuracy", "first word planted", "a word at random", "report.html", "worst gap"):
        assert said in tiny[1]


@pytest.fixture(scope="module")
def untrained():
    model = Classifier(50)
    ids = np.array([5, 9, 3, 7, 2, PAD, PAD, PAD], np.int32)
    return model, model.init(jax.random.key(0), ids), ids


@pytest.mark.parametrize("name", [GRADIENT, INTEGRATED, OCCLUSION])
def test_padding_gets_nothing(untrained, name):
    model, params, ids = untrained
    values = np.asarray(methods(model)[name](params, ids, np.int32(1))["values"])
    assert values.shape == (8,)
    assert (values[5:] == 0).all()
    assert (values[:5] != 0).any()


def test_integrated_gradients_agree_with_a_fine_riemann_sum(untrained):
    model, params, ids = untrained
    table = params["params"]["embed"]["embedding"]
    x, x0 = table[ids], np.broadcast_to(table[PAD], (8, table.shape[1]))

    numbers = np.where(ids != PAD, np.arange(1, 9), PAD)

    def f(x):
        rows = jax.numpy.concatenate([table[:1], x, table[9:]])
        stored = {"params": {**params["params"], "embed": {"embedding": rows}}}
        return margin(model)(stored, numbers, np.int32(1))

    def gradient(t):
        return jax.grad(f)(x0 + t * (x - x0))

    points = (np.arange(400) + 0.5) / 400
    expected = ((x - x0) * jax.vmap(gradient)(points.astype(np.float32)).mean(0)).sum(-1)
    found = methods(model, steps=64)[INTEGRATED](params, ids, np.int32(1))
    np.testing.assert_allclose(found["values"][:5], expected[:5], atol=2e-3)
    assert abs(float(found["gap"])) < 5e-3


def test_occlusion_is_the_fall_after_deletion(untrained):
    model, params, ids = untrained
    score = margin(model)
    values = methods(model)[OCCLUSION](params, ids, np.int32(1))["values"]
    for place in range(5):
        shorter = np.append(np.delete(ids, place), PAD).astype(np.int32)
        fall = score(params, ids, np.int32(1)) - score(params, shorter, np.int32(1))
        assert float(values[place]) == pytest.approx(float(fall), abs=1e-5)


def test_top_words_skip_padding_and_keep_the_order():
    values = np.array([[-3.0, -1.0, -2.0, 0.0]])
    assert np.asarray(top_words(values, np.array([[True, True, True, False]]), 3)).tolist() == [[1, 2, 0]]


def test_planted_places_and_the_random_rate():
    reviews = [Review("", ("a", "b", "c", "d"), 1, (1, 2)), Review("", ("a", "b"), 0, (0,))]
    assert planted(reviews, (2, 5)).tolist() == [[False, True, True, False, False], [True] + [False] * 4]
    assert random_rate(reviews) == 0.5


def run_with(rate, error):
    outcome = Outcome(np.zeros((1, 4)), None, rate, error, 1.0)
    return Run([], np.zeros(0, int), 1.0, 0.12, {"m": outcome}, 1.0)


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0.99, []), (0.9, ["in 10% of the texts the first word of m was not planted."]), (0.13, ["no better than"])],
)
def test_a_method_that_does_badly_is_named(rate, said):
    warnings = report.warnings(run_with(rate, 0.01))
    assert len(warnings) == len(said)
    assert all(part in warning for part, warning in zip(said, warnings, strict=True))

"""The benchmark of deletion: a run on tiny models, what it refuses, and its tables."""

import io
import json

import jax
import jax.numpy as jnp
import pytest
from rich.console import Console

from experiments.benchmarks import models, page
from experiments.benchmarks.deletion import measure
from experiments.benchmarks.deletion.run import Deletion, run
from experiments.benchmarks.weights import subject


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(models.MODELS, "A", models.Convolutions(length=12, features=4, filters=3))
    monkeypatch.setitem(models.MODELS, "E", models.Stacked(length=40, features=4, filters=3))
    monkeypatch.setitem(models.MODELS, "F", models.BothWays(length=6, features=4, units=3))


@pytest.mark.slow
def test_a_run_writes_its_figures_and_its_tables(tiny, tmp_path):
    printed = io.StringIO()
    config = Deletion(out=tmp_path, models=("E", "F"), rows=2, lengths=(10, 40), attended=64, repeats=1)
    run(config, Console(file=printed, width=160))
    result = json.loads((tmp_path / "result.json").read_text())
    assert (tmp_path / "ratios.png").read_bytes()[:4] == b"\x89PNG"
    ways = [(r["task"], r["model"], r["way"]) for r in result["records"]]
    pairs = [("leave-one-out: 2 texts", key, way) for key in "EF" for way in (measure.OURS, measure.IN_FULL)]
    grown = [("leave-one-out of one text, by its length", "A", f"{n} words") for n in (10, 40)]
    assert ways == pairs + grown
    ours = [r for r in result["records"] if r["way"] == measure.OURS]
    assert [(r["target"], r["reached"]) for r in ours] == [
        (target, r["speedup"]["median"] >= target) for target, r in zip((20.0, 2.0), ours, strict=True)
    ]
    assert all(r["temporary_bytes"] > 0 and r["compile_seconds"] > 0 for r in result["records"])
    assert all(found["worst"] < 1e-5 < found["largest"] for found in result["values_differ"].values())
    assert result["attention"]["all_versions_bytes"] == 64 * 64 * 256 * 4
    assert "Attention over 64 words of 256:" in printed.getvalue()
    assert str(tmp_path) not in json.dumps(result), "no path of the machine"
    rows = page.sharing(result).source.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| two convolutions", "| LSTM both ways"]
    assert [row.split(" | ")[0] for row in page.lengths(result).source.splitlines()[2:]] == ["| 10 words", "| 40 words"]
    assert "64 words of 256 numbers" in page.attention(result).source


@pytest.mark.slow
def test_operations_grow_with_the_text_and_in_full_with_its_square(tiny, tmp_path):
    model = subject("A", seed=0, steps=0, folder=tmp_path, console=Console(quiet=True))
    short, long = (r["operations"] for r in measure.by_length(model, (100, 400), repeats=1, seed=0))
    assert 3 < long / short < 4.5


def test_numbers_that_differ_are_not_timed(tiny, tmp_path, monkeypatch):
    model = subject("E", seed=0, steps=0, folder=tmp_path, console=Console(quiet=True))
    occlusion = measure.ja.occlusion

    def off(f, *, perturb, reuse):
        return lambda x: occlusion(f, perturb=perturb, reuse=reuse)(x) + jnp.where(reuse, 0.1, 0.0)

    monkeypatch.setattr(measure.ja, "occlusion", off)
    with pytest.raises(ValueError, match=r"the same drops of jaxattr\.occlusion, jaxattr\.occlusion, in full"):
        measure.beside_full(model, count=2, repeats=1, seed=0)


def test_the_recorded_run_has_its_tables():
    result = page.recorded("deletion")
    assert len(page.sharing(result).source.splitlines()[2:]) == 6
    assert len(page.lengths(result).source.splitlines()[2:]) == 4
    assert "4,096 words" in page.attention(result).source
    assert "seed 0" in page.made_with(result, "deletion").source


@pytest.mark.parametrize("key", ["E", "F"])
def test_the_models_give_one_logit_a_text(key):
    ids = jnp.zeros((3, models.MODELS[key].length), jnp.int32)
    shapes = jax.eval_shape(models.MODELS[key].init, jax.random.key(0), ids)
    assert jax.eval_shape(models.MODELS[key].apply, shapes, ids).shape == (3, 1)

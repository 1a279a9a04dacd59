"""The benchmark of perturbation: layouts, games, errors, and a run on a tiny model without the peers."""

import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import jaxattr as ja
from experiments.benchmarks import models, report
from experiments.benchmarks.perturbation import games
from experiments.benchmarks.perturbation.leave_one_out import (
    OURS,
    THEIRS,
    Way,
    call,
    check_same,
    prepared,
    vectors,
    ways,
)
from experiments.benchmarks.perturbation.run import Perturbation, run
from experiments.benchmarks.timing import tried
from experiments.benchmarks.weights import subject

TOTAL = (lambda x: x.sum()), jnp.zeros((1, 2, 1))


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setitem(models.MODELS, "D", models.Pooled(length=12, features=4, hidden=3))
    return subject("D", seed=0, steps=0, folder=tmp_path, console=Console(file=io.StringIO()))


def test_a_slow_first_call_counts_and_a_short_one_is_a_warm_up():
    durations = {"slow": iter([5.0]), "short": iter([0.2, 0.1, 0.15])}
    now = [0.0]

    def way(name):
        def run():
            now[0] += next(durations[name])

        return run

    found = tried({name: way(name) for name in durations}, least=1.0, clock=lambda: now[0])
    assert found == {"slow": 5.0, "short": pytest.approx(0.1)}


def test_the_layouts_hold_no_more_than_a_text_and_always_all_of_it():
    assert [way.size for way in ways(OURS, 80, (128, 8, 32))] == [0, 8, 32, 80]
    assert [way.size for way in ways(THEIRS[0], 80, (128, 8, 32))] == [8, 32, 80]


def test_every_layout_gives_the_drops(tiny):
    xs = vectors(tiny, count=3, seed=0) - 3  # below zero, so that the maximum sees the zeros
    _, f = tiny.opened()
    drops = np.array([[f(x) - f(x.at[t].set(0.0)) for t in range(12)] for x in xs])
    assert np.abs(drops).max() > 1e-3
    for way in (
        Way(OURS, 0),
        Way(OURS, 0, together=True),
        Way(OURS, 5),
        Way(OURS, 12),
        Way(OURS, 12, together=True),
        Way(OURS, 2, together=True),
    ):
        np.testing.assert_allclose(call(tiny, way, xs)(), drops, atol=1e-6)


def test_the_job_is_the_call(tiny, tmp_path):
    way = {"method": OURS, "size": 4, "together": True}
    job = prepared(key="D", seed=0, steps=0, folder=str(tmp_path), count=2, way=way)
    np.testing.assert_array_equal(job(), call(tiny, Way(**way), vectors(tiny, count=2, seed=0))())


def test_other_drops_are_refused():
    drops = np.array([[0.5, -2.0]])
    assert check_same({"a": drops, "b": drops + 2e-6}, *TOTAL) == {"worst": pytest.approx(2e-6), "largest": 2.0}
    with pytest.raises(ValueError, match=r"Expected the same drops of a, b, but they differ by 0\.0009"):
        check_same({"a": drops, "b": drops + 9e-4}, *TOTAL)
    with pytest.raises(ValueError, match="differ by nan"):
        check_same({"a": drops, "b": drops * np.nan}, *TOTAL)


def test_players_are_spans_and_neighbours_join():
    plan = games.Plan(players=5, budget=10, size=4)
    assert plan.groups(12).tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4]
    assert plan.clustering().tolist() == [[0, 1, 1, 2], [2, 3, 1, 2], [5, 6, 1, 4], [7, 4, 1, 5]]
    assert ja.shapley.merges(plan.clustering()) == (((0, 1), (2, 3)), 4)


@pytest.mark.parametrize("family", ["permutations", "least squares", "tree"])
def test_an_estimate_stays_within_its_budget_and_tells_what_it_asks(tiny, family, monkeypatch):
    asked = []
    embed, f = tiny.opened()

    def counted(x):
        jax.debug.callback(lambda: asked.append(1))
        return f(x)

    monkeypatch.setattr(models.Subject, "opened", lambda self: (embed, counted))
    plan = games.Plan(players=5, budget=41, size=1)
    _, estimate, used = games.ours(tiny, plan, family)
    (x,) = vectors(tiny, count=1, seed=0)
    values = estimate(x, 3)
    jax.effects_barrier()
    assert used == len(asked)
    assert 20 < used <= 41
    nobody = f(jnp.zeros_like(x))
    assert values.sum() == pytest.approx(float(f(x) - nobody), abs=1e-6)


def test_estimates_approach_the_exact_values(tiny):
    (x,) = xs = vectors(tiny, count=1, seed=0)
    plan = games.Plan(players=4, budget=1000, size=64)
    truth = games.exact(tiny, plan, xs)
    for family in ("permutations", "least squares"):
        _, estimate, _ = games.ours(tiny, plan, family)
        assert games.error(estimate(x, 0)[None], truth)["relative"] < 0.1


def test_the_error_is_over_draws_and_players():
    found = games.error(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 2.0]]))
    assert found == {"rms": 1.0, "relative": pytest.approx(1 / np.sqrt(4.5)), "draws": 2}


def test_a_result_is_resumed_where_the_settings_agree(tmp_path):
    assert report.resumed(tmp_path, {"settings": {"sizes": (8, 2)}}, same=("settings",)) == {
        "settings": {"sizes": [8, 2]}
    }
    earlier = {"settings": {"sizes": [8, 2]}, "records": [1]}
    (tmp_path / "result.json").write_text(json.dumps(earlier))
    assert report.resumed(tmp_path, {"settings": {"sizes": (8, 2)}, "records": []}, same=("settings",)) == earlier
    other = {"settings": {"sizes": [8]}, "records": []}
    assert report.resumed(tmp_path, other, same=("settings",)) == other


@pytest.mark.slow
def test_a_run_without_peers_writes_its_figures_and_is_not_repeated(tiny, tmp_path):
    few = {
        "models": ("D",),
        "peers": False,
        "memory": False,
        "rows": 2,
        "sizes": (8,),
        "draws": 3,
        "repeats": 1,
        "steps": 2,
    }
    config = Perturbation(out=tmp_path, players=4, budget=30, **few)
    printed = io.StringIO()
    run(config, Console(file=printed, width=120))
    result = json.loads((tmp_path / "result.json").read_text())
    assert (tmp_path / "ratios.png").read_bytes()[:4] == b"\x89PNG"
    families = {f"Shapley values by {family}: 4 players" for family in ("permutations", "least squares", "tree")}
    assert {r["task"] for r in result["records"]} == families | {"leave-one-out: 1 text", "leave-one-out: 2 texts"}
    evaluations = {r["way"]: r["evaluations"] for r in result["records"] if r["task"] != "leave-one-out: 1 text"}
    names = ("occlusion", "occlusion, in full", "shapley.permutation", "shapley.kernel", "shapley.owen")
    assert evaluations == dict(zip((f"jaxattr.{name}" for name in names), (26, 26, 26, 30, 12), strict=True))
    several = [r for r in result["records"] if r["task"] == "leave-one-out: 2 texts"]
    assert all(r["compile_seconds"] > 0 for r in several)
    assert all(r["error"]["draws"] in (2, 3) for r in result["records"] if "error" in r)
    assert result["weights"] == "2 steps of training, 0 of model C; 0 is random"
    assert {"date", "device", "versions", "load"} <= result.keys()
    assert str(tmp_path) not in json.dumps(result), "no path of the machine"
    assert "error (share)" in printed.getvalue()
    printed = io.StringIO()
    run(config, Console(file=printed, width=120))
    assert "model D: kept from an earlier run" in printed.getvalue()
    assert json.loads((tmp_path / "result.json").read_text()) == result

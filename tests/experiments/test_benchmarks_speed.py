"""The benchmark of speed: lengths, operations, checks, NNX twins, and a run on a tiny model without the peers."""

import dataclasses
import io
import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import jaxattr as ja
from experiments.benchmarks import memory, models, page
from experiments.benchmarks.chart import ratios
from experiments.benchmarks.nnx_models import in_nnx
from experiments.benchmarks.records import record
from experiments.benchmarks.speed import compare, ours, peaks
from experiments.benchmarks.speed import run as module
from experiments.benchmarks.speed.checks import difference, differences
from experiments.benchmarks.speed.corpus import Masked, check_same, corpus, lengths
from experiments.benchmarks.speed.floor import flops, rate, share
from experiments.benchmarks.speed.opcodes import counted, opcodes, other
from experiments.benchmarks.speed.overhead import integrals
from experiments.benchmarks.speed.problem import Task, problem
from experiments.benchmarks.speed.run import Speed, run
from experiments.benchmarks.speed.way import CAPTUM, DRIVER, JITTED, OURS, PLAIN, TORCH, Way, layouts
from experiments.benchmarks.timing import Timing, in_turn, speedups
from experiments.benchmarks.weights import subject, texts

TINY = {
    "A": models.Convolutions(length=12, features=6, filters=5),
    "B": models.Lstm(length=7, features=6, units=5),
    "C": models.Transformer(length=7, features=8, layers=1, heads=2),
    "D": models.Pooled(length=12, features=4, hidden=3),
}
QUIET = Console(file=io.StringIO())
TRIES = {"sizes": (2, 3), "nodes": (1, 2, 4), "batches": (2, 8)}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    def make(key):
        return subject(key, seed=0, steps=0, folder=tmp_path, console=QUIET)

    for key, made in TINY.items():
        monkeypatch.setitem(models.MODELS, key, made)
    return make


def small(model, count=4, flax="linen", dtype="float32"):
    return problem(model, count=count, flax=flax, dtype=dtype, seed=0)


def timing(*times):
    return Timing(times[0], min(times), 1.0, 1.0, 1.0, len(times), 1, times)


def test_a_speedup_is_over_the_best_peer_of_the_same_round():
    found = speedups(
        {"ours": timing(1.0, 2.0, 4.0), "a": timing(4.0, 9.0, 8.0), "b": timing(5.0, 6.0, 7.0)}, ["a", "b"]
    )
    assert found["ours"] == {"median": 3.0, "low": pytest.approx(2.375), "high": pytest.approx(3.5)}
    assert found["a"]["median"] == pytest.approx(0.875)


def test_a_timing_keeps_its_rounds():
    now = [0.0]
    durations = iter([9.0, 1.0, 2.0, 3.0])

    def way():
        now[0] += next(durations)

    assert in_turn({"": way}, base="", repeats=2, least=0.5, clock=lambda: now[0])[""].times == (2.0, 3.0)


def test_lengths_are_lognormal_and_cut():
    found = lengths(4000, 400, seed=0)
    assert (found.min(), found.max()) == (pytest.approx(20, abs=12), 400)
    assert 200 < found.mean() < 214
    assert np.log(found[found < 400]).std() == pytest.approx(0.53, abs=0.05)
    assert lengths(2000, 9, seed=0).min() == 8, "no text is shorter than eight words"
    np.testing.assert_array_equal(found, lengths(4000, 400, seed=0))
    assert (found != lengths(4000, 400, seed=1)).any()


def test_opcodes_are_counted_whatever_the_shape():
    text = """HloModule jit_f, entry_computation_layout={(f32[3]{0})->f32[3]{0}}
%fused (p: f32[3]) -> f32[3] {
  %p = f32[3]{0} parameter(0)
  ROOT %sine.1 = f32[3]{0:T(8)} sine(%p), metadata={op_name="jit(f)/cos(x)"}
}
ENTRY %main (x: f32[3]) -> (f32[3], s32[]) {
  %x = f32[3]{0} parameter(0)
  c = s32[] constant(7)
  %while.2 = (s32[], (f32[3]{0}, /*index=1*/f32[2,3]{1,0})) while(%x), condition=%a, body=%b
  ROOT t = (f32[3]{0}, s32[]) tuple(%x, c)
}
"""
    assert counted(text) == {"parameter": 2, "sine": 1, "constant": 1, "while": 1, "tuple": 1}


def test_opcodes_of_a_known_program():
    found = opcodes(lambda x: jnp.sin(x) * jnp.cos(x), jnp.arange(3.0))
    assert (found["sine"], found["cosine"], found["multiply"]) == (1, 1, 1)
    twice = opcodes(lambda x: jnp.sin(x) * jnp.cos(x) * jnp.sin(2 * x), jnp.arange(3.0))
    changed = other(twice, found)
    assert changed["sine"] == [2, 1]
    assert "cosine" not in changed
    assert other(found, found) == {}


def test_integrals_by_hand_are_those_of_the_library():
    f, x = (lambda x: jnp.tanh(x[0] * x[1]) + x[2] ** 3), jnp.array([0.5, 1.5, 2.0])
    hand, library = integrals(f, steps=6, inside=3).values()
    np.testing.assert_allclose(hand(x), library(x), rtol=1e-6)
    assert float(hand(x).sum()) == pytest.approx(float(f(x)), rel=1e-5)


def test_flops_count_a_loop_as_often_as_it_runs():
    a = jnp.ones((8, 8))

    def loop(x):
        inner = lambda c, _: (c @ c, None)  # noqa: E731
        step = lambda c, _: (jax.lax.scan(inner, c, None, length=3)[0] @ c, None)  # noqa: E731
        return jax.jit(lambda x: jax.lax.scan(step, x, None, length=5)[0])(x)

    product = flops(lambda x: x @ x, a)
    assert product == 2 * 8**3
    assert flops(loop, a) == pytest.approx(5 * 4 * product, rel=0.05)


def test_a_share_of_the_peak_is_that_of_plain_gradients():
    assert share(2e6, evaluations=100, seconds=0.5, peaks={"float32": 1e9}, dtype="float32") == pytest.approx(0.4)
    assert 1e6 < rate(64, "float32", least=0.01) < 1e13


def test_other_numbers_are_refused():
    truth = np.array([[2.0, -4.0]])
    assert difference(truth + 4e-5, truth) == pytest.approx(1e-5)
    assert differences({"a": truth, "b": truth + 4e-5}, truth, what="it")["b"] == pytest.approx(1e-5)
    with pytest.raises(ValueError, match=r"Expected it by b as in the plain formula, but it differs by 2\.5e-04"):
        differences({"a": truth, "b": truth + 1e-3}, truth, what="it")
    with pytest.raises(ValueError, match="differs by nan"):
        differences({"a": truth * np.nan}, truth, what="it")
    with pytest.raises(ValueError, match="shape"):
        difference(truth[0], truth)
    assert differences({"a": truth + 4}, truth, what="it", limit=None) == {"a": 1.0}


def compared(model, task, **options):
    limit = compare.Limit(100.0, {"float32": 1e9}, "float32")
    settings = {"tries": TRIES, "known": {}, "peers": False, "repeats": 1, "peaks": None, "tell": lambda _: None}
    return compare.compare(model, task, limit=limit, target=2.0, **(settings | options))


def test_a_wrong_explanation_stops_the_benchmark(tiny, monkeypatch):
    model, right = small(tiny("D")), ours.explanation
    monkeypatch.setattr(
        ours,
        "explanation",
        lambda *args, **options: lambda params, **row: 1.001 * right(*args, **options)(params, **row),
    )
    with pytest.raises(ValueError, match=r"Expected saliency by jaxattr\.scale\.map .* differs by 1\.0e-03"):
        compared(model, Task("saliency", 4))


@pytest.mark.slow
@pytest.mark.parametrize("key", "ABCD")
def test_nnx_modules_equal_the_linen_ones(tiny, key):
    rng, linen = np.random.default_rng(0), tiny(key)
    moved = jax.tree.map(lambda a: np.float32(a + rng.normal(0, 0.02, a.shape)), linen.params)  # no bias is zero
    linen = dataclasses.replace(linen, params=moved)
    ids = texts(1, linen.length, seed=1)[0][0]

    def all_of(model):
        embed, f = model.opened()
        return jax.jit(lambda ids: (embed(ids), f(embed(ids)), ja.gradient(f)(embed(ids))))(ids)

    (x, score, slopes), found = all_of(linen), all_of(in_nnx(linen))
    np.testing.assert_array_equal(found[0], x)
    assert float(found[1]) == pytest.approx(float(score), abs=1e-6)
    np.testing.assert_allclose(found[2], slopes, atol=1e-6)


def test_other_nnx_logits_are_refused(tiny, monkeypatch):
    linen = tiny("D")
    found = in_nnx(linen)
    monkeypatch.setattr(type(found), "logit", lambda self, params, ids: 1.0 + linen.logit(linen.params, ids))
    with pytest.raises(ValueError, match=r"equal logits of model D in Linen and NNX, but they differ by 1\.0"):
        in_nnx(linen)


def test_layouts_divide_the_texts():
    saliency, path = Task("saliency", 8), Task("any", 4, 6)
    assert layouts(saliency, JITTED, **TRIES) == [Way(JITTED, 2), Way(JITTED, 8)]
    assert layouts(saliency, DRIVER, **TRIES) == [Way(DRIVER), Way(DRIVER, 2)]
    assert layouts(saliency, TORCH, **TRIES) == [Way(TORCH, 2), Way(TORCH, 8)]
    assert layouts(path, JITTED, **TRIES) == [Way(JITTED, 1), Way(JITTED, 2), Way(JITTED, 4)]
    assert layouts(path, PLAIN, **TRIES) == [Way(PLAIN, 4, 1), Way(PLAIN, 4, 2)]
    assert layouts(path, CAPTUM, **TRIES) == [Way(CAPTUM, inside=4), Way(CAPTUM, inside=8)]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "flax"), [("saliency", "nnx"), ("constant", "linen"), ("any", "linen")])
def test_every_layout_gives_the_same(tiny, kind, flax):
    model, task = small(tiny("A"), flax=flax), Task(kind, 4, 1 if kind == "saliency" else 4)
    t, w = ja.gauss_legendre(4) if kind != "saliency" else ([1.0], [1.0])
    slope, starts = jax.jit(jax.grad(model.f)), model.starts(task)
    assert bool(starts.any()) == (kind == "any")
    truth = [
        sum(b * slope(x0 + a * (x - x0)) for a, b in zip(t, w, strict=True))
        for x, x0 in zip(model.xs, starts, strict=True)
    ]
    truth = np.stack(truth) * (1.0 if kind == "saliency" else model.xs - starts)
    for way in (way for method in OURS for way in layouts(task, method, **TRIES)):
        np.testing.assert_allclose(ours.ready(model, task, way).run(), truth, rtol=1e-4, atol=1e-7)


def test_half_precision_reaches_the_numbers(tiny):
    model = small(tiny("D"), dtype="bfloat16")
    found = ours.ready(model, Task("saliency", 4), Way(PLAIN, 4)).run()
    assert (model.xs.dtype, found.dtype) == (jnp.bfloat16, jnp.bfloat16)
    exact = ours.ready(small(tiny("D")), Task("saliency", 4), Way(PLAIN, 4)).run()
    assert 0 < np.abs(np.asarray(found, np.float32) - exact).max() < 0.1 * np.abs(exact).max()


def test_padding_does_not_change_a_masked_network():
    made = corpus(count=6, cap=20, seed=0, module=Masked(features=6, filters=5))
    ids = made.ids[0]
    where, explain = np.arange(20) < len(ids), jax.jit(made.explain)
    padded = explain(made.params, ids=np.pad(ids, (0, 20 - len(ids))), where=where)
    alone = explain(made.params, ids=ids, where=np.ones(len(ids), bool))
    assert len(ids) < 20
    assert np.abs(alone).max() > 0
    np.testing.assert_allclose(padded[: len(ids)], alone, rtol=1e-5, atol=1e-8)
    assert not padded[len(ids) :].any()
    assert check_same([alone], [padded[: len(ids)]]) <= 1e-5
    with pytest.raises(ValueError, match=r"differ by 1\.0e-03"):
        check_same([alone], [1.001 * alone])


def test_a_prediction_may_be_off_by_a_tenth_and_100_mb():
    assert peaks.kept_within(2.19e9, 2e9 - 1e7)
    assert peaks.kept_within(0, 1.1e8)
    assert not peaks.kept_within(3.1e8, 1.9e8)
    assert not peaks.kept_within(0, 1.2e8)
    assert memory.taken({"before": 3, "peak": 10}) == 7
    assert memory.taken({"before": 3, "peak": 10, "device": 9, "device_before": 4}) == 5


def test_the_job_is_the_call(tiny, tmp_path):
    again = {"key": "D", "seed": 0, "steps": 0, "folder": str(tmp_path), "flax": "linen", "dtype": "float32"}
    model, task = small(tiny("D")), Task("any", 4, 4)
    for way, plan in ((Way(DRIVER), {"batch_size": 2, "workers": 1}), (Way(PLAIN, 4, 2), {})):
        told = {"task": dataclasses.asdict(task), "way": dataclasses.asdict(way), "plan": plan}
        job = peaks.prepared(**again, **json.loads(json.dumps(told)))
        np.testing.assert_allclose(job(), ours.ready(model, task, way).run(), rtol=1e-5, atol=1e-8)


def test_a_target_of_a_record_stands_across_its_model():
    more = {"target": 4.0, "speedup": {"median": 1.0}}
    records = [record("a", "D", "ours", timing(1.0), **more), record("a", "D", "peer", timing(3.0))]
    records += [record("a", "B", "ours", timing(1.0))]
    (ax,) = ratios({"records": records}, names={"D": "d", "B": "b"}, targets={}).axes
    lines = [c for c in ax.collections if c.get_linestyle()[0][1]]
    assert [[segment.tolist() for segment in c.get_segments()] for c in lines] == [[[[4.0, -0.45], [4.0, 1.45]]]]
    assert ax.get_xlim()[1] > 4.0


FEW = {
    "models": ("D",), "rows": 2, "saliency_rows": 4, "nodes": 4, "few_nodes": 2, "truth": 16, "texts": 6, "cap": 20,
    "pairs": 1, "sizes": (), "inside": (2,), "batches": (2,), "repeats": 1, "steps": 2, "memory": False,
    "tolerances": (0.01,),
}  # fmt: skip
TASKS = {
    "saliency", "integrated gradients, baseline of zeros, 4 nodes",
    "integrated gradients, another text as baseline, 4 nodes", "integrated gradients to a gap of 1 %",
    "overhead: gradient", "overhead: integrated gradients, 8 nodes, 8 at once",
    "saliency of texts of different lengths, a masked CNN",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("flax", ["linen", pytest.param("nnx", marks=pytest.mark.slow)])
def test_a_run_without_peers_writes_its_figures_and_is_not_repeated(tiny, tmp_path, flax, monkeypatch):
    monkeypatch.setattr(module, "peak", {"float32": 1e9, "bfloat16": 2e9}.get)
    monkeypatch.setattr(module, "corpus", partial(corpus, module=Masked(features=6, filters=5)))
    config, printed = Speed(out=tmp_path, peers=False, flax=flax, **FEW), io.StringIO()
    run(config, Console(file=printed, width=160))
    result = json.loads((tmp_path / "result.json").read_text())
    records = result["records"]
    assert (tmp_path / "ratios.png").read_bytes()[:4] == b"\x89PNG"
    assert {r["task"] for r in records} == TASKS
    saliency = {r["way"]: r for r in records if r["task"] == "saliency"}
    assert set(saliency) == set(OURS)
    assert saliency[DRIVER]["target"] == 1.0
    assert "reached" not in saliency[DRIVER], "there is no peer"
    assert all(r["differs"] < 1e-5 and r["of_peak"] > 0 for r in saliency.values())
    for found in (r for r in records if r["kind"].startswith("to ")):
        assert found["held"] == (found["gap"]["worst"] <= float(found["kind"].removeprefix("to ")))
        assert found["evaluations"] == 2 * found["nodes"]["mean"]
    (gradient,) = (r for r in records if r["way"] == "jaxattr.gradient")
    assert gradient["same_operations"], gradient["operations_differ"]
    spread, padded = (r for r in records if r["kind"] == "corpus")
    assert spread["speedup"]["median"] == pytest.approx(padded["ratio"])
    assert spread["reached"] == (spread["speedup"]["median"] >= 1.7)
    assert padded["widths"] == [spread["lengths"]["longest"]]
    assert result["quadrature"]["D"]["difference"] < 1
    assert result["finished"] == ["D", "corpus"]
    assert {"date", "device", "versions", "load"} <= result.keys()
    assert str(tmp_path) not in json.dumps(result), "no path of the machine"
    assert "nodes: mean, most" in printed.getvalue()
    printed = io.StringIO()
    run(config, Console(file=printed, width=160))
    assert "corpus: kept from an earlier run" in printed.getvalue()
    assert json.loads((tmp_path / "result.json").read_text()) == result
    shown = page.speed(result).source
    assert shown.count("pooled MLP") == 3
    assert "| 6 | not measured |" in shown
    assert page.corpus(result).source.count("jaxattr.scale.map") == 2
    assert page.overhead(result).source.count("pooled MLP") == 2
    assert page.to_gap(result).source.count("scale.integrate") == 1
    assert page.limits(result).source.count("pooled MLP") == 3
    assert "seed 0" in page.made_with(result, "speed").source


@pytest.mark.slow
def test_a_run_beside_the_peers_on_all_four_models(tiny, tmp_path, monkeypatch):
    pytest.importorskip("captum", reason="the peers are not installed")
    told = lambda job, settings: memory.measured(peaks.prepared(**json.loads(json.dumps(settings))))  # noqa: E731
    monkeypatch.setattr(peaks, "peak_memory", told)  # another process would not know the tiny models
    few = FEW | {"models": ("A", "B", "C", "D"), "dear_rows": 2, "dear_truth": 16, "memory": True, "texts": 0}
    run(Speed(out=tmp_path, **few), QUIET)
    records = json.loads((tmp_path / "result.json").read_text())["records"]
    for key in "ABCD":
        saliency = {r["way"]: r for r in records if (r["kind"], r["model"]) == ("saliency", key)}
        assert set(saliency) == {*OURS, CAPTUM, TORCH}
        assert all(r["differs"] < 1e-4 for r in saliency.values())
        first = saliency[DRIVER]
        assert first["reached"] == (first["speedup"]["median"] >= first["target"])
        assert first["predicted_well"] == peaks.kept_within(first["predicted_bytes"], memory.taken(first["memory"]))
        assert {way for way, r in saliency.items() if "memory" in r} == {DRIVER, first["over"]}
        fixed = {r["way"]: r for r in records if r["model"] == key and r["kind"] == "to 0.01"}
        assert fixed["captum, 2 nodes"]["nodes"] == {"mean": 2.0, "most": 2}
        assert fixed["captum, 4 nodes"]["speedup"]["median"] == 1.0


def test_a_page_without_a_recorded_run_says_so(tmp_path):
    assert page.recorded("speed", tmp_path) is None
    said = page.made_with(None, "speed").source
    assert "No run of `speed` is recorded yet" in said
    assert "python -m experiments.benchmarks speed" in said
    (tmp_path / "speed").mkdir()
    (tmp_path / "speed" / "result.json").write_text('{"records": []}')
    assert page.recorded("speed", tmp_path) == {"records": []}


@pytest.mark.parametrize("name", ["propagation", "perturbation"])
def test_the_other_recorded_runs_have_their_tables(name):
    result = page.recorded(name)
    rows = page.beside(result).source.splitlines()[2:]
    assert len(rows) == len(result["records"])
    named = {(r["task"], models.NAMES[r["model"]]): r["way"] for r in result["records"][::-1]}
    assert {tuple(row.split(" | ")[:3]) for row in rows if not row.startswith("|  |")} == {
        (f"| {task}", model, way) for (task, model), way in named.items()
    }
    assert "seed 0" in page.made_with(result, name).source


def test_milliseconds_have_no_power_of_ten():
    assert [page.milliseconds(s) for s in (0.0000123, 0.01234, 1.2345)] == ["0.0123", "12.3", "1,234"]

"""The benchmarks: timing in turn, records, memory, and a run on a tiny model without the peers."""

import io
import json

import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from experiments.benchmarks import memory, models, report
from experiments.benchmarks.chart import ratios
from experiments.benchmarks.peers import peer
from experiments.benchmarks.propagation.deep_shap import Way, call, rows, ways
from experiments.benchmarks.propagation.run import Propagation, run
from experiments.benchmarks.records import gap, record
from experiments.benchmarks.timing import Timing, compiled, in_turn
from experiments.benchmarks.weights import subject, texts

TIMING = Timing(seconds=0.2, fastest=0.1, ratio=2.0, low=1.5, high=3.0, rounds=3, calls=1)


class FakeTime:
    """A clock that only the ways move, each by the durations given for it."""

    def __init__(self):
        self.now, self.order = 0.0, []

    def clock(self):
        return self.now

    def way(self, name, durations):
        durations = iter(durations)

        def call():
            self.order.append(name)
            self.now += next(durations)

        return call


def test_ratios_are_taken_within_a_round_and_the_order_turns():
    time = FakeTime()
    fast = time.way("fast", [9.0, 1.0, 1.0, 2.0, 4.0])  # a first call that compiles, one that is counted, three rounds
    slow = time.way("slow", [9.0, 3.0, 3.0, 4.0, 20.0])
    found = in_turn({"fast": fast, "slow": slow}, base="fast", repeats=3, least=0.5, clock=time.clock)
    assert time.order[4:] == ["fast", "slow", "slow", "fast", "fast", "slow"]
    assert found["fast"] == Timing(seconds=2.0, fastest=1.0, ratio=1.0, low=1.0, high=1.0, rounds=3, calls=1)
    assert found["slow"] == Timing(seconds=4.0, fastest=3.0, ratio=3.0, low=2.5, high=4.0, rounds=3, calls=1)


def test_short_calls_are_repeated_and_long_ones_are_tried_once():
    time = FakeTime()
    short, long = time.way("short", [1.0] * 50), time.way("long", [600.0] * 50)
    found = in_turn({"short": short, "long": long}, base="short", repeats=1, least=10.0, clock=time.clock)
    assert found["short"].calls == 10
    assert found["short"].seconds == pytest.approx(1.0)
    assert time.order.count("short") == 2 + 10
    assert time.order.count("long") == 1 + 1


def test_a_program_runs_and_says_how_long_it_took_to_make():
    program = compiled(lambda x, y: x * y + 1, jnp.arange(3.0), 2.0)
    np.testing.assert_array_equal(program.run(), [1.0, 3.0, 5.0])
    assert program.trace_seconds > 0
    assert program.compile_seconds > 0


def test_gap_is_relative_to_what_there_is_to_hand_out():
    values = np.array([[[1.0, 2.0]], [[3.0, -1.0]], [[5.0, 5.0]]])
    found = gap(values, np.array([4.0, 2.0, 8.0]))
    assert found == {"median": 0.25, "worst": 0.25, "worst_handed_out": pytest.approx(1 / 3)}


@pytest.mark.skipif(not memory._STATUS.exists(), reason="the system does not tell what a process holds")
def test_memory_is_that_of_the_call_alone():
    found = memory.measured(lambda: np.ones(2**24))
    assert found["peak"] - found["before"] > 2**27 - 2**20
    again = memory.measured(lambda: None)
    assert again["peak"] - again["before"] < 2**25, "the earlier peak is forgotten"


def test_a_job_runs_in_a_process_of_its_own():
    found = memory.peak_memory("unittest.mock:Mock", {"return_value": 3})
    assert 0 < found["before"] <= found["peak"] + 2**20
    with pytest.raises(RuntimeError, match=r"(?s)math:nothing.*has no attribute 'nothing'"):
        memory.peak_memory("math:nothing", {})


def test_an_absent_peer_says_what_to_install():
    with pytest.raises(ImportError, match=r"needs torch_of_nobody.*jaxattr\[benchmarks\].*--no-peers"):
        peer("torch_of_nobody")


def test_the_chart_comes_from_json_alone():
    records = [record(task, "D", way, TIMING) for task in ("cost: a", "other") for way in ("jax.grad", "jaxattr")]
    result = json.loads(json.dumps({"records": records}))
    figure = ratios(result, names={"D": "pooled"}, targets={"cost": 2.5})
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["cost: a", "other"]
    assert [len(ax.patches) for ax in figure.axes] == [2, 2]
    dashed = [[line for line in ax.lines if line.get_linestyle() == "--"] for ax in figure.axes]
    assert [len(lines) for lines in dashed] == [1, 0]
    assert figure.axes[0].get_yticklabels()[1].get_text() == "pooled, jaxattr"


def test_the_table_tells_gap_compile_time_and_memory():
    more = {"trace_seconds": 1.0, "compile_seconds": 0.25, "gap": {"median": 1e-7, "worst": 2e-6}}
    printed = io.StringIO()
    memory = {"before": 2**20, "peak": 124 * 2**20}
    table = report.table([record("a task", "D", "a way", TIMING, memory=memory, **more)])
    Console(file=printed, width=160).print(table)
    for said in ("a task", "pooled MLP", "a way", "200", "2.00 (1.50 to 3.00)", "1.25", "1e-07, 2e-06", "123"):
        assert said in printed.getvalue()


def test_texts_follow_from_their_seed():
    ids, labels = texts(400, 30, seed=3)
    assert ids.shape == (400, 30)
    assert (ids.min(), ids.max() < models.VOCABULARY) == (1, True)
    assert 0.4 < labels.mean() < 0.6
    np.testing.assert_array_equal(ids, texts(400, 30, seed=3)[0])
    assert (ids != texts(400, 30, seed=4)[0]).any()


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(models.MODELS, "D", models.Pooled(length=12, features=4, hidden=3))


def test_every_layout_gives_the_same_attributions(tiny, tmp_path):
    model = subject("D", seed=0, steps=0, folder=tmp_path, console=Console(file=io.StringIO()))
    xs, backgrounds = rows(model, count=2, backgrounds=4, seed=0)
    found = [call(model, way, xs, backgrounds)() for way in (*ways("jaxattr", 4), Way("jaxattr", 2, loop="compiled"))]
    assert len(found) == 4
    assert found[0].shape == (2, 12, 4)
    for values in found[1:]:
        np.testing.assert_allclose(values, found[0], rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_a_run_without_peers_writes_its_figures(tiny, tmp_path):
    config = Propagation(
        out=tmp_path, models=("D",), shap_models=("D",), rows=2, backgrounds=4, repeats=1, steps=2, batch=2,
        peers=False, memory=False,
    )  # fmt: skip
    printed = io.StringIO()
    run(config, Console(file=printed, width=120))
    result = json.loads((tmp_path / "result.json").read_text())
    assert (tmp_path / "ratios.png").read_bytes()[:4] == b"\x89PNG"
    tasks = {r["task"] for r in result["records"]}
    costs = {f"cost: {layout}" for layout in ("1 row", "2 rows, one baseline", "2 rows, a baseline each")}
    assert tasks == costs | {"DeepSHAP: 2 texts x 4 backgrounds"}
    ours = [r for r in result["records"] if r["way"] != "jax.grad"]
    assert all(r["gap"]["worst_handed_out"] < 1e-5 for r in ours)
    assert result["weights"] == "2 steps of training"
    assert result["settings"]["rows"] == 2
    assert len(result["data_sha256"]) == 64
    assert {"date", "device", "versions", "load"} <= result.keys()
    assert str(tmp_path) not in json.dumps(result), "no path of the machine"
    assert "jaxattr.deep_lift" in printed.getvalue()
    again = subject("D", seed=0, steps=2, folder=tmp_path, console=Console(file=io.StringIO()))
    assert again.target == 1

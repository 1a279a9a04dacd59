"""The simulation calls the code of the library and sees what would be wrong with it; the derivation adds up."""

import doctest
import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from experiments.scale_on_paper import __main__ as everything
from experiments.scale_on_paper import pictures, report, scenarios, work
from experiments.scale_on_paper.derive import Assumed, Measured, cost, rates, stages
from experiments.scale_on_paper.measure import Counts
from experiments.scale_on_paper.memory import Listings, Memory, Tiny, columns
from experiments.scale_on_paper.rules import RULES, Rules, chosen, from_a_place
from experiments.scale_on_paper.simulate import Failures, Size, run
from jaxattr.scale.corpus import _run
from jaxattr.scale.corpus._chunks import in_turn
from jaxattr.scale.corpus._peers import Peers
from jaxattr.scale.store import _shards

SIZE = Size(chunks=120, workers=8, chunk_minutes=10)
LOST = Failures(hours=4.0, restarts=False)
RATES = Measured(1e4, 500.0, 2e4, 1e-4, 3000.0)


def test_the_folder_keeps_what_it_has():
    folder = Memory()
    name = _shards.publish(folder, 3, columns(3), Tiny())
    assert folder.names(_shards.FOLDER) == [name]
    assert folder.names("other") == []
    assert _shards.read(folder, name, Tiny()) == columns(3)
    before = dict(folder.files)
    assert _shards.publish(folder, 3, columns(3), Tiny()) == name
    assert (folder.files, folder.refused) == (before, 1)
    with pytest.raises(FileNotFoundError):
        folder.read("nothing")


def test_listings_say_what_published_says_of_all_files():
    folder, rng = Memory(), np.random.default_rng(0)
    there = Listings(folder, Tiny.suffix, _shards.published)
    assert set(there()) == set()
    first = there()
    for number in rng.integers(0, 50, 80).tolist():
        _shards.publish(folder, number, columns(number), Tiny())
        if number % 3 == 0:
            assert set(there()) == set(_shards.published(folder, Tiny.suffix))
    assert set(there()) == set(_shards.published(folder, Tiny.suffix))
    assert there.requests == there.count
    assert set(first) == set(), "what was seen before stays as it was"


def test_chunks_are_chosen_as_in_a_run():
    """Workers in turn, each asking the library and its twin; what one takes is published two turns later."""
    folder, kind, total, processes = Memory(), Tiny(), 60, 4
    there = Listings(folder, kind.suffix, _shards.published)
    for number in range(0, 60, 7):
        _shards.publish(folder, number, columns(number), kind)
    pairs = []
    for process in range(processes):
        peers = Peers(together=False, process=(process, processes))
        known = set(_shards.published(folder, kind.suffix))
        real = _run._open(folder, kind, peers, total, known)
        pairs.append((real, chosen(Rules(), there, total, process, processes)))
    rng, waiting, taken = np.random.default_rng(1), [], []
    for process in rng.choice(processes, 400, p=[0.6, 0.2, 0.15, 0.05]).tolist():
        found = [next(each, None) for each in pairs[process]]
        assert found[0] == found[1]
        taken.append(found[0])
        waiting.append(found[0])
        if len(waiting) > 2 and (done := waiting.pop(0)) is not None:
            _shards.publish(folder, done, columns(done), kind)
    assert taken[-1] is None
    assert set(range(60)) - set(range(0, 60, 7)) <= set(taken)


@pytest.mark.parametrize("order", [in_turn, from_a_place])
def test_an_order_takes_every_chunk_once_and_its_own_first(order):
    for total, processes in ((1, 3), (23, 4), (64, 8), (5, 1)):
        for process in range(processes):
            found = list(order(total, process, processes))
            own = list(range(process, total, processes))
            assert found[: len(own)] == own
            assert sorted(found) == list(range(total))
            assert found == list(order(total, process, processes)), "the same each time"


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize(
    "failures",
    [Failures(), Failures(hours=1.0), Failures(hours=1.0, for_ever=0.3), LOST, Failures(hours=0.5, restarts=False)],
)
def test_nothing_is_lost_and_nothing_is_there_twice(rules, failures):
    found = run(SIZE, failures, RULES[rules], seed=3)
    assert (found.missing, found.double) == (0, 0)
    assert len(found.published) == SIZE.chunks
    assert found.published == sorted(found.published)
    assert 1.0 < found.makespan / found.ideal < 40
    assert found.makespan >= found.alive >= 0.999 * found.ideal
    assert found.ended >= found.makespan
    assert (found.failures == 0) == (failures.hours is None)
    assert (found.cut > 0) == (failures.hours is not None)
    assert found.starts == 0 or not failures.restarts or failures.for_ever


def test_the_same_seed_gives_the_same_run_and_another_another():
    failures = Failures(hours=2.0, for_ever=0.1)
    assert run(SIZE, failures, Rules(), 0) == run(SIZE, failures, Rules(), 0)
    assert run(SIZE, failures, Rules(), 0) != run(SIZE, failures, Rules(), 1)


def test_one_worker_without_failures_does_its_chunks_one_after_another():
    size = Size(chunks=5, workers=1, chunk_minutes=6, by_length=0.0, noise=0.0, speed=0.0, write_seconds=36)
    found = run(size, Failures(), Rules(), 0)
    assert found.ideal == pytest.approx(0.5)
    np.testing.assert_allclose(found.published, [0.11, 0.21, 0.31, 0.41, 0.51])
    assert (found.twice, found.cut, found.listings) == (0, 0, 2 + size.chunks)


def test_an_order_that_never_takes_the_chunks_of_others_loses_some():
    def own(total, process, processes):
        yield from range(process, total, processes)

    assert run(SIZE, Failures(), Rules(order=own), 3).missing == 0
    assert run(SIZE, LOST, Rules(order=own), 3).missing > 0
    assert run(SIZE, LOST, Rules(), 3).missing == 0


def test_a_publication_whose_name_is_not_that_of_its_content_is_seen():
    count = iter(range(10**6))

    def publish(where, chunk, given, kind):
        name = f"{chunk:08d}-{next(count):032x}{kind.suffix}"
        where.publish(f"{_shards.FOLDER}/{name}", kind.encode(given))
        return name

    slow = Size(chunks=120, workers=8, speed=1.0)
    assert run(slow, Failures(), Rules(publish=publish), 3).double > 0
    assert run(slow, Failures(), Rules(), 3).double == 0
    assert run(slow, Failures(), Rules(), 3).twice > 0


def test_a_publication_that_forgets_is_seen():
    def publish(where, chunk, given, kind):
        return "" if chunk == 17 else _shards.publish(where, chunk, given, kind)

    assert run(SIZE, Failures(), Rules(publish=publish), 3).missing == 1


def test_a_run_that_gets_nowhere_is_given_up():
    with pytest.raises(RuntimeError, match="to end, but it has not"):
        run(Size(chunks=8, workers=2), Failures(hours=0.01), Rules(), 0)


def test_choosing_late_and_looking_at_own_chunks_saves_work():
    size = Size(chunks=400, workers=16, speed=0.5)
    twice = {name: np.mean([run(size, Failures(), rules, k).twice for k in range(4)]) for name, rules in RULES.items()}
    steps = list(twice.values())
    assert list(twice) == ["one after another", "in a random order", "own chunks are looked up too", "as it is"]
    assert steps == sorted(steps, reverse=True)


def test_operations_are_those_of_the_layers():
    small = work.Transformer(layers=2, width=8)
    assert small.parameters == 2 * (4 * 8 * 8 + 2 * 8 * 32)
    assert small.forward(5) == 2 * small.parameters * 5 + 2 * 2 * (2 * 5 * 5 * 8)
    assert small.gradient(5) == 4 * small.parameters * 5 + 3 * 2 * 2 * (2 * 5 * 5 * 8)
    assert work.SMALL_TRANSFORMER.parameters == pytest.approx(100e6, rel=0.02)
    assert work.LARGE_TRANSFORMER.parameters == pytest.approx(1e9, rel=0.02)
    listed = work.methods(400, 50)
    assert listed["saliency, CNN"].flops == pytest.approx(245e6, rel=0.01)


def test_examples_print_what_they_say():
    for module in (work, report):
        assert doctest.testmod(module).attempted
        assert not doctest.testmod(module).failed


def test_one_repetition_has_no_standard_error(tmp_path):
    with pytest.raises(ValueError, match="two repetitions at least"):
        everything.main(everything.Config(out=tmp_path, repetitions=1), Console(file=io.StringIO()))


def test_hours_follow_from_rates():
    assumed = Assumed(texts=1e6, devices=4, chunk_rows=1000, share_of_bfloat16=0.5, peak_bfloat16=1e12)
    one = work.Work(5e9, 0.0, "transformer")
    found = stages(one, RATES, assumed, 4)
    assert found["survey"] == pytest.approx(1e6 / 1e4 / 3600), "every process reads all"
    assert found["input"] == pytest.approx(250_000 / 2e4 / 3600)
    assert found["device"] == pytest.approx(250_000 * 0.01 / 3600)
    assert found["store"] == pytest.approx((250_000 * 1e-4 + 250 * 0.1) / 3600)
    whole = cost(one, RATES, assumed, 4)
    assert whole["bottleneck"] == "device"
    assert whole["hours"] == pytest.approx(found["survey"] + found["device"])
    assert whole["device_hours"] == pytest.approx(4 * whole["hours"])
    light = cost(one._replace(flops=1e3), RATES, assumed, 4)
    assert light["bottleneck"] == "survey"
    assert light["device_busy"] < 0.01
    bound = work.Work(1.0, 3.35e12 * 0.6, "cnn")
    assert stages(bound, RATES, assumed, 4)["device"] == pytest.approx(250_000 / 3600), "a second of traffic each"


def test_measured_rates_are_drawn_as_a_line_over_the_length():
    reading = [{"tokens": 100, "seconds_a_row": 2.0}, {"tokens": 200, "seconds_a_row": 3.0}]
    surveyed = [entry | {"memory_bytes_a_row": 7.0} for entry in reading]
    stored = [
        {"tokens": n, "encode_seconds_a_row": 0.01 * n, "publish_seconds_a_row": 1.0, "bytes_a_row": 10 + n}
        for n in (100, 200)
    ]
    found = rates({"read": {"list": reading}, "survey": {"list": surveyed}, "store": stored}, Assumed(tokens=300))
    assert found == pytest.approx(Measured(0.25, 7.0, 0.25, 4.0, 310.0))


def test_scenarios_compare_the_rules_at_the_middle():
    listed = scenarios.scenarios((48.0, 12.0, 3.0), 5.0, 0.1)
    assert len(listed) == 10
    assert [s.failures.hours for s in listed if len(s.rules) > 1] == [None, 12.0, 12.0]
    assert {s.failures.restarts for s in listed if s.name == "none comes back"} == {False}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    out = tmp_path_factory.mktemp("scale")
    config = everything.Config(
        out=out,
        repetitions=2,
        hours=(4.0, 1.0),
        counts=Counts(tokens=(16, 32), rows=32, saliency_rows=8, integrated_rows=8, repeats=1),
        assumed=Assumed(tokens=64, nodes=4),
        size=Size(chunks=60, workers=6),
    )
    printed = io.StringIO()
    everything.main(config, Console(file=printed, width=200))
    assert "bottleneck" in printed.getvalue()
    assert all((out / f"{name}.png").is_file() for name in ("stages", "last_chunks", "makespan"))
    return json.loads((out / "result.json").read_text())


def test_the_result_holds_all_figures(result):
    assert set(result["assumed"]) == set(Assumed.__dataclass_fields__)
    for line in result["simulation"]["runs"]:
        assert (line["chunks_lost"], line["published_twice"]) == (0, 0)
        assert line["over_ideal"]["mean"] >= 1
    assert all((entry["rows_a_second"] or 1) > 0 for entry in result["measured"]["explain"].values())
    assert all(entry["bytes_a_row"] > 16 * 4 for entry in result["measured"]["store"])
    for entry in result["derived"]["methods"].values():
        assert entry["pod"]["hours"] < entry["one"]["hours"]
        assert math.isfinite(entry["pod"]["device_hours"])


def test_the_page_and_the_pictures_are_made_of_the_result(result):
    tables = (report.costs, report.stages, report.stored, report.assumed, report.measured, report.simulated)
    for make in (*tables, report.rules, report.findings, report.setting, report.verdict, report.made_with):
        assert "None" not in make(result).source
        assert "nan" not in make(result).source.split()
    assert len(pictures.figures(result)) == 3
    assert report.assumed(result).source.count("\n") == 1 + len(result["assumed"])

"""One task on one model: the best layout of each method, the same numbers, then all in turn."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.memory import taken
from experiments.benchmarks.records import Record, gap, record, scores
from experiments.benchmarks.speed import ours, theirs
from experiments.benchmarks.speed.checks import LIMIT, differences
from experiments.benchmarks.speed.floor import share
from experiments.benchmarks.speed.peaks import Peaks, kept_within
from experiments.benchmarks.speed.problem import Problem, Task
from experiments.benchmarks.speed.way import CAPTUM, DRIVER, OURS, PEERS, PLAIN, Ready, Way, layouts
from experiments.benchmarks.timing import Timing, in_turn, speedups, tried

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Limit:
    """What a gradient of the model costs at least.

    Attributes:
      gradient: Its floating point operations.
      peaks: Operations a second of the device, by dtype.
      dtype: The dtype of the benchmark.
    """

    gradient: float
    peaks: Mapping[str, float]
    dtype: str

    def of(self, evaluations: float, seconds: float) -> float:
        """The share of the peak that so many plain gradients in so many seconds would need."""
        return share(self.gradient, evaluations=evaluations, seconds=seconds, peaks=self.peaks, dtype=self.dtype)


@dataclasses.dataclass(frozen=True)
class Compared:
    """What was found for one task.

    Attributes:
      records: One a method, at its best layout; the ratios refer to the driver.
      sweep: For each method the seconds of each layout.
      best: The best layout of each method.
    """

    records: list[Record]
    sweep: dict[str, dict[str, float]]
    best: dict[str, Way]


def compare(
    problem: Problem,
    task: Task,
    *,
    tries: Mapping[str, Sequence[int]],
    known: Mapping[str, Way],
    peers: bool,
    repeats: int,
    limit: Limit,
    target: float | None,
    peaks: Peaks | None,
    tell: Tell,
) -> Compared:
    """Times a task by all methods.

    Args:
      problem: The model and its texts.
      task: What is computed.
      tries: `sizes`, `nodes` and `batches`, the layouts that are tried.
      known: The best layouts of some methods from a task like this; they are not looked for again.
      peers: Whether torch and Captum are timed too.
      repeats: Rounds.
      limit: What the gradients cost at least.
      target: How many times as fast as the best peer the driver is to be.
      peaks: Measures the memory in processes of their own; None leaves it out.
      tell: Is told what runs.

    Returns:
      Records, the sweep and the best layouts.
    """
    methods = [*OURS, *(p for p in PEERS if peers and (p == CAPTUM or task.kind == "saliency"))]
    best: dict[str, tuple[Way, Ready]] = {}
    swept: dict[str, dict[str, float]] = {}
    for method in methods:
        tell(f"{task.title}, layouts of {method}")
        ways = [known[method]] if method in known else layouts(task, method, **tries)
        best[method], swept[method] = chosen(problem, task, ways)
    tell(f"{task.title}, the same numbers")
    values = {method: found.run() for method, (_, found) in best.items()}
    exact = limit.dtype == "float32"
    differ = differences(values, values[PLAIN], what=task.title, limit=LIMIT if exact else None)
    tell(f"{task.title}, in turn")
    timings = in_turn({method: found.run for method, (_, found) in best.items()}, base=DRIVER, repeats=repeats)
    evaluations = task.count * task.steps
    changes = scores(problem.f, problem.xs[: task.count]) - scores(problem.f, problem.starts(task))
    records = []
    for method, (way, found) in best.items():
        more = {"kind": task.kind, "texts": task.count, "layout": way.name, "evaluations": evaluations}
        more |= {"differs": differ[method], "of_peak": limit.of(evaluations, timings[method].seconds)}
        if found.compile_seconds is not None:
            more["compile_seconds"] = found.compile_seconds
        if task.kind != "saliency":
            more["gap"] = gap(values[method], changes)
        records.append(record(task.title, problem.linen.key, method, timings[method], **more))
    beside(records, timings, over=[m for m in methods if m in PEERS], target=target)
    if peaks is not None:
        _add_memory(records, best, task, peaks, tell)
    return Compared(records, swept, {method: way for method, (way, _) in best.items()})


def chosen(problem: Problem, task: Task, ways: Sequence[Way]) -> tuple[tuple[Way, Ready], dict[str, float]]:
    """The fastest of some layouts, ready, and the seconds of each."""
    make = theirs.ready if ways[0].method in PEERS else ours.ready
    found = {way: make(problem, task, way) for way in ways}
    if len(ways) == 1:
        return (ways[0], found[ways[0]]), {}
    seconds = tried({way.name: made.run for way, made in found.items()})
    way = min(ways, key=lambda way: seconds[way.name])
    return (way, found[way]), seconds


def beside(records: Sequence[Record], timings: Mapping[str, Timing], *, over: Sequence[str], target: Any) -> None:
    """Adds to the records how many times as fast as the best peer they are, and to the first one its target.

    Args:
      records: One a way; the first is the one with the target.
      timings: The timing of each way.
      over: The ways of the peers; where there are none nothing is added but the target.
      target: How many times as fast the first is to be; None where nothing is asked.
    """
    if target is not None:
        records[0]["target"] = target
    if not over:
        return
    faster = speedups(timings, over)
    for entry in records:
        entry["speedup"] = faster[entry["way"]]
        entry["over"] = min(over, key=lambda name: timings[name].seconds)
    if target is not None:
        records[0]["reached"] = faster[records[0]["way"]]["median"] >= target


def _add_memory(
    records: list[Record], best: Mapping[str, tuple[Way, Ready]], task: Task, peaks: Peaks, tell: Tell
) -> None:
    """Adds the peak memory of the driver, with what its plan said, and of the best peer."""
    for entry in records:
        way, found = best[entry["way"]]
        peer = entry["way"] == entry.get("over") and jax.default_backend() == "cpu"
        if entry["way"] != DRIVER and not peer:
            continue
        tell(f"{task.title}, memory of {way.method}")
        entry["memory"] = peaks.measured(task, way, found.plan)
        if found.plan is not None:
            entry["predicted_bytes"] = int(found.plan.peak_bytes)
            entry["predicted_well"] = kept_within(found.plan.peak_bytes, taken(entry["memory"]))


def quadrature(problem: Problem, task: Task, *, steps: int) -> dict[str, Any]:
    """How far the nodes of a task are from many more.

    Args:
      problem: The model and its texts.
      task: Integrated gradients.
      steps: How many nodes count as the truth.

    Returns:
      "difference", the largest as a share of the largest number, the numbers of nodes, and the seconds that it took.
    """
    begin = time.perf_counter()
    few, many = (
        np.asarray(ours.ready(problem, each, Way(DRIVER)).run())
        for each in (task, dataclasses.replace(task, steps=steps))
    )
    found = differences({"": few}, many, what="", limit=None)[""]
    return {"nodes": task.steps, "beside": steps, "difference": found, "seconds": time.perf_counter() - begin}

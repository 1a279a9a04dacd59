"""Integrated gradients to a tolerance: as many nodes as a text needs, beside a fixed number."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments.benchmarks.records import Record, gap, record, scores
from experiments.benchmarks.speed import theirs
from experiments.benchmarks.speed.compare import Limit, beside
from experiments.benchmarks.speed.problem import Problem, Task
from experiments.benchmarks.speed.way import CAPTUM, Way
from experiments.benchmarks.timing import in_turn

OURS = "jaxattr.scale.integrate"


def to_gap(
    problem: Problem,
    task: Task,
    *,
    tolerance: float,
    few: int,
    captum: Way | None,
    repeats: int,
    limit: Limit,
    target: float | None,
) -> list[Record]:
    """Times integrated gradients whose completeness gap is under a tolerance.

    Args:
      problem: The model and its texts.
      task: The texts, their baselines, and the fixed number of nodes that the peer takes.
      tolerance: The gap that is allowed, as a share of the change of the score.
      few: Another fixed number of nodes, one that a user might set by hand.
      captum: The best layout of Captum; None leaves it out.
      repeats: Rounds.
      limit: What the gradients cost at least.
      target: How many times as fast as the fixed number of nodes it is to be.

    Returns:
      One record a way, with its nodes and gaps.
    """
    integrated = _integrated(problem, task, tolerance)
    fixed = {steps: Task(task.kind, task.count, steps) for steps in ((task.steps, few) if captum else ())}
    names = {f"{CAPTUM}, {steps} nodes": steps for steps in fixed}
    runs: dict[str, Callable[[], Any]] = {OURS: integrated}
    for name, steps in names.items():
        assert captum is not None
        runs[name] = theirs.ready(problem, fixed[steps], captum).run
    found = integrated()
    timings = in_turn(runs, base=OURS, repeats=repeats)
    changes = scores(problem.f, problem.xs[: task.count]) - scores(problem.f, problem.starts(task))
    records = []
    for way, run in runs.items():
        values = found.values if way == OURS else run()
        nodes = np.asarray(found.nodes) if way == OURS else np.full(task.count, names[way])
        gaps = gap(values, changes)
        more = {
            "kind": f"to {tolerance:g}",
            "texts": task.count,
            "nodes": {"mean": float(nodes.mean()), "most": int(nodes.max())},
            "evaluations": int(nodes.sum()),
            "gap": gaps,
            "held": gaps["worst"] <= tolerance,
            "of_peak": limit.of(float(nodes.sum()), timings[way].seconds),
        }
        title = f"integrated gradients to a gap of {100 * tolerance:g} %"
        records.append(record(title, problem.linen.key, way, timings[way], **more))
    beside(records, timings, over=list(names)[:1], target=target)
    return records


def _integrated(problem: Problem, task: Task, tolerance: float) -> Callable[[], Any]:
    """The call of the driver; what it asks for is compiled in the first one."""
    rows = problem.rows(task)

    def path(params: Any, x: jax.Array, x0: jax.Array | None = None) -> tuple[Callable[..., Any], Any, Any]:
        return lambda x: problem.score(params, x), x, jnp.zeros_like(x) if x0 is None else x0

    run = ja.scale.integrated(path, rtol=tolerance)

    def call() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # rows out of reach: the record says whether the gap is held
            return run(problem.params, rows)

    return call

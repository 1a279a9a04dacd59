"""One model: leave-one-out and Shapley values, each library at its best layout, all in turn."""

import dataclasses
from collections.abc import Callable
from typing import Any, get_args

import jax
import numpy as np

from experiments.benchmarks.memory import peak_memory
from experiments.benchmarks.models import Subject
from experiments.benchmarks.perturbation import leave_one_out as loo
from experiments.benchmarks.perturbation.games import Estimate, Family, Plan, error, exact, ours
from experiments.benchmarks.perturbation.leave_one_out import IN_FULL, OURS, THEIRS, Way
from experiments.benchmarks.perturbation.peer_games import theirs
from experiments.benchmarks.records import Record, record
from experiments.benchmarks.timing import in_turn, tried

Tell = Callable[[str], None]

JOB = "experiments.benchmarks.perturbation.leave_one_out:prepared"


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found for one model.

    Attributes:
      records: One a task and method.
      sweep: For each method the seconds of each layout.
      checks: How far numbers that should be equal differ, by what was compared.
      sizes: The best number of evaluations at once in one text, by method.
    """

    records: list[Record]
    sweep: dict[str, dict[str, float]]
    checks: dict[str, dict[str, float]]
    sizes: dict[str, int]


def leave_one_out(
    model: Subject,
    *,
    count: int,
    sizes: tuple[int, ...],
    peers: bool,
    repeats: int,
    seed: int,
    memory: dict[str, Any] | None,
    tell: Tell,
) -> Found:
    """Times leave-one-out of one text and of several; several with that method of Captum which was faster for one.

    Args:
      model: The model.
      count: How many texts, 2 at least.
      sizes: The numbers of evaluations at once that are tried.
      peers: Whether Captum is timed too.
      repeats: Rounds.
      seed: The seed of the texts.
      memory: What a new process needs to make the model again; None leaves the memory out.
      tell: Is told what runs.

    Returns:
      Records, the sweep and the check of equal numbers.
    """
    _, f = model.opened()
    methods = (OURS, IN_FULL, *(THEIRS if peers else ()))
    xs = loo.vectors(model, count=count, seed=seed)
    records, best, swept, checks = [], {}, {}, {}
    for rows in (xs[:1], xs):
        task = f"leave-one-out: {len(rows)} text{'s' if len(rows) > 1 else ''}"
        calls = {}
        for method in methods:
            tell(f"{task}, layouts of {method}")
            ways = _layouts(method, model.length, sizes, best.get(method))
            made = {way.name: loo.call(model, way, rows) for way in ways}
            seconds = tried(made)
            best[method] = min(ways, key=lambda way, seconds=seconds: seconds[way.name])
            calls[method] = made[best[method].name]
            swept[f"{task}, {method}"] = seconds
        checks[task] = loo.check_same({name: run() for name, run in calls.items()}, f, rows)
        tell(f"{task}, in turn")
        timings = in_turn(calls, base=OURS, repeats=repeats)
        asked = loo.evaluations(len(rows), model.length)
        for method, timing in timings.items():
            more: dict[str, Any] = {"layout": best[method].name, "evaluations": asked}
            if method in (OURS, IN_FULL) and len(rows) > 1:
                more["compile_seconds"] = loo.compile_seconds(model, method, rows)
            if memory is not None and len(rows) > 1:
                tell(f"{task}, memory of {method}")
                settings = {"count": len(rows), "way": dataclasses.asdict(best[method])}
                more["memory"] = peak_memory(JOB, memory | settings)
            records.append(record(task, model.key, method, timing, **more))
        timed = [m for m in THEIRS if m in timings]
        methods = (OURS, IN_FULL, *([min(timed, key=lambda m, t=timings: t[m].seconds)] if timed else []))
    return Found(records, swept, checks, {method: way.size for method, way in best.items()})


def _layouts(method: str, length: int, sizes: tuple[int, ...], alone: Way | None) -> list[Way]:
    """The layouts that are tried: of one text, or of several where the best for one text is known."""
    return loo.ways(method, length, sizes) if alone is None else [alone, dataclasses.replace(alone, together=True)]


def shapley(
    model: Subject,
    *,
    count: int,
    players: int,
    budget: int,
    sizes: dict[str, int],
    draws: int,
    peers: bool,
    repeats: int,
    seed: int,
    tell: Tell,
) -> Found:
    """Times estimates of Shapley values and compares them with the exact values.

    Args:
      model: The model.
      count: How many texts have exact values.
      players: How many players a text is cut into.
      budget: Evaluations of the score that an estimate may use.
      sizes: Evaluations at once, by the method of leave-one-out for which they are best.
      draws: How many estimates the error is taken over; they go round the texts, each with a seed of its own.
      peers: Whether SHAP and Captum are timed too.
      repeats: Rounds.
      seed: The seed of the texts.
      tell: Is told what runs.

    Returns:
      Records, and how far the Owen values of the libraries differ.
    """
    xs = loo.vectors(model, count=count, seed=seed)
    here = Plan(players, budget, sizes[OURS])
    there = Plan(players, budget, sizes.get(THEIRS[0], sizes[OURS]))
    tell("exact Shapley values")
    truth = exact(model, here, xs)
    records, checks = [], {}
    for family in get_args(Family):
        task = f"Shapley values by {family}: {players} players"
        tell(task)
        name, estimate, used = ours(model, here, family)
        ways: dict[str, Estimate] = {name: estimate}
        evaluations: dict[str, Callable[[], int]] = {name: lambda used=used: used}
        for other, (peer_estimate, asked) in (theirs(model, there, family) if peers else {}).items():
            ways[other], evaluations[other] = peer_estimate, asked
        found = {way: _estimates(make, xs, 1 if family == "tree" else draws) for way, make in ways.items()}
        if family == "tree" and peers:
            checks["Owen values"] = _check_trees(found)
        timings = in_turn({way: _first(make, xs[0]) for way, make in ways.items()}, base=name, repeats=repeats)
        for way, timing in timings.items():
            off = error(found[way], truth[np.arange(len(found[way])) % len(truth)])
            records.append(record(task, model.key, way, timing, evaluations=evaluations[way](), error=off))
    return Found(records, {}, checks, sizes)


def _estimates(make: Estimate, xs: jax.Array, draws: int) -> np.ndarray:
    """Estimates `[draws, n]`; what does not depend on a seed needs one a text."""
    return np.stack([make(xs[i % len(xs)], i) for i in range(max(draws, len(xs)))])


def _first(make: Estimate, x: jax.Array) -> Callable[[], np.ndarray]:
    return lambda: make(x, 0)


def _check_trees(found: dict[str, np.ndarray]) -> dict[str, float]:
    """Refuses Owen values that differ: both libraries compute all of the same tree."""
    first, *others = found.values()
    worst = max(float(np.abs(other - first).max()) for other in others)
    largest = float(np.abs(first).max())
    if not worst <= 1e-5 * max(1.0, largest):
        raise ValueError(f"Expected the same Owen values of {', '.join(found)}, but they differ by {worst}.")
    return {"worst": worst, "largest": largest}

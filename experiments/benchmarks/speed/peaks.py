"""The peak memory of a task, in a process of its own, and whether its plan said so before."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments.benchmarks.memory import peak_memory
from experiments.benchmarks.speed import ours, theirs
from experiments.benchmarks.speed.problem import Task, problem
from experiments.benchmarks.speed.way import DRIVER, PEERS, Way
from experiments.benchmarks.weights import subject

JOB = "experiments.benchmarks.speed.peaks:prepared"
SLACK = 100 * 10**6
"""Bytes that a prediction may be off beside a tenth of the measured peak."""


def kept_within(predicted: float, measured: float) -> bool:
    """Whether a predicted peak is within a tenth of the measured one, and 100 MB.

    Args:
      predicted: Bytes.
      measured: Bytes.

    Returns:
      Whether it is.
    """
    return abs(predicted - measured) <= 0.1 * measured + SLACK


@dataclasses.dataclass(frozen=True)
class Peaks:
    """Measures in new processes, where the model is made again.

    Attributes:
      again: What a new process needs for that: `key`, `seed`, `steps`, `folder`, `flax`, `dtype`.
    """

    again: dict[str, Any]

    def measured(self, task: Task, way: Way, plan: Any) -> dict[str, int]:
        """The peak of one run.

        Args:
          task: What is computed.
          way: By whom and how.
          plan: The plan by which the driver runs; None for the others.

        Returns:
          As `memory.measured`.
        """
        fixed = {"batch_size": int(plan.batch_size), "workers": int(plan.workers)} if plan is not None else {}
        told = {"task": dataclasses.asdict(task), "way": dataclasses.asdict(way), "plan": fixed}
        return peak_memory(JOB, self.again | told)


def prepared(
    *,
    key: str,
    seed: int,
    steps: int,
    folder: str,
    flax: Any,
    dtype: Any,
    task: dict[str, Any],
    way: dict[str, Any],
    plan: dict[str, int],
) -> Callable[[], np.ndarray]:
    """The job whose memory is measured: everything is made and compiled, and one call is left.

    Args:
      key: The model.
      seed: The seed of weights and texts.
      steps: Steps of training of the weights.
      folder: Where trained weights are kept.
      flax: "linen" or "nnx".
      dtype: The precision.
      task: The fields of a `Task`.
      way: The fields of a `Way`.
      plan: The layout of the driver.

    Returns:
      The call.
    """
    wanted, chosen = Task(**task), Way(**way)
    linen = subject(key, seed=seed, steps=steps, folder=Path(folder), console=Console(stderr=True))
    model = problem(linen, count=wanted.count, flax=flax, dtype=dtype, seed=seed)
    if chosen.method in PEERS:
        return theirs.ready(model, wanted, chosen).run
    if chosen.method != DRIVER:
        return ours.ready(model, wanted, chosen).run
    explain, rows = ours.explanation(model, wanted), model.rows(wanted)
    over_rows = ja.scale.mapped(explain, batch_size=plan["batch_size"], workers=plan["workers"])

    def run() -> np.ndarray:
        return over_rows(model.params, rows)

    run()  # compiles
    return run

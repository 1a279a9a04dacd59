"""Who computes a task, how the work is laid out, and among which layouts the best is looked for."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from experiments.benchmarks.speed.problem import Task

DRIVER, JITTED, PLAIN = "jaxattr.scale.map", "jaxattr in jit(vmap)", "plain JAX"
CAPTUM, TORCH = "captum", "torch.autograd"
OURS, PEERS = (DRIVER, JITTED, PLAIN), (CAPTUM, TORCH)


@dataclasses.dataclass(frozen=True)
class Way:
    """A method and its layout.

    Attributes:
      method: Who computes.
      rows: Texts at once; None leaves it to the method.
      inside: Evaluations at once: of one text's nodes in JAX, of all texts' nodes in Captum; None leaves it to the
        method.
    """

    method: str
    rows: int | None = None
    inside: int | None = None

    @property
    def name(self) -> str:
        """What the layout is called in tables."""
        parts = [f"{self.rows} texts" if self.rows else "", f"{self.inside} at once" if self.inside else ""]
        return ", ".join(part for part in parts if part) or "its own choice"


@dataclasses.dataclass(frozen=True)
class Ready:
    """A way that is prepared and can be timed.

    Attributes:
      run: Computes the task; gives `[N, T, D]`, in the order of the texts.
      compile_seconds: What it took to trace and compile; None where nothing is compiled ahead.
      plan: The plan of `jaxattr.scale`, where there is one.
    """

    run: Callable[[], np.ndarray]
    compile_seconds: float | None = None
    plan: Any = None


def layouts(
    task: Task, method: str, *, sizes: Sequence[int], nodes: Sequence[int], batches: Sequence[int]
) -> list[Way]:
    """The layouts among which the best is looked for.

    Args:
      task: What is computed.
      method: Who computes.
      sizes: Texts at once that are tried, beside all of them.
      nodes: Nodes of one text at once that are tried in plain JAX.
      batches: Evaluations at once that are tried in Captum's integrated gradients.

    Returns:
      At least one way. Texts at once divide the texts, nodes at once the nodes.
    """
    some = sorted({*(size for size in sizes if task.count % size == 0), task.count})
    if method == DRIVER:
        return [Way(method), *(Way(method, rows) for rows in some if rows < task.count)]
    if task.kind == "saliency":
        return [Way(method, rows) for rows in some]
    if method == JITTED:
        return [Way(method, rows) for rows in sorted({1, *some})]
    if method == PLAIN:
        return [Way(method, task.count, n) for n in nodes if task.steps % n == 0] or [Way(method, task.count)]
    return [Way(method, inside=n) for n in sorted({max(n, task.count) for n in batches})]

"""What the two models have in common: a score of one review, and the table that its ids look up."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments._shared.training import progress

Score = Callable[[Any, jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Network:
    """One model, as functions of its parameters and of the ids `int32[T]` of one review.

    Attributes:
      name: What it is called.
      scores: By name, "probability" and "logit" of a positive review.
      table: The parameter that the ids look up, as `jaxattr.cut(at=...)` wants it.
      batch_axis: The axis of length one that the model adds to its input, or None.
    """

    name: str
    scores: dict[str, Score]
    table: Callable[..., Any]
    batch_axis: int | None


def accuracy(
    network: Network, params: Any, rows: tuple[np.ndarray, np.ndarray], console: Console, *, batch: int = 250
) -> float:
    """The share of rows on whose side the probability is, with a progress bar.

    Args:
      network: The model.
      params: Its parameters.
      rows: Ids `int32[N, T]` and labels `int32[N]`.
      console: Where the progress bar is drawn.
      batch: Rows at once.

    Returns:
      A number from 0 to 1.
    """
    ids, labels = rows
    forward, hits = jax.jit(jax.vmap(network.scores["probability"], in_axes=(None, 0))), 0
    with progress(console) as bar:
        task = bar.add_task("testing", total=len(ids), note="")
        for start in range(0, len(ids), batch):
            done = min(start + batch, len(ids))
            hits += int(((np.asarray(forward(params, ids[start:done])) > 0.5) == labels[start:done]).sum())
            bar.update(task, completed=done, note=f"accuracy {hits / done:.3f}")
    return hits / len(ids)

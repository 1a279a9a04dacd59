"""Explains held-out reviews three ways and counts how often the first word is a planted one."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from experiments._shared.methods import methods, top_words
from experiments._shared.training import in_batches
from experiments._shared.words import PAD
from experiments.quickstart.data import Review
from experiments.quickstart.model import Classifier


@dataclasses.dataclass(frozen=True)
class Run:
    """All that the report needs.

    Attributes:
      reviews: The held-out reviews.
      predicted: The predicted class of each.
      accuracy: The share of them predicted rightly.
      random_rate: How often a word picked at random is a planted one.
      outcomes: What each method gave.
      seconds: Time of the whole run after the imports.
    """

    reviews: Sequence[Review]
    predicted: np.ndarray
    accuracy: float
    random_rate: float
    outcomes: "dict[str, Outcome]"
    seconds: float


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one method gave on all held-out reviews.

    Attributes:
      values: One number a word, `float32[N, T]`; 0 at padding.
      gaps: Completeness gaps `float32[N]`, where the method has them.
      hit_rate: The share of reviews whose first word is a planted one.
      standard_error: The binomial standard error of that share.
      milliseconds: Time a review, compilation left out.
    """

    values: np.ndarray
    gaps: np.ndarray | None
    hit_rate: float
    standard_error: float
    milliseconds: float


def planted(reviews: Sequence[Review], shape: tuple[int, int]) -> np.ndarray:
    """Where the planted words are, `bool[N, T]`."""
    mask = np.zeros(shape, bool)
    for row, review in zip(mask, reviews, strict=True):
        row[list(review.causes)] = True
    return mask


def random_rate(reviews: Sequence[Review]) -> float:
    """How often a word picked at random is a planted one."""
    return float(np.mean([len(review.causes) / len(review.words) for review in reviews]))


def explain(
    model: Classifier,
    params: Any,
    ids: np.ndarray,
    predicted: np.ndarray,
    reviews: Sequence[Review],
    *,
    steps: int,
    batch: int = 50,
) -> dict[str, Outcome]:
    """Explains the predicted class of every review by every method.

    Args:
      model: The classifier.
      params: Its variables.
      ids: `int32[N, T]`.
      predicted: The class that the model predicts, `int[N]`.
      reviews: The N reviews.
      steps: Nodes of integrated gradients.
      batch: Reviews at once.

    Returns:
      The outcome of each method by name.
    """
    causes, outcomes = planted(reviews, ids.shape), {}
    for name, method in methods(model, steps=steps).items():
        compiled = jax.jit(jax.vmap(method, in_axes=(None, 0, 0)))

        def rows(ids: np.ndarray, labels: np.ndarray, compiled: Any = compiled) -> Any:
            return compiled(params, ids, labels)

        in_batches(rows, (ids[:batch], predicted[:batch]), batch=batch)
        begin = time.perf_counter()
        found = in_batches(rows, (ids, predicted), batch=batch)
        seconds = time.perf_counter() - begin
        first = np.asarray(top_words(found["values"], ids != PAD))
        rate = float(np.take_along_axis(causes, first, axis=1).mean())
        outcomes[name] = Outcome(
            values=found["values"],
            gaps=found.get("gap"),
            hit_rate=rate,
            standard_error=float(np.sqrt(rate * (1 - rate) / len(ids))),
            milliseconds=1e3 * seconds / len(ids),
        )
    return outcomes

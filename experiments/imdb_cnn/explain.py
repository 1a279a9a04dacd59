"""Explains some test reviews three ways; times it; checks it by deletion."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments._shared import cost
from experiments._shared.agreement import mean
from experiments._shared.differences import deviations
from experiments._shared.methods import margin, methods, table_of, top_words
from experiments._shared.training import in_batches, progress
from experiments._shared.words import PAD, UNKNOWN
from experiments.imdb_cnn.model import ConvClassifier

DELETED = 5
_BATCH = 4


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one method gave.

    Attributes:
      values: One number a word for each explained review, `float32[N, T]`; 0 at padding.
      gaps: Completeness gaps `float32[N]`, where the method has them.
    """

    values: np.ndarray
    gaps: np.ndarray | None


def explain(
    model: ConvClassifier, params: Any, ids: np.ndarray, labels: np.ndarray, *, steps: int, console: Console
) -> tuple[dict[str, Outcome], dict[str, dict[str, float]]]:
    """Runs every method on some reviews.

    Args:
      model: The classifier.
      params: Its variables.
      ids: `int32[N, T]`.
      labels: The class that is explained, `int32[N]`.
      steps: Nodes of integrated gradients.
      console: Where the progress bar is drawn.

    Returns:
      The outcome of each method by name, and what each cost.
    """
    outcomes, costs = {}, {}
    batch = min(_BATCH, len(ids))
    with progress(console) as bar:
        for name, method in methods(model, steps=steps).items():
            compiled = jax.jit(jax.vmap(method, in_axes=(None, 0, 0)))
            task = bar.add_task(name, total=len(ids), note="")

            def rows_of(ids: np.ndarray, labels: np.ndarray, compiled: Any = compiled, task: Any = task) -> Any:
                bar.advance(task, len(ids))
                return compiled(params, ids, labels)

            def work(rows_of: Any = rows_of) -> Any:
                return in_batches(rows_of, (ids, labels), batch=batch)

            found, costs[name] = cost.measure(len(ids), work)
            outcomes[name] = Outcome(found["values"], found.get("gap"))
    return outcomes, costs


def deletion(
    model: ConvClassifier, params: Any, ids: np.ndarray, labels: np.ndarray, first: dict[str, np.ndarray], *, seed: int
) -> dict[str, dict[str, float]]:
    """How far the score falls when each method's first words are truly deleted, and when random words are.

    Args:
      model: The classifier.
      params: Its variables.
      ids: `int32[N, T]`.
      labels: The class that is explained.
      first: For each method the places of the words to delete, `int[N, DELETED]`.
      seed: The seed of the random words.

    Returns:
      By name, "random words" too, the mean fall and its standard error.
    """
    score, rng = margin(model), np.random.default_rng(seed)
    lengths = (ids != PAD).sum(1)
    random = np.stack([rng.permutation(length)[np.arange(DELETED) % length] for length in lengths])
    places = {**first, "random words": random}
    keep = np.ones((len(ids), len(places), ids.shape[1]), bool)
    for number, chosen in enumerate(places.values()):
        np.put_along_axis(keep[:, number], np.asarray(chosen), False, axis=1)

    def falls(ids: jax.Array, label: jax.Array, keep: jax.Array) -> jax.Array:
        def f(ids: jax.Array) -> jax.Array:
            return score(params, ids, label)

        return f(ids) - ja.perturbed(f, keep=keep, perturb=ja.delete(PAD))(ids)

    found = in_batches(jax.jit(jax.vmap(falls)), (ids, labels, keep), batch=min(8, len(ids)))
    return {name: mean(found[:, n]) for n, name in enumerate(places)}


def first_places(outcomes: dict[str, Outcome], ids: np.ndarray) -> dict[str, np.ndarray]:
    """The places of the first words of each method, for the first `len(ids)` rows that it explained."""
    return {
        name: np.asarray(top_words(outcome.values[: len(ids)], ids != PAD, DELETED))
        for name, outcome in outcomes.items()
    }


def expressions(
    texts: Sequence[Sequence[str]], outcome: Outcome, labels: np.ndarray, *, count: int, size: int = 3
) -> dict[str, list[tuple[str, float]]]:
    """The expressions that speak most for each class: sums of attributions over windows of the filter's size.

    Args:
      texts: The words of each review.
      outcome: What integrated gradients gave.
      labels: The class that was explained.
      count: How many expressions a class, at most one a review.
      size: Words of an expression.

    Returns:
      For "positive" and "negative" the expressions with their sums in logits, largest first.
    """
    best: dict[str, list[tuple[str, float]]] = {"positive": [], "negative": []}
    for words, values, label in zip(texts, outcome.values, labels, strict=False):
        if len(words) < size:
            continue
        toward_positive = values[: len(words)].astype(np.float64) * (1 if label else -1)
        sums = np.convolve(toward_positive, np.ones(size), mode="valid")
        for name, signed in (("positive", sums), ("negative", -sums)):
            at = int(signed.argmax())
            best[name].append((" ".join(words[at : at + size]), float(signed[at])))
    return {name: sorted(found, key=lambda pair: -pair[1])[:count] for name, found in best.items()}


def gap_figures(outcome: Outcome) -> dict[str, float]:
    """Median, ninth decile and worst of the absolute gaps, and the median relative to f(x) - f(baseline)."""
    gaps = np.zeros(len(outcome.values)) if outcome.gaps is None else outcome.gaps
    sizes, change = np.abs(gaps), np.abs(outcome.values.sum(1) + gaps)
    return {
        "median": float(np.median(sizes)),
        "ninety_percent": float(np.quantile(sizes, 0.9)),
        "worst": float(sizes.max()),
        "median_relative": float(np.median(sizes / np.maximum(change, 1e-6))),
    }


def checked(model: ConvClassifier, params: Any, ids: np.ndarray, count: int, longest: int) -> list[dict[str, Any]]:
    """Central differences against the gradient at the word vectors, in double precision.

    Args:
      model: The classifier.
      params: Its variables.
      ids: The test reviews, `int32[N, T]`.
      count: How many reviews, the first of those that are short enough; each is cut to its real length.
      longest: The most words of a review.

    Returns:
      What `deviations` gives.
    """
    lengths = (ids != PAD).sum(1)
    short = np.flatnonzero((lengths > 0) & (lengths <= longest))[:count]
    rows = [ids[row, : lengths[row]] for row in short]
    vectors = np.asarray(params["params"]["embed"]["embedding"])
    _, head = ja.cut(margin(model), at=table_of)

    def score(params: Any, x: jax.Array) -> jax.Array:
        return head(x, params, jnp.full(len(x), UNKNOWN), jnp.int32(1))  # the ids only say that no word is padding

    return deviations(score, params, [vectors[row] for row in rows], batch_size=256)

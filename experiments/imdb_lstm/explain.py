"""DeepSHAP: DeepLIFT averaged over reviews as backgrounds."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments._shared.training import in_batches, progress
from experiments.imdb_lstm.network import Network

Explain = Callable[[Any, jax.Array, jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Explained:
    """What DeepSHAP gave for N reviews of T words, padding included.

    Attributes:
      values: One number a word, `float32[N, T]`.
      errors: The standard error of each over the backgrounds, `float32[N, T]`.
      scores: The score of each review, `float32[N]`.
      expected: The mean score of the backgrounds.
      gaps: Score less expected less the sum of the values, `float64[N]`: 0 where the values are additive.
      seconds: Time of the values a review, compilation and the standard errors left out.
    """

    values: np.ndarray
    errors: np.ndarray
    scores: np.ndarray
    expected: float
    gaps: np.ndarray
    seconds: float

    @property
    def relative(self) -> np.ndarray:
        """The size of each gap as a share of all that was handed out, the sum of the magnitudes."""
        handed_out = np.abs(self.values.astype(np.float64)).sum(1)
        return np.abs(self.gaps) / np.maximum(handed_out, np.finfo(np.float32).tiny)


def deep_shap(network: Network, score: str, *, batch_size: int) -> tuple[Explain, Explain]:
    """DeepSHAP of one review, and its standard error.

    The embedding `[T, D]` is an argument of the rest of the model; a word gets the sum over its D entries. Padding is a
    word like any other to these models: where review and background are both padding it gets exactly 0 from that
    background, and where only one of them is, it gets its share.

    Args:
      network: The model.
      score: "probability" or "logit".
      batch_size: Backgrounds at once.

    Returns:
      Two functions of the parameters, the ids `int32[T]` of a review and the ids `int32[B, T]` of the backgrounds,
      which return `float32[T]`: the values, and their standard errors.
    """
    embed, head = ja.cut(network.scores[score], at=network.table, batch_axis=network.batch_axis)

    def over(average: Callable[..., Any]) -> Explain:
        def explain(params: Any, ids: jax.Array, backgrounds: jax.Array) -> jax.Array:
            def f(x: jax.Array) -> jax.Array:
                return head(x, params, ids)

            def words(baseline: jax.Array) -> Callable[[jax.Array], jax.Array]:
                return lambda x: ja.deep_lift(f, baseline=baseline)(x).sum(-1)

            baselines = jax.vmap(embed, in_axes=(None, 0))(params, backgrounds)
            return average(words, baselines, batch_size=batch_size)(embed(params, ids))

        return explain

    return over(ja.mean_over), over(ja.standard_error_over)


def explain(
    network: Network,
    params: Any,
    ids: np.ndarray,
    backgrounds: np.ndarray,
    *,
    score: str,
    batch_size: int,
    console: Console,
) -> Explained:
    """Explains some reviews one after another with all backgrounds, and checks that the values add up.

    Args:
      network: The model.
      params: Its parameters.
      ids: Reviews, `int32[N, T]`.
      backgrounds: Training reviews, `int32[B, T]`, B at least 2.
      score: "probability" or "logit".
      batch_size: Backgrounds at once.
      console: Where the progress bar is drawn.

    Returns:
      Values, errors and the check.
    """
    value, error = map(jax.jit, deep_shap(network, score, batch_size=batch_size))
    outputs = jax.jit(jax.vmap(network.scores[score], in_axes=(None, 0)))
    scores, expected = outputs(params, ids), np.asarray(outputs(params, backgrounds), np.float64).mean()
    with progress(console) as bar:
        task = bar.add_task(f"DeepSHAP, {network.name}", total=len(ids), note="compiling")
        jax.block_until_ready((value(params, ids[0], backgrounds), error(params, ids[0], backgrounds)))
        found, seconds = [], 0.0
        for row in ids:
            begin = time.perf_counter()
            values = jax.block_until_ready(value(params, row, backgrounds))
            seconds += time.perf_counter() - begin
            found.append((np.asarray(values), np.asarray(error(params, row, backgrounds))))
            bar.update(task, advance=1, note=f"{seconds / len(found):.2f} s a review")
    values, errors = map(np.stack, zip(*found, strict=True))
    scores = np.asarray(scores)
    gaps = scores.astype(np.float64) - expected - values.sum(1, dtype=np.float64)
    return Explained(values, errors, scores, float(expected), gaps, seconds / len(ids))


@dataclasses.dataclass(frozen=True)
class Many:
    """What DeepSHAP gave for many reviews, each with a few backgrounds of its own.

    Attributes:
      values: One number a word, `float32[N, T]`.
      relative: The size of the additivity gap of each review as a share of all that was handed out, `float64[N]`.
    """

    values: np.ndarray
    relative: np.ndarray


def explain_many(
    network: Network,
    params: Any,
    ids: np.ndarray,
    pool: np.ndarray,
    chosen: np.ndarray,
    *,
    score: str,
    batch: int,
    console: Console,
) -> Many:
    """The values of many reviews, several at once.

    Each review has backgrounds of its own, drawn from one pool. Its value is then an unbiased estimate of that with the
    whole pool, and a mean over reviews knows of the draw as it knows of the reviews.

    Args:
      network: The model.
      params: Its parameters.
      ids: Reviews, `int32[N, T]`.
      pool: Training reviews, `int32[P, T]`.
      chosen: Which of them are the backgrounds of each review, `int[N, B]`.
      score: "probability" or "logit".
      batch: Reviews at once.
      console: Where the progress bar is drawn.

    Returns:
      Values, and how far they are from adding up.
    """
    value, _ = deep_shap(network, score, batch_size=chosen.shape[1])
    compiled = jax.jit(jax.vmap(value, in_axes=(None, 0, 0)))
    outputs = jax.jit(jax.vmap(network.scores[score], in_axes=(None, 0)))
    batch = min(batch, len(ids))
    with progress(console) as bar:
        task = bar.add_task(f"words in general, {network.name}", total=len(ids), note="compiling")

        def rows(ids: np.ndarray, chosen: np.ndarray) -> tuple[jax.Array, jax.Array]:
            found = jax.block_until_ready((compiled(params, ids, pool[chosen]), outputs(params, ids)))
            bar.update(task, advance=len(ids), note="")
            return found

        values, scores = in_batches(rows, (ids, chosen), batch=batch)
        bar.update(task, completed=len(ids))
    expected = np.asarray(outputs(params, pool), np.float64)[chosen].mean(1)
    handed_out = np.maximum(np.abs(values.astype(np.float64)).sum(1), np.finfo(np.float32).tiny)
    return Many(values, np.abs(scores - expected - values.sum(1, dtype=np.float64)) / handed_out)

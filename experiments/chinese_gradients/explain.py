"""What is done with one trained classifier: explain test texts, measure the rankings, look at the pooling."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from experiments._shared import cost
from experiments._shared.training import in_batches
from experiments._shared.words import PAD
from experiments.chinese_gradients import faithful, rankings
from experiments.chinese_gradients.faithful import CLAIMS, RANDOM, interval
from experiments.chinese_gradients.rankings import AT_POOLED, INTEGRATED, POOLING, SOURCE_POOLING, Network
from experiments.chinese_gradients.train import predict

POOLED_CLAIMS = {
    "pooling, beyond random": (POOLING, RANDOM),
    "pooling of the source, beyond random": (SOURCE_POOLING, RANDOM),
    "IG, beyond random": (INTEGRATED, RANDOM),
    "IG, beyond pooling": (INTEGRATED, POOLING),
    "IG at the pooled vector, beyond pooling": (AT_POOLED, POOLING),
}


@dataclasses.dataclass(frozen=True)
class Sample:
    """The test texts that are explained.

    Attributes:
      rows: Their numbers in the test, `int32[N]`.
      ids: `int32[N, T]`.
      predicted: The class that is explained: the one predicted, right or not.
      correct: Whether it is right.
    """

    rows: np.ndarray
    ids: np.ndarray
    predicted: np.ndarray
    correct: np.ndarray


def sample(
    network: Network, params: Any, test: tuple[np.ndarray, np.ndarray], *, texts: int, shortest: int, seed: int
) -> Sample:
    """Draws test texts at random.

    Args:
      network: The classifier.
      params: Its parameters.
      test: Ids and labels.
      texts: How many texts at most.
      shortest: How many characters a text has at least.
      seed: The seed of the draw, the same texts for every classifier of a set.

    Returns:
      The texts with their predictions.
    """
    ids, labels = test
    long = np.flatnonzero((ids != PAD).sum(1) >= shortest)
    rows = np.random.default_rng(seed).permutation(long)[:texts].astype(np.int32)
    predicted = predict(network, params, ids[rows])
    return Sample(rows, ids[rows], predicted, predicted == labels[rows])


def explained(network: Network, params: Any, texts: Sample, *, steps: int, batch: int) -> rankings.Explained:
    """All methods on the texts, as NumPy arrays with the texts along the leading axis."""
    run = jax.jit(jax.vmap(rankings.explainer(network, steps=steps), in_axes=(None, 0, 0)))
    return in_batches(lambda *rows: run(params, *rows), (texts.ids, texts.predicted), batch=min(batch, len(texts.ids)))


def measured(
    network: Network, params: Any, texts: Sample, values: Mapping[str, np.ndarray], *, seed: int, batch: int
) -> dict[str, Any]:
    """The two measures of all rankings of the texts, see `faithful.measure`."""
    measure = jax.jit(jax.vmap(faithful.measure(network.logits, jax.random.key(seed)), in_axes=(None, 0, 0, 0)))
    names, stacked = list(values), np.stack(list(values.values()), 1)

    def run(ids: np.ndarray, rows: np.ndarray, stacked: np.ndarray) -> Any:
        return measure(params, ids, rows, {name: stacked[:, i] for i, name in enumerate(names)})

    return in_batches(run, (texts.ids, texts.rows, stacked), batch=min(batch, len(texts.ids)))


def whole_test(
    network: Network, params: Any, ids: np.ndarray, *, steps: int, batch: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Integrated gradients of all test texts.

    Args:
      network: The classifier.
      params: Its parameters.
      ids: All test texts.
      steps: Nodes of integrated gradients.
      batch: Texts at once.

    Returns:
      Quantiles of the completeness gap, and what the run cost.
    """
    predicted = predict(network, params, ids)
    run = jax.jit(jax.vmap(rankings.integrated(network, steps=steps), in_axes=(None, 0, 0)))
    arrays = (ids, predicted)
    found, figures = cost.measure(
        len(ids), lambda: in_batches(lambda *rows: run(params, *rows), arrays, batch=min(batch, len(ids)))
    )
    return gaps(found["gap"], found["change"]), figures


def gaps(gap: np.ndarray, change: np.ndarray) -> dict[str, float]:
    """The absolute gaps: median, ninth decile, 99 % and the worst; and the median as a share of what there is to share.

    Args:
      gap: What integrated gradients lack, `float[N]`.
      change: How far the score is from that of the baseline, `float[N]`.

    Returns:
      The five figures by name.
    """
    sizes = np.abs(np.asarray(gap, np.float64))
    return {
        "median": float(np.median(sizes)),
        "ninety_percent": float(np.quantile(sizes, 0.9)),
        "ninety_nine_percent": float(np.quantile(sizes, 0.99)),
        "worst": float(sizes.max()),
        "median_relative": float(np.median(sizes / np.maximum(np.abs(change), 1e-6))),
    }


def concentration(values: np.ndarray, real: np.ndarray) -> dict[str, np.ndarray]:
    """How concentrated the sizes of some values are on few characters of each text.

    Args:
      values: `float[N, T]`.
      real: Booleans `[N, T]`, True at characters.

    Returns:
      "top_tenth", the part of the sum that the first ceil(n / 10) of n characters have, and "effective", the share of
      characters that would have equal values at the same sum of squares; both `float[N]`. Values that are all equal
      have ceil(n / 10) / n and 1.
    """
    sizes = np.where(real, np.abs(np.asarray(values, np.float64)), 0)
    shares = sizes / np.maximum(sizes.sum(1, keepdims=True), 1e-300)
    lengths = real.sum(1)
    first = np.arange(shares.shape[1]) < np.ceil(lengths / 10)[:, None]
    ordered = -np.sort(-shares, axis=1)
    return {
        "top_tenth": np.where(first, ordered, 0).sum(1),
        "effective": 1 / (np.maximum((shares**2).sum(1), 1e-300) * lengths),
    }


def figures_of(found: Mapping[str, Any], texts: Sample, explained: rankings.Explained) -> dict[str, Any]:
    """The figures of one classifier for the result.

    Args:
      found: What `measured` gave.
      texts: The texts.
      explained: What the methods gave.

    Returns:
      Numbers of texts, the measures of each ranking, the gains of the claims over all texts and over those that are
      rightly predicted, and the concentration of the pooling shares and of integrated gradients.
    """
    values, every = explained["values"], np.ones(len(texts.ids), bool)
    pooled = {name: pair for name, pair in POOLED_CLAIMS.items() if set(pair) <= {*values, RANDOM}}
    real = texts.ids != PAD
    return {
        "texts": len(texts.ids),
        "correct": int(texts.correct.sum()),
        "measures": faithful.summary(found, every),
        "gains": faithful.gains(found, every, CLAIMS),
        "gains_where_correct": faithful.gains(found, texts.correct, CLAIMS, ("probability",)),
        "pooling_gains": faithful.gains(found, every, pooled, ("probability",), (faithful.COMPREHENSIVENESS,)),
        "concentration": {
            name: {figure: interval(part) for figure, part in concentration(values[name], real).items()}
            for name in (POOLING, INTEGRATED)
        },
    }

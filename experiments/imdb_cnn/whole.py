"""The gradient norm of every word of every test review, and what stands out in it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments._shared.agreement import mean, share
from experiments._shared.linen import logits
from experiments._shared.methods import GRADIENT, methods
from experiments._shared.training import in_batches, progress
from experiments._shared.words import PAD
from experiments.imdb_cnn.model import ConvClassifier

BATCH, WIDE = 32, 3


def margins(model: ConvClassifier, params: Any, ids: np.ndarray) -> np.ndarray:
    """The logit of "positive" less that of "negative", `float32[N]`."""

    @jax.jit
    def forward(params: Any, ids: jax.Array) -> jax.Array:
        found = logits(model, params, ids)
        return found[:, 1] - found[:, 0]

    return in_batches(lambda rows: forward(params, rows), (ids,), batch=min(BATCH, len(ids)))


def norms(model: ConvClassifier, params: Any, ids: np.ndarray, classes: np.ndarray, *, console: Console) -> np.ndarray:
    """The gradient norm of each word.

    Args:
      model: The classifier.
      params: Its variables.
      ids: `int32[N, T]`.
      classes: The class whose score is differentiated; both classes of two have the same norms.
      console: Where the progress bar is drawn.

    Returns:
      `float32[N, T]`, 0 at padding.
    """
    compiled = jax.jit(jax.vmap(methods(model)[GRADIENT], in_axes=(None, 0, 0)))
    with progress(console) as bar:
        task = bar.add_task(GRADIENT, total=len(ids), note="")

        def rows_of(ids: np.ndarray, classes: np.ndarray) -> Any:
            found = compiled(params, ids, classes)["values"]
            bar.advance(task, len(ids))
            return found

        return in_batches(rows_of, (ids, classes), batch=min(BATCH, len(ids)))


def expressions(
    texts: Sequence[Sequence[str]], norms: np.ndarray, scores: np.ndarray, rows: Sequence[int]
) -> list[dict[str, Any]]:
    """The strongest expression of each of some reviews: the word with the largest norm and the two that follow it.

    Args:
      texts: The words of each of these reviews, as many as were read.
      norms: Their norms `float[N, T]`.
      scores: The margin of each.
      rows: Where each stands among the test reviews.

    Returns:
      For each review "row", "score", "norm" of the word, and "expression".
    """
    found = []
    for words, values, score, row in zip(texts, norms, scores, rows, strict=True):
        at = int(values[: len(words)].argmax())
        found.append(
            {
                "row": int(row),
                "score": float(score),
                "norm": float(values[at]),
                "expression": " ".join(words[at : at + WIDE]),
            }
        )
    return found


def figures(ids: np.ndarray, norms: np.ndarray) -> dict[str, dict[str, float]]:
    """How the norms are spread in a review: the share of words without any, and the share of the five strongest."""
    real = ids != PAD
    total = norms.sum(1)
    five = np.sort(norms, axis=1)[:, -5:].sum(1)
    return {
        "words_without_any": mean(((norms == 0) & real).sum(1) / real.sum(1)),
        "in_five_strongest": mean(five[total > 0] / total[total > 0]),
    }


def first_words(
    ids: np.ndarray, norms: np.ndarray, classes: np.ndarray, words: Sequence[str], count: int
) -> dict[str, list[dict[str, Any]]]:
    """The words that most often have the largest norm of their review, for each predicted class.

    Args:
      ids: `int32[N, T]`.
      norms: `float[N, T]`.
      classes: The predicted class of each review.
      words: The vocabulary.
      count: How many words a class.

    Returns:
      For each class the words, most frequent first: "word", "reviews" and their "share" of the class's reviews.
    """
    first = ids[np.arange(len(ids)), norms.argmax(1)]
    found = {}
    for label, name in enumerate(("negative", "positive")):
        chosen = first[classes == label]
        often = Counter(chosen.tolist()).most_common(count)
        found[name] = [
            {"word": words[word], "reviews": reviews, "share": share(chosen == word)} for word, reviews in often
        ]
    return found

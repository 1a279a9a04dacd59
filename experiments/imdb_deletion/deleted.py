"""What each review says without each of its words."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared.agreement import mean, share
from experiments._shared.linen import logits
from experiments._shared.words import PAD
from experiments.imdb_cnn.model import ConvClassifier

_OFTEN = 100


def explainer(model: ConvClassifier, *, reuse: bool = True) -> Callable[..., dict[str, jax.Array]]:
    """The drops of one review.

    Args:
      model: The classifier.
      reuse: Whether what the versions of a review share is computed once.

    Returns:
      A function of parameters, ids `int32[T]` and the mask of real words to "margin", the margin of the predicted
      class, and "drops" `float32[T]`, what the margin loses without each word, the words behind it moved left.
    """

    def explain(params: Any, ids: jax.Array, where: jax.Array) -> dict[str, jax.Array]:
        ids = jnp.where(where, ids, PAD)
        found = logits(model, params, ids)
        predicted = found.argmax()
        sign = jnp.where(predicted == 1, 1.0, -1.0)

        def margin(ids: jax.Array) -> jax.Array:
            both = logits(model, params, ids)
            return sign * (both[1] - both[0])

        drops = ja.occlusion(margin, perturb=ja.delete(PAD), where=where, reuse=reuse)(ids)
        return {"drops": drops, "margin": margin(ids), "predicted": predicted}

    return explain


def ragged(ids: np.ndarray) -> list[np.ndarray]:
    """Padded rows as rows of their own lengths; an empty review keeps one word."""
    return [row[: max(1, int((row != PAD).sum()))] for row in ids]


def figures(rows: Sequence[np.ndarray], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What deletions do in general.

    Args:
      rows: The ids of each review.
      found: What `explainer` gave for each.

    Returns:
      "words", how many there are; means over the reviews with their errors: "without_effect", the share of words whose
      deletion changes nothing at all, "margin", and "largest", the largest drop of a review; "one_word", the share of
      reviews whose prediction turns when one word is deleted.
    """
    drops = [np.asarray(one["drops"]) for one in found]
    margins = np.array([float(one["margin"]) for one in found])
    largest = np.array([d.max() for d in drops])
    return {
        "reviews": len(rows),
        "words": int(sum(map(len, rows))),
        "without_effect": mean(np.array([float((d == 0).mean()) for d in drops])),
        "margin": mean(margins),
        "largest": mean(largest),
        "one_word": share(largest > margins),
    }


def deciding(
    rows: Sequence[np.ndarray], found: Sequence[dict[str, Any]], words: Sequence[str], count: int
) -> dict[str, list[dict[str, Any]]]:
    """The words whose deletion costs most, over reviews in which it stands at least `_OFTEN` times.

    Args:
      rows: The ids of each review.
      found: What `explainer` gave for each.
      words: The vocabulary.
      count: How many words a class.

    Returns:
      For each predicted class the words with the largest mean drop: "word", "mean" and "times".
    """
    told = {}
    for label, name in enumerate(("negative", "positive")):
        sums, times = Counter[int](), Counter[int]()
        for ids, one in zip(rows, found, strict=True):
            if int(one["predicted"]) == label:
                for word, drop in zip(ids.tolist(), np.asarray(one["drops"]).tolist(), strict=True):
                    sums[word] += drop
                    times[word] += 1
        often = [w for w in sums if times[w] >= _OFTEN]
        best = sorted(often, key=lambda w: -sums[w] / times[w])[:count]
        told[name] = [{"word": words[w], "mean": sums[w] / times[w], "times": times[w]} for w in best]
    return told

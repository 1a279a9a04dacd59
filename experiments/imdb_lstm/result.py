"""What was found, as one dictionary for the result file; everything shown is read from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments._shared.agreement import correlation, mean, rank_correlation
from experiments._shared.by_word import Words, common
from experiments._shared.words import PAD_WORD, UNKNOWN_WORD
from experiments.imdb_cnn.data import LABELS
from experiments.imdb_lstm.data import written
from experiments.imdb_lstm.explain import Explained, Many

SPECIAL = (PAD_WORD, UNKNOWN_WORD)
KEYS = ("word", "occurrences", "reviews", "mean", "half_interval")


def shown(text: str, values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The words of a review as written, with their numbers; the padding in front is one word.

    Args:
      text: The review.
      values: One number a word, `float[T]`, padding in front included.

    Returns:
      Words and numbers, equally many, with the same sum.

    Example:
      >>> tokens, numbers = shown("So good", np.array([0.25, 0.25, 1.0, 2.0]))
      >>> tokens, numbers.tolist()
      (['padding × 2', 'So', 'good'], [0.5, 1.0, 2.0])
    """
    tokens = written(text)[-len(values) :]
    padding = len(values) - len(tokens)
    if not padding:
        return tokens, values
    return [f"padding × {padding}", *tokens], np.concatenate([values[:padding].sum(keepdims=True), values[padding:]])


def ends(total: int, count: int) -> list[int]:
    """The places of the `count` first and the `count` last of so many.

    Example:
      >>> ends(5, 2), ends(3, 2)
      ([0, 1, 3, 4], [0, 1, 2])
    """
    return sorted({*range(min(count, total)), *range(max(total - count, 0), total)})


def reviews(texts: Sequence[str], labels: np.ndarray, explained: Mapping[str, Explained]) -> list[dict[str, Any]]:
    """The explained reviews, each with its words and, for each model, their numbers."""
    made = []
    for place, (text, label) in enumerate(zip(texts, labels, strict=True)):
        pairs = {name: shown(text, one.values[place]) for name, one in explained.items()}
        made.append(
            {
                "label": LABELS[label],
                "words": next(iter(pairs.values()))[0],
                "values": {name: numbers for name, (_, numbers) in pairs.items()},
                "score": {name: one.scores[place] for name, one in explained.items()},
                "gap": {name: one.gaps[place] for name, one in explained.items()},
                "relative_gap": {name: one.relative[place] for name, one in explained.items()},
            }
        )
    return made


def _listed(found: Words, vocabulary: Sequence[str]) -> list[dict[str, Any]]:
    columns = ([vocabulary[int(i)] for i in found.ids], found.occurrences, found.reviews, found.means, found.halves)
    return [dict(zip(KEYS, row, strict=True)) for row in zip(*columns, strict=True)]


def words(
    found: Mapping[str, Words], vocabulary: Sequence[str], *, at_least: tuple[int, int], count: int
) -> dict[str, dict[str, Any]]:
    """The words with the largest and with the smallest means.

    Args:
      found: All words, for each model.
      vocabulary: The word of each id.
      at_least: In how many places and in how many reviews a word must occur to be listed.
      count: How many words on each side.

    Returns:
      For each model how many there are, those at the two ends of any model in falling order, and what is no word.
    """
    chosen = {name: _common(one, at_least) for name, one in found.items()}
    at_ends = [one.ids[ends(len(one.ids), count)] for one in chosen.values()]
    shown = np.unique(np.concatenate(at_ends))
    return {
        name: {
            "count": len(one.ids),
            "ends": _listed(one.where(np.isin(one.ids, shown)), vocabulary),
            "special": _listed(found[name].where(found[name].ids < len(SPECIAL)), vocabulary),
        }
        for name, one in chosen.items()
    }


def _common(found: Words, at_least: tuple[int, int]) -> Words:
    return common(found, occurrences=at_least[0], reviews=at_least[1], special=len(SPECIAL))


def alike(
    ids: np.ndarray, found: Mapping[str, Many], by_word: Mapping[str, Words], *, at_least: tuple[int, int]
) -> dict[str, Any]:
    """How far two models agree: on the means of common words, and on the words of each review.

    Args:
      ids: `int32[N, T]`.
      found: For each of two models the values of all reviews.
      by_word: The same by word.
      at_least: In how many places and in how many reviews a word must occur.

    Returns:
      The correlation over words, and the mean over reviews of the rank correlation over the places of a review that are
      no padding; a review of one place, or of equal values, has none.
    """
    one, other = (_common(words, at_least) for words in by_word.values())
    one, other = one.where(np.argsort(one.ids)), other.where(np.argsort(other.ids))
    real = ids != SPECIAL.index(PAD_WORD)
    first, second = (many.values for many in found.values())
    each = np.array([rank_correlation(a[keep], b[keep]) for a, b, keep in zip(first, second, real, strict=True)])
    return {
        "words": len(one.ids),
        "correlation_of_means": correlation(one.means, other.means),
        "rank_correlation_in_a_review": mean(each[np.isfinite(each)]),
    }


def model(about: Mapping[str, Any], explained: Explained, many: Many, tests: int) -> dict[str, Any]:
    """The figures of one model; its words are added by `words`.

    Args:
      about: What is known of its training.
      explained: DeepSHAP of a few reviews with all backgrounds.
      many: DeepSHAP of many reviews.
      tests: How many test reviews the accuracy counts.

    Returns:
      A dictionary.
    """
    share = about["test_accuracy"]
    return {
        "settings": about["settings"],
        "train_accuracy": about["train_accuracy"],
        "test_accuracy": {"mean": share, "standard_error": float(np.sqrt(share * (1 - share) / tests))},
        "train_seconds": about["train_seconds"],
        "parameters_reused": about["reused"],
        "expected_value": explained.expected,
        "worst_relative_gap": explained.relative.max(),
        "seconds_a_review": explained.seconds,
        "error_of_a_word_over_backgrounds": explained.errors.mean(),
        "size_of_a_word": np.abs(explained.values).mean(),
        "relative_gap_of_many": {"median": np.median(many.relative), "worst": many.relative.max()},
    }

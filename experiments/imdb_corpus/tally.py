"""What the words of a store say, from one look at it, chunk after chunk, in the memory of one chunk."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments._shared.agreement import share
from experiments._shared.words import UNKNOWN, numbered
from experiments.imdb_cnn.data import LABELS

_SUMS = ("occurrences", "reviews", "sum", "square", "product", "count_square", "first")


@dataclasses.dataclass(frozen=True)
class Tally:
    """What one look at a store keeps.

    Attributes:
      words: For each class, sums over the reviews that are predicted so: `float64[2, 7, V]`. With n the occurrences of
        a word in a review and s the sum of their values: of n, of 1, of s, of s^2, of s n, of n^2, and of whether the
        review's largest value is at the word.
      reviews: How many reviews each class has.
      rows: Of each review "row", "length", "label", "predicted", "score", "gap" and "sum" of the values, in the
        order of the store.
      without: How many reviews have no numbers.
    """

    words: np.ndarray
    reviews: np.ndarray
    rows: dict[str, np.ndarray]
    without: int


def sums(ids: Sequence[np.ndarray], values: Sequence[np.ndarray], size: int) -> np.ndarray:
    """The sums of some reviews, as `Tally.words` holds them for a class.

    Args:
      ids: The ids of the words of each review.
      values: Their values.
      size: How many ids there are.

    Returns:
      `float64[7, size]`.

    Example:
      >>> found = sums([np.array([1, 1]), np.array([0, 1])], [np.array([1.0, 3.0]), np.array([-1.0, 5.0])], 2)
      >>> found[:3].tolist()
      [[1.0, 3.0], [1.0, 2.0], [-1.0, 9.0]]
    """
    if not len(ids):
        return np.zeros((len(_SUMS), size))
    review = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
    pairs, place = np.unique(np.concatenate(ids).astype(np.int64) * len(ids) + review, return_inverse=True)
    n = np.bincount(place).astype(np.float64)
    s = np.bincount(place, np.concatenate(values).astype(np.float64))
    first = np.array([row[numbers.argmax()] for row, numbers in zip(ids, values, strict=True)])
    kinds = (n, np.ones(len(n)), s, s**2, s * n, n**2)
    by_word = [np.bincount(pairs // len(ids), kind, minlength=size) for kind in kinds]
    return np.stack([*by_word, np.bincount(first, minlength=size)])


def tally(chunks: Iterable[Mapping[str, Sequence[Any]]], vocabulary: Sequence[str]) -> Tally:
    """Looks at every chunk of a store once.

    Args:
      chunks: Columns by name, as `Store.chunks` gives them.
      vocabulary: The word of each id; what the network does not know is one word.

    Returns:
      What is kept.
    """
    index, without = numbered(vocabulary), 0
    words, reviews = np.zeros((len(LABELS), len(_SUMS), len(vocabulary))), np.zeros(len(LABELS), int)
    rows: dict[str, list[Any]] = {}
    for columns in chunks:
        there = [place for place, error in enumerate(columns["error"]) if error is None]
        without += len(columns["error"]) - len(there)
        ids = [np.array([index.get(word, UNKNOWN) for word in columns["words"][place]]) for place in there]
        values = [columns["values"][place] for place in there]
        predicted = np.array([columns["predicted"][place] for place in there], int)
        for label in range(len(LABELS)):
            mine = np.flatnonzero(predicted == label)
            words[label] += sums([ids[place] for place in mine], [values[place] for place in mine], len(vocabulary))
            reviews[label] += len(mine)
        for name in ("row", "label", "predicted", "score", "gap"):
            rows.setdefault(name, []).extend(columns[name][place] for place in there)
        rows.setdefault("length", []).extend(map(len, ids))
        rows.setdefault("sum", []).extend(float(row.sum(dtype=np.float64)) for row in values)
    return Tally(words, reviews, {name: np.array(column) for name, column in rows.items()}, without)


def means(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""The mean over the occurrences of each word and its standard error, which counts reviews.

    $$m = \frac{\sum_r s_r}{\sum_r n_r}, \qquad
      \mathrm{se}^2 = \frac{R}{R - 1} \, \frac{\sum_r s_r^2 - 2 m \sum_r s_r n_r + m^2 \sum_r n_r^2}{(\sum_r n_r)^2}$$

    Args:
      totals: `float64[7, V]`, as `sums` gives them; every word occurs.

    Returns:
      Means, and standard errors, NaN for a word of one review.
    """
    n, reviews, s, square, product, count_square, _ = totals
    mean = s / n
    squares = np.maximum(square - 2 * mean * product + mean**2 * count_square, 0)
    degrees = np.where(reviews > 1, reviews - 1, np.nan)
    return mean, np.sqrt(reviews / degrees * squares) / n


def listed(found: Tally, vocabulary: Sequence[str], *, occurrences: int, count: int) -> dict[str, dict[str, Any]]:
    """For each predicted class the words that speak most for it and against it, and those that are most often first.

    Args:
      found: The sums.
      vocabulary: The word of each id.
      occurrences: How often a word must occur in the reviews of the class, and at least in two of them.
      count: How many words a list.

    Returns:
      By class how many "reviews" and common "words" there are; "for" and "against", the strongest first: "word",
      "occurrences", "reviews", "mean", "standard_error", and "first", in what share of the reviews with the word it has
      the largest value; "first": "word", "reviews" and their "share" of all reviews of the class.
    """
    lists = {}
    for name, totals, reviews in zip(LABELS, found.words, found.reviews.tolist(), strict=True):
        enough = (totals[0] >= occurrences) & (totals[1] >= 2) & (np.arange(len(vocabulary)) > UNKNOWN)
        ids = np.flatnonzero(enough)
        mean, error = means(totals[:, ids])
        order = np.argsort(-mean, kind="stable")
        entries = [
            {
                "word": vocabulary[int(ids[place])],
                "occurrences": int(totals[0, ids[place]]),
                "reviews": int(totals[1, ids[place]]),
                "mean": mean[place],
                "standard_error": error[place],
                "first": totals[6, ids[place]] / totals[1, ids[place]],
            }
            for place in order
        ]
        often = np.argsort(-totals[6], kind="stable")[:count]
        lists[name] = {
            "reviews": reviews,
            "words": len(ids),
            "for": [entry for entry in entries[:count] if entry["mean"] > 0],
            "against": [entry for entry in entries[::-1][:count] if entry["mean"] < 0],
            "first": [
                {
                    "word": vocabulary[int(word)],
                    "reviews": int(totals[6, word]),
                    "share": share(np.arange(reviews) < totals[6, word]),
                }
                for word in often
                if totals[6, word]
            ],
        }
    return lists


def of_reviews(found: Tally) -> dict[str, Any]:
    """What the store says of the reviews: how often the network is right, and the completeness gaps.

    Args:
      found: The sums.

    Returns:
      "accuracy", and "completeness_gap": median, ninth decile and worst of the absolute gaps, and the median relative
      to what there is to hand out.
    """
    sizes, change = np.abs(found.rows["gap"]), np.abs(found.rows["sum"] + found.rows["gap"])
    return {
        "accuracy": share(found.rows["label"] == found.rows["predicted"]),
        "completeness_gap": {
            "median": float(np.median(sizes)),
            "ninety_percent": float(np.quantile(sizes, 0.9)),
            "worst": float(sizes.max()),
            "median_relative": float(np.median(sizes / np.maximum(change, 1e-6))),
        },
    }

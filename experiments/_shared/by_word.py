"""Attributions grouped by word: how often, how much in the mean, and how sure that is."""

import dataclasses

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Words:
    """What all occurrences of each word got; one entry a word, in the order of the ids.

    Attributes:
      ids: The id of each word that occurs.
      occurrences: How often it occurs.
      reviews: In how many reviews.
      means: The mean over its occurrences.
      halves: Half the width of the 95 % interval of that mean; NaN for a word of one review.
    """

    ids: np.ndarray
    occurrences: np.ndarray
    reviews: np.ndarray
    means: np.ndarray
    halves: np.ndarray

    def where(self, chosen: np.ndarray) -> "Words":
        """Some of the words, by a mask or by places."""
        parts = {field.name: getattr(self, field.name)[chosen] for field in dataclasses.fields(self)}
        return Words(**parts)


def by_word(ids: np.ndarray, values: np.ndarray) -> Words:
    r"""Groups attributions by word.

    With $s_r$ the sum and $n_r$ the number of a word's occurrences in review r of R reviews that have it,

    $$m = \frac{\sum_r s_r}{\sum_r n_r}, \qquad
      \mathrm{se}^2 = \frac{R}{R - 1} \, \frac{\sum_r (s_r - m\, n_r)^2}{(\sum_r n_r)^2}$$

    Occurrences in one review are not independent, so reviews are what the standard error counts: the linearised
    variance of a ratio. The interval is $m \pm t_{0.975, R-1}\, \mathrm{se}$.

    Args:
      ids: `int[N, T]`.
      values: One number a word, `float[N, T]`.

    Returns:
      Counts, means and intervals.

    Example:
      >>> found = by_word(np.array([[7, 7], [7, 3]]), np.array([[1.0, 3.0], [5.0, -1.0]]))
      >>> found.ids.tolist(), found.occurrences.tolist(), found.reviews.tolist(), found.means.tolist()
      ([3, 7], [1, 3], [1, 2], [-1.0, 3.0])
    """
    review = np.repeat(np.arange(len(ids)), ids.shape[1])
    pairs, place = np.unique(ids.ravel().astype(np.int64) * len(ids) + review, return_inverse=True)
    counts = np.bincount(place.ravel())
    sums = np.bincount(place.ravel(), values.ravel().astype(np.float64))
    words, word = np.unique(pairs // len(ids), return_inverse=True)
    occurrences, reviews = np.bincount(word, counts), np.bincount(word)
    means = np.bincount(word, sums) / occurrences
    squares = np.bincount(word, (sums - means[word] * counts) ** 2)
    several = reviews > 1
    degrees = np.where(several, reviews - 1, 1)
    errors = np.sqrt(reviews / degrees * squares) / occurrences
    halves = np.where(several, stdtrit(degrees, (1 + CONFIDENCE) / 2) * errors, np.nan)
    return Words(words, occurrences.astype(int), reviews, means, halves)


def common(found: Words, *, occurrences: int, reviews: int, special: int) -> Words:
    """The words that are frequent enough to speak of, the largest mean first.

    Args:
      found: All words.
      occurrences: How often a word must occur.
      reviews: In how many reviews, at least 2.
      special: Ids below this one are no words.

    Returns:
      Those words.
    """
    enough = (found.occurrences >= occurrences) & (found.reviews >= max(reviews, 2)) & (found.ids >= special)
    chosen = found.where(enough)
    return chosen.where(np.argsort(-chosen.means, kind="stable"))

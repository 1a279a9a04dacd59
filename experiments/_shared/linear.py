"""Linear classifiers of two classes beside a model: that of its average slopes, and logistic regression."""

import dataclasses
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

PENALTIES = (0.003, 0.01, 0.03, 0.1)
HELD_OUT = 0.1


@dataclasses.dataclass(frozen=True)
class Linear:
    """A linear classifier: positive where `x @ weights + intercept > 0`.

    Attributes:
      weights: One weight a word, `float64[V]`.
      intercept: The intercept.
    """

    weights: np.ndarray
    intercept: float

    def positive(self, rows: csr_matrix) -> np.ndarray:
        """Which rows it calls positive, `bool[N]`."""
        return rows @ self.weights + self.intercept > 0


def best_intercept(sums: np.ndarray, positive: np.ndarray) -> float:
    """The intercept with which a linear classifier agrees most often with another classifier.

    Args:
      sums: The weighted sums of some rows, `float[N]`.
      positive: What the other classifier says of them, `bool[N]`.

    Returns:
      The intercept; of several the first, which calls the fewest rows negative.

    Example:
      >>> best_intercept(np.array([1.0, 2.0, 4.0, 8.0]), np.array([False, False, True, True]))
      -3.0
    """
    order = np.argsort(sums, kind="stable")
    ranked, said = sums[order], positive[order]
    # cut k calls the k rows with the smallest sums negative
    agreeing = np.concatenate([[0], np.cumsum(~said)]) + np.concatenate([[0], np.cumsum(said[::-1])])[::-1]
    between = np.concatenate([ranked[:1] - 1, (ranked[1:] + ranked[:-1]) / 2, ranked[-1:] + 1])
    allowed = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    return -float(between[np.where(allowed, agreeing, -1).argmax()])


def of_averages(slopes: np.ndarray, rows: csr_matrix, scores: np.ndarray, threshold: float) -> dict[str, Linear]:
    """The linear classifiers whose weights are average slopes, with three intercepts.

    Args:
      slopes: The average slopes, `float[V]`.
      rows: The training reviews.
      scores: The score of the model for each of them.
      threshold: Above it the model says positive.

    Returns:
      "none" without an intercept, "tangent" with the mean of `score - slopes @ x` over the training reviews, so that
      both have the same mean score there, and "best" with the intercept that agrees most often with the model there.
      No label is used.
    """
    sums = rows @ slopes
    chosen = {
        "none": 0.0,
        "tangent": float((scores - sums).mean()) - threshold,
        "best": best_intercept(sums, scores > threshold),
    }
    return {name: Linear(slopes, intercept) for name, intercept in chosen.items()}


def logistic_regression(rows: csr_matrix, labels: np.ndarray) -> tuple[Linear, float]:
    """Logistic regression with the penalty that is best on a tenth of the training rows, then fitted on all of them.

    Args:
      rows: The training reviews.
      labels: Their labels.

    Returns:
      The classifier, and the inverse penalty that was chosen.
    """
    kept = len(labels) - max(1, round(HELD_OUT * len(labels)))

    def fitted(penalty: float, count: int) -> Any:
        return LogisticRegression(C=penalty, max_iter=1000).fit(rows[:count], labels[:count])

    chosen = max(PENALTIES, key=lambda penalty: fitted(penalty, kept).score(rows[kept:], labels[kept:]))
    model = fitted(chosen, len(labels))
    return Linear(model.coef_[0].astype(np.float64), float(model.intercept_[0])), chosen

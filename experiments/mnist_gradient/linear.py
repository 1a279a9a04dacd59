"""Linear classifiers of ten classes beside the network: that of the average Jacobian, and logistic regression."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from experiments._shared.arrays import load_arrays, save_arrays

PENALTY = 0.3
"""The inverse penalty of logistic regression: the best of 0.003, 0.03 and 0.3 on 6,000 training images held out."""


@dataclasses.dataclass(frozen=True)
class Linear:
    """A linear classifier: the class with the largest `weights @ x + intercepts`.

    Attributes:
      weights: `float64[10, 784]`.
      intercepts: `float64[10]`.
    """

    weights: np.ndarray
    intercepts: np.ndarray

    def classes(self, rows: np.ndarray) -> np.ndarray:
        """The class of each row, `int[N]`."""
        return (rows @ self.weights.T + self.intercepts).argmax(1)


def fitted_intercepts(sums: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The intercepts, and one scale, with which the weighted sums make some classes likeliest.

    Args:
      sums: The weighted sums of some rows, `float[N, C]`.
      classes: The class that another classifier gives each row, `int[N]`.

    Returns:
      The intercepts beside the sums as they are, `float64[C]`; the scale is taken out again.
    """
    targets = np.eye(sums.shape[1])[classes]

    def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
        scale = np.exp(free[-1])
        values = scale * sums + free[:-1]
        apart = (softmax(values, axis=1) - targets) / len(sums)
        along = float((apart * sums).sum() * scale)
        return -float((log_softmax(values, axis=1) * targets).sum() / len(sums)), np.append(apart.sum(0), along)

    spread = max(float(sums.std()), 1e-12)
    start = np.append(np.zeros(sums.shape[1]), -np.log(spread))
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found[:-1] / np.exp(found[-1])


def of_jacobian(slopes: np.ndarray, rows: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> dict[str, Linear]:
    """The linear classifiers whose weights are an average Jacobian, with three kinds of intercepts.

    Args:
      slopes: `float[10, 784]`.
      rows: The training images, `float[N, 784]`.
      scores: The scores of the network for them, `float[N, 10]`.
      classes: The classes of the network for them.

    Returns:
      "none" without intercepts, "tangent" with the means of `scores - slopes @ x`, "fitted" with those that make the
      network's classes likeliest. No label is used.
    """
    sums = rows @ slopes.T
    zero = np.zeros(len(slopes))
    return {
        "none": Linear(slopes, zero),
        "tangent": Linear(slopes, (scores - sums).mean(0)),
        "fitted": Linear(slopes, fitted_intercepts(sums, classes)),
    }


def logistic_regression(path: Path, rows: np.ndarray, labels: np.ndarray, sha256: str) -> Linear:
    """Multinomial logistic regression, fitted once for the data with that fingerprint and kept.

    Args:
      path: The file in which it is kept.
      rows: The training images, `float[N, 784]`.
      labels: Their labels.
      sha256: The fingerprint of the data.

    Returns:
      The classifier.
    """
    wanted = {"penalty": PENALTY, "data_sha256": sha256}
    if path.exists():
        arrays, about = load_arrays(path)
        if about == wanted:
            return Linear(arrays["weights"], arrays["intercepts"])
    model: Any = LogisticRegression(C=PENALTY, max_iter=1000, tol=1e-3).fit(rows, labels)
    weights, intercepts = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    save_arrays(path, {"weights": weights, "intercepts": intercepts}, wanted)
    return Linear(weights, intercepts)

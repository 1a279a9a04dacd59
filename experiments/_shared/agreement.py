"""How often two classifiers agree, how two rankings agree, and how sure that is."""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

Figure = dict[str, float]


def share(hits: np.ndarray) -> Figure:
    """The share of rows that hit, with its standard error; rows are what the error counts.

    Args:
      hits: `bool[N]`, at least two rows.

    Returns:
      "mean" and "standard_error".

    Example:
      >>> share(np.array([True, True, True, False]))
      {'mean': 0.75, 'standard_error': 0.25}
    """
    return mean(np.asarray(hits, np.float64))


def mean(values: np.ndarray) -> Figure:
    """The mean of one number a row, with its standard error; rows are what the error counts."""
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return {"mean": float(values.mean()), "standard_error": error}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of two vectors; not-a-number where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of two vectors, ties sharing their ranks.

    Example:
      >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([-1.0, 5.0, 6.0]))
      1.0
    """
    return correlation(rankdata(a), rankdata(b))


def jackknife(parts: np.ndarray, sizes: np.ndarray, figure: Callable[[np.ndarray], float]) -> Figure:
    r"""A figure of an average over rows, with the standard error that leaving out one group of rows at a time gives.

    $$\mathrm{se}^2 = \frac{g - 1}{g} \sum_k \big(\theta_{-k} - \overline{\theta}\big)^2$$

    Args:
      parts: The average of each of g groups of rows, `float[g, ...]`.
      sizes: How many rows each group has, `int[g]`; about equal.
      figure: From an average `float[...]` to one number.

    Returns:
      "mean", the figure of the average over all rows, and "standard_error".

    Example:
      >>> jackknife(np.array([1.0, 2.0, 6.0]), np.array([1, 1, 1]), float)
      {'mean': 3.0, 'standard_error': 1.5275252316519465}
    """
    sums = parts * sizes.reshape(-1, *[1] * (parts.ndim - 1))
    total, count, groups = sums.sum(0), sizes.sum(), len(parts)
    without = np.array([figure((total - sums[k]) / (count - sizes[k])) for k in range(groups)])
    error = np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum())
    return {"mean": figure(total / count), "standard_error": float(error)}


def compared(said: np.ndarray, network: np.ndarray, labels: np.ndarray) -> dict[str, Figure]:
    """How a classifier does beside the network on the same rows.

    Args:
      said: What the classifier says, `[N]`.
      network: What the network says.
      labels: The truth.

    Returns:
      "accuracy", "agreement" with the network, and "accuracy_difference", the mean difference on the same rows.
    """
    return {
        "accuracy": share(said == labels),
        "agreement": share(said == network),
        "accuracy_difference": mean((said == labels).astype(float) - (network == labels)),
    }

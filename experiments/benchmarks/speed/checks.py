"""Numbers that should be equal are compared before anything is timed."""

from collections.abc import Mapping

import numpy as np

LIMIT = 1e-4
"""In float32, as a share of the largest number; 1e-5 is what is aimed at."""

FEW = 1 / 8
"""The share of texts that may differ by more: where two windows tie within rounding at a node, another one may win."""


def difference(values: np.ndarray, truth: np.ndarray) -> float:
    """The largest difference as a share of the largest number; not-a-number where either has one.

    Args:
      values: What is checked.
      truth: What it is compared with.

    Returns:
      The share.

    Raises:
      ValueError: When the shapes differ.
    """
    if np.shape(values) != np.shape(truth):
        raise ValueError(f"Expected numbers of the shape {np.shape(truth)}, got {np.shape(values)}.")
    found, wanted = (np.asarray(a, np.float64) for a in (values, truth))
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def differences(
    found: Mapping[str, np.ndarray], truth: np.ndarray, *, what: str, limit: float | None = LIMIT
) -> dict[str, float]:
    """Refuses numbers that differ from the plain formula.

    Args:
      found: The numbers of each way.
      truth: Those of the plain formula.
      what: What is computed, for the message.
      limit: The largest share allowed, but for few texts; None allows any, as in half precision.

    Returns:
      The difference of each way, the largest of all texts.

    Raises:
      ValueError: When one differs by more in more than few texts, or is not a number.
    """
    shares = {name: difference(values, truth) for name, values in found.items()}
    for name, share in shares.items():
        rows = np.abs(np.asarray(found[name], np.float64) - truth).reshape(len(truth), -1).max(1) / np.abs(truth).max()
        if limit is not None and not (np.mean(rows > limit) <= FEW and np.isfinite(share)):
            raise ValueError(f"Expected {what} by {name} as in the plain formula, but it differs by {share:.1e} of it.")
    return shares

"""The average partial derivative of each word over many reviews, and its standard error."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

import jaxattr as ja
from experiments._shared.bags import unpack
from experiments.imdb_bag.model import BagClassifier, margin, probability

GROUPS, BATCH = 25, 250
SCORES = {"margin": margin, "probability": probability}


@dataclasses.dataclass(frozen=True)
class Average:
    """The average slopes of one score.

    Attributes:
      mean: The average over all reviews, `float64[V]`.
      standard_error: Its standard error; reviews are what it counts.
      groups: The averages over groups of reviews, `float64[g, V]`.
      sizes: How many reviews each group has.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    groups: np.ndarray
    sizes: np.ndarray


def average_slopes(model: BagClassifier, params: Any, packed: np.ndarray, size: int) -> dict[str, Average]:
    r"""Averages the partial derivatives of the margin and of the probability over reviews.

    $$\hat{s}_j = \frac{1}{n} \sum_{i=1}^{n} \frac{\partial f}{\partial x_j}(x_i)$$

    The binary vectors are built from the packed bags inside the program, some at a time.

    Args:
      model: The network.
      params: Its variables.
      packed: The bags, `uint8[N, ceil(V / 8)]`.
      size: Words of the dictionary, V.

    Returns:
      The averages by the name of the score.
    """

    def slopes(row: jax.Array) -> Any:
        def at(params: Any) -> dict[str, jax.Array]:
            x = unpack(row, size)
            return {name: ja.gradient(functools.partial(score, model, params))(x) for name, score in SCORES.items()}

        return at

    means = jax.jit(lambda params, rows: ja.mean_over(slopes, rows, batch_size=BATCH)(params))
    errors = jax.jit(lambda params, rows: ja.standard_error_over(slopes, rows, batch_size=BATCH)(params))
    parts = np.array_split(packed, min(GROUPS, len(packed)))
    sizes = np.array([len(part) for part in parts])
    groups = [jax.tree.map(lambda a: np.asarray(a, np.float64), means(params, part)) for part in parts]
    error = errors(params, packed)
    found = {}
    for name in SCORES:
        stacked = np.stack([group[name] for group in groups])
        total = np.average(stacked, axis=0, weights=sizes)
        found[name] = Average(total, np.asarray(error[name], np.float64), stacked, sizes)
    return found

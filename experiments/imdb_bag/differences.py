"""What the slope foretells: a word put into a review, less the word taken out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared.agreement import correlation, mean
from experiments._shared.bags import unpack
from experiments.imdb_bag.model import BagClassifier, margin


def slopes_and_differences(
    model: BagClassifier, params: Any, packed: np.ndarray, size: int, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each review and each of some words the slope of the margin, and its true difference.

    Args:
      model: The network.
      params: Its variables.
      packed: The bags, `uint8[N, ceil(V / 8)]`.
      size: Words of the dictionary, V.
      chosen: The places of K words.

    Returns:
      Slopes at the review as it is, `float32[N, K]`, and the margin with the word less the margin without it.
    """

    @jax.jit
    def one(params: Any, row: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = unpack(row, size)

        def f(x: jax.Array) -> jax.Array:
            return margin(model, params, x)

        def difference(word: jax.Array) -> jax.Array:
            return f(x.at[word].set(1)) - f(x.at[word].set(0))

        return ja.gradient(f)(x)[chosen], jax.vmap(difference)(jnp.asarray(chosen))

    found = [jax.tree.map(np.asarray, one(params, row)) for row in packed]
    return np.stack([pair[0] for pair in found]), np.stack([pair[1] for pair in found])


def foretold(slopes: np.ndarray, differences: np.ndarray) -> dict[str, Any]:
    """How well slopes foretell differences.

    Args:
      slopes: `float[N, K]`.
      differences: `float[N, K]`.

    Returns:
      The correlation of the K means over reviews; the mean over reviews of the correlation within a review and of the
      share of its words on whose sign both agree; the mean difference over the mean slope, fitted through the origin.
    """
    a, b = slopes.mean(0), differences.mean(0)
    within = np.array([correlation(s, d) for s, d in zip(slopes, differences, strict=True)])
    return {
        "reviews": len(slopes),
        "words": slopes.shape[1],
        "correlation_of_means": correlation(a, b),
        "difference_over_slope": float((a * b).sum() / (a * a).sum()),
        "correlation_in_a_review": mean(within),
        "same_sign": mean((np.sign(slopes) == np.sign(differences)).mean(1)),
    }

"""The model without a derivative, and its score as JAX calls it."""

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from experiments._shared.bags import Rows


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Chosen on 2,500 of the training reviews, held out for that; never on test reviews.

    Attributes:
      trees: How many trees.
      leaves: The most leaves of a tree.
      rate: The learning rate.
      features: The share of words that a split may choose from, drawn anew for each.
    """

    trees: int = 300
    leaves: int = 15
    rate: float = 0.2
    features: float = 0.1


def fitted(rows: Rows, size: int, settings: Hyperparameters, *, seed: int) -> HistGradientBoostingClassifier:
    """Fits the trees.

    Args:
      rows: Packed bags `uint8[N, ceil(V / 8)]` and labels.
      size: Words of the dictionary, V.
      settings: The hyperparameters.
      seed: The seed of the choice of words.

    Returns:
      A model of scikit-learn.
    """
    model: Any = HistGradientBoostingClassifier(
        max_iter=settings.trees,
        max_leaf_nodes=settings.leaves,
        learning_rate=settings.rate,
        max_features=settings.features,
        early_stopping=cast("Any", False),
        random_state=seed,
    )
    return model.fit(np.unpackbits(rows[0], axis=-1, count=size), rows[1])


def margins(model: Any, packed: np.ndarray, size: int, chunk: int = 2500) -> np.ndarray:
    """The log-odds of "positive" for packed bags, `float64[N]`."""
    parts = [packed[start : start + chunk] for start in range(0, len(packed), chunk)]
    return np.concatenate([model.decision_function(np.unpackbits(part, axis=-1, count=size)) for part in parts])


def score(model: Any) -> Callable[[jax.Array], jax.Array]:
    """The log-odds of "positive" as a function that JAX can call, but not differentiate.

    Under `jax.vmap`, and in `ja.finite_differences`, all inputs of a chunk reach the model in one call.

    Args:
      model: Anything with `decision_function` from `[N, V]` to `[N]`.

    Returns:
      A function from `float[V]` to one number.
    """

    def host(x: Any) -> np.ndarray:
        rows = np.asarray(x)
        found = model.decision_function(rows.reshape(-1, rows.shape[-1]))
        return np.asarray(found, np.float32).reshape(rows.shape[:-1])

    def f(x: jax.Array) -> jax.Array:
        return jax.pure_callback(host, jax.ShapeDtypeStruct((), jnp.float32), x, vmap_method="expand_dims")

    return f

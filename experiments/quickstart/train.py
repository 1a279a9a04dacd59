"""Trains the classifier."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from experiments._shared import linen, training
from experiments.quickstart.model import Classifier


def predict(model: Classifier, params: dict, ids: np.ndarray) -> np.ndarray:
    """The class of the larger logit, `int32[N]`."""
    return training.in_batches(jax.jit(lambda ids: linen.logits(model, params, ids).argmax(-1)), (ids,), batch=100)


def train(
    model: Classifier, ids: np.ndarray, labels: np.ndarray, *, epochs: int, batch: int, seed: int, console: Console
) -> dict:
    """Trains on rows of ids with a one-cycle learning rate.

    Args:
      model: The classifier.
      ids: `int32[N, T]`.
      labels: `int32[N]`.
      epochs: Passes over the rows.
      batch: Rows a step.
      seed: The seed of parameters and order.
      console: Where the progress bar is drawn.

    Returns:
      The variables of the model.
    """

    def loss(params: dict, key: jax.Array, ids: jax.Array, labels: jax.Array) -> jax.Array:
        del key
        return optax.softmax_cross_entropy_with_integer_labels(linen.logits(model, params, ids), labels).mean()

    steps = epochs * (len(ids) // batch)
    start, key = jax.random.split(jax.random.key(seed))
    return training.fit(
        loss,
        jax.jit(model.init)(start, jnp.asarray(ids[:1])),
        training.shuffled((ids, labels), batch=batch, epochs=epochs, seed=seed),
        optimizer=optax.adam(optax.cosine_onecycle_schedule(steps, 1e-2)),
        steps=steps,
        key=key,
        console=console,
    )

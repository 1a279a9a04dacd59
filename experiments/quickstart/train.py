"""Trains the classifier."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from experiments._shared import training
from experiments.quickstart.model import Classifier


def accuracy(model: Classifier, params: dict, ids: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows whose larger logit is the label."""
    logits = training.in_batches(jax.jit(lambda ids: model.apply(params, ids)), (ids,), batch=256)
    return float((logits.argmax(-1) == labels).mean())


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
        return optax.softmax_cross_entropy_with_integer_labels(model.apply(params, ids), labels).mean()

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

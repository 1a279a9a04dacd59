"""The Keras model of the source, unmodified, trained by its own `fit` on the JAX backend."""

from typing import Any

import jax
import keras
import numpy as np
from rich.console import Console
from rich.progress import Progress, TaskID

from experiments._shared.training import progress
from experiments.imdb_cnn.data import Corpus
from experiments.imdb_lstm.network import Network
from experiments.imdb_lstm.settings import Hyperparameters


def build(vocabulary: int, settings: Hyperparameters, length: int, *, steps: int = 1) -> keras.Sequential:
    """The model of the source, with new variables.

    Args:
      vocabulary: How many ids there are.
      settings: The hyperparameters.
      length: Words of a review.
      steps: Steps of the training that it is compiled for.

    Returns:
      The model, compiled for training.

    Raises:
      RuntimeError: When Keras runs on another backend.
    """
    if keras.backend.backend() != "jax":
        raise RuntimeError(
            f"Expected Keras on the JAX backend, got {keras.backend.backend()}: Keras was imported earlier. "
            "Import experiments.imdb_lstm first, or set KERAS_BACKEND=jax."
        )
    model = keras.Sequential(
        [
            keras.layers.Embedding(vocabulary, settings.width),
            keras.layers.LSTM(settings.units, dropout=settings.dropout, recurrent_dropout=settings.dropout),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.build((None, length))
    rate: Any = keras.optimizers.schedules.CosineDecay(settings.rate, steps)
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(rate), metrics=["accuracy"])
    return model


def variables(model: keras.Sequential) -> tuple[list[jax.Array], list[jax.Array]]:
    """The trainable variables as arrays, and the others (the states of dropout)."""
    return [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]


def assign(model: keras.Sequential, params: Any) -> None:
    """Puts arrays into the model's variables."""
    for held, values in zip((model.trainable_variables, model.non_trainable_variables), params, strict=True):
        for variable, value in zip(held, values, strict=True):
            variable.assign(value)


def _table(params: Any, ids: jax.Array) -> jax.Array:
    del ids
    return params[0][0]


def network(model: keras.Sequential) -> Network:
    """The model as functions of variables and ids; its logit is what its last layer hands to the sigmoid."""
    trunk = keras.Sequential(model.layers[:-1])  # the same layers, hence the same variables
    trunk.build(model.input_shape)

    def probability(params: Any, ids: jax.Array) -> jax.Array:
        trainable, others = params
        return model.stateless_call(trainable, others, ids[None])[0][0, 0]

    def logit(params: Any, ids: jax.Array) -> jax.Array:
        *below, kernel, bias = params[0]
        state = trunk.stateless_call(below, params[1], ids[None])[0]
        return (state @ kernel + bias[None])[0, 0]

    return Network(
        name="Keras",
        scores={"probability": probability, "logit": logit},
        table=_table,
        batch_axis=0,
    )


def steps(rows: int, settings: Hyperparameters) -> int:
    """Steps of a training on so many reviews."""
    return settings.epochs * -(-rows // settings.batch)


class _Bar(keras.callbacks.Callback):
    """Moves a progress bar at every step."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        super().__init__()
        self._bar, self._task = bar, task

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        del batch
        note = f"loss {logs['loss']:.3f}" if logs else ""
        self._bar.update(self._task, advance=1, note=note)


def fit(model: keras.Sequential, corpus: Corpus, settings: Hyperparameters, *, seed: int, console: Console) -> None:
    """Trains the model with its own `fit`.

    Args:
      model: A new model.
      corpus: The encoded reviews.
      settings: The hyperparameters.
      seed: The seed of order and dropout.
      console: Where the progress bar is drawn.
    """
    ids, labels = corpus.train
    keras.utils.set_random_seed(seed)
    with progress(console) as bar:
        task = bar.add_task("training Keras", total=steps(len(ids), settings), note="")
        options: dict[str, Any] = {"batch_size": settings.batch, "epochs": settings.epochs, "verbose": 0}
        model.fit(ids, labels.astype(np.float32)[:, None], callbacks=[_Bar(bar, task)], **options)

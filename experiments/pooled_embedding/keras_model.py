"""The Keras model of the source, unmodified and without a mask, trained by its own `fit` on the JAX backend."""

from typing import Any

import jax
import keras
import numpy as np

import jaxattr as ja
from experiments.pooled_embedding.data import Corpus
from experiments.pooled_embedding.network import Network
from experiments.pooled_embedding.settings import Hyperparameters


def build(vocabulary: int, settings: Hyperparameters, length: int) -> keras.Model:
    """The model of the source for two classes, with new variables.

    Args:
      vocabulary: How many ids there are.
      settings: The hyperparameters.
      length: Words of a review.

    Returns:
      The model, compiled for training.

    Raises:
      RuntimeError: When Keras runs on another backend.
    """
    if keras.backend.backend() != "jax":
        raise RuntimeError(
            f"Expected Keras on the JAX backend, got {keras.backend.backend()}: Keras was imported earlier. "
            "Import experiments.pooled_embedding first, or set KERAS_BACKEND=jax."
        )
    ids = keras.Input((length,), dtype="int32")
    x = keras.layers.Embedding(vocabulary, settings.width, name="embedding")(ids)
    p = keras.layers.GlobalMaxPooling1D(name="pooled")(x)
    h = keras.layers.Dense(settings.hidden, activation="relu", name="hidden")(p)
    model = keras.Model(ids, keras.layers.Dense(1, activation="sigmoid", name="probability")(h))
    rate: Any = settings.rate
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(rate), metrics=["accuracy"])
    return model


def variables(model: keras.Model) -> list[jax.Array]:
    """The variables as arrays: the table, then kernel and bias of each dense layer."""
    return [variable.value for variable in model.trainable_variables]


def assign(model: keras.Model, params: list[jax.Array]) -> None:
    """Puts arrays into the model's variables."""
    for variable, value in zip(model.trainable_variables, params, strict=True):
        variable.assign(value)


def probability(model: keras.Model, params: list[jax.Array], ids: jax.Array) -> jax.Array:
    """What the model returns for one review, by its stateless call."""
    return model.stateless_call(params, [], ids[None])[0][0, 0]


def network(model: keras.Model) -> Network:
    """The model as functions: split in two at its pooling layer, cut at its table, its logit before the sigmoid."""
    pooling, hidden = model.get_layer("pooled").output, model.get_layer("hidden").output
    before, after = keras.Model(model.input, pooling), keras.Model(pooling, hidden)

    def pooled(params: list[jax.Array], ids: jax.Array) -> jax.Array:
        return before.stateless_call(params[:1], [], ids[None])[0][0]

    def from_pooled(p: jax.Array, params: list[jax.Array], ids: jax.Array) -> jax.Array:
        del ids
        *dense, kernel, bias = params[1:]
        return (after.stateless_call(dense, [], p[None])[0] @ kernel + bias[None])[0, 0]

    def score(params: list[jax.Array], ids: jax.Array) -> jax.Array:
        return from_pooled(pooled(params, ids), params, ids)

    def table(params: list[jax.Array], ids: jax.Array) -> jax.Array:
        del ids
        return params[0]

    vectors, from_vectors = ja.cut(score, at=table, batch_axis=0)
    return Network("Keras", False, score, vectors, from_vectors, pooled, from_pooled)


def fit(model: keras.Model, corpus: Corpus, settings: Hyperparameters, *, seed: int) -> list[jax.Array]:
    """Trains the model with its own `fit`.

    Args:
      model: A new model.
      corpus: The encoded reviews.
      settings: The hyperparameters.
      seed: The seed of the order.

    Returns:
      Its variables.
    """
    ids, labels = corpus.train
    keras.utils.set_random_seed(seed)
    options: dict[str, Any] = {"batch_size": settings.batch, "epochs": settings.epochs, "verbose": 0}
    model.fit(ids, labels.astype(np.float32)[:, None], **options)
    return variables(model)

"""The character CNN as the source builds it, in Keras on the JAX backend, trained by its own `fit`, left as it is."""

from typing import Any

import jax
import keras
import numpy as np

from experiments._shared.words import PAD
from experiments.chinese_gradients.data import Corpus
from experiments.chinese_gradients.rankings import Network
from experiments.chinese_gradients.train import Hyperparameters

WEIGHTS = "masked_maximum"


class MaskedMaximum(keras.layers.Layer):
    """The largest state of each dimension over characters, and the source's weights of the characters.

    The weight of a character is the sum of the pooled values that it reaches.
    """

    def call(self, inputs: Any, real: Any) -> tuple[Any, Any]:
        """Pools.

        Args:
          inputs: States `[N, T, C]`.
          real: Booleans `[N, T]`, True at characters.

        Returns:
          The pooled states `[N, C]` and the weights `[N, T]`.
        """
        marks: Any = keras.ops.expand_dims(keras.ops.cast(real, inputs.dtype), -1)
        pooled = keras.ops.max(inputs - (1 - marks) * 1e12, axis=1, keepdims=True)
        weights = keras.ops.sum(keras.ops.where(inputs == pooled, pooled, 0.0), axis=2)
        return keras.ops.squeeze(pooled, axis=1), weights


def build(vocabulary: int, classes: int, length: int, settings: Hyperparameters) -> keras.Model:
    """The model of the source, with new variables, compiled for training.

    Args:
      vocabulary: How many ids there are.
      classes: How many classes there are.
      length: Characters of a row.
      settings: The sizes; the learning rate is the default of Keras, as in the source.

    Raises:
      RuntimeError: When Keras runs on another backend.
    """
    if keras.backend.backend() != "jax":
        raise RuntimeError(
            f"Expected Keras on the JAX backend, got {keras.backend.backend()}: Keras was imported earlier. "
            "Import experiments.chinese_gradients first, or set KERAS_BACKEND=jax."
        )
    layers = keras.layers
    ids = keras.Input((length,), dtype="int32")
    real = layers.Lambda(lambda ids: keras.ops.not_equal(ids, PAD))(ids)
    x = layers.Embedding(vocabulary, settings.width, embeddings_initializer="normal")(ids)
    x = layers.Dropout(settings.dropout)(x)
    x = layers.Conv1D(settings.filters, 3, padding="same", activation="relu")(x)
    x, _ = MaskedMaximum(name=WEIGHTS)(x, real)
    x = layers.Dense(settings.hidden)(x)
    x = layers.Dropout(settings.dropout)(x)
    x = layers.Activation("relu")(x)
    model = keras.Model(ids, layers.Dense(classes, activation="softmax")(x))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def fit(corpus: Corpus, settings: Hyperparameters, *, seed: int) -> keras.Model:
    """Builds and trains the model with its own `fit`."""
    keras.utils.set_random_seed(seed)
    ids, labels = corpus.train
    model = build(len(corpus.characters), len(corpus.classes), ids.shape[1], settings)
    options: dict[str, Any] = {"batch_size": settings.batch, "epochs": settings.epochs, "verbose": 0}
    model.fit(ids, keras.utils.to_categorical(labels, len(corpus.classes)), **options)
    return model


def variables(model: keras.Model) -> tuple[list[jax.Array], list[jax.Array]]:
    """The trainable variables as arrays, and the others (the states of dropout)."""
    return [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]


def network(model: keras.Model) -> Network:
    """The model as functions of its variables; its logits are what its last layer hands to the softmax."""
    trunk = keras.Model(model.input, model.layers[-1].input)  # the same layers, hence the same variables

    def logits(params: Any, ids: jax.Array) -> jax.Array:
        *below, kernel, bias = params[0]
        return (trunk.stateless_call(below, params[1], ids[None])[0] @ kernel + bias)[0]

    def table(params: Any, ids: jax.Array, label: jax.Array) -> jax.Array:
        del ids, label
        return params[0][0]

    return Network(logits=logits, table=table, pooling=None, batch_axis=0)


def weights(model: keras.Model, ids: np.ndarray) -> np.ndarray:
    """The source's weights of characters, the second value of the pooling layer: `float32[N, T]`."""
    return np.asarray(keras.Model(model.input, model.get_layer(WEIGHTS).output[1])(ids))


def as_linen(model: keras.Model) -> dict[str, Any]:
    """The same weights as variables of `model.CharacterClassifier`."""
    table, *rest = variables(model)[0]
    names = ("windows", "dense", "logits")
    layers = {name: {"kernel": rest[2 * i], "bias": rest[2 * i + 1]} for i, name in enumerate(names)}
    return {"params": {"embed": {"embedding": table}, **layers}}

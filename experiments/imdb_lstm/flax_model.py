"""The model in Flax (Linen), with its own training loop in optax."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from rich.console import Console

from experiments._shared import training
from experiments._shared.linen import logits
from experiments.imdb_cnn.data import Corpus
from experiments.imdb_lstm.network import Network
from experiments.imdb_lstm.settings import Hyperparameters


def _small(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Word vectors before training, as Keras draws them."""
    return jax.random.uniform(key, shape, dtype, -0.05, 0.05)


class LstmClassifier(nn.Module):
    """Embedding, LSTM, dense: ids to the logit of a positive review.

    The padding is read like a word, as in the Keras model without a mask.

    Attributes:
      vocabulary: How many ids there are.
      width: Entries of a word vector.
      units: Units of the LSTM.
      dropout: The share of the entries of the word vectors dropped in training, the same ones at all words.
    """

    vocabulary: int
    width: int = 128
    units: int = 128
    dropout: float = 0.2

    @nn.compact
    def __call__(self, ids: jax.Array, *, train: bool = False) -> jax.Array:
        """Gives the logit.

        Args:
          ids: `int32[..., T]`, padded in front with id 0.
          train: Whether to drop entries; needs a key named "dropout".

        Returns:
          The logit, `float32[..., 1]`.
        """
        x = nn.Embed(self.vocabulary, self.width, embedding_init=_small, name="embed")(ids)
        x = nn.Dropout(self.dropout, broadcast_dims=(-2,), deterministic=not train)(x)
        states = jnp.asarray(nn.RNN(nn.OptimizedLSTMCell(self.units), name="lstm")(x))
        return nn.Dense(1, name="dense")(states[..., -1, :])


def _table(params: Any, ids: jax.Array) -> jax.Array:
    del ids
    return params["params"]["embed"]["embedding"]


def network(model: LstmClassifier) -> Network:
    """The model as functions of variables and ids."""

    def logit(params: Any, ids: jax.Array) -> jax.Array:
        return logits(model, params, ids)[0]

    return Network(
        name="Flax",
        scores={"probability": lambda params, ids: jax.nn.sigmoid(logit(params, ids)), "logit": logit},
        table=_table,
        batch_axis=None,
    )


def shapes(model: LstmClassifier, length: int) -> Any:
    """The variables as shapes."""
    return jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(length, jnp.int32))


def fit(model: LstmClassifier, corpus: Corpus, settings: Hyperparameters, *, seed: int, console: Console) -> Any:
    """Trains the model with Adam; the learning rate falls to 0 along a cosine.

    Args:
      model: The model.
      corpus: The encoded reviews.
      settings: The hyperparameters.
      seed: The seed of variables, order and dropout.
      console: Where the progress bar is drawn.

    Returns:
      Its variables.
    """
    ids, labels = corpus.train
    steps = settings.epochs * (len(ids) // settings.batch)

    def loss(params: Any, key: jax.Array, ids: jax.Array, labels: jax.Array) -> jax.Array:
        found = logits(model, params, ids, train=True, rngs={"dropout": key})[:, 0]
        return optax.sigmoid_binary_cross_entropy(found, labels.astype(found.dtype)).mean()

    start, dropout = jax.random.split(jax.random.key(seed))
    return training.fit(
        loss,
        jax.jit(model.init)(start, jnp.asarray(ids[:1])),
        training.shuffled((ids, labels), batch=settings.batch, epochs=settings.epochs, seed=seed),
        optimizer=optax.adam(optax.cosine_decay_schedule(settings.rate, steps)),
        steps=steps,
        key=dropout,
        console=console,
        title="training Flax",
    )

"""The model in Flax (Linen): its pooled vector has a name, and padding cannot win the maximum."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.ad_checkpoint import checkpoint_name
from rich.console import Console

import jaxattr as ja
from experiments._shared import training
from experiments._shared.linen import logits
from experiments._shared.words import PAD
from experiments.pooled_embedding.data import Corpus
from experiments.pooled_embedding.network import Network
from experiments.pooled_embedding.settings import Hyperparameters


def _small(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Word vectors before training, as Keras draws them."""
    return jax.random.uniform(key, shape, dtype, -0.05, 0.05)


class PooledClassifier(nn.Module):
    """Embedding, maximum over the real words, dense, dense: ids to the logit of a positive review.

    Attributes:
      vocabulary: How many ids there are.
      width: Entries of a word vector.
      hidden: Units of the dense layer.
    """

    vocabulary: int
    width: int = 128
    hidden: int = 64

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logit.

        Args:
          ids: `int32[..., T]`, padded with id 0; at least one real word.

        Returns:
          The logit, `float32[..., 1]`.
        """
        x = nn.Embed(self.vocabulary, self.width, embedding_init=_small, name="embed")(ids)
        p = jnp.max(x, axis=-2, where=(ids != PAD)[..., None], initial=-jnp.inf)
        p = checkpoint_name(p, "pooled")
        return nn.Dense(1, name="logit")(nn.relu(nn.Dense(self.hidden, name="hidden")(p)))


def network(model: PooledClassifier) -> Network:
    """The model as functions, by two cuts: at the table that the ids look up, and at the name."""

    def score(params: Any, ids: jax.Array) -> jax.Array:
        return logits(model, params, ids)[0]

    def table(params: Any, ids: jax.Array) -> jax.Array:
        del ids
        return params["params"]["embed"]["embedding"]

    vectors, from_vectors = ja.cut(score, at=table)
    pooled, from_pooled = ja.cut(score, at="pooled")
    return Network("Flax", True, score, vectors, from_vectors, pooled, from_pooled)


def shapes(model: PooledClassifier, length: int) -> Any:
    """The variables as shapes."""
    return jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(length, jnp.int32))


def fit(model: PooledClassifier, corpus: Corpus, settings: Hyperparameters, *, seed: int, console: Console) -> Any:
    """Trains the model with Adam.

    Args:
      model: The model.
      corpus: The encoded reviews.
      settings: The hyperparameters.
      seed: The seed of variables and order.
      console: Where the progress bar is drawn.

    Returns:
      Its variables.
    """
    ids, labels = corpus.train

    def loss(params: Any, key: jax.Array, ids: jax.Array, labels: jax.Array) -> jax.Array:
        del key
        found = logits(model, params, ids)[:, 0]
        return optax.sigmoid_binary_cross_entropy(found, labels.astype(found.dtype)).mean()

    key = jax.random.key(seed)
    return training.fit(
        loss,
        jax.jit(model.init)(key, jnp.asarray(ids[:1])),
        training.shuffled((ids, labels), batch=settings.batch, epochs=settings.epochs, seed=seed),
        optimizer=optax.adam(settings.rate),
        steps=settings.epochs * (len(ids) // settings.batch),
        key=key,
        console=console,
        title="training Flax",
    )

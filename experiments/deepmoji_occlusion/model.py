"""The network in the shape of DeepMoji (Felbo et al. 2017, arXiv 1708.00524), as a plain Linen module."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from experiments._shared.words import PAD

ATTENTION = "attention"
_FAR = -1e9


def _small(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Word vectors and attention before training, as Keras draws them."""
    return jax.random.uniform(key, shape, dtype, -0.05, 0.05)


class DeepMoji(nn.Module):
    """Embedding, tanh, two bidirectional LSTMs, skip connections, attention pooling, dense: ids to logits.

    Padding at the end takes no part: neither the backward LSTMs nor the pooling see it, so that a text from which a
    word was deleted is read as the shorter text. The pooling weights bear the name "attention".

    Attributes:
      vocabulary: How many ids there are.
      classes: How many classes.
      width: Entries of a word vector; 256 in the paper.
      units: Units of each LSTM in each direction; 512 in the paper.
      embed_dropout: The share of the entries of the word vectors dropped in training, the same ones at all words.
      dropout: The share of the pooled entries dropped in training.
    """

    vocabulary: int
    classes: int
    width: int = 256
    units: int = 512
    embed_dropout: float = 0.25
    dropout: float = 0.5

    def _both_ways(self, x: jax.Array, lengths: jax.Array, name: str) -> jax.Array:
        forward = nn.RNN(nn.OptimizedLSTMCell(self.units, name=f"{name}_forward"))
        backward = nn.RNN(nn.OptimizedLSTMCell(self.units, name=f"{name}_backward"))
        return jnp.asarray(nn.Bidirectional(forward, backward)(x, seq_lengths=lengths))

    @nn.compact
    def __call__(self, ids: jax.Array, *, train: bool = False) -> jax.Array:
        """Gives the logits.

        Args:
          ids: `int32[..., T]`, padded at the end with id 0.
          train: Whether to drop entries; needs a key named "dropout".

        Returns:
          Logits, `float32[..., C]`. A text without words has those of the bias.
        """
        real = ids != PAD
        lengths = real.sum(-1)
        x = jnp.tanh(nn.Embed(self.vocabulary, self.width, embedding_init=_small, name="embed")(ids))
        x = nn.Dropout(self.embed_dropout, broadcast_dims=(-2,), deterministic=not train)(x)
        first = self._both_ways(x, lengths, "lstm_0")
        second = self._both_ways(first, lengths, "lstm_1")
        states = jnp.concatenate([second, first, x], -1)
        scores = nn.Dense(1, use_bias=False, kernel_init=_small, name="attend")(states)[..., 0]
        weights = jax.nn.softmax(jnp.where(real, scores, _FAR)) * real
        weights = checkpoint_name(weights, ATTENTION)
        pooled = (weights[..., None] * states).sum(-2)
        pooled = nn.Dropout(self.dropout, deterministic=not train)(pooled)
        return nn.Dense(self.classes, name="dense")(pooled)

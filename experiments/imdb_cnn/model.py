"""The convolutional classifier: embedding, windows of three words, the best place for each filter, dense."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from experiments._shared.words import PAD


def _with_zero_pad(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    return nn.initializers.uniform(0.1)(key, shape, dtype).at[PAD].set(0)


class ConvClassifier(nn.Module):
    """Ids to the logits of "negative" and "positive"; the model of Hechtlinger (arXiv 1611.07634).

    Padding cannot win: its vector is zero and stays zero, which is also what the convolution sees beyond the ends of
    the text, and the maximum is taken over real words only. A row must hold at least one real word.

    Attributes:
      vocabulary: How many ids there are.
      width: Entries of a word vector.
      filters: How many filters.
      hidden: Units of the dense layer.
      dropout: The share dropped of the word vectors and of the hidden units, in training.
    """

    vocabulary: int
    width: int = 64
    filters: int = 128
    hidden: int = 64
    dropout: float = 0.4

    @nn.compact
    def __call__(self, ids: jax.Array, *, train: bool = False) -> jax.Array:
        """Gives the logits.

        Args:
          ids: `int32[..., T]`, padded on the right with id 0.
          train: Whether to drop units; needs a key named "dropout".

        Returns:
          Logits, `float32[..., 2]`.
        """
        real = (ids != PAD)[..., None]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        table = nn.Embed(self.vocabulary, self.width, embedding_init=_with_zero_pad, name="embed")
        x = drop(table(ids))
        x = nn.Conv(self.filters, kernel_size=(3,), name="windows")(jnp.where(real, x, 0))
        x = nn.relu(jnp.max(x, axis=-2, where=real, initial=-jnp.inf))
        x = drop(nn.relu(nn.Dense(self.hidden, name="dense")(x)))
        return nn.Dense(2, name="logits")(x)

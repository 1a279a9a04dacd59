"""A small classifier that reads words in their context."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from experiments._shared.words import PAD


class Classifier(nn.Module):
    """Ids to the logits of "negative" and "positive": embedding, windows of three words, the best place, dense.

    A window of three words sees "not good" whole. Padding cannot win the maximum.

    Attributes:
      vocabulary: How many ids there are.
      width: Entries of a word vector.
      filters: How many filters.
    """

    vocabulary: int
    width: int = 32
    filters: int = 48

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits.

        Args:
          ids: `int32[..., T]`, padded with id 0.

        Returns:
          Logits, `float32[..., 2]`.
        """
        real = (ids != PAD)[..., None]
        x = nn.Embed(self.vocabulary, self.width, name="embed")(ids)
        x = nn.relu(nn.Conv(self.filters, kernel_size=(3,), name="windows")(x))
        x = jnp.max(x, axis=-2, where=real, initial=0.0)
        return nn.Dense(2, name="logits")(x)

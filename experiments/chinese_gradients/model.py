"""The character classifier: embedding, windows of three characters, a pooling over the text, dense."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from experiments._shared.words import PAD

STATES, WEIGHTS, POOLED = "states", "weights", "pooled"
MAXIMUM, ATTENTION, AVERAGE = "maximum", "attention", "average"
POOLINGS = (MAXIMUM, ATTENTION, AVERAGE)
_FAR = -1e9  # far below any score of attention; not infinite, so that a text without characters stays finite


class CharacterClassifier(nn.Module):
    """Ids of characters to the logits of the classes.

    The values between the layers have names, by which `jaxattr.cut` reads and replaces them: STATES after the
    windows, WEIGHTS of the attention, POOLED. A text without characters is pooled to zeros.

    Attributes:
      vocabulary: How many ids there are.
      classes: How many classes there are.
      pooling: MAXIMUM, ATTENTION or AVERAGE.
      width: Entries of a character's vector.
      filters: Filters of three characters.
      hidden: Units of the layer before the logits.
      dropout: The share dropped of the vectors and of the hidden units, in training.
      reads_padding: Whether the window of the last character reads the vector of the padding behind it, as in the
        models of the source. Here it is zero, so that the padding vector is the same as no character at all.
    """

    vocabulary: int
    classes: int
    pooling: str = MAXIMUM
    width: int = 128
    filters: int = 128
    hidden: int = 128
    dropout: float = 0.2
    reads_padding: bool = False

    @nn.compact
    def __call__(self, ids: jax.Array, *, train: bool = False) -> jax.Array:
        """Gives the logits.

        Args:
          ids: `int32[..., T]`, padded on the right with id 0.
          train: Whether to drop entries; needs a key named "dropout".

        Returns:
          Logits, `float32[..., C]`.
        """
        real = ids != PAD
        drop = nn.Dropout(self.dropout, deterministic=not train)
        init = nn.initializers.normal(0.05)
        x = drop(nn.Embed(self.vocabulary, self.width, embedding_init=_with_zero_padding(init), name="embed")(ids))
        x = x if self.reads_padding else jnp.where(real[..., None], x, 0)
        states = nn.relu(nn.Conv(self.filters, kernel_size=(3,), name="windows")(x))
        states = checkpoint_name(states, STATES)
        pooled = checkpoint_name(self._pool(states, real), POOLED)
        hidden = nn.relu(drop(nn.Dense(self.hidden, name="dense")(pooled)))
        return nn.Dense(self.classes, name="logits")(hidden)

    def _pool(self, states: jax.Array, real: jax.Array) -> jax.Array:
        if self.pooling == MAXIMUM:
            return jnp.max(states, axis=-2, where=real[..., None], initial=0)  # no state is below zero
        if self.pooling == ATTENTION:
            keys = jnp.tanh(nn.Dense(self.hidden, use_bias=False, name="keys")(states))
            scores = nn.Dense(1, use_bias=False, name="query")(keys)[..., 0]
            weights = jax.nn.softmax(jnp.where(real, scores, _FAR)) * real
        elif self.pooling == AVERAGE:
            weights = real / jnp.maximum(real.sum(-1, keepdims=True), 1)
        else:
            raise ValueError(
                f"Expected pooling to be one of {', '.join(POOLINGS)}, got {self.pooling!r}. Write pooling={MAXIMUM!r}."
            )
        return (checkpoint_name(weights, WEIGHTS)[..., None] * states).sum(-2)


def _with_zero_padding(init: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """Starts the padding vector at zero, where it stays unless it is read."""
    return lambda *args: init(*args).at[PAD].set(0)

"""The network: a binary vector over the dictionary, three hidden layers, two logits."""

from collections.abc import Sequence
from typing import Any, cast

import flax.linen as nn
import jax

import jaxattr as ja


class BagClassifier(nn.Module):
    """A binary vector over the dictionary to the logits of "negative" and "positive".

    Attributes:
      hidden: Units of each hidden layer.
      dropout: The share of words, and of the units of each hidden layer, dropped in training.
    """

    hidden: Sequence[int]
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Gives the logits.

        Args:
          x: `float[..., V]`, 1 where the word occurs.
          train: Whether to drop units; needs a key named "dropout".

        Returns:
          Logits, `float[..., 2]`.
        """
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        for number, units in enumerate(self.hidden):
            x = nn.relu(nn.Dense(units, name=f"hidden_{number}")(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(2, name="logits")(x)


def logits(model: BagClassifier, params: Any, x: Any, **options: Any) -> jax.Array:
    """The logits that `model` gives for x: `[..., 2]` from `[..., V]`."""
    return cast("jax.Array", model.apply(params, x, **options))


def margin(model: BagClassifier, params: Any, x: jax.Array) -> jax.Array:
    """The logit of "positive" less that of "negative", one number: the log-odds."""
    return ja.scores.margin(logits(model, params, x), 1)


def probability(model: BagClassifier, params: Any, x: jax.Array) -> jax.Array:
    """The probability of "positive", one number."""
    return ja.scores.prob(logits(model, params, x), 1)

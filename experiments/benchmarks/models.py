"""The models that the benchmarks explain: ordinary Linen modules, from ids `int32[T]` to logits.

A: convolutions of widths 3, 4 and 5, global maximum. B: an LSTM. C: a post-norm transformer. D: global maximum, dense
layers. E: two convolutions, one on the other. F: an LSTM in each direction, global maximum. The transforms know nothing
of them; they see `f`, the score as a function of the word vectors.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

import jaxattr as ja
from experiments._shared.linen import logits

VOCABULARY = 20_000


class Convolutions(nn.Module):
    """Model A: for each width and filter the best place, then a dense layer."""

    length: int = 400
    features: int = 128
    filters: int = 100

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits `[..., 2]` of ids `[..., T]`."""
        x = nn.Embed(VOCABULARY, self.features, name="embed")(ids)
        pooled = [
            jnp.max(nn.relu(nn.Conv(self.filters, (width,), padding="VALID", name=f"conv{width}")(x)), axis=-2)
            for width in (3, 4, 5)
        ]
        return nn.Dense(2, name="dense")(jnp.concatenate(pooled, -1))


class Lstm(nn.Module):
    """Model B: the last state of an LSTM, then a dense layer."""

    length: int = 80
    features: int = 128
    units: int = 128

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logit `[..., 1]` of ids `[..., T]`."""
        x = nn.Embed(VOCABULARY, self.features, name="embed")(ids)
        states = jnp.asarray(nn.RNN(nn.OptimizedLSTMCell(self.units, name="lstm"))(x))
        return nn.Dense(1, name="dense")(states[..., -1, :])


class Transformer(nn.Module):
    """Model C: post-norm layers with the exact GELU, the mean over positions, then a dense layer."""

    length: int = 128
    features: int = 256
    layers: int = 4
    heads: int = 4

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits `[..., 2]` of ids `[..., T]`."""
        x = nn.Embed(VOCABULARY, self.features, name="embed")(ids)
        table = self.param("positions", nn.initializers.normal(0.1), (self.length, self.features))
        x = nn.LayerNorm(name="norm")(x + jnp.broadcast_to(table, x.shape))
        for i in range(self.layers):
            attended = nn.MultiHeadDotProductAttention(self.heads, name=f"attention{i}")(x)
            x = nn.LayerNorm(name=f"norm_attention{i}")(x + attended)
            hidden = nn.gelu(nn.Dense(4 * self.features, name=f"up{i}")(x), approximate=False)
            x = nn.LayerNorm(name=f"norm_dense{i}")(x + nn.Dense(self.features, name=f"down{i}")(hidden))
        return nn.Dense(2, name="dense")(x.mean(-2))


class Pooled(nn.Module):
    """Model D: the maximum over positions, one hidden layer, a dense layer."""

    length: int = 400
    features: int = 128
    hidden: int = 128

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits `[..., 2]` of ids `[..., T]`."""
        x = nn.Embed(VOCABULARY, self.features, name="embed")(ids).max(-2)
        return nn.Dense(2, name="dense")(nn.relu(nn.Dense(self.hidden, name="hidden")(x)))


class Stacked(nn.Module):
    """Model E: two convolutions of width 3, one on the other, the maximum over positions, a dense layer."""

    length: int = 400
    features: int = 128
    filters: int = 100

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logit `[..., 1]` of ids `[..., T]`."""
        x = nn.Embed(VOCABULARY, self.features, name="embed")(ids)
        for i in range(2):
            x = nn.relu(nn.Conv(self.filters, (3,), name=f"conv{i}")(x))
        return nn.Dense(1, name="dense")(x.max(-2))


class BothWays(nn.Module):
    """Model F: an LSTM forward and one backward, the maximum over positions, a dense layer."""

    length: int = 80
    features: int = 128
    units: int = 128

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logit `[..., 1]` of ids `[..., T]`."""
        x = nn.Embed(VOCABULARY, self.features, name="embed")(ids)
        forward, backward = (nn.RNN(nn.OptimizedLSTMCell(self.units, name=name)) for name in ("forward", "backward"))
        return nn.Dense(1, name="dense")(jnp.asarray(nn.Bidirectional(forward, backward)(x)).max(-2))


MODELS: dict[str, nn.Module] = {
    "A": Convolutions(),
    "B": Lstm(),
    "C": Transformer(),
    "D": Pooled(),
    "E": Stacked(),
    "F": BothWays(),
}
NAMES = {
    "A": "CNN",
    "B": "LSTM",
    "C": "transformer",
    "D": "pooled MLP",
    "E": "two convolutions",
    "F": "LSTM both ways",
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model with its parameters, as the benchmarks explain it.

    Attributes:
      key: "A" to "F".
      module: The Linen module.
      params: Its variables.
      target: Which logit is explained: the last one.
    """

    key: str
    module: Any
    params: Any
    target: int

    @property
    def length(self) -> int:
        """Words of a text."""
        return self.module.length

    def logit(self, params: Any, ids: jax.Array) -> jax.Array:
        """The logit that is explained, of the ids of one text."""
        return logits(self.module, params, ids)[self.target]

    @staticmethod
    def table(params: Any, ids: jax.Array) -> Any:
        """The parameter that the ids look up."""
        del ids
        return params["params"]["embed"]["embedding"]

    def parts(self) -> tuple[Callable[[Any, jax.Array], jax.Array], Callable[[Any, jax.Array], jax.Array]]:
        """The model cut at its embedding, as functions of the parameters too.

        Returns:
          `embed(params, ids)`, which gives the word vectors `[T, D]`, and the score `f(params, x)` of word vectors.
        """
        embed, head = ja.cut(self.logit, at=self.table)
        blank = jnp.zeros(self.length, jnp.int32)
        return embed, lambda params, x: head(x, params, blank)

    def opened(self) -> tuple[Callable[[jax.Array], jax.Array], Callable[[jax.Array], jax.Array]]:
        """The model cut at its embedding.

        Returns:
          `embed(ids)`, which gives the word vectors `[T, D]`, and the score `f(x)` of word vectors.
        """
        embed, score = self.parts()
        return lambda ids: embed(self.params, ids), lambda x: score(self.params, x)

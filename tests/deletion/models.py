"""Small Linen classifiers over padded texts: exact about padding, at any length.

Each takes a dict of leaves `[T]`: ids, mask, segments, and positions where they are given. `logits(name)` is the
function of that dict, in float64, with fixed parameters; the same function runs on a text that is really shorter.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

V, D, C, MOST = 12, 6, 3, 16


def _embedded(ids: Any, mask: Any, segments: Any) -> Any:
    x = nn.Embed(V, D, name="tokens")(ids) + nn.Embed(2, D, name="segments")(segments)
    return jnp.where(mask[:, None], x, 0)


class Cnn(nn.Module):
    """Convolution of width 3 with zeros beyond both ends, ReLU, maximum over the real positions."""

    @nn.compact
    def __call__(self, text: dict[str, Any]) -> Any:
        x = _embedded(text["ids"], text["mask"], text["segments"])
        x = nn.relu(nn.Conv(8, (3,), padding="SAME", name="conv")(x[None])[0])
        return nn.Dense(C, name="out")(jnp.where(text["mask"][:, None], x, 0).max(0))


class Lstm(nn.Module):
    """One LSTM layer and its state after the last real position."""

    @nn.compact
    def __call__(self, text: dict[str, Any]) -> Any:
        x = _embedded(text["ids"], text["mask"], text["segments"])
        rnn = nn.RNN(nn.OptimizedLSTMCell(5, param_dtype=jnp.float64), return_carry=True, name="lstm")
        (_, hidden), _ = rnn(x[None], seq_lengths=text["mask"].sum()[None])
        return nn.Dense(C, name="out")(hidden[0])


class Transformer(nn.Module):
    """Positions, masked attention, residuals, mean over the real positions; positions are counted where not given."""

    @nn.compact
    def __call__(self, text: dict[str, Any]) -> Any:
        mask = text["mask"]
        counted = jnp.where(mask, jnp.cumsum(mask) - 1, 0)
        x = _embedded(text["ids"], mask, text["segments"])
        x = x + nn.Embed(MOST, D, name="positions")(text.get("positions", counted))
        h = nn.LayerNorm(name="norm")(x)
        x = x + nn.MultiHeadDotProductAttention(2, name="attention")(h, mask=(mask[:, None] & mask[None])[None])
        x = x + nn.Dense(D, name="down")(nn.gelu(nn.Dense(8, name="up")(x)))
        return nn.Dense(C, name="out")(jnp.where(mask[:, None], x, 0).sum(0) / mask.sum())


class ReadsPadding(nn.Module):
    """A model that is wrong: its mean is over padding too."""

    @nn.compact
    def __call__(self, text: dict[str, Any]) -> Any:
        return nn.Dense(C, name="out")(_embedded(text["ids"], text["mask"], text["segments"]).mean(0))


MODELS = {"cnn": Cnn, "lstm": Lstm, "transformer": Transformer, "reads_padding": ReadsPadding}


def logits(name: str) -> Callable[[dict[str, Any]], Any]:
    """The model as a function of a text; call it where double precision is on."""
    with jax.default_matmul_precision("highest"), jax.numpy_rank_promotion("allow"):
        model = MODELS[name]()
        like = {"ids": jnp.zeros(4, int), "mask": jnp.ones(4, bool), "segments": jnp.zeros(4, int)}
        parameters = model.init(jax.random.key(0), like)
        shapes, keys = jax.tree.flatten(parameters)
        drawn = [0.7 * jax.random.normal(jax.random.key(i), p.shape, jnp.float64) for i, p in enumerate(shapes)]
        parameters = keys.unflatten(drawn)

    def f(text: dict[str, Any]) -> Any:
        with jax.numpy_rank_promotion("allow"):
            return model.apply(parameters, text)

    return f

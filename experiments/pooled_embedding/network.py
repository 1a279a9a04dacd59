"""What both models have in common: one score of a review, cut at its word vectors and at its pooled vector."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._shared.training import in_batches
from experiments._shared.words import PAD

Function = Callable[..., jax.Array]


@dataclasses.dataclass(frozen=True)
class Network:
    """One model, as functions of its parameters and of the ids `int32[T]` of one review.

    Attributes:
      name: What it is called.
      masked: Whether padding is left out of the maximum.
      score: `(params, ids)` to the logit of a positive review.
      vectors: `(params, ids)` to the word vectors `[T, C]`.
      from_vectors: `(x, params, ids)` to the logit.
      pooled: `(params, ids)` to the maximum of each entry over the positions, `[C]`.
      from_pooled: `(p, params, ids)` to the logit.
    """

    name: str
    masked: bool
    score: Function
    vectors: Function
    from_vectors: Function
    pooled: Function
    from_pooled: Function

    def where(self, ids: jax.Array) -> jax.Array:
        """The positions that take part in the maximum."""
        return ids != PAD if self.masked else jnp.ones(ids.shape, bool)


def zeros(network: Network, params: Any, ids: jax.Array) -> jax.Array:
    """The baseline of the source, as word vectors: zeros at every position."""
    return jnp.zeros_like(network.vectors(params, ids))


def padding(network: Network, params: Any, ids: jax.Array) -> jax.Array:
    """The baseline that the model knows, as word vectors: a text of padding alone."""
    return network.vectors(params, jnp.full_like(ids, PAD))


def pool(network: Network, x: jax.Array, ids: jax.Array) -> jax.Array:
    """The maximum over the positions that take part, as the model takes it: `[C]` from `[T, C]`."""
    return jnp.where(network.where(ids)[:, None], x, -jnp.inf).max(0)


def scores(network: Network, params: Any, ids: np.ndarray, *, batch: int = 250) -> np.ndarray:
    """The logits of many reviews: `[N]` from `int32[N, T]`."""
    forward = jax.jit(jax.vmap(network.score, in_axes=(None, 0)))
    return in_batches(lambda ids: forward(params, ids), (ids,), batch=min(batch, len(ids)))


def accuracy(network: Network, params: Any, rows: tuple[np.ndarray, np.ndarray]) -> float:
    """The share of rows on whose side the logit is."""
    ids, labels = rows
    return float(((scores(network, params, ids) > 0) == labels).mean())

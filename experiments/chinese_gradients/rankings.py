"""The ways to say which characters of a text were decisive: one number a character each.

Each function explains one text, so that `jax.jit(jax.vmap(explain, in_axes=(None, 0, 0)))` explains a batch.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared.words import PAD
from experiments.chinese_gradients.model import ATTENTION, AVERAGE, MAXIMUM, POOLED, STATES, WEIGHTS

GRADIENT, TIMES, TIMES_NORM = "gradient, norm", "gradient × input", "gradient × input, norm"
INTEGRATED, INTEGRATED_NORM = "integrated gradients", "integrated gradients, norm"
SOURCE_PATH = "path of the source"
POOLING, SOURCE_POOLING, AT_POOLED = "pooling shares", "pooling of the source", "IG at the pooled vector"
METHODS = (
    INTEGRATED,
    TIMES,
    INTEGRATED_NORM,
    GRADIENT,
    SOURCE_PATH,
    TIMES_NORM,
    AT_POOLED,
    POOLING,
    SOURCE_POOLING,
)
UNSIGNED = (GRADIENT, TIMES_NORM, INTEGRATED_NORM, SOURCE_PATH, POOLING, SOURCE_POOLING)
SOURCE_NODES = 25
Explained = dict[str, Any]
Explain = Callable[[Any, jax.Array, jax.Array], Explained]


@dataclasses.dataclass(frozen=True)
class Network:
    """A classifier as functions of its parameters.

    Attributes:
      logits: From parameters and ids `int32[T]` to logits `float32[C]`.
      table: From parameters, ids and class to the parameter that the ids look up.
      pooling: MAXIMUM, ATTENTION or AVERAGE, where the values of the pooling have the names of the model; None
        leaves the pooling out.
      batch_axis: The axis of length one that the model adds to its input, or None.
    """

    logits: Callable[[Any, jax.Array], jax.Array]
    table: Callable[..., Any]
    pooling: str | None
    batch_axis: int | None = None

    def log_odds(self, params: Any, ids: jax.Array, label: jax.Array) -> jax.Array:
        """What is explained: the log of the odds of a class against all others, which does not saturate."""
        return ja.scores.log_odds(self.logits(params, ids), label)

    def probability(self, params: Any, ids: jax.Array, label: jax.Array) -> jax.Array:
        """What the source explains."""
        return ja.scores.prob(self.logits(params, ids), label)

    def cut(self, score: Callable[..., jax.Array]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Splits a score of params, ids and class at the vectors of the characters."""
        return ja.cut(score, at=self.table, batch_axis=self.batch_axis)


def source_nodes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The sum of the source as nodes and weights of a path.

    It scales the vectors by n numbers from 0 to 1 and takes the mean of gradient times *scaled* vector. So a node
    counts as much as it is far along: the weights are t/n, and sum to 1/2 where those of an integral sum to 1.
    """
    t = np.linspace(0, 1, n)
    return t, t / n


def explainer(network: Network, *, steps: int = 32) -> Explain:
    """All methods at once.

    Args:
      network: The classifier.
      steps: Nodes of integrated gradients.

    Returns:
      `explain(params, ids, label)` with "values", by method `float32[T]`, 0 at padding; "gap", what integrated
      gradients lack of the change of the score; "change", that change.
    """

    def explain(params: Any, ids: jax.Array, label: jax.Array) -> Explained:
        real = ids != PAD
        embed, head = network.cut(network.log_odds)
        x, x0 = embed(params, ids, label), embed(params, jnp.full_like(ids, PAD), label)

        def f(x: jax.Array) -> jax.Array:
            return head(x, params, ids, label)

        gradient = ja.gradient(f)(x)
        path = ja.integrated_gradients(f, baseline=x0, steps=steps)(x)
        values = {
            GRADIENT: jnp.linalg.norm(gradient, axis=-1),
            TIMES: (gradient * x).sum(-1),
            TIMES_NORM: jnp.linalg.norm(gradient * x, axis=-1),
            SOURCE_PATH: _source_path(network, params, ids, label),
            INTEGRATED: path.sum(-1),
            INTEGRATED_NORM: jnp.linalg.norm(path, axis=-1),
        }
        if network.pooling is not None:
            values |= _pooling(network.pooling, f, x, x0, real, steps)
        return {
            "values": {name: jnp.where(real, value, 0) for name, value in values.items()},
            "gap": ja.completeness_gap(f, path, x, x0),
            "change": f(x) - f(x0),
        }

    return explain


def integrated(network: Network, *, steps: int = 32) -> Explain:
    """Integrated gradients alone, for runs over many texts: "values" `float32[T]`, "gap" and "change"."""

    def explain(params: Any, ids: jax.Array, label: jax.Array) -> Explained:
        embed, head = network.cut(network.log_odds)
        x, x0 = embed(params, ids, label), embed(params, jnp.full_like(ids, PAD), label)

        def f(x: jax.Array) -> jax.Array:
            return head(x, params, ids, label)

        path = ja.integrated_gradients(f, baseline=x0, steps=steps)(x)
        return {"values": path.sum(-1), "gap": ja.completeness_gap(f, path, x, x0), "change": f(x) - f(x0)}

    return explain


def _source_path(network: Network, params: Any, ids: jax.Array, label: jax.Array) -> jax.Array:
    """The norms of the source's mean, from zero vectors and with the probability as the score."""
    embed, head = network.cut(network.probability)

    def f(x: jax.Array) -> jax.Array:
        return head(x, params, ids, label)

    sums = ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=SOURCE_NODES, nodes=source_nodes)
    return jnp.linalg.norm(sums(embed(params, ids, label)), axis=-1)


def _pooling(
    pooling: str, f: Callable[[jax.Array], jax.Array], x: jax.Array, x0: jax.Array, real: jax.Array, steps: int
) -> dict[str, jax.Array]:
    """What the pooling tells: shares, the weights of the source, and an attribution carried through it."""
    (pool, rest), (states_of, _) = ja.cut(f, at=POOLED), ja.cut(f, at=STATES)
    pooled, states, states0 = pool(x), states_of(x), states_of(x0)
    carried = ja.integrated_gradients(lambda p: rest(p, x), baseline=pool(x0), steps=steps)(pooled)
    if pooling == MAXIMUM:
        shares = ja.pooling.max_shares(states, where=real)
        winners = ja.pooling.max_shares(states, where=real, ties=_each)
        found = {POOLING: shares.mean(-1), SOURCE_POOLING: ja.pooling.to_positions(pooled, winners)}
    elif pooling == ATTENTION:
        weights = ja.cut(f, at=WEIGHTS)[0](x)
        shares = ja.pooling.weighted_shares(states, weights, x0=states0)
        found = {POOLING: weights}
    elif pooling == AVERAGE:
        shares = ja.pooling.mean_shares(states, x0=states0, where=real)
        near = 1 / jnp.maximum(((states - pooled[None]) ** 2).mean(-1), 1e-12)
        found = {POOLING: ja.pooling.mean_shares(states, where=real).mean(-1), SOURCE_POOLING: near}
    else:
        raise ValueError(f"Expected a pooling of the model, got {pooling!r}. Write pooling={MAXIMUM!r}.")
    return found | {AT_POOLED: ja.pooling.to_positions(carried, shares)}


def _each(winners: jax.Array) -> jax.Array:
    """Of characters that tie, each takes the whole dimension, as in the source."""
    return winners.astype(jnp.float32)

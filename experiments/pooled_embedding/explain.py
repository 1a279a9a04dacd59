"""Integrated gradients at the pooled vector, carried to the words that won the maximum."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared import agreement
from experiments._shared.training import in_batches
from experiments._shared.words import PAD
from experiments.pooled_embedding.network import Network, pool

Baseline = Callable[[Network, Any, jax.Array], jax.Array]
LEVELS = (0.5, 0.9, 0.99, 1.0)


def at_pooled(
    network: Network, baseline: Baseline, *, steps: int = 32, nodes: Any = ja.gauss_legendre
) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """Explains the logit of one review by its words.

    Args:
      network: The model.
      baseline: The word vectors from which the path starts; their maximum is the pooled baseline.
      steps: Nodes of the integral.
      nodes: Places them.

    Returns:
      A function of the parameters and the ids `int32[T]`. It gives `words`, `[T]`, one number a position, what each
      pooled dimension got, `dimensions`, `[C]`, the completeness `gap` of these, what was `lost` on the way to the
      words, and how many dimensions each position has `won`, `[T]`, ties shared.
    """

    def explain(params: Any, ids: jax.Array) -> dict[str, jax.Array]:
        x, p = network.vectors(params, ids), network.pooled(params, ids)
        p0 = pool(network, baseline(network, params, ids), ids)

        def f(p: jax.Array) -> jax.Array:
            return network.from_pooled(p, params, ids)

        dimensions = ja.integrated_gradients(f, baseline=p0, steps=steps, nodes=nodes)(p)
        shares = ja.pooling.max_shares(x, where=network.where(ids))
        values = ja.pooling.to_positions(dimensions, shares)
        return {
            "words": values,
            "dimensions": dimensions,
            "gap": ja.completeness_gap(f, dimensions, p, p0),
            "lost": dimensions.sum() - values.sum(),
            "won": shares.sum(1),
        }

    return explain


def winners_counted(x: jax.Array, shares: jax.Array, ids: jax.Array) -> dict[str, jax.Array]:
    """Counts who wins the dimensions of one review.

    Args:
      x: Word vectors, `[T, C]`.
      shares: Of each position in each dimension, ties shared.
      ids: `int32[T]`.

    Returns:
      Shares of the C dimensions: `tied`, won by several positions; `one_word`, those of them whose winners are one
      word; `padding`, won by padding; `nameless`, whose maximum over the real words is not positive, so that the
      source names no word for it. And `reach`, the share of the real positions that win anything.
    """
    winners, real = shares > 0, ids != PAD
    tied = winners.sum(0) > 1
    column = ids[:, None]
    largest = jnp.where(winners, column, -1).max(0)
    smallest = jnp.where(winners, column, jnp.iinfo(ids.dtype).max).min(0)
    return {
        "tied": tied.mean(),
        "one_word": (tied & (largest == smallest)).mean(),
        "padding": (shares * ~real[:, None]).sum(0).mean(),
        "nameless": (jnp.where(real[:, None], x, -jnp.inf).max(0) <= 0).mean(),
        "reach": (winners.any(1) & real).sum() / real.sum(),
    }


def quantiles(gaps: np.ndarray) -> dict[str, float]:
    """Quantiles of the sizes of the gaps; "1.0" is the worst."""
    return {str(level): float(np.quantile(np.abs(gaps), level)) for level in LEVELS}


def gap_figures(found: dict[str, np.ndarray], ids: np.ndarray) -> dict[str, Any]:
    """What `at_pooled` gave for many reviews as figures.

    Args:
      found: Its values, each with a leading axis of reviews.
      ids: `int32[N, T]` of these reviews.

    Returns:
      Quantiles of the gap, the worst loss on the way to the words, the size of the change of the score, and the share
      of the sum of sizes that stands at padding.
    """
    sizes = np.abs(found["words"])
    at_padding = (sizes * (ids == PAD)).sum(1) / np.maximum(sizes.sum(1), 1e-12)
    return {
        "gap": quantiles(found["gap"]),
        "largest_loss_to_words": float(np.abs(found["lost"]).max()),
        "change": agreement.mean(np.abs(found["dimensions"].sum(1) + found["gap"])),
        "attribution_at_padding": agreement.mean(at_padding),
    }


def of_all(explain: Callable[..., Any], params: Any, ids: np.ndarray, *, batch: int = 64) -> Any:
    """Applies a function of the parameters and one review to all reviews, compiled once."""
    compiled = jax.jit(jax.vmap(explain, in_axes=(None, 0)))
    return in_batches(lambda ids: compiled(params, ids), (ids,), batch=min(batch, len(ids)))


def winners_of_all(network: Network, params: Any, ids: np.ndarray) -> dict[str, dict[str, float]]:
    """The means over reviews of what `winners_counted` gives, with their standard errors."""

    def count(params: Any, ids: jax.Array) -> dict[str, jax.Array]:
        x = network.vectors(params, ids)
        return winners_counted(x, ja.pooling.max_shares(x, where=network.where(ids)), ids)

    return {name: agreement.mean(values) for name, values in of_all(count, params, ids).items()}


RULES = {"left_riemann_50": (ja.left_riemann, 50), "gauss_legendre_32": (ja.gauss_legendre, 32)}


def rules_compared(network: Network, params: Any, baseline: Baseline, ids: np.ndarray) -> dict[str, Any]:
    """The gaps of the source's rule and of the default, for the logit and for the probability.

    Args:
      network: The model.
      params: Its parameters.
      baseline: Where the path starts.
      ids: `int32[N, T]`.

    Returns:
      By score and rule the quantiles of the size of the gap, and by score the mean size of the change, "change".
    """
    links = {"logit": lambda z: z, "probability": jax.nn.sigmoid}

    def gaps(params: Any, ids: jax.Array) -> dict[str, dict[str, jax.Array]]:
        p, p0 = network.pooled(params, ids), pool(network, baseline(network, params, ids), ids)

        def of(link: Any) -> dict[str, jax.Array]:
            def f(p: jax.Array) -> jax.Array:
                return link(network.from_pooled(p, params, ids))

            found = {"change": f(p) - f(p0)}
            for name, (nodes, steps) in RULES.items():
                values = ja.integrated_gradients(f, baseline=p0, steps=steps, nodes=nodes)(p)
                found[name] = ja.completeness_gap(f, values, p, p0)
            return found

        return {score: of(link) for score, link in links.items()}

    found = of_all(gaps, params, ids)
    return {
        score: {name: quantiles(gaps[name]) for name in RULES} | {"change": agreement.mean(np.abs(gaps["change"]))}
        for score, gaps in found.items()
    }

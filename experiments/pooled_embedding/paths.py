"""When integrated gradients at the pooled vector and at the word vectors are the same, and when they are not.

On the straight path from x0 to x, entry c of the pooled vector is the largest of T lines in the path parameter: a
convex curve, straight exactly where some position that wins at x also wins at x0. Where that holds in every dimension,
the pooled vector moves on its own straight path, at the same pace, and each dimension has the same attribution on both.
Where all positions that win at x win at x0, so have the words. A baseline with one vector for all positions lets every
position win at x0, so with it both always hold.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared import agreement as shared
from experiments.pooled_embedding.network import Network, padding, pool, zeros

BASELINES = ("zeros", "padding", "another review")
POINTS = 21


def starts(network: Network, params: Any, ids: jax.Array, other: jax.Array) -> dict[str, jax.Array]:
    """The three baselines as word vectors, `[T, C]` each; only the last one differs between positions."""
    return {
        "zeros": zeros(network, params, ids),
        "padding": padding(network, params, ids),
        "another review": network.vectors(params, other),
    }


def condition(network: Network, x: jax.Array, x0: jax.Array, ids: jax.Array) -> jax.Array:
    """Whether some position that wins a dimension at x also wins it at x0: booleans `[C]`."""
    where = network.where(ids)
    return ((ja.pooling.max_shares(x, where=where) > 0) & (ja.pooling.max_shares(x0, where=where) > 0)).any(0)


def pooled_path(network: Network, x: jax.Array, x0: jax.Array, ids: jax.Array, t: jax.Array) -> jax.Array:
    """The pooled vector at points t of the straight path from x0 to x: `[len(t), C]`."""
    return jax.vmap(lambda t: pool(network, x0 + t * (x - x0), ids))(t)


def both(
    network: Network, params: Any, ids: jax.Array, other: jax.Array, *, steps: int
) -> dict[str, dict[str, jax.Array]]:
    """Explains one review at its word vectors and at its pooled vector.

    Args:
      network: The model.
      params: Its parameters.
      ids: `int32[T]`.
      other: Another review, the third baseline.
      steps: Nodes of both integrals.

    Returns:
      For each baseline the words by either way, `[T]`; by dimension, `[C]`, whether the condition `holds` and the
      largest `bend`, how far the pooled vector hangs below its straight path; and both gaps.
    """
    x, p, found = network.vectors(params, ids), network.pooled(params, ids), {}
    t = jnp.linspace(0, 1, POINTS)

    def f(x: jax.Array) -> jax.Array:
        return network.from_vectors(x, params, ids)

    def g(p: jax.Array) -> jax.Array:
        return network.from_pooled(p, params, ids)

    for name, x0 in starts(network, params, ids, other).items():
        p0 = pool(network, x0, ids)
        at_vectors = ja.integrated_gradients(f, baseline=x0, steps=steps)(x)
        at_pooled = ja.integrated_gradients(g, baseline=p0, steps=steps)(p)
        straight = p0[None] + t[:, None] * (p - p0)[None]
        found[name] = {
            "vectors": at_vectors.sum(-1),
            "pooled": ja.pooling.to_positions(at_pooled, ja.pooling.max_shares(x, where=network.where(ids))),
            "holds": condition(network, x, x0, ids),
            "bend": (straight - pooled_path(network, x, x0, ids, t)).max(0),
            "gap_vectors": ja.completeness_gap(f, at_vectors, x, x0),
            "gap_pooled": ja.completeness_gap(g, at_pooled, p, p0),
        }
    return found


def agreement(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """What `both` gave with one baseline, as figures.

    Args:
      found: Its values, each with a leading axis of reviews.

    Returns:
      The share of dimensions in which the condition holds; the largest bend where it holds, the smallest and the mean
      where it does not, None where there is no such dimension; the largest difference of a word as a share of the
      review's strongest word, its median and worst over reviews; the median correlation of the words that get
      anything, None where no review has two of them.
    """
    holds, bend = found["holds"].astype(bool), found["bend"]
    sizes = np.maximum(np.abs(found["vectors"]).max(1), 1e-12)
    differences = np.abs(found["vectors"] - found["pooled"]).max(1) / sizes
    moved = (found["vectors"] != 0) | (found["pooled"] != 0)
    rows = zip(found["vectors"], found["pooled"], moved, strict=True)
    correlations = [shared.correlation(a[where], b[where]) for a, b, where in rows if where.sum() > 1]
    known = [value for value in correlations if np.isfinite(value)]
    return {
        "holds": float(holds.mean()),
        "largest_bend_where_it_holds": float(bend[holds].max()) if holds.any() else None,
        "smallest_bend_where_not": float(bend[~holds].min()) if not holds.all() else None,
        "mean_bend_where_not": float(bend[~holds].mean()) if not holds.all() else None,
        "largest_difference": {"median": float(np.median(differences)), "worst": float(differences.max())},
        "median_correlation": float(np.median(known)) if known else None,
    }

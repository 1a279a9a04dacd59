"""Whether the score falls when a method's first words are truly deleted."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared import agreement
from experiments._shared.training import in_batches
from experiments._shared.words import PAD
from experiments.pooled_embedding.explain import at_pooled
from experiments.pooled_embedding.network import Network, zeros

DELETED = 5
POOLED, GRADIENT, OCCLUSION, RANDOM = "at the pooled vector", "gradient norm", "occlusion", "random"
Method = Callable[[Any, jax.Array, jax.Array], jax.Array]


def methods(network: Network, *, steps: int) -> dict[str, Method]:
    """The rankings, as functions of the parameters, the ids `int32[T]` and the sign of the class to numbers `[T]`."""

    def pooled(params: Any, ids: jax.Array, sign: jax.Array) -> jax.Array:
        return sign * at_pooled(network, zeros, steps=steps)(params, ids)["words"]

    def gradient(params: Any, ids: jax.Array, sign: jax.Array) -> jax.Array:
        del sign
        x = network.vectors(params, ids)
        return jnp.linalg.norm(ja.gradient(lambda x: network.from_vectors(x, params, ids))(x), axis=-1)

    def occlusion(params: Any, ids: jax.Array, sign: jax.Array) -> jax.Array:
        ways = {"keep": ja.leave_one_out(len(ids)), "perturb": ja.delete(PAD), "where": ids != PAD}
        return sign * ja.occlusion(lambda ids: network.score(params, ids), **ways)(ids)

    return {POOLED: pooled, GRADIENT: gradient, OCCLUSION: occlusion}


def kept_without_first(values: np.ndarray, ids: np.ndarray, *, types: bool, count: int = DELETED) -> np.ndarray:
    """What stays when the first words of a ranking are deleted from one review.

    Args:
      values: `[T]`, larger is earlier.
      ids: `int32[T]`.
      types: Whether a word is deleted wherever it stands, with the sum of what its places got as its number; otherwise
        places are deleted.
      count: How many words, or places.

    Returns:
      Booleans `[T]`, False at deleted places; padding stays.
    """
    real = ids != PAD
    if not types:
        order = np.argsort(-np.where(real, values, -np.inf), kind="stable")[: min(count, int(real.sum()))]
        keep = np.ones(len(ids), bool)
        keep[order] = False
        return keep
    words, place = np.unique(ids[real], return_inverse=True)
    sums = np.bincount(place, values[real].astype(np.float64))
    return ~np.isin(ids, words[np.argsort(-sums, kind="stable")[:count]]) | ~real


def first_places(ids: np.ndarray) -> np.ndarray:
    """Booleans `[T]`, True where a word stands for the first time."""
    first = np.zeros(len(ids), bool)
    first[np.unique(ids, return_index=True)[1]] = True
    return first


def falls(
    network: Network, params: Any, ids: np.ndarray, *, steps: int, seed: int, count: int = DELETED, batch: int = 16
) -> dict[str, dict[str, dict[str, float]]]:
    """How far the logit of the predicted class falls without the first words of each method.

    Args:
      network: The model.
      params: Its parameters.
      ids: `int32[N, T]`.
      steps: Nodes of integrated gradients.
      seed: The seed of the random ranking.
      count: How many places, or words; a review must hold more.
      batch: Reviews at once.

    Returns:
      For "places" and for "words", which are deleted wherever they stand, by method the mean fall and its standard
      error.
    """
    batch = min(batch, len(ids))
    score = jax.jit(jax.vmap(network.score, in_axes=(None, 0)))
    signs = np.where(in_batches(lambda ids: score(params, ids), (ids,), batch=batch) > 0, 1.0, -1.0).astype(np.float32)
    values = {RANDOM: np.random.default_rng(seed).random(ids.shape)}
    once = np.array([first_places(row) for row in ids])
    for name, method in methods(network, steps=steps).items():
        compiled = jax.jit(jax.vmap(method, in_axes=(None, 0, 0)))
        size = 2 if name == OCCLUSION else batch
        values[name] = in_batches(lambda *rows, run=compiled: run(params, *rows), (ids, signs), batch=size)

    def fall(ids: jax.Array, sign: jax.Array, keep: jax.Array) -> jax.Array:
        def f(ids: jax.Array) -> jax.Array:
            return sign * network.score(params, ids)

        return f(ids) - ja.perturbed(f, keep=keep, perturb=ja.delete(PAD))(ids)

    compiled, found = jax.jit(jax.vmap(fall)), {}
    for kind in ("places", "words"):
        ranked = values | ({RANDOM: values[RANDOM] * once} if kind == "words" else {})
        options = {"types": kind == "words", "count": count}
        rows = [[kept_without_first(v[n], row, **options) for v in ranked.values()] for n, row in enumerate(ids)]
        measured = in_batches(compiled, (ids, signs, np.array(rows)), batch=batch)
        found[kind] = {name: agreement.mean(measured[:, n]) for n, name in enumerate(values)}
    return found

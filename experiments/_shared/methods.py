"""Three ways to ask a Flax classifier of words which words mattered.

Each function explains one text, so that `jax.jit(jax.vmap(explain, in_axes=(None, 0, 0)))` explains a batch.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

import jaxattr as ja
from experiments._shared.linen import logits
from experiments._shared.words import PAD

GRADIENT, INTEGRATED, OCCLUSION = "gradient norm", "integrated gradients", "occlusion"
Explain = Callable[[Any, jax.Array, jax.Array], dict[str, jax.Array]]


def margin(model: nn.Module) -> Callable[[Any, jax.Array, jax.Array], jax.Array]:
    """What is explained: the logit of a class less the logit of the other, which does not saturate.

    Args:
      model: A Linen module from ids `int32[T]` to logits `[2]`.

    Returns:
      `score(params, ids, label)`, one number.
    """

    def score(params: Any, ids: jax.Array, label: jax.Array) -> jax.Array:
        return ja.scores.margin(logits(model, params, ids), label)

    return score


def table_of(params: Any, ids: jax.Array, label: jax.Array) -> jax.Array:
    """The parameter that the ids look up."""
    del ids, label
    return params["params"]["embed"]["embedding"]


def methods(model: nn.Module, *, steps: int = 32) -> dict[str, Explain]:
    """The three methods.

    Args:
      model: A Linen module from ids `int32[T]` to logits `[2]`, with an embedding named "embed".
      steps: Nodes of the integral.

    Returns:
      By name, a function `explain(params, ids, label)` that gives `values`, `float32[T]`, and for integrated gradients
      also its completeness `gap`. Padding has the value 0.
    """
    score = margin(model)
    embed, head = ja.cut(score, at=table_of)

    def gradient_norm(params: Any, ids: jax.Array, label: jax.Array) -> dict[str, jax.Array]:
        gradient = ja.grad_wrt_embedding(score, at=table_of)(params, ids, label)
        return {"values": jnp.linalg.norm(gradient, axis=-1) * (ids != PAD)}

    def integrated_gradients(params: Any, ids: jax.Array, label: jax.Array) -> dict[str, jax.Array]:
        x, x0 = embed(params, ids, label), embed(params, jnp.full_like(ids, PAD), label)

        def f(x: jax.Array) -> jax.Array:
            return head(x, params, ids, label)

        values = ja.integrated_gradients(f, baseline=x0, steps=steps)(x)
        return {"values": values.sum(-1), "gap": ja.completeness_gap(f, values, x, x0)}

    def occlusion(params: Any, ids: jax.Array, label: jax.Array) -> dict[str, jax.Array]:
        ways = {"keep": ja.leave_one_out(len(ids)), "perturb": ja.delete(PAD), "where": ids != PAD}
        return {"values": ja.occlusion(lambda ids: score(params, ids, label), **ways)(ids)}

    return {GRADIENT: gradient_norm, INTEGRATED: integrated_gradients, OCCLUSION: occlusion}


def top_words(values: Any, real: Any, count: int = 1) -> Any:
    """The places of the `count` largest values among real words, largest first: `[N, count]` from `[N, T]`."""
    return jnp.argsort(jnp.where(real, values, -jnp.inf), axis=-1, descending=True)[..., :count]

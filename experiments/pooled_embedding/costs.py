"""What integrated gradients cost at the pooled vector and at the word vectors."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import jaxattr as ja
from experiments._shared import cost
from experiments._shared.training import in_batches
from experiments.pooled_embedding.explain import Baseline, at_pooled
from experiments.pooled_embedding.network import Network, zeros


def at_vectors(network: Network, baseline: Baseline, *, steps: int) -> Callable[[Any, jax.Array], jax.Array]:
    """Integrated gradients at the word vectors of one review: a function of parameters and ids to `[T]`."""

    def explain(params: Any, ids: jax.Array) -> jax.Array:
        def f(x: jax.Array) -> jax.Array:
            return network.from_vectors(x, params, ids)

        start = baseline(network, params, ids)
        return ja.integrated_gradients(f, baseline=start, steps=steps)(network.vectors(params, ids)).sum(-1)

    return explain


def measured(
    explain: Callable[..., Any], params: Any, ids: np.ndarray, *, batch: int, warm: bool = False
) -> tuple[Any, dict[str, float]]:
    """Explains reviews and measures it.

    Args:
      explain: A function of parameters and the ids of one review.
      params: The parameters.
      ids: `int32[N, T]`.
      batch: Reviews at once.
      warm: Whether it is compiled before the clock runs.

    Returns:
      The values of all reviews, and the cost.
    """
    compiled, batch = jax.jit(jax.vmap(explain, in_axes=(None, 0))), min(batch, len(ids))
    if warm:
        jax.block_until_ready(compiled(params, ids[:batch]))
    return cost.measure(len(ids), lambda: in_batches(lambda ids: compiled(params, ids), (ids,), batch=batch))


def _best(explain: Callable[..., Any], params: Any, ids: np.ndarray, *, batch: int, runs: int = 3) -> dict[str, float]:
    """The fastest of some runs, without compiling."""
    found = [measured(explain, params, ids, batch=batch, warm=True)[1] for _ in range(runs)]
    return min(found, key=lambda cost: cost["seconds"])


def both_costs(network: Network, params: Any, ids: np.ndarray, *, steps: int) -> dict[str, Any]:
    """The cost of the same reviews by both ways, without compiling, and how many times as long the dearer one takes."""
    dear = _best(at_vectors(network, zeros, steps=steps), params, ids, batch=2)
    cheap = _best(at_pooled(network, zeros, steps=steps), params, ids, batch=64)
    return {"vectors": dear, "pooled": cheap, "times_as_long": dear["seconds"] / cheap["seconds"]}

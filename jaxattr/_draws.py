"""Independent draws: their keys, a random order of players, and the error of their mean."""

from typing import Any

import jax
import jax.numpy as jnp


def keys_of_draws(key: Any, count: int) -> Any:
    """The keys of the draws: each folded with its own number."""
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count))


def random_rank(key: Any, real: Any) -> Any:
    """The place of each player in a random order, `[n]`; those that are not real come last."""
    return jnp.argsort(jnp.argsort(jnp.where(real, jax.random.uniform(key, real.shape), 2)))


def root(variance: Any) -> Any:
    """The square root, with slope 0 instead of NaN where nothing varies; NaN stays NaN."""
    varies = variance > 0
    return jnp.where(varies, jnp.sqrt(jnp.where(varies, variance, 1)), variance)

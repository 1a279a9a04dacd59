"""Random weights without a compiler: shapes come from tracing, numbers from numpy."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def drawn(init: Callable[..., Any], *args: Any, seed: int = 0, **kwargs: Any) -> Any:
    """What `init(key, *args)` returns, with other numbers: scales and variances about 1, biases about 0.

    Compiling the initialisers of a zoo of models takes longer than what the tests ask of the models.
    """
    shapes = jax.eval_shape(lambda: init(jax.random.key(seed), *args, **kwargs))
    rng = np.random.default_rng(seed)

    def leaf(path: Any, like: Any) -> Any:
        if not jnp.issubdtype(like.dtype, jnp.floating):
            return np.zeros(like.shape, like.dtype)
        name = jax.tree_util.keystr(path).lower()
        about = 1.0 if any(word in name for word in ("scale", "var")) else 0.0
        spread = 0.1 if len(like.shape) < 2 else 1 / np.sqrt(np.prod(like.shape[:-1]))
        return (about + spread * np.clip(rng.normal(size=like.shape), -2, 2)).astype(like.dtype)

    return jax.tree_util.tree_map_with_path(leaf, shapes)

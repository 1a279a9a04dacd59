"""One typed door to a Linen module."""

from typing import Any, cast

import flax.linen as nn
import jax


def logits(model: nn.Module, params: Any, ids: Any, **options: Any) -> jax.Array:
    """The logits that `model` gives for `ids`: `[..., C]` from `[..., T]`."""
    return cast("jax.Array", model.apply(params, ids, **options))

"""One entry a position, beside arrays that have more axes than that."""

from typing import Any

import jax.numpy as jnp

from jaxattr import _checks


def column(entries: Any, ndim: int) -> Any:
    """Entries `[T]` with as many axes as an array `[T, ...]`, so that each acts on all of its position."""
    return jnp.reshape(entries, (-1,) + (1,) * (ndim - 1))


def real_positions(name: str, where: Any, length: int) -> Any:
    """`where` after a look at it, `[T]`; True everywhere where it is None."""
    if where is None:
        return jnp.ones(length, bool)
    _checks.check_where(name, where, length)
    return jnp.asarray(where)

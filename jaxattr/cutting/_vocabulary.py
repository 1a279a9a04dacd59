"""Ids outside the vocabulary: JAX itself would read another row, silently.

Where the ids are at hand they are refused. Where they are traced, as in `jit`, the row is NaN, and so is all that is
computed from it.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr._checks import is_concrete
from jaxattr.cutting._errors import CutError


def inside_only(equation: Any, values: list[Any], rows: Any) -> Any:
    """The rows that a lookup read; it raises where an id is known to lie beyond the table, else such a row is NaN."""
    if not jnp.issubdtype(rows.dtype, jnp.inexact):
        return rows
    for ids, last, new_axes in _lookups(equation, values):
        if is_concrete(ids):
            _refuse(np.asarray(ids), last)
        else:
            beyond = (ids < 0) | (ids > last)
            rows = jnp.where(jnp.expand_dims(beyond, new_axes), jnp.nan, rows)
    return rows


def _lookups(equation: Any, values: list[Any]) -> Iterator[tuple[Any, int, tuple[int, ...]]]:
    """For each axis that is looked up: the ids, the last that is allowed, and the axes of the rows that they lack."""
    table, name = np.shape(values[0]), equation.primitive.name
    if name == "gather" and equation.params["mode"] != jax.lax.GatherScatterMode.CLIP:
        numbers, sizes = equation.params["dimension_numbers"], equation.params["slice_sizes"]
        for column, axis in enumerate(numbers.start_index_map):
            yield values[1][..., column], table[axis] - sizes[axis], numbers.offset_dims
    elif name == "dynamic_slice":
        sizes = equation.params["slice_sizes"]
        for axis, start in enumerate(values[1:]):
            yield start, table[axis] - sizes[axis], tuple(range(len(table)))


def _refuse(ids: Any, last: int) -> None:
    outside = (ids < 0) | (ids > last)
    if outside.any():
        raise CutError(
            f"the cut wants ids between 0 and {last}, the rows of the table, but got "
            f"{sorted(set(ids[outside].ravel().tolist()))[:8]}. Map unknown words to an id inside the vocabulary."
        )

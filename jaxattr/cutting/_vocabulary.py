"""Ids outside the vocabulary, refused where they are at hand: JAX itself would read another row, or NaN, silently."""

from typing import Any

import jax
import numpy as np

from jaxattr._checks import is_concrete
from jaxattr.cutting._errors import CutError


def check_ids(equation: Any, values: list[Any]) -> None:
    """Raise when a lookup whose ids are concrete reads beyond its table."""
    name, rows = equation.primitive.name, np.shape(values[0])
    if name == "gather" and not _clips(equation):
        _check(values[1], equation.params["dimension_numbers"].start_index_map, rows, equation.params["slice_sizes"])
    elif name == "dynamic_slice":
        for axis, start in enumerate(values[1:]):
            _check(
                np.asarray(start)[None] if is_concrete(start) else start, (axis,), rows, equation.params["slice_sizes"]
            )


def _check(starts: Any, axes: tuple[int, ...], rows: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    if not is_concrete(starts):
        return
    starts = np.asarray(starts)
    for column, axis in enumerate(axes):
        ids = starts[..., column]
        outside = (ids < 0) | (ids > rows[axis] - sizes[axis])
        if outside.any():
            raise CutError(
                f"the cut wants ids between 0 and {rows[axis] - sizes[axis]}, the rows of the table, but got "
                f"{sorted(set(ids[outside].ravel().tolist()))[:8]}. Map unknown words to an id inside the vocabulary."
            )


def _clips(equation: Any) -> bool:
    return equation.params["mode"] == jax.lax.GatherScatterMode.CLIP

"""Rows as a user has them: columns by name, equally long or ragged; and a group of them padded to one width."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks

WHERE = "where"  # the parameter of `explain` that gets the mask of real positions


@dataclasses.dataclass(frozen=True)
class Rows:
    """Columns of rows.

    Attributes:
        count: how many rows.
        fixed: columns as arrays (or pytrees of arrays) with a leading axis of rows.
        ragged: columns as one array a row, whose leading axes differ.
        lengths: positions of each row, `int[N]`; 0 where no column is ragged.
        fill: what ragged columns are padded with, by name.
        marked: whether the mask of real positions is handed on as `where`.
    """

    count: int
    fixed: dict[str, Any]
    ragged: dict[str, list[np.ndarray]]
    lengths: np.ndarray
    fill: dict[str, Any]
    marked: bool

    def group(self, index: np.ndarray, width: int) -> dict[str, Any]:
        """The rows of these indices as columns with a leading axis, ragged ones padded to the width."""
        columns = {name: jax.tree.map(lambda a: _taken(a, index), column) for name, column in self.fixed.items()}
        for name, column in self.ragged.items():
            first = column[0]
            block = np.full((len(index), width, *first.shape[1:]), self.fill[name], first.dtype)
            for row, i in zip(block, index, strict=True):
                row[: len(column[i])] = column[i]
            columns[name] = block
        if self.marked:
            columns[WHERE] = np.arange(width)[None] < self.lengths[index][:, None]
        return columns

    def stacked(self, size: int, width: int) -> dict[str, Any]:
        """Shapes of the columns of a group of so many rows."""
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct((size, *a.shape), a.dtype), self.shapes(width))

    def shapes(self, width: int) -> dict[str, Any]:
        """Shapes and dtypes of one row at this width."""
        one = self.group(np.zeros(1, int), max(width, int(self.lengths[0])))
        keys = self.ragged.keys() | ({WHERE} if self.marked else set())
        fitted = {name: a[:, :width] if name in keys else a for name, a in one.items()}
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], _placed_as(a)), fitted)


def _taken(a: Any, index: np.ndarray) -> Any:
    return a[index] if _is_key(a) else np.asarray(a)[index]


def _placed_as(a: Any) -> Any:
    """The dtype on the device: float32 for float64 unless that is enabled."""
    return a.dtype if _is_key(a) else jax.dtypes.canonicalize_dtype(a.dtype)


def _is_key(a: Any) -> bool:
    return isinstance(a, jax.Array) and jnp.issubdtype(a.dtype, jax.dtypes.prng_key)


def rows_of(name: str, explain: Callable[..., Any], rows: Any, fill: Any = 0) -> Rows:
    """Columns that fit together, after a look at all of them.

    Args:
        name: the caller, for errors.
        explain: takes parameters and one row; a parameter `where` gets the mask of real positions of ragged rows.
        rows: a dictionary of columns.
        fill: what ragged columns are padded with: one number, or a dictionary by column.
    """
    _checks.check_function(name, "explain", explain, "lambda params, ids: ...")
    if not isinstance(rows, Mapping) or not rows:
        raise TypeError(
            f"{name} wants rows as a dictionary of columns, but got {_checks.describe(rows)}. "
            'For example rows={"ids": ids}, whose names are parameters of explain.'
        )
    ragged = {key: [np.asarray(a) for a in column] for key, column in rows.items() if _is_ragged(name, key, column)}
    fixed = {key: column for key, column in rows.items() if key not in ragged}
    count = _count(name, fixed, ragged)
    lengths = _lengths(name, ragged, count)
    takes_mask = WHERE in inspect.signature(explain).parameters and WHERE not in rows
    mask = takes_mask or any(column[0].dtype == bool for column in ragged.values())
    if ragged and not mask and len(set(lengths.tolist())) > 1:
        raise ValueError(
            f"{name} pads rows of different lengths, {lengths.min()} to {lengths.max()}, but explain takes no "
            "parameter where: padding would count as text. Write explain(params, ids, where), which gets the mask of "
            "real positions, or give a column of masks of your own."
        )
    unknown = sorted(set(fill) - set(ragged)) if isinstance(fill, Mapping) else []
    if unknown:
        raise ValueError(
            f"{name} is to fill {unknown}, but the ragged columns are {sorted(ragged)}. Name one of these."
        )
    fills = {key: fill.get(key, 0) if isinstance(fill, Mapping) else fill for key in ragged}
    fills = {key: False if ragged[key][0].dtype == bool else value for key, value in fills.items()}
    return Rows(count, fixed, ragged, lengths, fills, bool(ragged) and takes_mask)


def _is_ragged(name: str, key: str, column: Any) -> bool:
    if not isinstance(column, (list, tuple)):
        return False
    shapes = [np.shape(a) for a in column]
    if shapes and any(not s for s in shapes):
        raise TypeError(
            f"{name} wants column {key!r} as an array, or as a list of one array a row, but got a list of "
            f"{_checks.describe(next(a for a, s in zip(column, shapes, strict=True) if not s))}. "
            "Write np.asarray(column)."
        )
    return True


def _count(name: str, fixed: Mapping[str, Any], ragged: Mapping[str, Sequence[np.ndarray]]) -> int:
    """How many rows there are, the same in every column."""
    counts = {key: len(column) for key, column in ragged.items()}
    for key, column in fixed.items():
        for path, leaf in jax.tree.leaves_with_path(column):
            if not hasattr(leaf, "shape") or not leaf.shape:
                raise TypeError(
                    f"{name} wants column {key!r} as an array with a leading axis of rows, but got "
                    f"{_checks.describe(leaf)} at {key + jax.tree_util.keystr(path)}. "
                    "What all rows share belongs into params."
                )
            counts[key + jax.tree_util.keystr(path)] = len(leaf)
    if len(set(counts.values())) != 1:
        found = ", ".join(f"{key}: {count}" for key, count in counts.items())
        raise ValueError(f"{name} wants as many entries in every column, but got {found}. Give each row one entry.")
    (count,) = set(counts.values())
    if not count:
        raise ValueError(f"{name} wants one row at least, but the columns are empty.")
    return count


def _lengths(name: str, ragged: Mapping[str, Sequence[np.ndarray]], count: int) -> np.ndarray:
    lengths = np.zeros(count, int)
    for number, (key, column) in enumerate(ragged.items()):
        found = np.array([len(a) for a in column])
        if number and (found != lengths).any():
            i = int(np.argmax(found != lengths))
            raise ValueError(
                f"{name} wants ragged columns of the same lengths, but row {i} has {found[i]} positions in {key!r} and "
                f"{lengths[i]} in {next(iter(ragged))!r}. Give every position one entry in each."
            )
        kinds = {(str(a.dtype), a.shape[1:]) for a in column}
        if len(kinds) != 1:
            raise TypeError(
                f"{name} wants all rows of {key!r} of one dtype and one shape beside the positions, but got "
                f"{sorted(kinds)}. Cast them with .astype, or pad what differs."
            )
        if not found.all():
            raise ValueError(
                f"{name} wants at least one position, but row {int(np.argmin(found))} is an empty text. "
                "Leave empty texts out."
            )
        lengths = found
    return lengths

"""The rows of a data set, whatever holds them, as dictionaries by number."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks

NAME = "scale.run"
Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Source:
    """Random access to rows.

    Attributes:
        count: how many.
        rows: the rows of some numbers; an exception in the place of a row that cannot be read.
    """

    count: int
    rows: Callable[[Sequence[int]], list[Row | Exception]]


def source(dataset: Any, prepare: Callable[[Any], Row] | None) -> Source:
    """The rows of a data set: a TFDS or Grain source, a Hugging Face data set, parquet, a table, columns, a list.

    Args:
        dataset: has `len` and `dataset[i]`, a dictionary; or is a dictionary of columns, a `pyarrow.Table`, or the path
            of a parquet file.
        prepare: makes of an entry the row that is explained, for instance token ids of a text.
    """
    held = _held(dataset)
    get_many = getattr(held, "__getitems__", None)

    def read(numbers: Sequence[int]) -> list[Any]:
        if get_many is not None:
            try:
                found = list(get_many(list(numbers)))
                if len(found) == len(numbers):
                    return found
            except Exception:
                pass
        return [_tried(held.__getitem__, number) for number in numbers]

    def rows(numbers: Sequence[int]) -> list[Row | Exception]:
        return [entry if isinstance(entry, Exception) else _tried(_row(prepare), entry) for entry in read(numbers)]

    return Source(len(held), rows)


def _held(dataset: Any) -> Any:
    if isinstance(dataset, (str, os.PathLike)):
        import pyarrow.parquet as pq

        dataset = pq.read_table(os.fspath(dataset))
    if type(dataset).__module__.startswith("pyarrow"):
        return _Table(dataset)
    if isinstance(dataset, Mapping):
        return _Columns(dataset)
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise TypeError(
            f"{NAME} wants a data set with len(dataset) and dataset[i], but got {_checks.describe(dataset)}. "
            "Give a list of rows, columns by name, a parquet file, or a random-access source."
        )
    return dataset


class _Columns:
    """Columns by name, as for :func:`jaxattr.scale.map`."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = {
            name: column if isinstance(column, (list, tuple)) else np.asarray(column)
            for name, column in columns.items()
        }
        counts = {name: len(column) for name, column in self.columns.items()}
        if len(set(counts.values())) != 1:
            raise ValueError(
                f"{NAME} wants as many entries in every column, but got {counts}. Give each row one entry."
            )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, i: int) -> Row:
        return {name: column[i] for name, column in self.columns.items()}


class _Table:
    """A `pyarrow.Table`."""

    def __init__(self, table: Any) -> None:
        self.table = table.combine_chunks()

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, i: int) -> Row:
        return {name: self.table.column(name)[i].as_py() for name in self.table.column_names}


def _tried(read: Callable[[Any], Any], what: Any) -> Any:
    try:
        return read(what)
    except Exception as error:
        return error


def _row(prepare: Callable[[Any], Row] | None) -> Callable[[Any], Row]:
    def row(entry: Any) -> Row:
        made = prepare(entry) if prepare is not None else entry
        if not isinstance(made, Mapping):
            raise TypeError(f"a row is a dictionary by column, but this one is {_checks.describe(made)}")
        return {_column(name): _value(value) for name, value in made.items()}

    return row


def _column(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a row is a dictionary by column, and the name of a column is a text, but one is {name!r:.80}")
    return _text(name)


def _text(value: str) -> str:
    """A text that a file can hold: half of a surrogate pair is none."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"a text is no valid Unicode ({error}); write text.encode('utf-8', 'replace').decode()"
        ) from error
    return str(value)  # numpy has texts of its own


def _value(value: Any) -> Any:
    """Numbers as arrays; texts, and lists of texts, as they are."""
    if type(value) is np.ndarray:
        return value.tolist() if value.dtype.kind in "US" else value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (bytes, bool)) or value is None:
        return np.asarray(value) if isinstance(value, bool) else value
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (str, bytes)):
        return value if type(value) is list else list(value)
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        raise TypeError("a row holds a random key; keys come from seed=, through a parameter key of explain")
    return np.asarray(value)

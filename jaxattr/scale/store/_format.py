"""How a chunk of rows becomes the bytes of one file: parquet, or a format of one's own."""

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from jaxattr.scale.store._errors import StoreError

Columns = Mapping[str, Sequence[Any]]
"""By name one entry a row: a number, a text, None, or an array of any shape."""


class Format(Protocol):
    """What a format has to do; both ways must give the same for the same columns, to the bit.

    Attributes:
        suffix: how its files end.
    """

    suffix: str

    def encode(self, columns: Columns) -> bytes:
        """The bytes of a file."""
        ...

    def decode(self, data: bytes) -> dict[str, list[Any]]:
        """The columns again; arrays as numpy arrays of the same shape and dtype."""
        ...


class Parquet:
    """Parquet with ragged lists, readable by pandas, DuckDB, Spark and the rest.

    An array of one axis is a list; of more axes it is a list in row-major order, and the sizes of the axes but the
    first stand in the metadata of the column. bfloat16 is stored as float32, which holds it exactly.
    """

    suffix = ".parquet"

    def encode(self, columns: Columns) -> bytes:
        """The bytes of a file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        fields, arrays = [], []
        for name, values in columns.items():
            array, metadata = _to_arrow(values)
            arrays.append(array)
            fields.append(pa.field(name, array.type, metadata=metadata))
        table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
        sink = io.BytesIO()
        repeating: Any = _repeating(table.schema)
        pq.write_table(table, sink, compression="zstd", use_dictionary=repeating)
        return sink.getvalue()

    def decode(self, data: bytes) -> dict[str, list[Any]]:
        """The columns again."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            # read in this thread: one of Arrow's that still holds the data when Python ends would abort the process
            table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)
            table.validate(full=True)
            return {
                field.name: _from_arrow(table.column(i).combine_chunks(), field.metadata or {})
                for i, field in enumerate(table.schema)
            }
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise StoreError(f"a parquet file of the run cannot be read: {error}") from error


def _repeating(schema: Any) -> list[str]:
    """The columns whose values are worth a dictionary; numbers that seldom repeat are larger and slower with one."""
    import pyarrow as pa

    def inner(kind: Any) -> Any:
        return kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind

    kept = [field for field in schema if not pa.types.is_floating(inner(field.type))]
    return [field.name if inner(field.type) is field.type else f"{field.name}.list.element" for field in kept]


def _to_arrow(values: Sequence[Any]) -> tuple[Any, dict[bytes, bytes]]:
    import pyarrow as pa

    known = [value for value in values if value is not None]
    if not known or not isinstance(known[0], (np.ndarray, np.generic)):
        return pa.array(list(values)), {}
    arrays = [np.asarray(value) for value in known]
    dtype, axes = arrays[0].dtype, {a.shape[1:] for a in arrays}
    if len(axes) != 1 or any(a.dtype != dtype for a in arrays):
        raise TypeError(
            f"a column holds arrays of several kinds: {sorted({(str(a.dtype), a.shape[1:]) for a in arrays})}."
        )
    stored = np.dtype(np.float32) if dtype.name == "bfloat16" else dtype
    metadata = {b"dtype": dtype.name.encode(), b"axes": ",".join(map(str, axes.pop())).encode()}
    if arrays[0].ndim == 0:
        metadata[b"axes"] = b"number"
        return pa.array([None if v is None else np.asarray(v).astype(stored)[()] for v in values]), metadata
    flat = np.concatenate([a.reshape(-1) for a in arrays]).astype(stored)
    sizes = np.array([0 if v is None else np.size(v) for v in values])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    missing = np.array([v is None for v in values])
    mask = pa.array(missing) if missing.any() else None
    wide = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(flat), mask=mask)
    return wide, metadata


def _from_arrow(column: Any, metadata: Mapping[bytes, bytes]) -> list[Any]:
    import jax.numpy as jnp

    if b"dtype" not in metadata:
        return column.to_pylist()
    dtype = jnp.dtype(metadata[b"dtype"].decode())
    if metadata[b"axes"] == b"number":
        return [None if v is None else np.asarray(v, dtype)[()] for v in column.to_pylist()]
    axes = tuple(int(size) for size in metadata[b"axes"].decode().split(",") if size)
    flat, offsets = column.values.to_numpy(zero_copy_only=False), column.offsets.to_numpy()
    missing = column.is_null().to_numpy(zero_copy_only=False)
    each = math.prod(axes)
    parts = [flat[a:b].astype(dtype) for a, b in itertools.pairwise(offsets)]
    return [
        None if none else part.reshape(len(part) // each if each else 0, *axes)
        for part, none in zip(parts, missing, strict=True)
    ]

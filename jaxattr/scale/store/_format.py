"""How a chunk of rows becomes the bytes of one file: parquet, or a format of one's own."""

import io
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from jaxattr import _checks
from jaxattr.scale.store._errors import StoreError
from jaxattr.scale.store._folder import AT_MOST

Columns = Mapping[str, Sequence[Any]]
"""By name one entry a row: a number, a text, None, or an array of any shape."""

_SUFFIX = re.compile(r"(\.[a-z0-9]+)+")
_LONGEST = 40
_AT_ONCE = 4096


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


def checked(name: str, kind: Any) -> Format:
    """A format whose files have plain names: the suffix is part of them, and a path in it would lead elsewhere."""
    suffix = getattr(kind, "suffix", None)
    if not isinstance(suffix, str) or not callable(getattr(kind, "encode", None)):
        raise TypeError(
            f"{name} wants format= with suffix, encode and decode, but got {_checks.describe(kind)}. Leave it out for "
            "parquet, or give an object such as jaxattr.scale.Parquet()."
        )
    if not _SUFFIX.fullmatch(suffix) or len(suffix) > _LONGEST:
        raise ValueError(
            f"{name} wants the suffix of a format as a dot and lower-case letters or digits, at most {_LONGEST} in "
            f"all, but got {suffix[:80]!r}. Write suffix = '.npz'."
        )
    return kind


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
        check_size(table.nbytes)
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
            file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
            table = pa.Table.from_batches(_batches(file), file.schema_arrow)
            table.validate(full=True)
            return {
                field.name: _from_arrow(table.column(i).combine_chunks(), field.metadata or {})
                for i, field in enumerate(table.schema)
            }
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise StoreError(
                f"a parquet file of the run cannot be read: {error}. Delete it and run again: the rest is kept."
            ) from error


def check_size(size: int) -> None:
    """Refuse to write a chunk that could not be read again."""
    if size > AT_MOST:
        raise ValueError(
            f"scale.run wants chunks of at most {AT_MOST:,} bytes, but one has {size:,}. Write a smaller chunk_rows=, "
            "or return less from explain, such as the sum over the embedding axis."
        )


def _batches(file: Any) -> Iterator[Any]:
    """The rows of a file, some at a time: what it claims of itself makes no room, and is compared with what there is.

    The metadata of single columns stay unread: where they are damaged Arrow aborts the process.
    """
    rows = size = 0
    for batch in file.iter_batches(_AT_ONCE, use_threads=False):
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if size > AT_MOST:
            raise ValueError(f"it holds more than {AT_MOST:,} bytes")
        yield batch
    if rows != file.metadata.num_rows:
        raise ValueError(f"it claims {file.metadata.num_rows:,} rows, and holds {rows:,}")


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
    import pyarrow as pa

    if b"dtype" not in metadata:
        return column.to_pylist()
    dtype = jnp.dtype(metadata[b"dtype"].decode())
    if dtype.kind not in "biufcmM" and not jnp.issubdtype(dtype, np.number):
        raise ValueError(f"it claims numbers of the type {str(dtype)[:80]!r}")
    if metadata[b"axes"] == b"number":
        return [None if v is None else np.asarray(v, dtype)[()] for v in column.to_pylist()]
    axes = tuple(int(size) for size in metadata[b"axes"].decode().split(",") if size)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise ValueError(f"it claims arrays, and holds {str(column.type)[:80]}")
    flat, offsets = column.values.to_numpy(zero_copy_only=False), column.offsets.to_numpy()
    missing = column.is_null().to_numpy(zero_copy_only=False)
    each = math.prod(axes)
    parts = [flat[a:b].astype(dtype) for a, b in itertools.pairwise(offsets)]
    return [
        None if none else part.reshape(len(part) // each if each else 0, *axes)
        for part, none in zip(parts, missing, strict=True)
    ]

"""Reads FlatBuffers: tables of fields at offsets, where every offset is checked against the size of the data.

A table begins with the way back to its vtable, which lists where each field lies in the table; 0 is a field that is not
there. Offsets to strings, vectors and other tables point forwards from where they stand.
"""

import struct
from typing import Any, NamedTuple

import numpy as np


class DamagedError(ValueError):
    """The data are cut short, or an offset in them leads outside."""


class Table(NamedTuple):
    """One table.

    Attributes:
      data: The whole buffer.
      at: Where the table begins.
    """

    data: bytes
    at: int


def _unpack(data: bytes, at: int, form: str) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(form):
        raise DamagedError(f"an offset leads to byte {at} of {len(data)}")
    return struct.unpack_from("<" + form, data, at)[0]


def root(data: bytes) -> Table:
    """The table from which all others are reached.

    Args:
      data: The whole buffer.

    Returns:
      The table.

    Raises:
      DamagedError: When the buffer is too short.
    """
    return Table(data, _unpack(data, 0, "I"))


def _field(table: Table, slot: int) -> int | None:
    """Where a field lies; None where the table does not have it."""
    vtable = table.at - _unpack(table.data, table.at, "i")
    size = _unpack(table.data, vtable, "H")
    if 4 + 2 * slot + 2 > size:
        return None
    offset = _unpack(table.data, vtable + 4 + 2 * slot, "H")
    return table.at + offset if offset else None


def number(table: Table, slot: int, form: str, default: int = 0) -> int:
    """A field that holds a number.

    Args:
      table: The table.
      slot: The place of the field in the schema, counted from 0.
      form: Its kind, a letter of `struct`.
      default: What a field that is not there means.

    Returns:
      The number.

    Raises:
      DamagedError: When an offset leads outside.
    """
    at = _field(table, slot)
    return default if at is None else _unpack(table.data, at, form)


def _target(table: Table, slot: int) -> int | None:
    at = _field(table, slot)
    return None if at is None else at + _unpack(table.data, at, "I")


def child(table: Table, slot: int) -> Table | None:
    """A field that holds another table; None where it is not there."""
    at = _target(table, slot)
    return None if at is None else Table(table.data, at)


def vector(table: Table, slot: int, dtype: Any) -> np.ndarray:
    """A field that holds a vector of numbers.

    Args:
      table: The table.
      slot: The place of the field in the schema, counted from 0.
      dtype: The kind of the numbers, little-endian.

    Returns:
      A copy of the numbers; empty where the field is not there.

    Raises:
      DamagedError: When the vector does not end inside the data.
    """
    at, kind = _target(table, slot), np.dtype(dtype)
    if at is None:
        return np.empty(0, kind)
    count = _unpack(table.data, at, "I")
    if count * kind.itemsize > len(table.data) - at - 4:
        raise DamagedError(f"a vector of {count} entries at byte {at} is longer than the rest of {len(table.data)}")
    return np.frombuffer(table.data, kind, count, at + 4).copy()


def children(table: Table, slot: int) -> list[Table]:
    """A field that holds a vector of tables; empty where it is not there."""
    at = _target(table, slot)
    offsets = vector(table, slot, "<u4")
    return [Table(table.data, (at or 0) + 4 + 4 * place + int(offset)) for place, offset in enumerate(offsets)]

"""Chunks as files: the number of the chunk and the checksum of the bytes are the name, so that both appear at once."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxattr.scale.store._errors import StoreError
from jaxattr.scale.store._folder import Folder
from jaxattr.scale.store._format import Columns, Format, check_size

FOLDER = "chunks"
ROW, ID, ERROR = "row", "id", "error"
"""The columns that every chunk has: the number of the row, its id, and why it has no numbers (None where it has)."""
_KINDS = {ROW: (int, np.integer), ID: (str, int, np.integer), ERROR: (str, type(None))}
_NAME = re.compile(r"([0-9]{8})-([0-9a-f]{32})(\.[a-z0-9.]+)")


def published(where: Folder, suffix: str, total: int | None = None) -> dict[int, str]:
    """The file of each chunk that is there, of so many. Of two for one the first counts, for every reader the same."""
    found: dict[int, str] = {}
    for name in where.names(FOLDER):
        match = _NAME.fullmatch(name)
        if match is None or match[3] != suffix or (total is not None and int(match[1]) >= total):
            raise StoreError(
                f"the folder {FOLDER} holds {name!r}, which is no chunk of this run. Move it away; runs need a folder "
                "of their own."
            )
        found.setdefault(int(match[1]), name)
    return found


def publish(where: Folder, chunk: int, columns: Columns, kind: Format) -> str:
    """Write a chunk; gives its name."""
    data = kind.encode(columns)
    check_size(len(data))
    name = f"{chunk:08d}-{_checksum(data)}{kind.suffix}"
    where.publish(f"{FOLDER}/{name}", data)
    return name


def read(where: Folder, name: str, kind: Format) -> dict[str, list[Any]]:
    """The columns of a chunk, after a look at its checksum."""
    data = where.read(f"{FOLDER}/{name}")
    match = _NAME.fullmatch(name)
    if match is None or match[2] != _checksum(data):
        raise StoreError(
            f"chunk {name} is damaged: the checksum of its bytes is not the one in its name. Delete the file and run "
            "again: the rest is kept."
        )
    return checked(kind.decode(data), name)


def checked(columns: Mapping[str, list[Any]], name: str) -> dict[str, list[Any]]:
    """Columns that are those of a chunk."""
    missing = {ROW, ID, ERROR} - columns.keys()
    if missing or len({len(column) for column in columns.values()}) != 1:
        raise StoreError(
            f"chunk {name} is no chunk of a run: it lacks {sorted(missing)} or its columns differ in length."
        )
    for column, kinds in _KINDS.items():
        odd = [value for value in columns[column] if not isinstance(value, kinds)]
        if odd:
            raise StoreError(f"chunk {name} is no chunk of a run: {odd[0]!r:.80} is in its column {column!r}.")
    return dict(columns)


def errors(columns: Mapping[str, list[Any]]) -> dict[Any, str]:
    """The rows of a chunk without numbers, by id, and why."""
    pairs = zip(columns[ID], columns[ERROR], strict=True)
    return {name: error for name, error in pairs if error is not None}


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]

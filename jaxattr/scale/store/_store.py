"""What a run left in its folder, for reading: rows by number or id, whole tables, and whether all of it is intact."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxattr.scale.store import _format, _manifest, _shards
from jaxattr.scale.store._errors import StoreError
from jaxattr.scale.store._folder import Folder, folder
from jaxattr.scale.store._format import Format, Parquet


@dataclasses.dataclass(frozen=True)
class Verified:
    """What :meth:`Store.verify` found.

    Attributes:
        rows: rows with numbers.
        quarantined: the rows without, by id: why.
        missing: the chunks that are not there yet.
        damaged: what is wrong with which file.
    """

    rows: int
    quarantined: dict[Any, str]
    missing: list[int]
    damaged: list[str]

    @property
    def complete(self) -> bool:
        """Whether all chunks are there, intact."""
        return not self.missing and not self.damaged


class Store:
    r"""The results of :func:`jaxattr.scale.run` in a folder; `store[17]` is a row, `len(store)` how many there will be.

    $$\mathrm{row} \mapsto \{\mathrm{id},\ \mathrm{tokens},\ \phi,\ \mathrm{gap},\ \dots\}$$

    Every file is compared with its checksum when it is read. A chunk is read once and kept; `to_arrow` and `to_pandas`
    read them all.

    Args:
        path: the folder, or a path of an object store.
        format: what decodes the chunks; None reads parquet.

    Raises:
        StoreError: no run in the folder, a damaged file, a row that is not there yet.
        KeyError: an unknown row.

    Example:
        >>> import tempfile, numpy as np, jaxattr as ja
        >>> explain = lambda w, ids: ja.gradient(lambda w: (w[ids] ** 2).sum())(w)[ids]
        >>> out = tempfile.mkdtemp() + "/run"
        >>> _ = ja.scale.run(explain, np.ones(5, np.float32), {"ids": np.array([[1, 2], [3, 3]])}, out=out)
        >>> store = ja.scale.Store(out)
        >>> len(store), store[0]["ids"].tolist(), store[1]["values"].tolist()
        (2, [1, 2], [4.0, 4.0])

    References:
        The file format: :cite:`apache2013parquet`.
    """

    def __init__(self, path: Any, *, format: Format | None = None) -> None:  # noqa: A002
        self._where: Folder = folder(path)
        self._format: Format = _format.checked("scale.Store", format or Parquet())
        manifest = _manifest.read(self._where)
        if manifest is None:
            raise StoreError(
                f"there is no run in {path}: it has no {_manifest.NAME}. Start one with jaxattr.scale.run."
            )
        self.manifest: dict[str, Any] = manifest
        self._kept: dict[str, dict[str, list[Any]]] = {}
        self._places: dict[Any, tuple[str, int]] = {}
        self._ids: dict[Any, int] = {}

    def __len__(self) -> int:
        return self.manifest["rows"]

    def __getitem__(self, row: int) -> dict[str, Any]:
        if not -len(self) <= row < len(self):
            raise IndexError(f"the run has {len(self)} rows, and row {row} is none of them.")
        return self._row(row % len(self))

    def by_id(self, name: Any) -> dict[str, Any]:
        """The row of an id."""
        if not self._found(lambda: name in self._ids):
            raise KeyError(f"no row that is there has the id {name!r}.")
        return self._row(self._ids[name])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(len(self)))

    def chunks(self) -> Iterator[dict[str, list[Any]]]:
        """The chunks that are there, one after another, each as columns; their rows are in the order of lengths."""
        for _, name in sorted(self._published().items()):
            yield _shards.read(self._where, name, self._format)

    def quarantined(self) -> dict[Any, str]:
        """The rows without numbers, by id, and why."""
        return {name: error for columns in self.chunks() for name, error in _shards.errors(columns).items()}

    def verify(self) -> Verified:
        """Read every file and compare it with its checksum; look whether every row is there once."""
        damaged, seen, rows, bad = [], set(), 0, {}
        files = self._published()
        for name in files.values():
            try:
                columns = _shards.read(self._where, name, self._format)
            except (StoreError, OSError) as error:
                damaged.append(str(error))
                continue
            for row in columns[_shards.ROW]:
                if row in seen or not 0 <= row < len(self):
                    damaged.append(
                        f"chunk {name} holds row {row}, which another holds too or which is none of the run."
                    )
                seen.add(row)
            found = _shards.errors(columns)
            rows += len(columns[_shards.ROW]) - len(found)
            bad.update(found)
        missing = [chunk for chunk in range(self.manifest["chunks"]) if chunk not in files]
        if not missing and not damaged and len(seen) != len(self):
            damaged.append(f"{len(self) - len(seen)} rows are in no chunk.")
        return Verified(rows, bad, missing, damaged)

    def to_arrow(self) -> Any:
        """All rows that are there as a `pyarrow.Table`, in the order of the data set."""
        import pyarrow as pa

        tables = [_table(columns) for columns in self.chunks()]
        if not tables:
            raise StoreError("no chunk of the run is there yet.")
        return pa.concat_tables(tables, promote_options="default").sort_by(_shards.ROW)

    def to_pandas(self) -> Any:
        """All rows that are there as a `pandas.DataFrame`, in the order of the data set."""
        return self.to_arrow().to_pandas()

    def _published(self) -> dict[int, str]:
        return _shards.published(self._where, self._format.suffix, self.manifest["chunks"])

    def _row(self, row: int) -> dict[str, Any]:
        if not self._found(lambda: row in self._places):
            missing = self.manifest["chunks"] - len(self._published())
            raise StoreError(f"row {row} is not there yet: {missing} of {self.manifest['chunks']} chunks are missing.")
        name, place = self._places[row]
        if name not in self._kept:
            self._kept[name] = _shards.read(self._where, name, self._format)
        return {column: values[place] for column, values in self._kept[name].items()}

    def _found(self, known: Callable[[], bool]) -> bool:
        """Look into one chunk after another until something is known."""
        if known():
            return True
        seen = {name for name, _ in self._places.values()}
        for name in self._published().values():
            if name not in seen:
                columns = _shards.read(self._where, name, self._format)
                for place, (row, key) in enumerate(zip(columns[_shards.ROW], columns[_shards.ID], strict=True)):
                    self._places[row], self._ids[key] = (name, place), row
                if known():
                    return True
        return False


def _table(columns: dict[str, list[Any]]) -> Any:
    import pyarrow as pa

    def plain(value: Any) -> Any:
        if not isinstance(value, (np.ndarray, np.generic)):
            return value
        known = value.astype(np.float32) if value.dtype.name == "bfloat16" else value
        return known if known.ndim == 1 else known.tolist()

    return pa.table({name: pa.array([plain(v) for v in values]) for name, values in columns.items()})

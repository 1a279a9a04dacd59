"""A store without a disk: the folder, the format and the listings of a simulated run."""

import itertools
import math
from collections.abc import Callable, Iterator

from jaxattr.scale.store import _shards
from jaxattr.scale.store._folder import Folder
from jaxattr.scale.store._format import Columns

PAGE = 1000
"""Names that an object store gives for one request."""


class Tiny:
    """A format whose files hold the number of their chunk and nothing else."""

    suffix = ".bin"

    def encode(self, columns: Columns) -> bytes:
        """The bytes of a file."""
        return b"%d" % columns[_shards.ROW][0]

    def decode(self, data: bytes) -> dict[str, list]:
        """The columns again."""
        return columns(int(data))


def columns(chunk: int) -> dict[str, list]:
    """The columns of a chunk that holds one row, of the same number."""
    return {_shards.ROW: [chunk], _shards.ID: [chunk], _shards.ERROR: [None]}


class Memory:
    """A folder in memory, as `jaxattr.scale.store._folder.Folder` wants it.

    Attributes:
      files: The bytes by name, in the order in which they appeared.
      refused: How many publications found their name taken.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.refused = 0

    def names(self, under: str) -> list[str]:
        """The names of the files in a subfolder, in order."""
        return sorted(name.removeprefix(f"{under}/") for name in self.files if name.startswith(f"{under}/"))

    def read(self, name: str, at_most: int = 0, /) -> bytes:
        """The bytes of a file, however many."""
        del at_most
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]

    def publish(self, name: str, data: bytes) -> bool:
        """Makes a file appear; False, and nothing is changed, where there is one of this name."""
        if name in self.files:
            self.refused += 1
            return False
        self.files[name] = data
        return True


class _Newest:
    """The files of a folder that appeared last."""

    def __init__(self, found: list[str]) -> None:
        self.found = found

    def names(self, under: str) -> list[str]:
        return sorted(name.removeprefix(f"{under}/") for name in self.found)

    def read(self, name: str, at_most: int = 0, /) -> bytes:
        del at_most
        raise FileNotFoundError(name)

    def publish(self, name: str, data: bytes) -> bool:
        del name, data
        return False


class Seen:
    """The chunks that one listing showed; later ones do not change it."""

    def __init__(self, first: dict[int, int], listing: int) -> None:
        self._first, self._listing = first, listing

    def __contains__(self, chunk: int) -> bool:
        return self._first.get(chunk, self._listing + 1) <= self._listing

    def __iter__(self) -> Iterator[int]:
        return (chunk for chunk in self._first if chunk in self)


class Listings:
    """Which chunks are there, by the real `published`; it reads each name once, for names never go away.

    `published` is asked about the files that are new since the listing before, and its answer is added to what was
    known. That is what it would say of all files, and makes ten thousand listings of ten thousand files affordable.

    Attributes:
      count: How many listings there were.
      requests: How many requests these would be to an object store.
    """

    def __init__(self, folder: Memory, suffix: str, published: Callable[[Folder, str], dict[int, str]]) -> None:
        self._folder, self._suffix, self._published = folder, suffix, published
        self._first: dict[int, int] = {}  # at which listing a chunk was seen first
        self._read = 0
        self.count = self.requests = 0

    def __call__(self) -> Seen:
        """The chunks that are there now."""
        files = self._folder.files
        self.count += 1
        self.requests += max(1, math.ceil(len(files) / PAGE))
        if len(files) > self._read:
            newest = list(itertools.islice(reversed(files), len(files) - self._read))
            self._read = len(files)
            for chunk in self._published(_Newest(newest), self._suffix):
                self._first.setdefault(chunk, self.count)
        return Seen(self._first, self.count)

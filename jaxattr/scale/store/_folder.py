"""Where the files of a run lie: a folder of this machine (or of a shared file system), or of an object store.

Files appear whole or not at all, and are never changed. Locally that takes a file of another name, `fsync`, a hard link
(which fails where the name is taken) and `fsync` of the folder; object stores publish a file when it is closed.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from jaxattr.scale.store._errors import StoreError

AT_MOST = 2**34
"""Bytes of a file: one that has more is read no further."""

_UNFINISHED = ".unfinished-"
_PART = "[a-z0-9]+([.-][a-z0-9]+)*"
_LONGEST = 120
_PLAIN = re.compile(f"({_PART}/)?{_PART}")


def _nothing(_: str) -> None:
    return None


passed: Callable[[str], None] = _nothing
"""Called with the name of each step of a publication; tests put in what kills the process there."""


class Folder(Protocol):
    """What a store needs of a folder."""

    def names(self, under: str) -> list[str]:
        """The names of the files in a subfolder, in order; empty where there is none."""
        ...

    def read(self, name: str, at_most: int = ..., /) -> bytes:
        """The bytes of a file that may have so many at most; FileNotFoundError where there is none."""
        ...

    def publish(self, name: str, data: bytes) -> bool:
        """Make a file appear, whole; False, and nothing is changed, where there is one of this name."""
        ...


def folder(path: Any) -> Folder:
    """The folder of a path; `gs://` and the like go through fsspec."""
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(
            f"a run wants a folder, but got {text!r}. Write out='runs/first', or a path as gs://bucket/run."
        )
    if "://" not in text:
        return Local(Path(text))
    there = Remote(text)
    return Local(Path(there.path)) if "file" in there.protocols else there


def _plain(name: str) -> str:
    """A name that stays in the folder: it comes from this library or was compared with what it writes, but see."""
    if len(name) > _LONGEST or not _PLAIN.fullmatch(name):
        raise StoreError(f"a run has no file {name[:80]!r}: its files have plain names. Take another folder.")
    return name


def _small(name: str, size: int, at_most: int) -> None:
    """Refuse a file that no run writes, before its bytes are read."""
    if size > at_most:
        raise StoreError(
            f"{name} is damaged: it has {size:,} bytes, and a run writes {at_most:,} at most. Restore it from a copy."
        )


class Local:
    """A folder of this machine or of a shared file system. Links in it are refused, not followed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self, under: str) -> list[str]:
        """The names of the files in a subfolder, in order."""
        place = self.path / under
        self._no_link(place)
        if not place.is_dir():
            return []
        return sorted(entry.name for entry in os.scandir(place) if not entry.name.startswith("."))

    def read(self, name: str, at_most: int = AT_MOST, /) -> bytes:
        """The bytes of a file; what is no file (a pipe, which would never end) is refused."""
        place = self.path / _plain(name)
        for part in (place.parent, place):
            self._no_link(part)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        handle = os.open(place, flags)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > at_most:
            os.close(handle)
            _small(name, found.st_size, at_most)
            raise StoreError(f"a run keeps plain files, but {place} is none. Move it away, or choose another folder.")
        with os.fdopen(handle, "rb") as file:
            return file.read(found.st_size)

    def publish(self, name: str, data: bytes) -> bool:
        """Make a file appear, whole, and be there after a loss of power."""
        place = self.path / _plain(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        for part in (place.parent, place):
            self._no_link(part)
        passed("before write")
        unfinished = place.parent / f"{_UNFINISHED}{os.getpid()}-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        try:
            with os.fdopen(os.open(unfinished, flags, 0o666), "wb") as file:
                file.write(data)
                passed("after write")
                file.flush()
                passed("before fsync")
                os.fsync(file.fileno())
            passed("after fsync")
            passed("before rename")
            new = _link(unfinished, place)
            passed("after rename")
        finally:
            with contextlib.suppress(FileNotFoundError):
                unfinished.unlink()
        _sync_folder(place.parent)
        passed("after folder fsync")
        return new

    def sweep(self, under: str) -> None:
        """Remove what killed processes left unfinished; the process that owns it must not be running here."""
        place = self.path / under
        if not place.is_dir() or place.is_symlink():
            return
        for entry in list(os.scandir(place)):
            if entry.name.startswith(_UNFINISHED) and not _is_running(entry.name):
                with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):  # a folder is not ours
                    Path(entry.path).unlink()

    def _no_link(self, place: Path) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if stat.S_ISLNK(place.lstat().st_mode):
                raise StoreError(
                    f"a run keeps plain files, but {place} is a symbolic link. Remove it, or choose another folder."
                )


class Remote:
    """A folder of an object store, through fsspec."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise ImportError(
                f"paths such as {url} need fsspec: pip install fsspec, and the driver of the store."
            ) from error
        self.files, self.path = fsspec.core.url_to_fs(url)

    def names(self, under: str) -> list[str]:
        """The names of the files in a subfolder, in order."""
        place = f"{self.path}/{under}"
        self.files.invalidate_cache()
        if not self.files.isdir(place):
            return []
        return sorted(Path(found).name for found in self.files.ls(place, detail=False))

    @property
    def protocols(self) -> tuple[str, ...]:
        """What the paths of this store may begin with."""
        found = self.files.protocol
        return (found,) if isinstance(found, str) else tuple(found)

    def read(self, name: str, at_most: int = AT_MOST, /) -> bytes:
        """The bytes of a file."""
        place = f"{self.path}/{_plain(name)}"
        _small(name, self.files.size(place) or 0, at_most)
        return self.files.cat_file(place)

    def publish(self, name: str, data: bytes) -> bool:
        """Make a file appear; two processes that publish one name at the same moment write the same bytes."""
        place = f"{self.path}/{_plain(name)}"
        self.files.invalidate_cache()
        if self.files.exists(place):
            return False
        self.files.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
        self.files.pipe_file(place, data)
        return True


def _link(source: Path, target: Path) -> bool:
    """Give a finished file its name; False where the name is taken."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
            raise
        if target.exists():  # a file system without hard links
            return False
        source.replace(target)
    return True


def _sync_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_running(name: str) -> bool:
    """Whether the process of an unfinished file may still be at work; one of another machine is not known here."""
    number = name.removeprefix(_UNFINISHED).split("-")[0]
    if not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def sweep(where: Folder, folders: Sequence[str]) -> None:
    """Remove what killed processes of this machine left unfinished."""
    if isinstance(where, Local):
        for under in folders:
            where.sweep(under)

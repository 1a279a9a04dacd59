"""Memory that is full: which errors say so, and what is said where not even one row has room."""

from collections.abc import Sequence
from typing import Any

from jaxattr.scale.corpus._source import NAME

_SAYINGS = ("RESOURCE_EXHAUSTED", "out of memory", "Out of memory")
_TOLD = 5


class RowMemoryError(MemoryError):
    """One row at a time is out of memory; `ids` names the row, or the rows of as many devices."""

    def __init__(self, message: str, ids: list[Any]) -> None:
        super().__init__(message)
        self.ids = ids


class BatchFullError(Exception):
    """A batch is out of memory; `begin` is the place of its first row among those that were sent."""

    def __init__(self, begin: int) -> None:
        super().__init__(begin)
        self.begin = begin


def is_full(error: BaseException) -> bool:
    """Whether an error says that memory is full."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in _SAYINGS)


def no_room(ids: Sequence[Any], width: int, cause: BaseException | None) -> RowMemoryError:
    """What is raised where no smaller batch is left."""
    named = ", ".join(repr(name)[:80] for name in ids[:_TOLD]) + (", ..." if len(ids) > _TOLD else "")
    said = str(cause).splitlines()[0][:200] if cause is not None and str(cause) else type(cause).__name__
    return RowMemoryError(
        f"{NAME} wants room for one row a device, but it is out of memory with {named} at {max(width, 1):,} positions "
        f"({said}). What is published is safe. Write a batch_size= inside explain, shorten the row with prepare=, or "
        "shard the parameters over a mesh=, and run again.",
        list(ids),
    )

"""Texts with labels in files of lines."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from experiments.datasets import store

Labelled = tuple[str, int]
Reader = Callable[[Path], Iterator[Labelled]]


def decoded(path: Path) -> str:
    """The text of a file in UTF-8.

    Raises:
      ValueError: When it is in another encoding.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected text in UTF-8, got {path} ({error}). Fetch the file again.") from error


def commas(names: Sequence[str]) -> Reader:
    """A reader of a CSV file with the columns label and review.

    Args:
      names: The classes, in the order of their numbers.

    Returns:
      From the path of a file to its texts with labels. A damaged file raises ValueError on reading.
    """

    def read(path: Path) -> Iterator[Labelled]:
        rows = csv.reader(io.StringIO(decoded(path), newline=""))
        if next(rows, None) != ["label", "review"]:
            raise ValueError(f"Expected the columns label,review in {path}, got others. Fetch the file again.")
        for row in rows:
            where = f"line {rows.line_num} of {path}"
            if len(row) != 2:
                raise ValueError(f"Expected two columns, got {len(row)} in {where}. Fetch the file again.")
            yield row[1], _number(row[0], names, where)

    return read


def tabs(
    names: Sequence[str], *, head: str = "", label_first: bool = False, order: Sequence[str] | None = None
) -> Reader:
    """A reader of lines of a text and a label with a tab between them.

    Args:
      names: The classes, in the order of their numbers here.
      head: The first line; empty where there is none.
      label_first: Whether the label stands before the text.
      order: The classes in the order of their numbers in the file, where that is another.

    Returns:
      From the path of a file to its texts with labels. A damaged file raises ValueError on reading.
    """
    order = names if order is None else order

    def read(path: Path) -> Iterator[Labelled]:
        lines = decoded(path).split("\n")
        if head and lines.pop(0).rstrip("\r") != head:
            raise ValueError(f"Expected the first line {head!r} in {path}, got another. Fetch the file again.")
        for number, line in enumerate(lines, 1 + bool(head)):
            if not line.strip():
                continue
            where = f"line {number} of {path}"
            pair = line.split("\t", 1) if label_first else line.rsplit("\t", 1)[::-1]
            if len(pair) != 2:
                raise ValueError(
                    f"Expected a text and a label with a tab between them, got none in {where}. Fetch it again."
                )
            yield pair[1], names.index(order[_number(pair[0], order, where)])

    return read


def _number(value: str, names: Sequence[str], where: str) -> int:
    return store.label(int(value) if value.strip().isdecimal() else value, names, where)

"""Which rows make which chunk: a function of the lengths alone, the same for any number of processes and devices."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxattr.scale._buckets import parted


class Chunk(NamedTuple):
    """Rows that are published together.

    Attributes:
        number: which chunk.
        rows: the numbers of its rows, the longest first.
        width: what ragged columns are padded to.
    """

    number: int
    rows: np.ndarray
    width: int


def chunks(lengths: np.ndarray, size: int, widths: int) -> list[Chunk]:
    """All rows in chunks, the longest first, so that a lack of memory shows at once."""
    return [Chunk(number, *part) for number, part in enumerate(parted(lengths, size, widths))]


def in_turn(total: int, process: int, processes: int) -> Iterator[int]:
    """The chunks in the order in which one of several processes takes them: its own, then those of the others.

    Its own are every so-manieth. When these are done it goes on with those that others have not published, each process
    in a random order of its own; so a lost process holds up nobody, and seldom do two work on the same at a time. (All
    from the last one, or from one neighbour after another, would meet at the same missing chunk again and again.)
    """
    yield from range(process, total, processes)
    others = np.random.default_rng(process).permutation(total)
    yield from others[others % processes != process].tolist()

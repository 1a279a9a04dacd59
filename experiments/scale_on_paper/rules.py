"""How a worker chooses its next chunk: as the library does, and in simpler ways."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from experiments.scale_on_paper.memory import Listings
from jaxattr.scale.corpus._chunks import in_turn
from jaxattr.scale.store import _shards


def from_a_place(total: int, process: int, processes: int) -> Iterator[int]:
    """A simpler order: the others' chunks, the last first, from a place of its own.

    Args:
      total: How many chunks.
      process: Which worker.
      processes: How many workers.

    Yields:
      Its own chunks, then all others.
    """
    yield from range(process, total, processes)
    others = [chunk for chunk in range(total - 1, -1, -1) if chunk % processes != process]
    begin = len(others) * process // processes
    yield from (*others[begin:], *others[:begin])


class Rules(NamedTuple):
    """How chunks are chosen and published.

    Attributes:
      order: The order in which a worker takes chunks, its own first.
      own_again: Whether a worker looks up its own chunks too before it begins them, and not only those of others.
      ahead: Whether a worker chooses a chunk while it begins the one before. The library does, so that rows are read
        meanwhile, but looks it up again when it begins it and leaves it where it is there; that is as good as not.
      publish: What writes a chunk.
      published: What lists the chunks that are there.
    """

    order: Callable[[int, int, int], Iterator[int]] = in_turn
    own_again: bool = True
    ahead: bool = False
    publish: Callable[..., str] = _shards.publish
    published: Callable[..., dict[int, str]] = _shards.published


BEFORE = "one after another"
RANDOM = "in a random order"
OWN = "own chunks are looked up too"
NOW = "as it is"
RULES = {
    BEFORE: Rules(order=from_a_place, own_again=False, ahead=True),
    RANDOM: Rules(own_again=False, ahead=True),
    OWN: Rules(ahead=True),
    NOW: Rules(),
}
"""Each has what the one before has, and one thing more."""


def chosen(rules: Rules, there: Listings, total: int, process: int, processes: int) -> Iterator[int]:
    """The chunks that a worker does, each looked up when it is asked for; the twin of `_open` in `scale.run`.

    Args:
      rules: How.
      there: Lists the chunks that are there.
      total: How many chunks.
      process: Which worker.
      processes: How many workers.

    Yields:
      Numbers of chunks.
    """
    known = there()
    mine = len(range(process, total, processes))
    for place, number in enumerate(rules.order(total, process, processes)):
        if number in known:
            continue
        if place >= mine or rules.own_again:
            known = there()
        if number not in known:
            yield number

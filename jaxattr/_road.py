"""The straight way from a baseline to an input, with what is affine in the argument taken out of the score."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxattr import _affine, _argument, _checks, _ties
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32


class Road(NamedTuple):
    """What every integral along the straight path needs.

    Attributes:
        begin: the leaves of the argument at the baseline.
        parts: the score as an affine prefix and the rest.
        starts: what the prefix makes of the baseline, in float32 at least.
        moves: how far that moves on the way to the input.
        dtypes: the precision in which the rest is evaluated.
        attribution: from mean slopes at the values of the prefix to an attribution for each leaf.
    """

    begin: list[Any]
    parts: _affine.Split
    starts: list[Any]
    moves: list[Any]
    dtypes: list[Any]
    attribution: Callable[[list[Any]], list[Any]]

    def only(self, places: list[int]) -> "Road":
        """The same for some of the values."""
        starts, moves, dtypes = ([each[i] for i in places] for each in (self.starts, self.moves, self.dtypes))
        return self._replace(starts=starts, moves=moves, dtypes=dtypes)

    def point(self, t: Any) -> list[Any]:
        """The values of the prefix at a place on the way."""
        pairs = zip(self.starts, self.moves, self.dtypes, strict=True)
        return [(a + t.astype(b.dtype) * b).astype(dtype) for a, b, dtype in pairs]


def road(name: str, argument: Argument, baseline: Any, where: Any, hoist: bool) -> Road:
    """The way for an argument; `hoist` says whether anything is taken out."""
    start, delta = line(name, argument, baseline, where)
    begin = [a.astype(x.dtype) for a, x in zip(start, argument.leaves, strict=True)]

    def score(leaves: list[Any]) -> Any:
        return argument.score(leaves)[0]

    leaves = argument.leaves
    parts = _affine.split(score, leaves) if hoist else _affine.unsplit(_ties.steadied(score, leaves), leaves)
    ends, pull = jax.vjp(parts.prefix, leaves)
    dtypes = [z.dtype for z in ends]
    starts = [a.astype(at_least_float32(a.dtype)) for a in parts.prefix(begin)]
    moves = [_moved(a, z.astype(a.dtype)) for a, z in zip(starts, ends, strict=True)]

    def attribution(means: list[Any]) -> list[Any]:
        # Where nothing is pulled through, the means stay in the precision of the sum.
        slopes = pull([m.astype(dtype) for m, dtype in zip(means, dtypes, strict=True)])[0] if parts.hoisted else means
        return [d * m for d, m in zip(delta, slopes, strict=True)]

    return Road(begin, parts, starts, moves, dtypes, attribution)


def line(name: str, argument: Argument, baseline: Any, where: Any) -> tuple[list[Any], list[Any]]:
    """Where the path starts, and how far each entry moves, in float32 at least."""
    x0 = baseline(argument.value) if callable(baseline) else baseline
    _checks.check_same(name, "baseline", x0, argument.value)
    marks = _argument.marked(name, argument, where)
    ends = [leaf.astype(at_least_float32(leaf.dtype)) for leaf in argument.leaves]
    start = [a.astype(b.dtype) for a, b in zip(_argument.arrays(x0), ends, strict=True)]
    if marks is not None:
        start = [jnp.where(m, a, b) for m, a, b in zip(marks, start, ends, strict=True)]
    return start, [_moved(a, b) for a, b in zip(start, ends, strict=True)]


def _moved(a: Any, b: Any) -> Any:
    """How far it is from a to b; what is infinite at both ends, as masked positions are, does not move."""
    return jnp.where(a == b, 0, b - a)

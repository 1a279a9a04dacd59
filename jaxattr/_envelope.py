r"""The maximum of many lines, at all nodes of a path at once.

On a line an affine value moves as $z_p(t) = a_p + t\,b_p$ at each position p, and its maximum over the positions is the
upper envelope of these lines: convex in t, with few pieces. The winner of a piece is looked for once, not at each node.
A node that rounding could put on either side of a crossing begins a piece of its own, and winners are compared there.
Lines that are as large share evenly, as in the gradient of `jnp.max`: repeated words, and lines that cross at a node.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxattr import _ties


class Winner(NamedTuple):
    """The line that is the largest at each node, `[S, C]` each.

    Attributes:
        start: where it starts.
        move: how far it moves.
        since: the number of the first node of its piece.
    """

    start: Any
    move: Any
    since: Any


def winners(start: Any, move: Any, t: Any) -> Winner:
    """The winners of lines `[L, C]` at the nodes `t[S]`, which are above 0 and increase.

    Each round takes for every column the first node that is left, finds the winner there and the place where a steeper
    line overtakes it, and gives it all nodes before that place.
    """
    number, node = jnp.arange(len(t))[:, None], t[:, None]

    def ahead(state: tuple[Any, Winner]) -> tuple[Any, Winner]:
        first, (a, b, since) = state
        here = start + node[jnp.minimum(first[0], len(t) - 1)].T * move
        place = jnp.argmax(here, axis=0)[None]
        best = jnp.take_along_axis(start, place, 0), jnp.take_along_axis(move, place, 0)
        steeper = move > best[1]
        doubt = 8 * jnp.finfo(start.dtype).eps * (abs(best[0]) + abs(start) + abs(best[1]) + abs(move))
        ahead = best[0] - start - doubt
        overtaken = jnp.where(steeper, ahead / jnp.where(steeper, move - best[1], 1), jnp.inf)
        before = (node < overtaken.min(0, keepdims=True)).sum(0, keepdims=True, dtype=first.dtype)
        after = jnp.maximum(first + 1, before)
        won = (number >= first) & (number < after)
        return after, Winner(jnp.where(won, best[0], a), jnp.where(won, best[1], b), jnp.where(won, first, since))

    def left(state: tuple[Any, Winner]) -> Any:
        return (state[0] < len(t)).any()

    blank = _zeros((len(t), start.shape[1]), start, move)
    whole = blank.astype(number.dtype)
    begin = whole[:1], Winner(blank, blank, whole)
    return jax.lax.while_loop(left, ahead, begin)[1]


def shares(start: Any, move: Any, t: Any, winner: Winner, slopes: Any) -> Any:
    """What each line `[L, C]` receives of the slopes `[S, C]` at the maxima.

    Each round takes for every column the first node that is left, shares its slope among all that are the largest
    there, and that of the other nodes with the same winner among the lines that equal it.
    """
    number, node = jnp.arange(len(slopes))[:, None], t[:, None]

    def one_more(state: tuple[Any, Any]) -> tuple[Any, Any]:
        done, total = state
        first = jnp.argmin(done, axis=0)[None]
        a, b = (jnp.take_along_axis(line, first, 0) for line in winner[:2])
        alone = number == first
        piece = winner.since == first
        here = _ties.once(start + node[first[0]].T * move)  # for it is compared with itself
        new = _shared(here == here.max(0, keepdims=True), jnp.take_along_axis(slopes, first, 0))
        new += _shared((start == a) & (move == b), jnp.where(piece & ~alone, slopes, 0).sum(0, keepdims=True))
        return done | piece, total + jnp.where(done.all(0, keepdims=True), 0, new)

    done = _zeros(slopes.shape, start, move, slopes).astype(bool)
    begin = done, _zeros(start.shape, start, move, slopes)
    return jax.lax.while_loop(lambda state: ~state[0].all(), one_more, begin)[1]


def _shared(among: Any, slope: Any) -> Any:
    """A slope `[1, C]` in equal parts among some lines; NaN for all where there is none, for NaN equals nothing."""
    count = among.sum(0, keepdims=True)
    part = jnp.where(count > 0, slope / jnp.maximum(count, 1).astype(slope.dtype), jnp.nan)
    return jnp.where(among | (count == 0), part, 0)


def _zeros(shape: tuple[int, ...], *like: Any) -> Any:
    """Zeros that vary over a mesh as these arrays do, which a loop inside `shard_map` asks of what it carries."""
    first = sum(array[0, 0] for array in like)
    return jnp.broadcast_to(jnp.where(first == first, 0, jnp.zeros_like(first)), shape)

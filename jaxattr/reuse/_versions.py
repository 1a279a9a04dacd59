"""The changed versions of a text as windows: what a perturbation with known masks does to each leaf."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxattr.masks import Deleting, Replacing
from jaxattr.reuse._reading import as_it_is, read, take, unchanged
from jaxattr.reuse._values import Changed, Window, spread

MOST_LENGTHS = 8  # deletions of more different lengths are not worth a walk each


class Versions(NamedTuple):
    """Versions that one walk can follow.

    Attributes:
        order: the masks that they belong to, one group after another.
        leaves: the argument, with what they change.
        same: `[P]` booleans, True where a version is the text as it is.
    """

    order: np.ndarray
    leaves: list[Changed]
    same: Any


class Known(NamedTuple):
    """Masks known while tracing.

    Attributes:
        keep: booleans `[n, T]`.
        where: `[T]` booleans that are known only when the program runs: False at positions that stay after all.
    """

    keep: np.ndarray
    where: Any

    @property
    def low(self) -> np.ndarray:
        """The first position that each mask drops; 0 where it drops none."""
        return np.argmin(self.keep, 1)

    @property
    def high(self) -> np.ndarray:
        """Behind the last position that each mask drops; 1 where it drops none."""
        length = self.keep.shape[1]
        return np.where(self.keep.all(1), 1, length - np.argmin(self.keep[:, ::-1], 1))

    def part(self, members: np.ndarray) -> "Known":
        """Some of the masks."""
        return Known(self.keep[members], self.where)


def refused(perturb: Any, known: Known | None) -> str | None:
    """Why versions cannot be followed by windows, or None where they can."""
    if known is None:
        return "the masks are only known when the program runs"
    if not isinstance(perturb, (Replacing, Deleting)):
        return "what the perturbation changes is not known: it is neither replace, delete nor delete_left"
    if isinstance(perturb, Replacing):
        return None
    drops = np.unique((~known.keep).sum(1))
    if known.where is not None and drops.max() > 1:
        return "how many positions are deleted is only known when the program runs"
    if len(drops[drops > 0]) > MOST_LENGTHS:
        return f"deletions of {len(drops[drops > 0])} different lengths, more than {MOST_LENGTHS}"
    return None


def versions(perturb: Any, leaves: list[Any], known: Known, groups: int) -> list[Versions]:
    """All versions, as many lots as there are lengths that are deleted.

    Args:
        perturb: the perturbation, with a fill for each leaf.
        leaves: the argument.
        known: the masks.
        groups: in how many groups the versions of one width go, in the order of their windows.
    """
    if isinstance(perturb, Replacing):
        return [_replaced(leaves, perturb.fill, known, groups)]
    drops = (~known.keep).sum(1)
    drops = np.where(drops == 0, max(drops.max(), 1), drops)
    lots = [np.flatnonzero(drops == count) for count in np.unique(drops)]
    return [_deleted(perturb, leaves, known.part(lot), lot, int(drops[lot[0]]), groups) for lot in lots]


def _grouped(low: np.ndarray, high: np.ndarray, groups: int) -> list[np.ndarray]:
    """Versions whose windows are about equally wide, in order, in so many groups of neighbours for each width."""
    rank = np.ceil(np.log2(np.maximum(high - low, 1))).astype(int)
    found = []
    for width in np.unique(rank):
        members = np.flatnonzero(rank == width)
        members = members[np.argsort(low[members], kind="stable")]
        found += np.array_split(members, min(groups, len(members)))
    return found


def _replaced(leaves: list[Any], fills: list[Any], known: Known, groups: int) -> Versions:
    low, high = known.low, known.high
    members = _grouped(low, high, groups)
    widths = [int((high - low)[m].max()) for m in members]
    changed = []
    for leaf, fill in zip(leaves, fills, strict=True):
        windows = []
        for m, width in zip(members, widths, strict=True):
            windows.append(Window(low[m], _filled(leaf, fill, known.part(m), spread(low[m], width))))
        changed.append(Changed(leaf, 0, windows, leaf, leaf))
    return Versions(np.concatenate(members), changed, unchanged(changed))


def _filled(leaf: Any, fill: Any, known: Known, places: np.ndarray) -> Any:
    """What the windows hold: one row for all of them where they hold nothing but one fill."""
    length = known.keep.shape[1]
    inside = np.minimum(places, length - 1)
    drop = ~np.take_along_axis(known.keep, inside, 1) & (places < length)
    per_position, fill = np.shape(fill) == leaf.shape, jnp.asarray(fill, leaf.dtype)
    same = (1, places.shape[1], *leaf.shape[1:])
    new = read(fill, 0, 0, places) if per_position else jnp.broadcast_to(fill, same)
    if known.where is None and drop.all():
        return new
    gone = jnp.asarray(drop)
    if known.where is not None:
        gone = gone & jnp.asarray(known.where)[inside]
    gone = gone.reshape((*gone.shape, *[1] * (leaf.ndim - 1)))
    return jnp.where(gone, new, read(leaf, 0, 0, places))


def _deleted(perturb: Deleting, leaves: list[Any], known: Known, lot: np.ndarray, count: int, groups: int) -> Versions:
    """Versions without `count` positions: on one side of the window lies the text, on the other the moved text."""
    length = known.keep.shape[1]
    low, high = known.low, known.high
    low, high = (low, high - count) if perturb.to_left else (low + count, high)
    high = np.maximum(high, low + 1)
    members = _grouped(low, high, groups)
    widths = [int((high - low)[m].max()) for m in members]
    sources = _sources(known.keep, to_left=perturb.to_left)
    changed = []
    for leaf, pad in zip(leaves, perturb.pad, strict=True):
        padding = jnp.broadcast_to(jnp.asarray(pad, leaf.dtype), (count, *leaf.shape[1:]))
        ends = [leaf[count:], padding] if perturb.to_left else [padding, leaf[: max(length - count, 0)]]
        moved = jnp.concatenate(ends)[:length]
        longer = jnp.concatenate([leaf, padding[:1]])  # sources of `length` read the padding
        windows = []
        for m, width in zip(members, widths, strict=True):
            places = np.clip(spread(low[m], width), 0, length - 1)
            windows.append(Window(low[m], read(longer, 0, 0, np.take_along_axis(sources[m], places, 1))))
        changed.append(Changed(leaf, 0, windows, *((leaf, moved) if perturb.to_left else (moved, leaf))))
    order = np.concatenate(members)
    same = _same(changed, to_left=perturb.to_left) | jnp.asarray(known.keep[order].all(1))
    if known.where is not None:  # each mask drops one position at most
        same = same | ~jnp.asarray(known.where)[known.low[order]]
    return Versions(lot[order], changed, same)


def _sources(keep: np.ndarray, *, to_left: bool) -> np.ndarray:
    """For each version where its positions come from, `[n, T]`; T means the padding."""
    count, length = keep.shape
    order = np.argsort(~keep if to_left else keep, 1, kind="stable")
    kept = keep.sum(1)[:, None]
    places = np.broadcast_to(np.arange(length), (count, length))
    return np.where(places < kept if to_left else places >= length - kept, order, length)


def _same(leaves: list[Changed], *, to_left: bool) -> Any:
    """Which versions hold just what the text as it is holds, inside of their windows and beside them."""
    each = []
    for leaf in leaves:
        equal_beside = _equal_beside(leaf, to_left=to_left)
        each.append(jnp.concatenate([as_it_is(leaf, g) & equal_beside(g) for g in range(len(leaf.windows))]))
    return jnp.stack(each).all(0)


def _equal_beside(leaf: Changed, *, to_left: bool) -> Callable[[int], Any]:
    """Whether the moved text is the text itself from a window's end on, or up to its beginning."""
    moved = leaf.right if to_left else leaf.left
    equal = (moved == leaf.base).reshape(leaf.length, -1).all(1).astype(jnp.int32)
    run = lax.cummin(equal, reverse=to_left).astype(bool)
    edge = jnp.ones(1, bool)

    def at(group: int) -> Any:
        low, high = (np.clip(end, 0, leaf.length) for end in leaf.span(group))
        return take(jnp.concatenate([run, edge]), high, 0) if to_left else take(jnp.concatenate([edge, run]), low, 0)

    return at

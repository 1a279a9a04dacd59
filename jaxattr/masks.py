"""Keep-masks, which say what stays, and perturbations `(x, keep) -> x'`, which say what happens to the rest.

A keep-mask is boolean, `[T]`, True where a position stays. A perturbation keeps shapes and dtypes, leaves x alone
where the mask keeps everything, and acts on the leading axis of every leaf of x, so that ids, masks and segments move
together.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._positions import column

Perturbation = Callable[[Any, Any], Any]


def leave_one_out(length: int) -> Any:
    """Masks that drop one position each.

    Args:
        length: number of positions, T.

    Returns:
        Booleans `[T, T]`; row i is False at i alone.

    Raises:
        TypeError, ValueError: a length that is not a positive integer.

    Example:
        >>> leave_one_out(2).tolist()
        [[False, True], [True, False]]

    References:
        :cite:`li2016understanding`, arXiv:1612.08220.
    """
    _checks.check_count("leave_one_out", "length", length)
    with jax.ensure_compile_time_eval():  # known while tracing, so that occlusion can see which positions change
        return ~jnp.eye(length, dtype=bool)


def windows(length: int, size: int, *, stride: int = 1) -> Any:
    """Masks that drop a window of neighbouring positions each.

    The first window begins at position 0 and each next one `stride` later, until the last position is inside one; the
    last window may hang over the end and then drops fewer positions.

    Args:
        length: number of positions, T.
        size: positions in a window.
        stride: from one window's beginning to the next one's; at most `size`, or positions would never be dropped.

    Returns:
        Booleans `[n, T]`, n = ceil(max(T - size, 0) / stride) + 1.

    Raises:
        TypeError, ValueError: sizes that are not positive integers, or a stride beyond the size.

    Example:
        >>> (~windows(4, 2, stride=2)).astype(int).tolist()
        [[1, 1, 0, 0], [0, 0, 1, 1]]

    References:
        :cite:`zeiler2014visualizing`, arXiv:1311.2901, section 4.2.
    """
    for option, value in (("length", length), ("size", size), ("stride", stride)):
        _checks.check_count("windows", option, value)
    if stride > size:
        raise ValueError(
            f"windows wants stride <= size, so that every position is dropped by some mask, but got stride={stride} "
            f"and size={size}. Write stride={size}."
        )
    with jax.ensure_compile_time_eval():
        starts = jnp.arange(-(-max(length - size, 0) // stride) + 1)[:, None] * stride
        positions = jnp.arange(length)[None]
        return (positions < starts) | (positions >= starts + size)


def spans(groups: Any, *, number: int | None = None) -> Any:
    """Masks that drop one group of positions each: a word of several sub-tokens, a sentence.

    Args:
        groups: integers `[T]`, the group of each position; negative ones (special tokens, padding) are never dropped.
            None in a list counts as negative, as in the `word_ids` of a tokenizer. See :mod:`jaxattr.groups`.
        number: how many groups there are; needed where `groups` is traced. A group without positions drops nothing.

    Returns:
        Booleans `[number, T]`; row k is False where `groups == k`.

    Raises:
        TypeError: groups that are not integers, or traced without `number`.
        ValueError: no group at all, or a group beyond `number`.

    Example:
        >>> (~spans([None, 0, 1, 1])).astype(int).tolist()
        [[0, 1, 0, 0], [0, 0, 1, 1]]

    References:
        The erasure of :cite:`li2016understanding`, arXiv:1612.08220, of phrases.
    """
    groups = _checks.as_groups("spans", "groups", groups)
    number = _checks.count_groups("spans", "groups", groups, number)
    with jax.ensure_compile_time_eval() if _checks.is_concrete(groups) else contextlib.nullcontext():
        return jnp.asarray(groups)[None, :] != jnp.arange(number)[:, None]


def replace(fill: Any) -> Perturbation:
    """Put a fill in the place of what is dropped: the other positions stay where they are.

    Args:
        fill: a number, an array of one position's shape, or an array of x's shape (a fill for each position); for an x
            that is a pytree, a pytree of these; or a function of x that returns one, such as those of
            :mod:`jaxattr.fills`.

    Returns:
        A perturbation `(x, keep) -> x'`.

    Raises:
        ValueError: when used, a fill of another shape or structure.
        TypeError: when used, a fill whose dtype x cannot hold.

    Example:
        >>> replace(9)(jnp.array([1, 2, 3]), jnp.array([True, False, True])).tolist()
        [1, 9, 3]

    References:
        The grey square of :cite:`zeiler2014visualizing`, arXiv:1311.2901, put over words.
    """
    return Replacing(fill)


def delete(pad: Any) -> Perturbation:
    """Take out what is dropped: the kept positions move left, and padding fills the end.

    The same as running the shorter text, where the model ignores padding at the end.

    Args:
        pad: what fills the end: a number or an array of one position's shape; for an x that is a pytree (ids, mask,
            segments), a pytree of these.

    Returns:
        A perturbation `(x, keep) -> x'`.

    Raises:
        ValueError: when used, a padding of another shape or structure.
        TypeError: when used, a padding whose dtype x cannot hold.

    Example:
        >>> delete(0)(jnp.array([1, 2, 3]), jnp.array([True, False, True])).tolist()
        [1, 3, 0]

    References:
        The erasure of :cite:`li2016understanding`, arXiv:1612.08220, of words.
    """
    return Deleting("delete", pad)


def delete_left(pad: Any) -> Perturbation:
    """Take out what is dropped: the kept positions move right, and padding fills the beginning.

    For texts that are padded in front, as Keras pads them.

    Args:
        pad: what fills the beginning: a number or an array of one position's shape; for an x that is a pytree, a
            pytree of these.

    Returns:
        A perturbation `(x, keep) -> x'`.

    Raises:
        ValueError: when used, a padding of another shape or structure.
        TypeError: when used, a padding whose dtype x cannot hold.

    Example:
        >>> delete_left(0)(jnp.array([1, 2, 3]), jnp.array([True, False, True])).tolist()
        [0, 1, 3]

    References:
        The erasure of :cite:`li2016understanding`, arXiv:1612.08220, of words.
    """
    return Deleting("delete_left", pad)


@dataclass(frozen=True, eq=False)
class Replacing:
    """The perturbation of :func:`replace`, which changes nothing but what is dropped."""

    fill: Any

    def __call__(self, x: Any, keep: Any) -> Any:
        """The fill in the place of what is dropped."""
        return _each(
            "replace",
            lambda a, value: jnp.where(column(keep, a.ndim), a, value),
            x,
            keep,
            self.fills(x),
            per_position=True,
        )

    def fills(self, x: Any) -> Any:
        """What is put in, for each leaf of x."""
        return self.fill(x) if callable(self.fill) else self.fill


@dataclass(frozen=True, eq=False)
class Deleting:
    """The perturbation of :func:`delete` and :func:`delete_left`, which moves what stays.

    Attributes:
        name: the one or the other.
        pad: what fills the places that become free.
    """

    name: str
    pad: Any

    @property
    def to_left(self) -> bool:
        """Whether what stays moves left."""
        return self.name == "delete"

    def __call__(self, x: Any, keep: Any) -> Any:
        """What is kept, moved together."""

        def move(leaf: Any, value: Any) -> Any:
            moved = jnp.cumsum(keep) - 1 if self.to_left else len(keep) - jnp.cumsum(keep[::-1])[::-1]
            return jnp.full_like(leaf, value).at[jnp.where(keep, moved, len(keep))].set(leaf, mode="drop")

        return _each(self.name, move, x, keep, self.pad, per_position=False)


def _each(name: str, act: Callable[[Any, Any], Any], x: Any, keep: Any, fill: Any, *, per_position: bool) -> Any:
    """Act on every array of x with its own fill, after a look at shapes and dtypes."""
    with_paths, tree = jax.tree.flatten_with_path(x)
    fills = jax.tree.leaves(fill)
    if jax.tree.structure(fill) != tree:
        raise ValueError(
            f"{name} wants a fill for each leaf of x, {tree}, but got {jax.tree.structure(fill)}. "
            "Write a pytree like x, for example dict(ids=0, mask=False)."
        )
    moving = [(leaf, "x" + jax.tree_util.keystr(path)) for path, leaf in with_paths if _checks.is_array(leaf)]
    length = _checks.leading_length(name, [leaf for leaf, _ in moving], [path for _, path in moving])
    _checks.check_mask(name, "keep", keep, length, "T")
    values = []
    for (path, leaf), value in zip(with_paths, fills, strict=True):
        if _checks.is_array(leaf):
            _check_fill(name, "x" + jax.tree_util.keystr(path), jnp.asarray(leaf), value, per_position)
            values.append(act(jnp.asarray(leaf), jnp.asarray(value, leaf.dtype)))
        else:
            values.append(leaf)
    return tree.unflatten(values)


def _check_fill(name: str, path: str, leaf: Any, fill: Any, per_position: bool) -> None:
    shapes = [(), leaf.shape[1:], leaf.shape] if per_position else [(), leaf.shape[1:]]
    if not (_checks.is_array(fill) or isinstance(fill, bool)) or np.shape(fill) not in shapes:
        raise ValueError(
            f"{name} wants a fill for {path} = {_checks.describe(leaf)} of shape "
            f"{' or '.join(map(str, dict.fromkeys(shapes)))}, but got {_checks.describe(fill)}. Nothing broadcasts."
        )
    with jax.numpy_dtype_promotion("standard"):
        held = jnp.result_type(leaf, fill) == leaf.dtype
    if not held:
        raise TypeError(
            f"{name} wants a fill that {path} = {_checks.describe(leaf)} can hold, but got {fill!r}. "
            "Cast the fill to the dtype of x."
        )

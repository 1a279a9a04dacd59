"""Checks of what a user passed, made at trace time from shapes and dtypes alone.

Every message has three parts: what was wanted, what came, and what to type next. Values are looked at only where they
are at hand (outside tracing) and only where a wrong value would give a silent wrong number.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def describe(value: Any) -> str:
    """`float32[3,4]` for an array, the type's name for anything else."""
    if is_array(value):
        dtype = value.dtype if hasattr(value, "dtype") else jnp.result_type(value)
        return f"{dtype}[{','.join(map(str, np.shape(value)))}]"
    return f"{value!r} of type {type(value).__name__}" if value is None else type(value).__name__


def is_array(leaf: Any) -> bool:
    """Arrays and numbers; not Python booleans, strings, functions or None, which are static."""
    if isinstance(leaf, bool):
        return False
    return isinstance(leaf, (jax.Array, np.ndarray, np.generic, int, float, complex, jax.ShapeDtypeStruct))


def is_concrete(value: Any) -> bool:
    """Whether the numbers are at hand, rather than being traced."""
    return not isinstance(value, Tracer)


def is_floating(leaf: Any) -> bool:
    """Whether an array holds real floating point numbers."""
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def is_integer(leaf: Any) -> bool:
    """Whether an array holds integers."""
    return jnp.issubdtype(jnp.result_type(leaf), jnp.integer)


def check_count(name: str, option: str, value: Any, least: int = 1) -> None:
    """A Python integer that is at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(
            f"{name} wants {option} as a Python integer, but got {describe(value)}. Write {option}={least}."
        )
    if value < least:
        raise ValueError(f"{name} wants {option} >= {least}, but got {value}. Write {option}={least} or more.")


def check_batch_size(name: str, batch_size: Any) -> None:
    """None (the library chooses) or a positive integer."""
    check_counts(name, batch_size=batch_size)


def check_counts(name: str, **options: Any) -> None:
    """Options that are None (the library chooses) or positive integers."""
    for option, value in options.items():
        if value is not None:
            check_count(name, option, value)


def check_function(name: str, option: str, value: Any, example: str) -> None:
    """Something that can be called."""
    if not callable(value):
        raise TypeError(f"{name} wants {option} to be a function, but got {describe(value)}. For example {example}.")


def check_key(name: str, key: Any) -> None:
    """One typed random key."""
    if not (hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)):
        raise TypeError(f"{name} wants a typed random key, but got {describe(key)}. Write key=jax.random.key(0).")
    if key.shape != ():
        raise ValueError(f"{name} wants one key, but got {key.shape} of them. Use jax.vmap over keys for several.")


def leading_length(name: str, leaves: Sequence[Any], paths: Sequence[str]) -> int:
    """The length that the leading axes of all leaves share: the number of positions."""
    for leaf, path in zip(leaves, paths, strict=True):
        if np.ndim(leaf) == 0:
            raise ValueError(
                f"{name} wants positions along the leading axis, but {path} is the scalar {describe(leaf)}. "
                "Pass an array of shape [T] or [T, ...]."
            )
    lengths = {np.shape(leaf)[0] for leaf in leaves}
    if len(lengths) != 1:
        found = ", ".join(f"{p}: {describe(v)}" for p, v in zip(paths, leaves, strict=True))
        raise ValueError(f"{name} wants leaves with one leading length, but got {found}. Give all leaves T positions.")
    (length,) = lengths
    if length == 0:
        raise ValueError(
            f"{name} wants at least one position, but {paths[0]} is {describe(leaves[0])}, an empty text. "
            "Leave empty texts out."
        )
    return length


def check_mask(name: str, option: str, mask: Any, length: int, axes: str) -> None:
    """A boolean mask whose last axis is the argument's leading axis; `axes` is "T" or "n, T"."""
    ndim = axes.count(",") + 1
    if not is_array(mask) or not hasattr(mask, "dtype") or mask.dtype != jnp.bool_:
        raise TypeError(
            f"{name} wants {option} as a boolean array [{axes}], but got {describe(mask)}. "
            f"True marks what stays; write {option}=ids != pad, or {option}=mask.astype(bool)."
        )
    if np.ndim(mask) != ndim or np.shape(mask)[-1] != length:
        raise ValueError(
            f"{name} wants {option} of shape [{axes}] with T = {length}, the argument's leading axis, but got "
            f"{describe(mask)}. Nothing broadcasts: give one entry to each position."
        )
    if 0 in np.shape(mask):
        raise ValueError(f"{name} wants at least one mask in {option}, but got {describe(mask)}. Give one row or more.")


def check_where(name: str, where: Any, length: int) -> None:
    """`where` marks the real positions, and there is one at least."""
    check_mask(name, "where", where, length, "T")
    if is_concrete(where) and not np.any(np.asarray(where)):
        raise ValueError(
            f"{name} wants at least one real position, but where= is False at all {length}: a text of padding alone. "
            "Leave such texts out."
        )


def check_same(name: str, option: str, value: Any, like: Any) -> None:
    """The same tree, shapes and dtypes as the argument: nothing broadcasts, nothing is cast."""
    wanted, came = jax.tree.structure(like), jax.tree.structure(value)
    if wanted != came:
        raise ValueError(
            f"{name} wants {option} as a pytree like the argument, {wanted}, but got {came}. "
            f"Write {option}=lambda x: jax.tree.map(jnp.zeros_like, x), or give every leaf."
        )
    pairs = zip(jax.tree.leaves_with_path(like), jax.tree.leaves(value), strict=True)
    for (path, leaf), other in pairs:
        if not is_array(leaf):
            continue
        if not is_array(other):
            raise TypeError(
                f"{name} wants {option}{jax.tree_util.keystr(path)} like {describe(leaf)}, but got {describe(other)}. "
                "Pass an array."
            )
        same_shape = np.shape(other) == np.shape(leaf)
        if not same_shape or jnp.result_type(other) != jnp.result_type(leaf):
            error, rule = (TypeError, "Nothing is cast") if same_shape else (ValueError, "Nothing broadcasts")
            raise error(
                f"{name} wants {option}{jax.tree_util.keystr(path)} like the argument, {describe(leaf)}, but got "
                f"{describe(other)}. {rule}: {_as_wanted(option)}."
            )


def check_logits(name: str, logits: Any, least: int = 1) -> None:
    """Floats `[C]` of one example, `least` classes or more."""
    if not is_array(logits) or not is_floating(logits):
        raise TypeError(f"{name} wants floating point logits [C], but got {describe(logits)}. Pass one example.")
    if np.ndim(logits) != 1 or np.shape(logits)[0] < least:
        raise ValueError(
            f"{name} wants logits [C] of one example, C >= {least}, but got {describe(logits)}. "
            "Index the example, logits[0], or jax.vmap over the batch."
        )


def check_top(name: str, k: Any, logits: Any) -> None:
    """A number of classes that there are."""
    check_count(name, "k", k)
    if k > len(logits):
        raise ValueError(f"{name} wants k <= {len(logits)}, the number of classes, but got {k}. Lower k.")


def none_as_negative(values: Any) -> Any:
    """Groups as they are given; in a list None, as the `word_ids` of a tokenizer have it, counts as -1."""
    return np.asarray([-1 if v is None else v for v in values]) if isinstance(values, (list, tuple)) else values


def _as_wanted(option: str) -> str:
    """How to write a value like the argument; what a function returns is not written as an option."""
    cast = "jnp.broadcast_to(value, x.shape).astype(x.dtype)"
    return f"write {option}=jnp.zeros_like for zeros, or {cast}" if option.isidentifier() else f"make it {cast}"


def as_groups(name: str, option: str, values: Any) -> Any:
    """Integers `[T]`, after a look at them."""
    values = none_as_negative(values)
    if not is_array(values) or not is_integer(values) or np.ndim(values) != 1:
        raise TypeError(
            f"{name} wants {option} as integers [T], one a position, but got {describe(values)}. "
            f"For example {name}([0, 0, 1])."
        )
    return values


def count_groups(name: str, option: str, values: Any, number: int | None) -> int:
    """How many groups there are: `number` where it is given, else one more than the largest of concrete `values`."""
    known = is_concrete(values)
    largest = int(np.max(np.asarray(values), initial=-1)) if known else -1
    if number is None and not known:
        raise TypeError(
            f"{name} wants number= when {option} is traced, since the number of {option} must be known, but got None. "
            "Write number=..."
        )
    number = largest + 1 if number is None else number
    check_count(name, "number", number)
    if largest >= number:
        raise ValueError(f"{name} wants {option} below number={number}, but got {largest}. Write number={largest + 1}.")
    return number

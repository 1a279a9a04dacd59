"""What `at` means: which leaves of the arguments it points at, and in what structure."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _checks, _jaxpr
from jaxattr.cutting._errors import CutError


class Marker(jax.ShapeDtypeStruct):
    """Stands for an array while `at` is called: it has a shape and a dtype, and `marker[...]` is itself."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> "Marker":
        if index is Ellipsis:
            return self
        raise CutError(
            f"at wants a whole leaf of f's arguments, but it indexes {_checks.describe(self)} with {index!r}. "
            "Return the leaf itself."
        )

    __hash__ = jax.ShapeDtypeStruct.__hash__


def select(at: Callable[..., Any], f: Callable[..., Any], args: tuple, kwargs: dict) -> tuple[Any, list[Marker]]:
    """What `at` returned, with a marker in the place of each leaf, and the markers of all arrays in their order."""
    leaves, tree = jax.tree.flatten((args, kwargs))
    marked = [Marker(leaf.shape, leaf.dtype) if _jaxpr.is_moving(leaf) else leaf for leaf in leaves]
    new_args, new_kwargs = tree.unflatten(marked)
    try:
        picked = at(*new_args, **new_kwargs)
    except CutError:
        raise
    except Exception as error:
        raise CutError(
            f"at wants to return a leaf of f's arguments, but it raised {type(error).__name__}: {error}. "
            f"The arguments hold {_contents(f, args, kwargs)}."
        ) from error
    markers = [m for m in marked if isinstance(m, Marker)]
    chosen = jax.tree.leaves(picked)
    if not chosen:
        raise CutError(f"at wants to return a leaf of f's arguments, but it returned {_checks.describe(picked)}.")
    for leaf in chosen:
        if not any(leaf is m for m in markers):
            raise CutError(
                f"at wants to return leaves of f's own arguments, untouched, but it returned "
                f"{_checks.describe(leaf)}. The arguments hold {_contents(f, args, kwargs)}. A model that f "
                "closes over has to be an argument of f: cut(lambda params, ids: ..., at=lambda params, ids: ...)."
            )
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise CutError(
                f"at wants a table of floating point numbers, but it returned {_checks.describe(leaf)}. "
                "Point at the table that the ids are looked up in, not at the ids."
            )
    return picked, markers


def names(f: Callable[..., Any], args: tuple, kwargs: dict) -> list[str]:
    """How f's own signature calls each array among its arguments: `params['embed']['embedding']`."""
    try:
        parameters = list(inspect.signature(f).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        parameters = []
    found = []
    for path, leaf in jax.tree.leaves_with_path((args, kwargs)):
        if _jaxpr.is_moving(leaf):
            _, which, *rest = path
            in_args = path[0].idx == 0
            if not in_args:
                name = str(which.key)
            elif which.idx < len(parameters):
                name = parameters[which.idx]
            else:
                name = f"args[{which.idx}]"
            found.append(name + jax.tree_util.keystr(tuple(rest)))
    return found


def rebuild(picked: Any, values: dict[int, Any]) -> Any:
    """The structure and key order of what `at` returned, with values (by the identity of markers) in it."""
    if isinstance(picked, Marker):
        return values[id(picked)]
    if isinstance(picked, dict):
        return type(picked)({k: rebuild(v, values) for k, v in picked.items()})
    if isinstance(picked, tuple) and hasattr(picked, "_fields"):
        return type(picked)(*(rebuild(v, values) for v in picked))
    if isinstance(picked, (list, tuple)):
        return type(picked)(rebuild(v, values) for v in picked)
    leaves, tree = jax.tree.flatten(picked)
    if len(leaves) == 1:  # a wrapper around one array, such as an NNX variable
        return values[id(leaves[0])]
    return tree.unflatten([values[id(leaf)] for leaf in leaves])


def _contents(f: Callable[..., Any], args: tuple, kwargs: dict, most: int = 12) -> str:
    arrays = [leaf for leaf in jax.tree.leaves((args, kwargs)) if _jaxpr.is_moving(leaf)]
    listed = [f"{n}: {_checks.describe(a)}" for n, a in zip(names(f, args, kwargs), arrays, strict=True)]
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")

"""Pytrees taken apart into their arrays and put together again; all other leaves ride along."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

Rebuild = Callable[[Sequence[Any]], Any]


def apart(tree: Any, moves: Callable[[Any], bool]) -> tuple[list[Any], Rebuild]:
    """The leaves that move, and the function that puts others in their place."""
    leaves, structure = jax.tree.flatten(tree)
    moving = [moves(leaf) for leaf in leaves]
    still = [None if m else leaf for leaf, m in zip(leaves, moving, strict=True)]

    def rebuild(values: Sequence[Any]) -> Any:
        rest = iter(values)
        return structure.unflatten([next(rest) if m else leaf for leaf, m in zip(still, moving, strict=True)])

    return [leaf for leaf, m in zip(leaves, moving, strict=True) if m], rebuild

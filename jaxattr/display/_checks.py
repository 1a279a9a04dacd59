"""What a picture takes: strings and finite or not finite real numbers, one a token."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer


def as_tokens(tokens: Any) -> list[str]:
    """Give the tokens as a list of strings."""
    if isinstance(tokens, str | bytes) or not hasattr(tokens, "__iter__"):
        msg = f"tokens is a list of strings, but this is {_kind(tokens)}."
        raise TypeError(msg + " Pass text.split(), or list(text) for characters.")
    tokens = list(tokens)
    for i, token in enumerate(tokens):
        if not isinstance(token, str):
            msg = (
                f"tokens is a list of strings, but token {i} is {_kind(token)}. Turn ids to strings first, for "
                "instance with tokenizer.convert_ids_to_tokens(ids)."
            )
            raise TypeError(msg)
    return [str(token) for token in tokens]


def by_method(numbers: Any, length: int) -> dict[str, np.ndarray]:
    """Give the numbers of each method; a single one has no name."""
    if not isinstance(numbers, Mapping):
        return {"": as_numbers(numbers, length)}
    if not numbers:
        msg = "numbers is an empty dict, so there is nothing to show. Pass {name of the method: numbers}."
        raise ValueError(msg)
    for name in numbers:
        if not isinstance(name, str):
            msg = f"The keys of numbers are names of methods, but one is {_kind(name)}. Pass {{'gradient': numbers}}."
            raise TypeError(msg)
    return {name: as_numbers(value, length, f" of {name!r}") for name, value in numbers.items()}


def as_numbers(numbers: Any, length: int, whose: str = "") -> np.ndarray:
    """Give the numbers as float64 ``[T]``."""
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(numbers)):
        msg = (
            f"The numbers{whose} are traced, so they have no values yet. Return them from the jitted function "
            "and call show outside jit."
        )
        raise TypeError(msg)
    try:
        array = np.asarray(numbers)
    except ValueError as error:
        msg = f"The numbers{whose} make no array: {error}. Pass one number a token, [T]."
        raise ValueError(msg) from error
    if array.size and not (jax.numpy.issubdtype(array.dtype, np.number) or array.dtype == bool):
        msg = f"numbers are real, but those{whose} have dtype {array.dtype}. Pass one number a token, [T]."
        raise TypeError(msg)
    if jax.numpy.issubdtype(array.dtype, np.complexfloating):
        msg = f"numbers are real, but those{whose} have dtype {array.dtype}. Pass numbers.real or abs(numbers)."
        raise TypeError(msg)
    if array.ndim == 2:
        msg = (
            f"A token has one number, but the numbers{whose} have shape {array.shape}. Reduce over the embedding axis "
            "first: .sum(-1) keeps the sign and the completeness."
        )
        raise ValueError(msg)
    if array.ndim != 1:
        msg = f"The numbers{whose} have shape {array.shape}, but a picture takes one number a token, [{length}]."
        raise ValueError(msg + " Pass one text at a time, and join the pictures with jaxattr.display.gallery.")
    if len(array) != length:
        msg = f"There are {length} tokens but {len(array)} numbers{whose}."
        raise ValueError(msg + " Pass one number a token, padding left out in both.")
    return array.astype(np.float64)


def _kind(value: Any) -> str:
    return f"{type(value).__name__} {value!r:.40}"

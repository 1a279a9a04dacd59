"""Groups of positions for :func:`jaxattr.spans`: integers `[T]`, negative where a position belongs to none."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxattr import _checks

CLOSERS = "\"'”’»)]}›"


def sentences(tokens: Sequence[str | None], *, ends: str = ".!?…。！？") -> Any:
    """The sentence of each token.

    A sentence ends with a token whose last letter, but for closing quotes and brackets, is an end mark; marks and
    closing quotes that stand alone right after it still belong to it. A rule of thumb: an abbreviation ends a sentence
    too. Where sentences are known, write their numbers yourself.

    Args:
        tokens: T strings, words or sub-tokens; None for special tokens and padding.
        ends: the end marks, one letter each.

    Returns:
        NumPy integers `[T]`, the sentences numbered from 0, and -1 where the token is None.

    Raises:
        TypeError: one string instead of tokens, or a token that is neither a string nor None.

    Example:
        >>> sentences([None, "Fine", "film", ".", "Go", "see", "it", "!", "!", None]).tolist()
        [-1, 0, 0, 0, 1, 1, 1, 1, 1, -1]
    """
    if isinstance(tokens, str) or not all(t is None or isinstance(t, str) for t in tokens):
        came = "one string" if isinstance(tokens, str) else f"{[type(t).__name__ for t in tokens]}"
        raise TypeError(
            f"sentences wants tokens as a list of strings or None, but got {came}. Tokenize the text first."
        )
    result, sentence, ended = [], 0, False
    for token in tokens:
        if token is None:
            result.append(-1)
            continue
        mark = token.strip().lstrip("#Ġ▁")
        if ended and not (mark and all(letter in ends + CLOSERS for letter in mark)):
            sentence, ended = sentence + 1, False
        result.append(sentence)
        bare = mark.rstrip(CLOSERS)
        ended = ended or (bool(bare) and bare[-1] in ends)
    return np.asarray(result, np.int32)


def of_positions(groups: Any, word_ids: Any) -> Any:
    """The group of each position from the group of each word: sentences of words become sentences of sub-tokens.

    Args:
        groups: integers `[W]`, the group of each word; a negative one is none.
        word_ids: integers `[T]`, the word of each position; a negative one, or None in a list, is no word.

    Returns:
        Integers `[T]`: `groups[word_ids]`, -1 where there is no word or the word has no group.

    Raises:
        TypeError: groups or words that are not integers.
        ValueError: a word without an entry in `groups`.

    Example:
        >>> of_positions([0, 0, 1], [None, 0, 1, 1, 2]).tolist()
        [-1, 0, 0, 0, 1]
    """
    groups, word_ids = (
        _checks.as_groups("of_positions", option, values)
        for option, values in (("groups", groups), ("word_ids", word_ids))
    )
    if _checks.is_concrete(word_ids) and np.max(np.asarray(word_ids), initial=-1) >= len(groups):
        raise ValueError(
            f"of_positions wants a group for each word, but got word {np.max(np.asarray(word_ids))} and "
            f"{len(groups)} groups. Give groups [W] for all W words."
        )
    found = jnp.asarray(groups).at[jnp.where(word_ids < 0, len(groups), word_ids)].get(mode="fill", fill_value=-1)
    return jnp.maximum(found, -1)

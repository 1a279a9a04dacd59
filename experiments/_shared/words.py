"""Texts as words, words as ids."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

PAD, UNKNOWN = 0, 1
PAD_WORD, UNKNOWN_WORD = "<pad>", "<unk>"
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


class Places(NamedTuple):
    """Where the words of a text stand, as `jaxattr.display.picture(words=..., text=...)` reads it.

    Attributes:
      word_ids: The word of each token; here a token is a word.
      offsets: Where each word begins and ends in the text.
    """

    word_ids: list[int]
    offsets: list[tuple[int, int]]


def unbroken(text: str) -> str:
    """The text with as many spaces in place of each line break of HTML, so that places stay."""
    return _BREAK.sub(lambda found: " " * len(found[0]), text)


def words(text: str) -> list[str]:
    """Splits a text into lower-case words and single punctuation marks; line breaks of HTML are dropped.

    Example:
      >>> words("Not GOOD,<br />but it's short!")
      ['not', 'good', ',', 'but', "it's", 'short', '!']
    """
    return [word.lower() for word in _WORD.findall(unbroken(text))]


def places(text: str) -> Places:
    """Finds the words that `words` gives in the text.

    Example:
      >>> places("Not<br>good.").offsets
      [(0, 3), (7, 11), (11, 12)]
    """
    offsets = [found.span() for found in _WORD.finditer(unbroken(text))]
    return Places(list(range(len(offsets))), offsets)


def vocabulary(texts: Iterable[Sequence[str]], size: int | None = None, at_least: int = 1) -> list[str]:
    """Lists the most frequent words, after the two special ones; ties are broken by the alphabet.

    Args:
      texts: The words of each training text.
      size: How many entries in all, special ones included. None keeps every word.
      at_least: How often a word must occur.

    Returns:
      The words; the place of a word is its id.

    Example:
      >>> vocabulary([["a", "b"], ["b", "c"]], size=4)
      ['<pad>', '<unk>', 'b', 'a']
    """
    counts = Counter(word for text in texts for word in text)
    ranked = sorted((word for word in counts if counts[word] >= at_least), key=lambda word: (-counts[word], word))
    return [PAD_WORD, UNKNOWN_WORD, *ranked][:size]


def numbered(vocabulary: Sequence[str]) -> dict[str, int]:
    """The id of each word."""
    return {word: index for index, word in enumerate(vocabulary)}


def encode(texts: Iterable[Sequence[str]], index: Mapping[str, int], length: int) -> np.ndarray:
    """Turns texts into rows of ids.

    Args:
      texts: The words of each text.
      index: The id of each word; others become unknown.
      length: The length of a row. A longer text keeps its **last** words, where reviews conclude; a shorter one is
        padded on the right.

    Returns:
      Ids, `int32[len(texts), length]`.

    Example:
      >>> encode([["a", "b", "c"], ["b"]], {"a": 2, "b": 3}, length=2).tolist()
      [[3, 1], [3, 0]]
    """
    rows = [[index.get(word, UNKNOWN) for word in text[-length:]] for text in texts]
    ids = np.full((len(rows), length), PAD, np.int32)
    for row, numbers in zip(ids, rows, strict=True):
        row[: len(numbers)] = numbers
    return ids

"""From sub-words to words: how a word is written, and which number it gets."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxattr.display._checks import as_numbers, as_tokens
from jaxattr.display._groups import Clean, Grouping, group

Merge = Callable[[np.ndarray], Any]


def total(numbers: np.ndarray) -> float:
    """Give a word the sum of its tokens' numbers, which keeps the sign and the completeness of additive attributions.

    Args:
      numbers: The numbers of one word's tokens, ``[n]``.

    Returns:
      Their sum.

    Example:
      >>> import numpy as np
      >>> from jaxattr.display import total
      >>> total(np.array([0.5, -0.25]))
      0.25
    """
    return float(np.sum(numbers))


def common(numbers: np.ndarray) -> float:
    """Give a word the one number that all its tokens carry, as they do when whole spans were deleted together.

    Args:
      numbers: The numbers of one word's tokens, ``[n]``.

    Returns:
      The number.

    Raises:
      ValueError: If the tokens carry different numbers.

    Example:
      >>> import numpy as np
      >>> from jaxattr.display import common
      >>> common(np.array([0.5, 0.5]))
      0.5
    """
    first = numbers[0]
    if not np.array_equal(numbers, np.full_like(numbers, first), equal_nan=True):
        msg = f"common needs one number a word, but its tokens carry {numbers.tolist()}. To add them, pass merge=total."
        raise ValueError(msg)
    return float(first)


def plain_word(pieces: Sequence[str]) -> str:
    """Join sub-words to a word without the marks that vocabularies put on them.

    Taken away are ``##`` before every piece but the first, ``@@`` after every piece but the last, ``</w>`` after the
    last, and ``Ġ`` or ``▁`` or a space before the first; inside the word these three become a space.

    Args:
      pieces: The tokens of one word.

    Returns:
      The word.

    Example:
      >>> from jaxattr.display import plain_word
      >>> plain_word(["un", "##believ", "##able"]), plain_word(["Ġgood"]), plain_word(["##"])
      ('unbelievable', 'good', '##')
    """
    last = len(pieces) - 1
    bare = []
    for i, piece in enumerate(pieces):
        if i > 0 and len(piece) > 2:
            piece = piece.removeprefix("##")
        if i < last and len(piece) > 2:
            piece = piece.removesuffix("@@")
        bare.append(" " + piece[1:] if len(piece) > 1 and piece[0] in "Ġ▁" else piece)
    word = "".join(bare)
    word = word.removesuffix("</w>") or word
    return word.strip(" ") or word


def byte_word(pieces: Sequence[str]) -> str:
    """Join the sub-words of a byte-level vocabulary, such as that of GPT-2, which writes every byte as one letter.

    Tokens that are not in that alphabet, for instance ``<|endoftext|>`` with a space inside, are joined as they are.

    Args:
      pieces: The tokens of one word.

    Returns:
      The word.

    Example:
      >>> from jaxattr.display import byte_word
      >>> byte_word(["ĠðŁĺ", "Ģ"]), byte_word(["ĠcafÃ©"])
      ('😀', 'café')
    """
    letters = _byte_letters()
    written = "".join(pieces)
    if not all(c in letters for c in written):
        return written
    word = bytes(letters[c] for c in written).decode("utf-8", "replace")
    return word.strip(" ") or word


def _byte_letters() -> dict[str, int]:
    """Give the byte that each letter stands for: printing bytes are themselves, the others count up from U+0100."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


def merge_words(
    tokens: Sequence[str],
    numbers: Any,
    words: Any,
    merge: Merge = total,
    *,
    text: str | None = None,
    clean: Clean = plain_word,
) -> tuple[list[str], np.ndarray]:
    """Merge sub-words to words, with one number a word.

    Args:
      tokens: The tokens, ``T`` strings.
      numbers: One number a token, ``[T]``.
      words: Which word each token belongs to; see :func:`jaxattr.display.picture`.
      merge: A function from the numbers of one word to its number, such as :func:`total` or :func:`common`.
      text: The text itself, where ``words`` has offsets into it.
      clean: A function from the tokens of one word to its spelling.

    Returns:
      The ``W`` words, and their numbers ``[W]`` in float64. Special tokens stay as they are.

    Raises:
      TypeError: If an argument is of the wrong kind.
      ValueError: If the lengths differ, or ``merge`` refuses a word.

    Example:
      >>> from jaxattr.display import merge_words
      >>> merge_words(["[CLS]", "un", "##kind"], [0.0, 0.25, 0.5], [None, 0, 0])
      (['[CLS]', 'unkind'], array([0.  , 0.75]))
    """
    tokens = as_tokens(tokens)
    grouping = group(tokens, words, text=text, clean=clean)
    return list(grouping.words), merged(as_numbers(numbers, len(tokens)), grouping, merge)


def merged(numbers: np.ndarray, grouping: Grouping, merge: Merge) -> np.ndarray:
    """Give each word its number. A token alone keeps its own."""
    result = np.zeros(len(grouping.tokens))
    for i, members in enumerate(grouping.tokens):
        if grouping.special[i]:
            result[i] = numbers[members[0]]
            continue
        try:
            number = np.asarray(merge(numbers[list(members)]), dtype=np.float64)
        except ValueError as error:
            msg = f"The word {grouping.words[i]!r} (tokens {members[0]} to {members[-1]}): {error}"
            raise ValueError(msg) from error
        if number.shape != ():
            msg = f"merge gives one number a word, but for {grouping.words[i]!r} it gave shape {number.shape}."
            raise ValueError(msg + " Reduce it, for instance with merge=total.")
        result[i] = number
    return result

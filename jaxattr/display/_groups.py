"""Which tokens make a word, read from a plain list or from a tokenizer, and what stands between the words."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jaxattr.display._visible import brings_spaces, ends_line, spaces_between, unspaced

Clean = Callable[[Sequence[str]], str]


class Grouping(NamedTuple):
    """The words of a text: their tokens, their spelling, and what stands before each and after the last."""

    tokens: tuple[tuple[int, ...], ...]
    words: tuple[str, ...]
    gaps: tuple[str, ...]
    special: tuple[bool, ...]


def group(
    tokens: Sequence[str],
    words: Any = None,
    *,
    text: str | None = None,
    clean: Clean = "".join,
    joiner: str | None = None,
) -> Grouping:
    """Find the words that tokens make."""
    if words is None:
        if text is not None:
            msg = "text is read at the offsets of words, but words is None. Pass words=encoding, or leave text out."
            raise ValueError(msg)
        alone = tuple((i,) for i in range(len(tokens)))
        return Grouping(alone, tuple(tokens), spaces_between(tokens, joiner), (False,) * len(tokens))
    ids, offsets = _word_ids(words, text)
    for name, found in (("words", ids), ("offsets", offsets)):
        if found is not None and len(found) != len(tokens):
            msg = f"There are {len(tokens)} tokens but {len(found)} {name}."
            raise ValueError(msg + " Pass one a token, with the padding in both or in neither.")
    members, special = _runs(ids)
    if text is not None and offsets is not None:
        spelled, gaps = _from_text(tokens, members, special, offsets, text)
        return Grouping(members, spelled, gaps if joiner is None else spaces_between(spelled, joiner), special)
    spelled = tuple(
        tokens[m[0]] if alone else clean([tokens[i] for i in m]) for m, alone in zip(members, special, strict=True)
    )
    return Grouping(members, spelled, _gaps_of_marks(tokens, members, special, spelled, joiner), special)


def words_of_text(offsets: Sequence[tuple[int, int]], text: str) -> list[int | None]:
    """Give the word of each token by the spaces of the text.

    Some tokenizers do not split a text into words first; their ``word_ids`` are the same for a whole sentence. This
    function begins a word after each white space instead, and at each letter of a script written without spaces.

    Args:
      offsets: Where each token begins and ends in the text, ``T`` pairs. An empty one belongs to a special token.
      text: The text.

    Returns:
      One word index a token, None for special tokens.

    Example:
      >>> from jaxattr.display import words_of_text
      >>> words_of_text([(0, 0), (0, 2), (2, 6), (6, 11)], "unkind words")
      [None, 0, 0, 1]
    """
    found: list[int | None] = []
    word, end = -1, None
    for start, stop in offsets:
        if start == stop:
            found.append(None)
            end = None
            continue
        if end is None or (start >= end and _new_word(text[end - 1 : start + 1])):
            word += 1
        found.append(word)
        end = stop
    return found


def _new_word(border: str) -> bool:
    """Say whether a word begins, from the last letter before the border to the first one after it."""
    return any(c.isspace() for c in border) or unspaced(border[:1] or " ") or unspaced(border[-1:] or " ")


def _word_ids(words: Any, text: str | None) -> tuple[list[tuple[Any, int] | None], list[tuple[int, int]] | None]:
    """Read the word of each token, and the offsets where there are any, from whatever a tokenizer gives."""
    batch = getattr(words, "encodings", None)
    if batch:
        if len(batch) != 1:
            msg = f"words holds the encodings of {len(batch)} texts, but a picture has one."
            raise ValueError(msg + " Pass words=batch.encodings[i].")
        words = batch[0]
    offsets = getattr(words, "offsets", None)
    ids = _read(words, "word_ids")
    if ids is None and offsets is not None:
        if text is None:
            msg = "words has offsets but no word_ids, so the text is needed to find the words. Pass text=..."
            raise ValueError(msg)
        ids = words_of_text(offsets, text)
    if ids is None:
        ids = words
    if isinstance(ids, str) or not hasattr(ids, "__iter__"):
        msg = (
            f"words is a list with one word index or None a token, or a tokenizer's encoding, but this is "
            f"{type(words).__name__}. Pass for instance words=encoding.word_ids()."
        )
        raise TypeError(msg)
    sequences = _read(words, "sequence_ids") or [None] * len(list(ids))
    if text is not None and offsets is None:
        msg = "text is read at the offsets of words, but words has none."
        raise ValueError(msg + " Pass words=batch.encodings[0], or leave text out.")
    keys = [None if w is None or _index(w) < 0 else (s, _index(w)) for s, w in zip(sequences, ids, strict=True)]
    return keys, None if offsets is None else [(int(a), int(b)) for a, b in offsets]


def _read(source: Any, name: str) -> Any:
    """Read an attribute, or call it where it is a method."""
    found = getattr(source, name, None)
    return found() if callable(found) else found


def _index(word: Any) -> int:
    try:
        return operator.index(word)
    except TypeError:
        msg = f"A word index is an int or None, but this is {word!r}. Pass for instance words=[None, 0, 0, 1, None]."
        raise TypeError(msg) from None


def _runs(ids: Sequence[Any]) -> tuple[tuple[tuple[int, ...], ...], tuple[bool, ...]]:
    """Put neighbours of the same word together. A special token stays alone."""
    members: list[list[int]] = []
    for i, key in enumerate(ids):
        if i and key is not None and key == ids[i - 1]:
            members[-1].append(i)
        else:
            members.append([i])
    return tuple(map(tuple, members)), tuple(ids[m[0]] is None for m in members)


def _gaps_of_marks(
    tokens: Sequence[str],
    members: Sequence[Sequence[int]],
    special: Sequence[bool],
    words: Sequence[str],
    joiner: str | None,
) -> tuple[str, ...]:
    """Put a space where a mark of the vocabulary says that there is one, and by the words where there are no marks."""
    firsts = [tokens[m[0]] for m in members]
    if joiner is not None or not brings_spaces(firsts):
        return spaces_between(words, joiner)
    gaps = [""] * (len(words) + 1)
    for i in range(1, len(words)):
        near_special = special[i] or special[i - 1]
        marked = firsts[i][:1] in ("Ġ", "▁", " ")
        gaps[i] = " " if (marked or near_special) and not ends_line(words[i - 1]) else ""
    return tuple(gaps)


def _from_text(
    tokens: Sequence[str],
    members: Sequence[Sequence[int]],
    special: Sequence[bool],
    offsets: Sequence[tuple[int, int]],
    text: str,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Spell each word as the text does, and keep what stands between the words there."""
    words: list[str] = []
    gaps: list[str] = []
    read = 0
    for m, alone in zip(members, special, strict=True):
        start, stop = min(offsets[i][0] for i in m), max(offsets[i][1] for i in m)
        if alone or start == stop:
            words.append("".join(tokens[i] for i in m))
            gaps.append(" " if gaps else "")
            continue
        if not read <= start < stop <= len(text):
            msg = (
                f"The offsets {start} to {stop} of token {m[0]} do not follow in a text of {len(text)} characters "
                f"that was read up to {read}. Pass the text of this encoding, or leave text out for a pair of texts."
            )
            raise ValueError(msg)
        inner = text[start:stop]
        if inner.strip():
            stop -= len(inner) - len(inner.rstrip())
            start += len(inner) - len(inner.lstrip())
        gap = text[read:start]
        gaps.append(gap or (" " if words and special[len(words) - 1] else ""))
        words.append(text[start:stop])
        read = stop
    return tuple(words), (*gaps, text[read:])

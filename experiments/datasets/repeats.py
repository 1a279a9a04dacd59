"""Texts that stand in a set more than once."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

Labelled = tuple[str, int]
_FIRST = ("test", "validation", "train")


def bare(text: str) -> str:
    """The text without any white space, by which texts are compared."""
    return "".join(text.split())


def in_test(text: str) -> bool:
    """Whether a text of a set without a published split belongs to the test: a fifth does, by its SHA-256."""
    return int.from_bytes(hashlib.sha256(bare(text).encode()).digest()[:8], "big") % 5 == 0


def once(splits: Mapping[str, Iterable[Labelled]]) -> tuple[dict[str, list[Labelled]], dict[str, int]]:
    """Keeps every text once: in the test before validation before training; equal but for white space is equal.

    A text that stands there with two labels is left out everywhere, and so is one without a character.

    Args:
      splits: Texts with labels for some of "train", "validation" and "test".

    Returns:
      What stays, in its order, and how many rows do not, by reason: "train: also in test" and so on.

    Example:
      >>> kept, left_out = once({"train": [("a", 0), ("b", 1), ("c ", 0)], "test": [("c", 0), ("c", 0), ("d", 1)]})
      >>> kept["train"], kept["test"]
      ([('a', 0), ('b', 1)], [('c', 0), ('d', 1)])
      >>> left_out
      {'test: repeated': 1, 'train: also in test': 1}
    """
    rows = {split: list(splits[split]) for split in _FIRST if split in splits}
    labels = defaultdict(set)
    for found in rows.values():
        for text, label in found:
            labels[bare(text)].add(label)
    owner: dict[str, str] = {}
    kept: dict[str, list[Labelled]] = {split: [] for split in splits}
    left: dict[str, int] = defaultdict(int)
    for split, found in rows.items():
        for text, label in found:
            key = bare(text)
            if not key:
                left[f"{split}: empty"] += 1
            elif len(labels[key]) > 1:
                left[f"{split}: with two labels"] += 1
            elif key in owner:
                left[f"{split}: repeated" if owner[key] == split else f"{split}: also in {owner[key]}"] += 1
            else:
                owner[key] = split
                kept[split].append((text, label))
    return kept, dict(left)

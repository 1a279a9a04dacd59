"""The four sets as rows of characters."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments._shared.provenance import fingerprint
from experiments._shared.words import encode, numbered, vocabulary
from experiments.datasets import chinese

LENGTHS = {"hotel": 256, "weibo": 160, "thucnews": 32, "emotions": 160}
SETS = tuple(LENGTHS)


@dataclasses.dataclass(frozen=True)
class Corpus:
    """One encoded set.

    Attributes:
      name: The name of the set.
      classes: The names of the classes.
      characters: The vocabulary, from the training texts alone.
      train: Ids `int32[N, T]` and labels `int32[N]`.
      test: The same for the test texts.
      texts: The test texts as written, cut to T characters.
      sha256: The fingerprint of all texts and labels.
    """

    name: str
    classes: tuple[str, ...]
    characters: tuple[str, ...]
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    texts: tuple[str, ...]
    sha256: str


def _drawn(rows: Sequence[tuple[str, int]], rng: np.random.Generator, most: int | None) -> list[tuple[str, int]]:
    """All rows, or so many of them in a random order."""
    return list(rows) if most is None else [rows[i] for i in rng.permutation(len(rows))[:most]]


def corpus(folder: Path, name: str, *, at_least: int, most: tuple[int, int] | None = None, seed: int = 0) -> Corpus:
    """Reads and encodes a set.

    Args:
      folder: The folder of prepared data sets.
      name: One of SETS.
      at_least: How often a character must occur in the training texts to have an id of its own.
      most: At most so many training and test texts, drawn at random; None takes all.
      seed: The seed of that draw.

    Returns:
      The corpus. A text longer than the row of its set keeps its first characters.
    """
    splits = chinese.load(folder, name)
    rng = np.random.default_rng(seed)
    rows = {split: [(row["text"].decode(), int(row["label"])) for row in splits[split]] for split in ("train", "test")}
    sha256 = fingerprint(row for part in rows.values() for row in part)
    train, test = (_drawn(rows[split], rng, most and most[i]) for i, split in enumerate(("train", "test")))
    length = LENGTHS[name]
    listed = vocabulary((text for text, _ in train), at_least=at_least)
    index = numbered(listed)
    arrays = [
        (encode((text[:length] for text, _ in part), index, length), np.array([label for _, label in part], np.int32))
        for part in (train, test)
    ]
    return Corpus(
        name=name,
        classes=tuple(chinese.NAMES[name]),
        characters=tuple(listed),
        train=arrays[0],
        test=arrays[1],
        texts=tuple(text[:length] for text, _ in test),
        sha256=sha256,
    )

"""A DeepMoji set as rows of ids, batches of texts of like length, and long texts made of short ones."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from experiments._shared.provenance import fingerprint
from experiments._shared.words import PAD, encode, numbered, places, vocabulary, words
from experiments.datasets import deepmoji

Split = Literal["published", "exchanged"]
_CHOICE = 20170801
_MULTIPLE = 16
_BATCHES_SORTED = 16


@dataclasses.dataclass(frozen=True)
class Rows:
    """One part of the set.

    Attributes:
      texts: The texts as written.
      ids: `int32[N, T]`, padded at the end.
      labels: `int32[N]`.
    """

    texts: tuple[str, ...]
    ids: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The encoded set.

    Attributes:
      words: The vocabulary, from the training texts alone.
      names: The classes.
      train: The training texts.
      validation: Those on which settings were chosen.
      test: The test texts.
      left_out: Training and validation texts that were left out, as they have no words or recur in a later part.
      sha256: The fingerprint of all texts and labels.
    """

    words: tuple[str, ...]
    names: tuple[str, ...]
    train: Rows
    validation: Rows
    test: Rows
    left_out: int
    sha256: str

    def encoded(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Other texts as rows of ids."""
        return encode([words(text) for text in texts], numbered(self.words), length)


Pairs = list[tuple[str, int]]


def _parts(folder: Path, task: str, split: Split) -> tuple[Pairs, Pairs, Pairs]:
    """Texts and labels for training, validation and test."""
    found = {}
    for part, rows in deepmoji.load(folder, task).items():
        chosen = sorted(rows, key=lambda row: int(row["number"]))
        found[part] = [(row["text"].decode(), int(row["label"])) for row in chosen]
    if split == "published":
        return found["train"], found["validation"], found["test"]
    many, few = found["test"], found["train"] + found["validation"]
    order = np.random.default_rng(_CHOICE).permutation(len(many))
    held = max(len(many) // 13, 1)
    return [many[n] for n in sorted(order[held:])], [many[n] for n in sorted(order[:held])], few


def _apart(rows: Pairs, *later: Pairs) -> Pairs:
    """The rows with words whose words are not those of a text of a later part."""
    known = {tuple(words(text)) for part in later for text, _ in part} | {()}
    return [(text, label) for text, label in rows if tuple(words(text)) not in known]


def corpus(folder: Path, task: str, *, split: Split, length: int) -> Corpus:
    """Encodes a set.

    Args:
      folder: The folder for prepared data sets.
      task: The name of the set.
      split: "published" for the split as published; "exchanged" trains on its large test part, a thirteenth of which
        is held out for validation, and tests on its training and validation texts.
      length: Words of a text; a longer one keeps its last words.

    Returns:
      The corpus.
    """
    train, validation, test = _parts(folder, task, split)
    everything = [*train, *validation, *test]
    train, validation = _apart(train, validation, test), _apart(validation, test)
    listed = vocabulary(words(text) for text, _ in train)
    index = numbered(listed)

    def rows(pairs: Pairs) -> Rows:
        texts, labels = zip(*pairs, strict=True)
        return Rows(texts, encode([words(text) for text in texts], index, length), np.array(labels, np.int32))

    return Corpus(
        words=tuple(listed),
        names=deepmoji.NAMES[task],
        train=rows(train),
        validation=rows(validation),
        test=rows(test),
        left_out=len(everything) - len(train) - len(validation) - len(test),
        sha256=fingerprint(everything),
    )


def like_lengths(
    ids: np.ndarray, labels: np.ndarray, *, batch: int, epochs: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields batches of texts of like length, cut to a multiple of 16 words, in a new order each epoch.

    Args:
      ids: `int32[N, T]`, padded at the end.
      labels: `int32[N]`.
      batch: Texts a batch; those left over are dropped.
      epochs: How many passes over the texts.
      seed: The seed of the order.

    Yields:
      Ids and labels of a batch.
    """
    lengths = (ids != PAD).sum(1)
    for epoch in range(epochs):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(ids))
        batches = []
        for start in range(0, len(order), batch * _BATCHES_SORTED):
            some = order[start : start + batch * _BATCHES_SORTED]
            some = some[np.argsort(lengths[some], kind="stable")]
            batches += [some[n : n + batch] for n in range(0, len(some) - batch + 1, batch)]
        for number in rng.permutation(len(batches)):
            rows = batches[number]
            longest = -(-lengths[rows].max() // _MULTIPLE) * _MULTIPLE
            yield ids[rows, : min(longest, ids.shape[1])], labels[rows]


def joined(rows: Rows, *, length: int, count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Long texts, each made of texts of one class and cut after so many words; the classes take turns.

    Args:
      rows: The short texts.
      length: Words of a long text.
      count: How many.
      seed: The seed of the choice.

    Returns:
      The long texts and their classes.
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(rows.labels)
    texts, labels = [], []
    for number in range(count):
        label = classes[number % len(classes)]
        made = ""
        for row in rng.permutation(np.flatnonzero(rows.labels == label)):
            made = f"{made} {rows.texts[row].strip()}".strip()
            if len(words(made)) >= length:
                break
        texts.append(made[: places(made).offsets[:length][-1][1]])
        labels.append(label)
    return texts, np.array(labels, np.int32)

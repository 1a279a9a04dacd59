"""Reviews as rows of ids without punctuation, padded in front, and the choice of reviews and backgrounds."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from experiments._shared.arrays import load_arrays, save_arrays
from experiments._shared.provenance import fingerprint
from experiments._shared.words import PAD, encode, numbered, places, unbroken, vocabulary
from experiments.datasets import imdb
from experiments.imdb_cnn.data import Corpus


def written(text: str) -> list[str]:
    """The words of a text as written, without punctuation, as in the rows of ids that the source loads.

    Example:
      >>> written("Not GOOD,<br />but it's short!")
      ['Not', 'GOOD', 'but', "it's", 'short']
    """
    text = unbroken(text)
    found = (text[start:end] for start, end in places(text).offsets)
    return [word for word in found if word[0].isalnum()]


def in_front(ids: np.ndarray) -> np.ndarray:
    """Moves the padding of each row from its end to its front.

    Args:
      ids: `int32[N, T]`, padded on the right with id 0, which no word has.

    Returns:
      Ids of the same shape.

    Example:
      >>> in_front(np.array([[5, 7, 0], [4, 2, 3]])).tolist()
      [[0, 5, 7], [4, 2, 3]]
    """
    length = ids.shape[1]
    return np.take_along_axis(ids, (np.arange(length) + (ids != PAD).sum(1, keepdims=True)) % length, axis=1)


def _make(folder: Path, size: int, length: int) -> tuple[dict[str, np.ndarray], list[str], str]:
    splits = imdb.load(folder)
    rows = {split: [(row["text"].decode(), int(row["label"])) for row in found] for split, found in splits.items()}
    words = {split: [[word.lower() for word in written(text)] for text, _ in found] for split, found in rows.items()}
    listed, arrays = vocabulary(words["train"], size=size), {}
    for split, found in rows.items():
        arrays[f"{split}_ids"] = in_front(encode(words[split], numbered(listed), length))
        arrays[f"{split}_labels"] = np.array([label for _, label in found], np.int32)
    return arrays, listed, fingerprint(row for found in rows.values() for row in found)


def corpus(folder: Path, keep: Path, *, size: int, length: int) -> Corpus:
    """Encodes the data set, or reads what an earlier run encoded from the same data with the same settings.

    Args:
      folder: The folder for prepared data sets.
      keep: The file in which the rows of ids are kept.
      size: Entries of the vocabulary.
      length: Words of a review; a longer one keeps its last words, a shorter one is padded in front.

    Returns:
      The corpus.
    """
    imdb.load(folder)
    info = imdb.location(folder) / "dataset_info.json"
    wanted = {"size": size, "length": length, "front": True, "prepared": hashlib.sha256(info.read_bytes()).hexdigest()}
    arrays, about = load_arrays(keep) if keep.exists() else ({}, {})
    if {name: about.get(name) for name in wanted} != wanted:
        arrays, listed, sha256 = _make(folder, size, length)
        about = wanted | {"words": listed, "sha256": sha256}
        save_arrays(keep, arrays, about)
    train, test = ((arrays[f"{split}_ids"], arrays[f"{split}_labels"]) for split in ("train", "test"))
    return Corpus(tuple(about["words"]), train, test, about["sha256"])


def fewer(corpus: Corpus, count: int | None, *, seed: int) -> Corpus:
    """A corpus with so many of its training reviews, drawn at random; its fingerprint says so. None keeps all."""
    if count is None or count >= len(corpus.train[0]):
        return corpus
    chosen = choose(len(corpus.train[0]), count, seed=seed, part=3)
    sha256 = hashlib.sha256(f"{corpus.sha256} {chosen.tolist()}".encode()).hexdigest()
    return dataclasses.replace(corpus, train=(corpus.train[0][chosen], corpus.train[1][chosen]), sha256=sha256)


def choose(rows: int, count: int, *, seed: int, part: int) -> np.ndarray:
    """Draws different rows at random; the first ones of a longer draw are a shorter draw.

    Args:
      rows: How many rows there are.
      count: How many are wanted; all rows where there are fewer.
      seed: The seed of the run.
      part: A number for what the rows are, so that draws for two purposes are independent.

    Returns:
      Places, `int[min(count, rows)]`.
    """
    return np.random.default_rng([seed, part]).permutation(rows)[:count]


def drawn(pool: int, rows: int, count: int, *, seed: int) -> np.ndarray:
    """Draws different members of a pool for each of many rows.

    Args:
      pool: How many members there are.
      rows: How many rows.
      count: How many members a row; all where there are fewer.
      seed: The seed of the run.

    Returns:
      Places, `int[rows, min(count, pool)]`.
    """
    keys = np.random.default_rng([seed, 4]).random((rows, pool))
    return np.argsort(keys, axis=1)[:, : min(count, pool)]

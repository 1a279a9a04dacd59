"""Reviews as rows of ids, made once and kept."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from experiments._shared.arrays import load_arrays, save_arrays
from experiments._shared.provenance import fingerprint
from experiments._shared.words import encode, numbered, vocabulary, words
from experiments.datasets import imdb

LABELS = ("negative", "positive")


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The encoded data set.

    Attributes:
      words: The vocabulary, from the training reviews alone.
      train: Ids `int32[25000, T]` and labels `int32[25000]`.
      test: The same for the test reviews.
      sha256: The fingerprint of all texts and labels.
    """

    words: tuple[str, ...]
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    sha256: str


def _make(folder: Path, size: int, length: int) -> tuple[dict[str, np.ndarray], list[str], str]:
    splits = imdb.load(folder)
    texts = {split: [(row["text"].decode(), int(row["label"])) for row in rows] for split, rows in splits.items()}
    tokens = {split: [words(text) for text, _ in rows] for split, rows in texts.items()}
    listed = vocabulary(tokens["train"], size=size)
    arrays = {}
    for split, rows in texts.items():
        arrays[f"{split}_ids"] = encode(tokens[split], numbered(listed), length)
        arrays[f"{split}_labels"] = np.array([label for _, label in rows], np.int32)
    return arrays, listed, fingerprint(row for rows in texts.values() for row in rows)


def corpus(folder: Path, keep: Path, *, size: int, length: int) -> Corpus:
    """Encodes the data set, or reads what an earlier run encoded from the same data with the same settings.

    Args:
      folder: The folder for prepared data sets.
      keep: The file in which the rows of ids are kept.
      size: Entries of the vocabulary.
      length: Words of a review; a longer one keeps its last words.

    Returns:
      The corpus.
    """
    imdb.load(folder)
    info = imdb.location(folder) / "dataset_info.json"
    wanted = {"size": size, "length": length, "prepared": hashlib.sha256(info.read_bytes()).hexdigest()}
    arrays, about = load_arrays(keep) if keep.exists() else ({}, {})
    if {name: about.get(name) for name in wanted} != wanted:
        arrays, listed, sha256 = _make(folder, size, length)
        about = wanted | {"words": listed, "sha256": sha256}
        save_arrays(keep, arrays, about)
    return Corpus(
        words=tuple(about["words"]),
        train=(arrays["train_ids"], arrays["train_labels"]),
        test=(arrays["test_ids"], arrays["test_labels"]),
        sha256=about["sha256"],
    )


def texts_of_test(folder: Path, rows: np.ndarray) -> list[str]:
    """Some test reviews as written."""
    reviews = imdb.load(folder)["test"]
    return [reviews[int(row)]["text"].decode() for row in rows]

"""Film reviews as rows of ids, made once and kept."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from experiments._shared.arrays import load_arrays, save_arrays
from experiments._shared.provenance import fingerprint
from experiments._shared.words import encode, numbered, vocabulary, words
from experiments.datasets import imdb


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The encoded reviews.

    Attributes:
      words: The vocabulary, from the training reviews alone.
      train: Ids `int32[N, T]`, padded on the right, and labels `int32[N]`.
      test: The same for the test reviews.
      places: Where each test review stands in the data set.
      sha256: The fingerprint of all texts and labels used.
    """

    words: tuple[str, ...]
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    places: np.ndarray
    sha256: str


def _make(folder: Path, wanted: dict[str, int]) -> tuple[dict[str, np.ndarray], list[str], str]:
    texts, arrays = {}, {}
    for number, (split, rows) in enumerate(imdb.load(folder).items()):
        order = np.random.default_rng([wanted["seed"], number]).permutation(len(rows))[: wanted[split]]
        found = [rows[int(place)] for place in order]
        texts[split] = [(row["text"].decode(), int(row["label"])) for row in found]
        arrays[f"{split}_places"] = order
    tokens = {split: [words(text) for text, _ in rows] for split, rows in texts.items()}
    listed = vocabulary(tokens["train"], size=wanted["vocabulary"])
    for split, rows in texts.items():
        arrays[f"{split}_ids"] = encode(tokens[split], numbered(listed), wanted["length"])
        arrays[f"{split}_labels"] = np.array([label for _, label in rows], np.int32)
    return arrays, listed, fingerprint(row for rows in texts.values() for row in rows)


def corpus(folder: Path, keep: Path, *, size: int, length: int, train: int, test: int, seed: int) -> Corpus:
    """Encodes reviews in a random order, or reads what an earlier run encoded with the same settings.

    Args:
      folder: The folder for prepared data sets.
      keep: The file in which the rows of ids are kept.
      size: Entries of the vocabulary.
      length: Words of a review; a longer one keeps its last words.
      train: At most how many training reviews.
      test: At most how many test reviews.
      seed: The seed of the order.

    Returns:
      The corpus.

    Raises:
      MissingDataError: When the data set is not prepared.
    """
    imdb.load(folder)
    info = (imdb.location(folder) / "dataset_info.json").read_bytes()
    sizes = {"vocabulary": size, "length": length, "train": train, "test": test, "seed": seed}
    wanted: dict[str, Any] = sizes | {"prepared": hashlib.sha256(info).hexdigest()}
    arrays, about = load_arrays(keep) if keep.exists() else ({}, {})
    if {name: about.get(name) for name in wanted} != wanted:
        arrays, listed, sha256 = _make(folder, sizes)
        about = wanted | {"words": listed, "sha256": sha256}
        save_arrays(keep, arrays, about)
    rows = {split: (arrays[f"{split}_ids"], arrays[f"{split}_labels"]) for split in ("train", "test")}
    return Corpus(tuple(about["words"]), rows["train"], rows["test"], arrays["test_places"], about["sha256"])


def texts_of_test(folder: Path, places: np.ndarray) -> list[str]:
    """Some test reviews as written.

    Args:
      folder: The folder for prepared data sets.
      places: Where they stand in the data set.

    Returns:
      The texts.
    """
    reviews = imdb.load(folder)["test"]
    return [reviews[int(place)]["text"].decode() for place in places]

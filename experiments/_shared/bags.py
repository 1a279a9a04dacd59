"""Film reviews as bags of words: which words of a dictionary a review holds, eight words a byte."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_matrix

from experiments._shared.arrays import load_arrays, save_arrays
from experiments._shared.provenance import fingerprint
from experiments._shared.words import PAD_WORD, UNKNOWN_WORD, numbered, vocabulary, words
from experiments.datasets import imdb

Rows = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Bags:
    """The encoded data set.

    Attributes:
      words: The dictionary: the most frequent words of the training reviews, most frequent first.
      train: Packed bags `uint8[N, ceil(V / 8)]` and labels `int32[N]`.
      test: The same for the test reviews.
      sha256: The fingerprint of all texts and labels.
    """

    words: tuple[str, ...]
    train: Rows
    test: Rows
    sha256: str


def pack(texts: Iterable[Sequence[str]], index: Mapping[str, int]) -> np.ndarray:
    """Which words of the dictionary each text holds.

    Args:
      texts: The words of each text.
      index: The place of each word in the dictionary; others are left out.

    Returns:
      `uint8[N, ceil(V / 8)]`, the first word in the highest bit, as `numpy.packbits` does.

    Example:
      >>> pack([["b", "a", "b"], ["c"]], {"a": 0, "b": 1}).tolist()
      [[192], [0]]
    """
    rows = []
    for text in texts:
        bits = np.zeros(len(index), bool)
        bits[[index[word] for word in set(text) if word in index]] = True
        rows.append(np.packbits(bits))
    return np.stack(rows)


def unpack(packed: jax.Array, size: int) -> jax.Array:
    """The binary vector over the dictionary, inside a program: `float32[..., size]` from `uint8[..., ceil(size / 8)]`.

    Example:
      >>> unpack(jnp.array([192], jnp.uint8), 3).tolist()
      [1.0, 1.0, 0.0]
    """
    return jnp.unpackbits(packed, axis=-1, count=size).astype(jnp.float32)


def sparse(packed: np.ndarray, size: int, chunk: int = 1000) -> csr_matrix:
    """The same as a sparse matrix `float32[N, size]`, for scikit-learn."""
    parts = [
        np.nonzero(np.unpackbits(packed[start : start + chunk], axis=-1, count=size))
        for start in range(0, len(packed), chunk)
    ]
    rows = np.concatenate([part[0] + chunk * number for number, part in enumerate(parts)])
    columns = np.concatenate([part[1] for part in parts])
    return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(packed), size))


def holding(packed: np.ndarray, size: int) -> np.ndarray:
    """In how many rows each word stands, `int64[size]`."""
    return np.asarray(sparse(packed, size).sum(0), np.int64).ravel()


def _make(folder: Path, size: int, reviews: int | None) -> tuple[dict[str, np.ndarray], list[str], str]:
    splits = {}
    for split, rows in imdb.load(folder).items():
        order = np.random.default_rng(0).permutation(len(rows))[:reviews]
        chosen = [rows[int(row)] for row in order]
        splits[split] = [(row["text"].decode(), int(row["label"])) for row in chosen]
    tokens = {split: [words(text) for text, _ in rows] for split, rows in splits.items()}
    special = {PAD_WORD, UNKNOWN_WORD}
    listed = [word for word in vocabulary(tokens["train"], size=size + len(special)) if word not in special]
    arrays = {}
    for split, rows in splits.items():
        arrays[f"{split}_bags"] = pack(tokens[split], numbered(listed))
        arrays[f"{split}_labels"] = np.array([label for _, label in rows], np.int32)
    return arrays, listed, fingerprint(row for rows in splits.values() for row in rows)


def bags(folder: Path, keep: Path, *, size: int, reviews: int | None = None) -> Bags:
    """Encodes the film reviews, or reads what an earlier run encoded from the same data with the same settings.

    Args:
      folder: The folder of prepared data sets.
      keep: The file in which the bags are kept.
      size: Words of the dictionary.
      reviews: How many reviews of each part, drawn once; None takes all.

    Returns:
      The bags, in a random order that is always the same.

    Raises:
      MissingDataError: When the data set is not prepared, with the command that prepares it.
    """
    imdb.load(folder)
    info = imdb.location(folder) / "dataset_info.json"
    wanted = {"size": size, "reviews": reviews, "prepared": hashlib.sha256(info.read_bytes()).hexdigest()}
    arrays, about = load_arrays(keep) if keep.exists() else ({}, {})
    if {name: about.get(name) for name in wanted} != wanted:
        arrays, listed, sha256 = _make(folder, size, reviews)
        about = wanted | {"words": listed, "sha256": sha256}
        save_arrays(keep, arrays, about)
    return Bags(
        words=tuple(about["words"]),
        train=(arrays["train_bags"], arrays["train_labels"]),
        test=(arrays["test_bags"], arrays["test_labels"]),
        sha256=about["sha256"],
    )

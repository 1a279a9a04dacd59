"""The kept copy of the published weights with their vocabulary, made once from the files that a user gives."""

import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np

from experiments._shared.arrays import load_arrays, save_arrays
from experiments.datasets.store import MissingDataError
from experiments.pretrained import tflite
from experiments.pretrained.model import LENGTH, load, vocabulary

Kept = tuple[dict[str, np.ndarray], tuple[str, ...], str]


def location(folder: Path) -> Path:
    """Where the kept copy lies in the folder of prepared data."""
    return folder / "models" / "average_word_imdb.npz"


def _weights(path: Path) -> tuple[dict[str, np.ndarray], int]:
    """Weights from a `.npz` file; nothing in it is unpickled."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}, LENGTH
    except (zipfile.BadZipFile, zlib.error, EOFError, AttributeError, OSError, ValueError) as error:
        raise ValueError(
            f"Expected an .npz file of numeric arrays, got {path}, which is cut short or damaged ({error}). "
            "Fetch it again."
        ) from error


def keep(folder: Path, *, published: Path | None, weights: Path | None, words: Path | None) -> None:
    """Reads the files that a user has and keeps one copy.

    Args:
      folder: The folder of prepared data.
      published: The published `.tflite` file.
      weights: The same weights as `.npz`, in place of it.
      words: The vocabulary; None takes it from the `.tflite` file, where newer ones carry it.

    Raises:
      MissingDataError: When a file is not there, or no vocabulary is.
      ValueError: When a file is damaged or belongs to another model.
    """
    source = published or weights
    if source is None:
        raise MissingDataError(missing(folder))
    for path in (source, words):
        if path is not None and not path.is_file():
            raise MissingDataError(f"Expected a file at {path}, got none. {missing(folder)}")
    arrays, length = tflite.read(source) if published else _weights(source)
    if length != LENGTH:
        raise ValueError(f"Expected texts of {LENGTH} ids, got {length} in {source}. Fetch the file from {tflite.URL}")
    text = words.read_text() if words else tflite.packed_vocabulary(source) if published else None
    if text is None:
        raise MissingDataError(
            f"Expected a vocabulary, got {source}, which carries none. "
            "Pass its vocab.txt, a word a line: --vocabulary PATH"
        )
    load(arrays)
    listed = vocabulary(text, len(arrays["embedding"]))
    about = {"words": list(listed), "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
    save_arrays(location(folder), arrays, about)


def missing(folder: Path) -> str:
    """What to type when there is no kept copy."""
    return (
        f"Expected the weights of the published classifier in {location(folder)}, got nothing there. Keep them once:\n"
        f"  fetch {tflite.URL}\n"
        "  python -m experiments.pretrained --tflite PATH [--vocabulary PATH]          from that file\n"
        "  python -m experiments.pretrained --weights PATH.npz --vocabulary PATH.txt   from arrays that you have"
    )


def read(folder: Path) -> Kept:
    """Reads the kept copy.

    Args:
      folder: The folder of prepared data.

    Returns:
      Weights by name, the word of each id, and the SHA-256 of the file that they came from.

    Raises:
      MissingDataError: When there is none, with the commands that make it.
      ValueError: When it is damaged.
    """
    if not location(folder).is_file():
        raise MissingDataError(missing(folder))
    arrays, about = load_arrays(location(folder))
    return arrays, tuple(about["words"]), about["sha256"]

"""The handwritten digits of MNIST (LeCun, Cortes, Burges) as a TFDS builder that needs no TensorFlow."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from experiments.datasets import store
from experiments.datasets.store import MissingDataError as MissingDataError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
SHA256_OF_ARRAYS = "7ea58190b669e6bd65b77d91a536f3704417d83e90de48ac8884f8a78e41a908"
NAMES = tuple("0123456789")
_SHAPES = {"x_train": (60_000, 28, 28), "y_train": (60_000,), "x_test": (10_000, 28, 28), "y_test": (10_000,)}


def digest(arrays: dict[str, np.ndarray]) -> str:
    """The SHA-256 of the four arrays, which does not depend on how the file compresses them."""
    found = hashlib.sha256()
    for name in _SHAPES:
        found.update(f"{name} {arrays[name].shape} {arrays[name].dtype.str} ".encode())
        found.update(np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()


def archive(path: Path, *, sha256: str | None = None) -> store.Source:
    """Rows from `mnist.npz`; a file that compresses the same arrays in another way is the same set.

    Args:
      path: The file with uint8 arrays x_train, y_train, x_test, y_test.
      sha256: The digest that its arrays must have, see `digest`; None is that of the official file.

    Returns:
      A function from the split, "train" or "test", to its rows.

    Raises:
      MissingDataError: When there is no such file.
      ValueError: When the file is damaged, or holds other arrays.
    """
    if not path.is_file():
        raise MissingDataError(f"Expected the file mnist.npz at {path}, got none. Fetch it from {URL}")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _SHAPES}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected arrays {', '.join(_SHAPES)} in an .npz file, got {path} ({error}). Fetch it again from {URL}"
        ) from error
    wanted = SHA256_OF_ARRAYS if sha256 is None else sha256
    if digest(arrays) != wanted:
        raise ValueError(
            f"Expected the arrays of MNIST with SHA-256 {wanted}, got {path} with {digest(arrays)}. "
            f"Fetch it again from {URL}"
        )

    def rows(split: str) -> Iterator[store.Row]:
        pairs = zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)
        for number, (image, label) in enumerate(pairs):
            yield str(number), {"image": image, "label": store.label(int(label), NAMES, f"y_{split} of {path}")}

    return rows


class MnistDigits(store.Builder):
    """Images of handwritten digits, 28 by 28 grey values; 60,000 for training, 10,000 for testing."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(28, 28), dtype=np.uint8, encoding="bytes"),
                    "label": tfds.features.ClassLabel(names=list(NAMES)),
                }
            ),
            description="Handwritten digits, official split.",
            homepage="http://yann.lecun.com/exdb/mnist/",
        )

    def fetch(self, manager: tfds.download.DownloadManager) -> store.Source:
        """Rows from the official file."""
        return archive(Path(manager.download(URL)))


SET = store.Dataset(
    name="mnist",
    about="70,000 images of handwritten digits, 28 by 28 grey values, in ten classes; the official split.",
    terms="Citation asked for: LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86 (1998).",
    official=URL,
    ways={
        "download": store.Way("", f"fetches {URL} (11 MB)"),
        "archive": store.Way("PATH/mnist.npz", "from that file", archive),
    },
    builder=MnistDigits,
)


def prepare(folder: Path, source: store.Source | None = None) -> None:
    """Prepares the set from a source, or from the official file; does nothing where that was done before."""
    store.prepare(folder, SET, source)


def load(folder: Path) -> dict[str, Sequence[dict[str, Any]]]:
    """Reads the prepared set.

    Args:
      folder: The folder for prepared data sets.

    Returns:
      For "train" and "test" a sequence of rows: image `uint8[28, 28]`, label.

    Raises:
      MissingDataError: When the set is not prepared, with the commands that prepare it.
    """
    return store.load(folder, SET)

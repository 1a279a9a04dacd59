"""The data and the network: an image as 784 numbers from 0 to 1, two hidden layers, ten logits."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import flax.linen as nn
import jax
import numpy as np

from experiments._shared.arrays import load_arrays, save_arrays
from experiments.datasets import mnist

PIXELS, CLASSES, SIDE = 784, 10, 28
Rows = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Digits:
    """The data set.

    Attributes:
      train: Images `uint8[N, 784]` and labels `int32[N]`.
      test: The same for the test images.
      sha256: The fingerprint of all images and labels.
    """

    train: Rows
    test: Rows
    sha256: str


def _make(folder: Path, images: int | None) -> tuple[dict[str, np.ndarray], str]:
    arrays, digests = {}, []
    for split, rows in mnist.load(folder).items():
        count = images if images is None or split == "train" else max(1, images // 6)
        order = np.random.default_rng(0).permutation(len(rows))[:count]
        chosen = [rows[int(row)] for row in order]
        arrays[f"{split}_images"] = np.stack([np.asarray(row["image"], np.uint8).reshape(PIXELS) for row in chosen])
        arrays[f"{split}_labels"] = np.array([int(row["label"]) for row in chosen], np.int32)
        pairs = zip(arrays[f"{split}_images"], arrays[f"{split}_labels"], strict=True)
        digests += [hashlib.sha256(bytes([int(label)]) + image.tobytes()).digest() for image, label in pairs]
    return arrays, hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def digits(folder: Path, keep: Path, *, images: int | None = None) -> Digits:
    """Reads the prepared images, or what an earlier run kept of them.

    Args:
      folder: The folder of prepared data sets.
      keep: The file in which they are kept.
      images: How many training images, drawn once, and a sixth as many for the test; None takes all.

    Returns:
      The images in a random order that is always the same.

    Raises:
      MissingDataError: When the data set is not prepared, with the command that prepares it.
    """
    mnist.load(folder)
    arrays, about = load_arrays(keep) if keep.exists() else ({}, {})
    if "sha256" not in about or about.get("images") != images:
        arrays, sha256 = _make(folder, images)
        about = {"images": images, "sha256": sha256}
        save_arrays(keep, arrays, about)
    return Digits(
        train=(arrays["train_images"], arrays["train_labels"]),
        test=(arrays["test_images"], arrays["test_labels"]),
        sha256=about["sha256"],
    )


def grey(images: Any) -> Any:
    """Grey values from 0 to 255 as numbers from 0 to 1."""
    return images.astype(np.float32) / np.float32(255)


class DigitClassifier(nn.Module):
    """An image to ten logits.

    Attributes:
      hidden: Units of each hidden layer.
      dropout: The share of units of each hidden layer dropped in training.
    """

    hidden: Sequence[int]
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Gives the logits.

        Args:
          x: `float[..., 784]`, from 0 to 1.
          train: Whether to drop units; needs a key named "dropout".

        Returns:
          Logits, `float[..., 10]`.
        """
        for number, units in enumerate(self.hidden):
            x = nn.relu(nn.Dense(units, name=f"hidden_{number}")(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(CLASSES, name="logits")(x)


def logits(model: DigitClassifier, params: Any, x: Any, **options: Any) -> jax.Array:
    """The logits that `model` gives for x: `[..., 10]` from `[..., 784]`."""
    return cast("jax.Array", model.apply(params, x, **options))

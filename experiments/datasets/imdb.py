"""The Large Movie Review Dataset (Maas et al., ACL 2011) as a TFDS builder that needs no TensorFlow."""

import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from experiments.datasets import store
from experiments.datasets.store import MissingDataError as MissingDataError

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
NAMES = ("neg", "pos")
SPLITS = ("train", "test")
_MEMBER = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d{1,6})_(\d{1,2})\.txt")
_LARGEST_REVIEW = 1 << 20


def _row(text: str, label: int, number: int, rating: int) -> store.Row:
    return f"{NAMES[label]}/{number}", {"text": text, "label": label, "number": number, "rating": rating}


def archive(path: Path, *, check: bool = True) -> store.Source:
    """Rows from the official archive; members are read by name and never written to disk.

    Args:
      path: `aclImdb_v1.tar.gz`.
      check: Whether the file must have the recorded digest.

    Returns:
      A function from the split, "train" or "test", to its rows.

    Raises:
      MissingDataError: When there is no such file.
      ValueError: When the file has another digest, or, on reading, a review that is larger than one MiB, or none.
    """
    store.checked(path, store.digest(ImdbText, URL) if check else None, URL)

    def rows(split: str) -> Iterator[store.Row]:
        count = 0
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                match = _MEMBER.fullmatch(member.name)
                if match is None or match[1] != split or not member.isreg():
                    continue
                if member.size > _LARGEST_REVIEW:
                    raise ValueError(
                        f"Expected reviews of at most {_LARGEST_REVIEW} bytes, got {member.size} in member "
                        f"{member.name} of {path}. Fetch the archive again from {URL}"
                    )
                file = tar.extractfile(member)
                text = file.read().decode() if file else ""
                count += 1
                yield _row(text, NAMES.index(match[2]), int(match[3]), int(match[4]))
        if not count:
            raise ValueError(
                f"Expected members such as aclImdb/{split}/pos/0_9.txt, got none in {path}. Fetch it again from {URL}"
            )

    return rows


def parquet(folder: Path) -> store.Source:
    """Rows from `train.parquet` and `test.parquet` with columns text, label (0 or 1), id, rating.

    Args:
      folder: The folder of the two files.

    Returns:
      A function from the split, "train" or "test", to its rows.

    Raises:
      MissingDataError: When one of the files is not there.
      ValueError: When a column is missing or, on reading, a label is neither 0 nor 1.
    """
    held = {split: store.columns(folder / f"{split}.parquet", ["text", "label", "id", "rating"]) for split in SPLITS}

    def rows(split: str) -> Iterator[store.Row]:
        for row in held[split]:
            label = store.label(row["label"], NAMES, f"{split}.parquet")
            yield _row(store.text(row["text"], f"{split}.parquet"), label, row["id"], row["rating"])

    return rows


class ImdbText(store.Builder):
    """Movie reviews as text, with label and rating; 25,000 for training, 25,000 for testing."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(
            {
                "text": tfds.features.Text(),
                "label": tfds.features.ClassLabel(names=list(NAMES)),
                "number": tfds.features.Scalar(np.int32),
                "rating": tfds.features.Scalar(np.int32),
            }
        )
        return tfds.core.DatasetInfo(
            builder=self,
            features=features,
            description="Large Movie Review Dataset v1.0, official split, raw text.",
            homepage="https://ai.stanford.edu/~amaas/data/sentiment/",
        )

    def fetch(self, manager: tfds.download.DownloadManager) -> store.Source:
        """Rows from the official archive."""
        return archive(Path(manager.download(URL)))


SET = store.Dataset(
    name="imdb",
    about="50,000 English film reviews, negative and positive (Large Movie Review Dataset v1.0); the official "
    "split, of which 123 test reviews are in the training part as well.",
    terms="Citation asked for: Maas, Daly, Pham, Huang, Ng, Potts, ACL 2011.",
    official="https://ai.stanford.edu/~amaas/data/sentiment/",
    ways={
        "download": store.Way("", f"fetches {URL} (84 MB)"),
        "archive": store.Way("PATH/aclImdb_v1.tar.gz", "from that file", archive),
        "parquet": store.Way("FOLDER", "from train.parquet and test.parquet with text, label, id, rating", parquet),
    },
    builder=ImdbText,
)


def location(folder: Path) -> Path:
    """Where in `folder` the prepared set lies."""
    return store.location(folder, SET)


def prepare(folder: Path, source: store.Source | None = None) -> None:
    """Prepares the set from a source, or from the official archive; does nothing where that was done before."""
    store.prepare(folder, SET, source)


def load(folder: Path) -> dict[str, Sequence[dict[str, Any]]]:
    """Reads the prepared set.

    Args:
      folder: The folder for prepared data sets.

    Returns:
      For "train" and for "test" a sequence of rows: text (bytes), label, number, rating.

    Raises:
      MissingDataError: When the set is not prepared, with the commands that prepare it.
    """
    return store.load(folder, SET)

"""The Large Movie Review Dataset (Maas et al., ACL 2011) as a TFDS builder that needs no TensorFlow."""

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
NAMES = ("neg", "pos")
_MEMBER = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d{1,6})_(\d{1,2})\.txt")
_LARGEST_REVIEW = 1 << 20

Row = tuple[str, dict[str, Any]]
Source = Callable[[str], Iterator[Row]]


class MissingDataError(FileNotFoundError):
    """The data set is not prepared, and nothing was given to prepare it from."""


def _row(text: str, label: int, number: int, rating: int) -> Row:
    return f"{NAMES[label]}/{number}", {"text": text, "label": label, "number": number, "rating": rating}


def archive(path: Path, *, sha256: str | None = SHA256) -> Source:
    """Rows from the official archive; members are read by name and never written to disk.

    Args:
      path: `aclImdb_v1.tar.gz`.
      sha256: The digest that the file must have; None skips the check.

    Returns:
      A function from the split, "train" or "test", to its rows.

    Raises:
      ValueError: When the file has another digest, or, on reading, a review that is larger than one MiB, or none.
    """
    if sha256 is not None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise ValueError(
                f"Expected the archive with SHA-256 {sha256}, got {path} with {found}. Fetch it again from {URL}"
            )

    def rows(split: str) -> Iterator[Row]:
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


def parquet(folder: Path) -> Source:
    """Rows from `train.parquet` and `test.parquet` with columns text, label (0 or 1), id, rating.

    Args:
      folder: The folder of the two files.

    Returns:
      A function from the split, "train" or "test", to its rows.

    Raises:
      MissingDataError: When one of the files is not there.
    """
    for split in ("train", "test"):
        if not (folder / f"{split}.parquet").is_file():
            raise MissingDataError(
                f"Expected train.parquet and test.parquet in {folder}, got no {split}.parquet. "
                "Pass the folder that holds both with --parquet FOLDER."
            )

    def rows(split: str) -> Iterator[Row]:
        import pyarrow.parquet as pq

        file = pq.ParquetFile(folder / f"{split}.parquet")
        for batch in file.iter_batches(columns=["text", "label", "id", "rating"]):
            for row in batch.to_pylist():
                yield _row(row["text"], row["label"], row["id"], row["rating"])

    return rows


class ImdbText(tfds.core.GeneratorBasedBuilder):
    """Movie reviews as text, with label and rating; 25,000 for training, 25,000 for testing."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}

    def __init__(self, *, source: Source | None = None, **kwargs: Any) -> None:
        """Makes a builder.

        Args:
          source: Where rows come from: `archive(path)` or `parquet(folder)`. None downloads the official archive.
          **kwargs: Passed to `tfds.core.GeneratorBasedBuilder`.
        """
        super().__init__(**kwargs)
        self._source = source

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

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[Row]]:
        source = self._source or archive(Path(dl_manager.download(URL)))
        return {split: source(split) for split in ("train", "test")}

    def _generate_examples(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows


def location(folder: Path) -> Path:
    """Where in `folder` the prepared data set lies."""
    return folder / "imdb_text" / str(ImdbText.VERSION)


def prepared(folder: Path) -> bool:
    """Whether the data set was prepared in `folder`."""
    return (location(folder) / "dataset_info.json").is_file()


def prepare(folder: Path, source: Source | None = None) -> None:
    """Prepares the data set; does nothing where that was done before.

    Args:
      folder: The folder for prepared data sets.
      source: See `ImdbText`.
    """
    builder = ImdbText(data_dir=folder, file_format="array_record", source=source)
    config = tfds.download.DownloadConfig(try_download_gcs=False, force_checksums_validation=True)
    builder.download_and_prepare(download_config=config)


def load(folder: Path) -> dict[str, Sequence[dict[str, Any]]]:
    """Reads what was prepared; never uses the network.

    Args:
      folder: The folder for prepared data sets.

    Returns:
      For "train" and for "test" a sequence of rows: text (bytes), label, number, rating.

    Raises:
      MissingDataError: When the data set is not prepared, with the commands that prepare it.
    """
    if not prepared(folder):
        run = "python -m experiments.imdb_cnn"
        raise MissingDataError(
            f"Expected the prepared IMDB reviews in {folder / 'imdb_text'}, got nothing there. Prepare them once:\n"
            f"  {run} --download                             fetches {URL} (84 MB)\n"
            f"  {run} --archive PATH/aclImdb_v1.tar.gz       from an archive that you have\n"
            f"  {run} --parquet FOLDER                       from train.parquet and test.parquet"
        )
    splits = ("train", "test")
    sources: Any = tfds.data_source(
        "imdb_text",
        split=splits,
        data_dir=folder,
        download=False,
        builder_kwargs={"file_format": "array_record"},
    )
    return dict(zip(splits, sources, strict=True))

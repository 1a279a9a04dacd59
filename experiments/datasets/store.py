"""What all data sets share: how one is described, prepared and read, without TensorFlow."""

import abc
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import tensorflow_datasets as tfds

Row = tuple[str, dict[str, Any]]
Source = Callable[[str], Iterable[Row]]
DEFAULT = Path("runs/data")


class MissingDataError(FileNotFoundError):
    """The data set is not prepared, or a file to prepare it from is not there."""


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to prepare a data set, a flag of the command.

    Attributes:
      given: What stands after the flag, such as "FOLDER"; empty for a flag without a value.
      says: What it does.
      source: From that path to the rows; None fetches the official files.
    """

    given: str
    says: str
    source: Callable[[Path], Source] | None = None


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set and the ways to prepare it.

    Attributes:
      name: Its name in the command.
      about: What it holds.
      terms: What its owners ask or allow.
      official: Where it comes from.
      ways: The ways to prepare it by flag, such as "download".
      builder: The TFDS builder.
      config: The configuration of the builder, where it has several.
      splits: The parts.
    """

    name: str
    about: str
    terms: str
    official: str
    ways: Mapping[str, Way]
    builder: "type[Builder]"
    config: str | None = None
    splits: tuple[str, ...] = ("train", "test")


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A TFDS builder whose rows come from a source that is given, or from the official files.

    Attributes:
      PARTS: The splits.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("train", "test")

    def __init__(self, *, source: Source | None = None, **kwargs: Any) -> None:
        """Makes a builder.

        Args:
          source: A function from the name of a split to its rows. None fetches the official files.
          **kwargs: Passed to `tfds.core.GeneratorBasedBuilder`.
        """
        super().__init__(**kwargs)
        self._source = source

    @property
    def chosen(self) -> str:
        """The name of the configuration."""
        return cast("tfds.core.BuilderConfig", self.builder_config).name

    @abc.abstractmethod
    def fetch(self, manager: tfds.download.DownloadManager) -> Source:
        """Rows from the official files, whose digests are checked."""

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[Row]]:
        source = self._source or self.fetch(dl_manager)
        return {split: iter(source(split)) for split in self.PARTS}

    def _generate_examples(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows


def location(folder: Path, dataset: Dataset) -> Path:
    """Where in `folder` the prepared set lies."""
    return Path(folder, dataset.builder.name, dataset.config or "", str(dataset.builder.VERSION))


def prepared(folder: Path, dataset: Dataset) -> bool:
    """Whether the set was prepared in `folder`."""
    return (location(folder, dataset) / "dataset_info.json").is_file()


def prepare(folder: Path, dataset: Dataset, source: Source | None = None) -> None:
    """Prepares a set, whole or not at all; does nothing where that was done before.

    Args:
      folder: The folder for prepared data sets.
      dataset: The set.
      source: See `Builder`.
    """
    kwargs = {} if dataset.config is None else {"config": dataset.config}
    builder = dataset.builder(data_dir=folder, file_format="array_record", source=source, **kwargs)
    config = tfds.download.DownloadConfig(try_download_gcs=False, force_checksums_validation=True)
    builder.download_and_prepare(download_config=config)


def load(folder: Path, dataset: Dataset) -> dict[str, Sequence[dict[str, Any]]]:
    """Reads what was prepared; never uses the network.

    Args:
      folder: The folder for prepared data sets.
      dataset: The set.

    Returns:
      For each split a sequence of rows.

    Raises:
      MissingDataError: When the set is not prepared, with the commands that prepare it.
    """
    if not prepared(folder, dataset):
        raise MissingDataError(
            f"Expected the data set {dataset.name}, prepared in {folder}, got nothing there. Prepare it once, "
            f"in one of these ways:\n{commands(dataset, folder)}"
        )
    name = dataset.builder.name + (f"/{dataset.config}" if dataset.config else "")
    sources: Any = tfds.data_source(
        name,
        split=dataset.splits,
        data_dir=folder,
        download=False,
        builder_kwargs={"file_format": "array_record"},
    )
    return dict(zip(dataset.splits, sources, strict=True))


def commands(dataset: Dataset, folder: Path = DEFAULT) -> str:
    """The commands that prepare a set, one a line."""
    where = "" if Path(folder) == DEFAULT else f" --data-dir {folder}"
    flags = {flag: f"--{flag} {way.given}".strip() for flag, way in dataset.ways.items()}
    width = max(map(len, flags.values()))
    return "\n".join(
        f"  python -m experiments.datasets {dataset.name}{where} {flags[flag]:{width}}   {way.says}"
        for flag, way in dataset.ways.items()
    )


def digest(builder: type[Builder], url: str) -> str:
    """The recorded SHA-256 of a published file, from `checksums.tsv`."""
    return cast("dict[str, Any]", builder.url_infos)[url].checksum


def checked(path: Path, sha256: str | None, again: str) -> Path:
    """The path of a file that is there and has the digest.

    Args:
      path: The file.
      sha256: Its SHA-256; None skips the check.
      again: Where it is fetched.

    Raises:
      MissingDataError: When there is no such file.
      ValueError: When it has another digest.
    """
    if not path.is_file():
        raise MissingDataError(f"Expected a file at {path}, got none. Fetch it from {again}")
    if sha256 is None:
        return path
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"Expected a file with SHA-256 {sha256}, got {path} with {found}. Fetch it again from {again}")
    return path


def columns(path: Path, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a parquet file.

    Args:
      path: The file.
      wanted: The columns.

    Raises:
      MissingDataError: When there is no such file.
      ValueError: When it is no parquet file, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise MissingDataError(
            f"Expected {path.name} in {path.parent}, got no such file. Pass the folder that holds it with --parquet."
        )
    try:
        file = pq.ParquetFile(path)
        missing = [name for name in wanted if name not in file.schema_arrow.names]
        if not missing:
            return file.read(columns=list(wanted)).to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"Expected a parquet file, got {path} ({error}). Copy it again.") from error
    raise ValueError(
        f"Expected columns {', '.join(wanted)} in {path}, got {', '.join(file.schema_arrow.names)} without "
        f"{', '.join(missing)}. Rename the columns."
    )


def label(value: Any, names: Sequence[str], where: str) -> int:
    """The label as a number of a class.

    Raises:
      ValueError: When there is no class of that number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(names):
        raise ValueError(
            f"Expected labels from 0 to {len(names) - 1} ({', '.join(names)}), got {value!r} in {where}. "
            "Number the classes so."
        )
    return value


def text(value: Any, where: str) -> str:
    """The value itself, which must be a text.

    Raises:
      TypeError: When it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"Expected texts, got {value!r} in {where}. Write them as strings.")
    return value

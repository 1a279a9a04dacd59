"""The benchmark sets of DeepMoji (Felbo et al. 2017, arXiv 1708.00524) as a TFDS builder that needs no TensorFlow."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import tensorflow_datasets as tfds

from experiments.datasets import text_pickle
from experiments.datasets.imdb import MissingDataError

COMMIT = "3edf6bb9b5e1096a64abe55a6a909aa05854969f"
SPLITS = ("train", "validation", "test")

Row = tuple[str, dict[str, Any]]
Source = Callable[[str], dict[str, list[Row]]]


@dataclasses.dataclass(frozen=True)
class Set:
    """One of the sets.

    Attributes:
      folder: Its folder in the source.
      names: The classes, in the order of their numbers.
      sha256: The digest of its file.
      several: Whether a text may have several classes, or none.
    """

    folder: str
    names: tuple[str, ...]
    sha256: str
    several: bool = False

    @property
    def url(self) -> str:
        """Where its file is published, at a fixed commit."""
        return f"https://raw.githubusercontent.com/bfelbo/DeepMoji/{COMMIT}/data/{self.folder}/raw.pickle"


_SENTIMENT, _SARCASM = ("negative", "positive"), ("not sarcastic", "sarcastic")
SETS = {
    "psychexp": Set(
        "PsychExp",
        ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"),
        "d28e07dd450aa2b500968b998bfa4a48fa2f683526876289d5d778ae7c088ea7",
    ),
    "kaggle_insults": Set(
        "kaggle-insults",
        ("neutral", "insult"),
        "eea2746a07542ed5e00e61c9b02aaf91374829fe3a14a5b6b7cfb0a12cc60bfb",
    ),
    "scv1": Set("SCv1", _SARCASM, "45403acc488eedd42e9e43269303010d4cdb9900cbe3e7e4558f2183ac15cc25"),
    "scv2_gen": Set("SCv2-GEN", _SARCASM, "2a557c10e31c914a96259ca5c2ad474d9b437792528bb6d5c041eb84f0ca4f84"),
    "ss_twitter": Set("SS-Twitter", _SENTIMENT, "7b8b2ab6196bc4f8fb4fd9a9a90729fd9449c12b8a6fae8739d64a62d5256078"),
    "ss_youtube": Set("SS-Youtube", _SENTIMENT, "2f9248cb2172e0e19a97f8d6d113967045baf454d5fa98236284ecfee77c7db1"),
    "se0714": Set(
        "SE0714",
        ("fear", "joy", "sadness"),
        "320d1e3e2c6852864ed59b02c736d4f3fe90471fad1b49032bf509b6a8fb91bf",
        several=True,
    ),
    "olympic": Set(
        "Olympic",
        ("class 0", "class 1", "class 2", "class 3"),
        "05105b861d97dc1449a042d2b074d2982d2aaaac5a01aba4401ecb8a66e79ef2",
        several=True,
    ),
}


def _row(name: str, number: int, text: str, label: Any) -> Row:
    """A row of the data set; the label comes as a number, as one entry a class, or as both kinds of booleans."""
    given = SETS[name]
    found = np.asarray(label).astype(int)
    if given.several:
        values: dict[str, Any] = {"labels": found.astype(bool)}
    else:
        values = {"label": int(found.argmax() if found.ndim else found)}
    return str(number), {"text": text, "number": number, **values}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_pickle(path: Path, name: str, *, sha256: str | None = None) -> dict[str, list[Row]]:
    """Rows from a `raw.pickle` of the source, which is read as data and never run.

    Args:
      path: The file.
      name: The set that it holds, a key of `SETS`.
      sha256: The digest that the file must have; None skips the check.

    Returns:
      For each split its rows, in the order of the file.

    Raises:
      ValueError: When the file has another digest or does not hold texts, labels and splits.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(
            f"Expected the file of {name} with SHA-256 {sha256}, got {path} with {found}. "
            f"Fetch it again from {SETS[name].url}"
        )
    held = text_pickle.read(content)
    keys = (b"texts", b"info", b"train_ind", b"val_ind", b"test_ind")
    if not isinstance(held, dict) or not set(keys) <= held.keys():
        raise ValueError(
            f"Expected texts, info, train_ind, val_ind and test_ind in {path}, got something else. "
            f"Fetch it again from {SETS[name].url}"
        )
    texts, about, *places = (held[key] for key in keys)
    labels = [text_pickle.number_or_array(one[b"label"]) for one in about]
    return {
        split: [_row(name, int(n), _text(texts[int(n)]), labels[int(n)]) for n in sorted(map(int, chosen))]
        for split, chosen in zip(SPLITS, places, strict=True)
    }


def clone(folder: Path) -> Source:
    """Rows from the folder `data` of a clone of the source.

    Args:
      folder: It holds `PsychExp/raw.pickle` and the others.

    Returns:
      A function from the name of a set to the rows of its splits.

    Raises:
      MissingDataError: On use, when the file of the set is not there.
    """

    def rows(name: str) -> dict[str, list[Row]]:
        path = folder / SETS[name].folder / "raw.pickle"
        if not path.is_file():
            raise MissingDataError(
                f"Expected {SETS[name].folder}/raw.pickle in {folder}, got no such file. "
                "Pass the folder data of a clone of github.com/bfelbo/DeepMoji with --clone FOLDER."
            )
        return read_pickle(path, name, sha256=SETS[name].sha256)

    return rows


def parquet(folder: Path) -> Source:
    """Rows from one `NAME.parquet` a set, with columns text, split and label (a number) or labels (one entry a class).

    Args:
      folder: The folder of the files.

    Returns:
      A function from the name of a set to the rows of its splits.

    Raises:
      MissingDataError: On use, when the file of the set is not there.
    """

    def rows(name: str) -> dict[str, list[Row]]:
        import pyarrow.parquet as pq

        path = folder / f"{name}.parquet"
        if not path.is_file():
            raise MissingDataError(
                f"Expected {name}.parquet in {folder}, got no such file. Pass its folder with --parquet FOLDER."
            )
        column = "labels" if SETS[name].several else "label"
        held = pq.read_table(path, columns=["text", "split", column]).to_pylist()
        return {
            split: [_row(name, n, row["text"], row[column]) for n, row in enumerate(held) if row["split"] == split]
            for split in SPLITS
        }

    return rows


class DeepmojiBenchmark(tfds.core.GeneratorBasedBuilder):
    """Eight small sets of short texts with emotions, sentiment, sarcasm or insults; contains abusive language."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name=name, description=SETS[name].folder) for name in SETS]

    def __init__(self, *, source: Source | None = None, **kwargs: Any) -> None:
        """Makes a builder.

        Args:
          source: Where rows come from: `clone(folder)` or `parquet(folder)`. None downloads the file of the set.
          **kwargs: Passed to `tfds.core.GeneratorBasedBuilder`; `config` is a key of `SETS`.
        """
        super().__init__(**kwargs)
        self._source = source

    def _info(self) -> tfds.core.DatasetInfo:
        given = SETS[cast("tfds.core.BuilderConfig", self.builder_config).name]
        label: dict[str, Any] = {"label": tfds.features.ClassLabel(names=list(given.names))}
        if given.several:
            label = {"labels": tfds.features.Tensor(shape=(len(given.names),), dtype=np.bool_)}
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"text": tfds.features.Text(), "number": tfds.features.Scalar(np.int32), **label}
            ),
            description="A benchmark set of DeepMoji with its published split, raw text.",
            homepage="https://github.com/bfelbo/DeepMoji",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[Row]]:
        name = cast("tfds.core.BuilderConfig", self.builder_config).name
        if self._source is not None:
            rows = self._source(name)
        else:
            rows = read_pickle(Path(dl_manager.download(SETS[name].url)), name, sha256=SETS[name].sha256)
        return {split: iter(rows[split]) for split in SPLITS}

    def _generate_examples(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows


def location(folder: Path, name: str) -> Path:
    """Where in `folder` the prepared set lies."""
    return folder / "deepmoji_benchmark" / name / str(DeepmojiBenchmark.VERSION)


def prepared(folder: Path, name: str) -> bool:
    """Whether the set was prepared in `folder`."""
    return (location(folder, name) / "dataset_info.json").is_file()


def prepare(folder: Path, name: str, source: Source | None = None) -> None:
    """Prepares a set; does nothing where that was done before.

    Args:
      folder: The folder for prepared data sets.
      name: A key of `SETS`.
      source: See `DeepmojiBenchmark`.
    """
    builder = DeepmojiBenchmark(data_dir=folder, config=name, file_format="array_record", source=source)
    config = tfds.download.DownloadConfig(try_download_gcs=False, force_checksums_validation=True)
    builder.download_and_prepare(download_config=config)


def load(folder: Path, name: str) -> dict[str, Sequence[dict[str, Any]]]:
    """Reads what was prepared; never uses the network.

    Args:
      folder: The folder for prepared data sets.
      name: A key of `SETS`.

    Returns:
      For "train", "validation" and "test" a sequence of rows: text (bytes), number, label or labels.

    Raises:
      MissingDataError: When the set is not prepared, with the commands that prepare it.
    """
    if not prepared(folder, name):
        run = f"python -m experiments.deepmoji_occlusion --task {name}"
        raise MissingDataError(
            f"Expected the set {name}, prepared in {folder / 'deepmoji_benchmark'}, got nothing. Prepare it once:\n"
            f"  {run} --download          fetches {SETS[name].url}\n"
            f"  {run} --clone FOLDER      from the folder data of a clone of github.com/bfelbo/DeepMoji\n"
            f"  {run} --parquet FOLDER    from {name}.parquet"
        )
    sources: Any = tfds.data_source(
        f"deepmoji_benchmark/{name}",
        split=SPLITS,
        data_dir=folder,
        download=False,
        builder_kwargs={"file_format": "array_record"},
    )
    return dict(zip(SPLITS, sources, strict=True))

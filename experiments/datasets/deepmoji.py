"""The benchmark sets of DeepMoji (Felbo et al. 2017, arXiv 1708.00524) as a TFDS builder that needs no TensorFlow."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from experiments.datasets import store, text_pickle
from experiments.datasets.store import MissingDataError as MissingDataError

COMMIT = "3edf6bb9b5e1096a64abe55a6a909aa05854969f"
SPLITS = ("train", "validation", "test")
Rows = dict[str, list[store.Row]]


@dataclasses.dataclass(frozen=True)
class Published:
    """One of the sets, as it is published.

    Attributes:
      folder: Its folder in the source.
      about: What it holds.
      names: The classes, in the order of their numbers.
      several: Whether a text may have several classes, or none.
    """

    folder: str
    about: str
    names: tuple[str, ...]
    several: bool = False

    @property
    def url(self) -> str:
        """Where its file is published, at a fixed commit."""
        return f"https://raw.githubusercontent.com/bfelbo/DeepMoji/{COMMIT}/data/{self.folder}/raw.pickle"


_SENTIMENT, _SARCASM = ("negative", "positive"), ("not sarcastic", "sarcastic")
PUBLISHED = {
    "psychexp": Published(
        "PsychExp",
        "7,480 reports of experiences in seven emotions",
        ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"),
    ),
    "kaggle_insults": Published("kaggle-insults", "comments, neutral or insulting", ("neutral", "insult")),
    "scv1": Published("SCv1", "posts of debates, sarcastic or not", _SARCASM),
    "scv2_gen": Published("SCv2-GEN", "posts of debates, sarcastic or not", _SARCASM),
    "ss_twitter": Published("SS-Twitter", "tweets, negative or positive", _SENTIMENT),
    "ss_youtube": Published("SS-Youtube", "comments on films, negative or positive", _SENTIMENT),
    "se0714": Published("SE0714", "headlines with any of three emotions", ("fear", "joy", "sadness"), several=True),
    "olympic": Published(
        "Olympic", "tweets with any of four emotions", ("class 0", "class 1", "class 2", "class 3"), several=True
    ),
}
NAMES = {name: given.names for name, given in PUBLISHED.items()}


def _row(name: str, number: int, text: str, label: Any, where: str) -> store.Row:
    """A row of the data set; the label comes as a number, as one entry a class, or as both kinds of booleans."""
    given = PUBLISHED[name]
    found = np.asarray(label)
    shapes = ((len(given.names),),) if given.several else ((), (len(given.names),))
    if found.dtype.kind not in "biuf" or found.shape not in shapes:
        raise ValueError(
            f"Expected a number or {len(given.names)} numbers as label, got {label!r} in {where}. "
            "Number the classes so."
        )
    if given.several:
        values: dict[str, Any] = {"labels": found.astype(int).astype(bool)}
    else:
        values = {"label": store.label(int(found.astype(int).argmax() if found.ndim else found), given.names, where)}
    return str(number), {"text": text, "number": number, **values}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_pickle(path: Path, name: str, *, check: bool = True) -> Rows:
    """Rows from a `raw.pickle` of the source, which is read as data and never run.

    Args:
      path: The file.
      name: The set that it holds, a key of `PUBLISHED`.
      check: Whether the file must have the recorded digest.

    Returns:
      For each split its rows, in the order of the file.

    Raises:
      MissingDataError: When there is no such file.
      ValueError: When the file has another digest or does not hold texts, labels and splits.
    """
    url = PUBLISHED[name].url
    content = store.checked(path, store.digest(DeepmojiBenchmark, url) if check else None, url).read_bytes()
    held = text_pickle.read(content)
    keys = (b"texts", b"info", b"train_ind", b"val_ind", b"test_ind")
    if not isinstance(held, dict) or not set(keys) <= held.keys():
        raise ValueError(
            f"Expected texts, info, train_ind, val_ind and test_ind in {path}, got something else. "
            f"Fetch it again from {url}"
        )
    texts, about, *places = (held[key] for key in keys)
    labels = [text_pickle.number_or_array(one[b"label"]) for one in about]
    return {
        split: [_row(name, int(n), _text(texts[int(n)]), labels[int(n)], str(path)) for n in sorted(map(int, chosen))]
        for split, chosen in zip(SPLITS, places, strict=True)
    }


def clone(name: str) -> Callable[[Path], store.Source]:
    """A reader of the folder `data` of a clone of the source.

    Args:
      name: A key of `PUBLISHED`.

    Returns:
      From the folder that holds `PsychExp/raw.pickle` and the others to the rows; see `read_pickle`.
    """

    def read(folder: Path) -> store.Source:
        path = folder / PUBLISHED[name].folder / "raw.pickle"
        if not path.is_file():
            raise MissingDataError(
                f"Expected {PUBLISHED[name].folder}/raw.pickle in {folder}, got no such file. "
                "Pass the folder data of a clone of github.com/bfelbo/DeepMoji with --clone."
            )
        return read_pickle(path, name).__getitem__

    return read


def parquet(name: str) -> Callable[[Path], store.Source]:
    """A reader of `NAME.parquet`, with columns text, split and label (a number) or labels (one entry a class).

    Args:
      name: A key of `PUBLISHED`.

    Returns:
      From the folder of the file to the rows; raises MissingDataError where there is no file, ValueError for other
      columns, splits or labels.
    """

    def read(folder: Path) -> store.Source:
        path = folder / f"{name}.parquet"
        column = "labels" if PUBLISHED[name].several else "label"
        rows: Rows = {split: [] for split in SPLITS}
        for number, row in enumerate(store.columns(path, ["text", "split", column])):
            if row["split"] not in rows:
                raise ValueError(
                    f"Expected the splits {', '.join(SPLITS)}, got {row['split']!r} in {path}. Rename the splits."
                )
            rows[row["split"]].append(_row(name, number, store.text(row["text"], str(path)), row[column], str(path)))
        return rows.__getitem__

    return read


class DeepmojiBenchmark(store.Builder):
    """Eight small sets of short texts with emotions, sentiment, sarcasm or insults; contains abusive language."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=name, description=given.folder) for name, given in PUBLISHED.items()
    ]

    PARTS = SPLITS

    def _info(self) -> tfds.core.DatasetInfo:
        given = PUBLISHED[self.chosen]
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

    def fetch(self, manager: tfds.download.DownloadManager) -> store.Source:
        """Rows from the published file of the set."""
        return read_pickle(Path(manager.download(PUBLISHED[self.chosen].url)), self.chosen).__getitem__


SETS = {
    name: store.Dataset(
        name=name,
        about=f"{given.folder}, a benchmark set of DeepMoji: {given.about}.",
        terms="The data are not the DeepMoji authors' to license; citation asked for: Felbo et al., EMNLP 2017.",
        official="https://github.com/bfelbo/DeepMoji",
        ways={
            "download": store.Way("", f"fetches {given.url}"),
            "clone": store.Way("FOLDER", "from the folder data of a clone of github.com/bfelbo/DeepMoji", clone(name)),
            "parquet": store.Way(
                "FOLDER", f"from {name}.parquet with text, split, label{'s' * given.several}", parquet(name)
            ),
        },
        builder=DeepmojiBenchmark,
        config=name,
        splits=SPLITS,
    )
    for name, given in PUBLISHED.items()
}


def prepare(folder: Path, name: str, source: store.Source | None = None) -> None:
    """Prepares a set from a source, or from its published file; does nothing where that was done before."""
    store.prepare(folder, SETS[name], source)


def load(folder: Path, name: str) -> dict[str, Sequence[dict[str, Any]]]:
    """Reads a prepared set.

    Args:
      folder: The folder for prepared data sets.
      name: A key of `SETS`.

    Returns:
      For "train", "validation" and "test" a sequence of rows: text (bytes), number, label or labels.

    Raises:
      MissingDataError: When the set is not prepared, with the commands that prepare it.
    """
    return store.load(folder, SETS[name])

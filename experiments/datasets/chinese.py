"""Four sets of Chinese texts with classes as a TFDS builder that needs no TensorFlow.

They are published with repeated texts, some of them in training and in test. Here every text stands once, see
`repeats.once`; what was left out is counted when a set is prepared, see `left_out`. Hotel reviews and microblogs with
two classes are published without a split: a fifth of the texts, by their SHA-256, is the test.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import tensorflow_datasets as tfds

from experiments.datasets import lines, repeats, store
from experiments.datasets.store import MissingDataError as MissingDataError

NAMES: dict[str, tuple[str, ...]] = {
    "hotel": ("negative", "positive"),
    "weibo": ("negative", "positive"),
    "thucnews": tuple("finance realty stocks education science society politics sports game entertainment".split()),
    "emotions": tuple("neutral happy angry sad fear surprise".split()),
}
_RAW = "https://raw.githubusercontent.com"
_CORPUS = "https://github.com/SophonPlus/ChineseNlpCorpus"


@dataclasses.dataclass(frozen=True)
class Published:
    """How a set is published.

    Attributes:
      stem: Its parquet files are `STEM_train.parquet` and so on.
      read: The reader of a published file.
      files: The addresses of the published files by split, "all" where there is no split.
      splits: The splits here.
    """

    stem: str
    read: lines.Reader
    files: Mapping[str, str]
    splits: tuple[str, ...] = ("train", "test")

    @property
    def split(self) -> bool:
        """Whether it is published with a split."""
        return "test" in self.files


_HOTEL = "ChnSentiCorp_htl_all.csv"
_HOTEL_AT = (
    f"SophonPlus/ChineseNlpCorpus/a0b781d72158bde242c0626c9e354d2b328865ff/datasets/ChnSentiCorp_htl_all/{_HOTEL}"
)
_TITLES_AT = "649453932/Chinese-Text-Classification-Pytorch/6cb26819af7b646275aff8a4693676f2849e67f6/THUCNews/data"
_EMOTIONS_AT = "dbiir/UER-py/5743050cc41f0f21986c9f938db5ac1726052629/datasets/smp2020-ewect/virus"
PUBLISHED = {
    "hotel": Published("chnsenticorp_htl", lines.commas(NAMES["hotel"]), {"all": f"{_RAW}/{_HOTEL_AT}"}),
    "weibo": Published("weibo_senti_100k", lines.commas(NAMES["weibo"]), {}),
    "thucnews": Published(
        "thucnews_titles",
        lines.tabs(NAMES["thucnews"]),
        {"train": f"{_RAW}/{_TITLES_AT}/dev.txt", "test": f"{_RAW}/{_TITLES_AT}/test.txt"},
    ),
    "emotions": Published(
        "smp2020_virus_emotion",
        lines.tabs(
            NAMES["emotions"],
            head="label\ttext_a",
            label_first=True,
            order="neutral angry happy sad fear surprise".split(),
        ),
        {
            split: f"{_RAW}/{_EMOTIONS_AT}/{file}.tsv"
            for split, file in (("train", "train"), ("validation", "dev"), ("test", "test"))
        },
        splits=("train", "validation", "test"),
    ),
}


class Texts:
    """The rows of a set, every text once.

    Attributes:
      left_out: How many published rows were left out, by reason.
    """

    def __init__(self, name: str, splits: Mapping[str, Iterable[repeats.Labelled]]) -> None:
        """Leaves out repeated texts.

        Args:
          name: A key of `PUBLISHED`.
          splits: Texts with labels by split; of a set that is published without a split, by anything.
        """
        if not PUBLISHED[name].split:
            rows = [row for found in splits.values() for row in found]
            splits = {
                "train": [row for row in rows if not repeats.in_test(row[0])],
                "test": [row for row in rows if repeats.in_test(row[0])],
            }
        self._kept, self.left_out = repeats.once(splits)

    def __call__(self, split: str) -> Iterator[store.Row]:
        """The rows of a split."""
        for number, (text, label) in enumerate(self._kept[split]):
            yield str(number), {"text": text, "label": label}


def parquet(name: str) -> Callable[[Path], Texts]:
    """A reader of `STEM_train.parquet`, `STEM_test.parquet` and so on, with columns text and label.

    Args:
      name: A key of `PUBLISHED`.

    Returns:
      From the folder of the files to the rows. Raises MissingDataError where a file is missing, TypeError for texts
      that are none, ValueError for other columns or labels out of range.
    """

    def read(folder: Path) -> Texts:
        found = {}
        for split in PUBLISHED[name].splits:
            path = folder / f"{PUBLISHED[name].stem}_{split}.parquet"
            rows = store.columns(path, ["text", "label"])
            found[split] = [
                (store.text(row["text"], str(path)), store.label(row["label"], NAMES[name], str(path))) for row in rows
            ]
        return Texts(name, found)

    return read


def archive(name: str) -> Callable[[Path], Texts]:
    """A reader of the one published file; it must have the recorded digest where there is one.

    Args:
      name: "hotel" or "weibo".

    Returns:
      From the path of the file to the rows. Raises MissingDataError where there is none, ValueError for another one.
    """

    def read(path: Path) -> Texts:
        url = PUBLISHED[name].files.get("all")
        store.checked(path, store.digest(ChineseText, url) if url else None, url or SETS[name].official)
        return Texts(name, {"all": PUBLISHED[name].read(path)})

    return read


class ChineseText(store.Builder):
    """Hotel reviews, microblogs with two and with six classes, and titles of news; every text once."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name=name, description=name) for name in NAMES]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(names=list(NAMES[self.chosen]))}
            ),
            description="Chinese texts with classes, every text once.",
            homepage=SETS[self.chosen].official.split()[0],
            metadata=tfds.core.MetadataDict(),
        )

    def fetch(self, manager: tfds.download.DownloadManager) -> Texts:
        """Rows from the published files."""
        given = PUBLISHED[self.chosen]
        found = {part: Path(manager.download(url)) for part, url in given.files.items()}
        return Texts(self.chosen, {part: given.read(path) for part, path in found.items()})

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[store.Row]]:
        texts = cast("Texts", self._source or self.fetch(dl_manager))
        cast("dict[str, Any]", self.info.metadata)["left_out"] = texts.left_out
        return {split: texts(split) for split in PUBLISHED[self.chosen].splits}


def _dataset(name: str, about: str, official: str, terms: str = "None stated.", archived: str = "") -> store.Dataset:
    stem, files = PUBLISHED[name].stem, " and ".join(PUBLISHED[name].files.values())
    ways = {"download": store.Way("", f"fetches {files}")} if files else {}
    if archived:
        ways["archive"] = store.Way(f"PATH/{archived}", "from that file", archive(name))
    shown = ", ".join(f"{stem}_{split}.parquet" for split in PUBLISHED[name].splits)
    ways["parquet"] = store.Way("FOLDER", f"from {shown} with columns text, label", parquet(name))
    return store.Dataset(name, about, terms, official, ways, ChineseText, name, PUBLISHED[name].splits)


SETS = {
    "hotel": _dataset(
        "hotel",
        "7,765 Chinese hotel reviews, negative and positive, collected by Tan Songbo (ChnSentiCorp_htl_all); every "
        "text once, a fifth of them as the test.",
        _CORPUS,
        archived=_HOTEL,
    ),
    "weibo": _dataset(
        "weibo",
        "Microblogs of Sina Weibo, negative and positive (weibo_senti_100k), with abusive language; every text once, a "
        "fifth of them as the test.",
        f"{_CORPUS} (it names weibo_senti_100k.csv at https://pan.baidu.com/s/1DoQbki3YwqkuwQUOj64R_g, "
        "which has no plain address)",
        archived="weibo_senti_100k.csv",
    ),
    "thucnews": _dataset(
        "thucnews",
        "Titles of news in ten classes (THUCNews), nearly 10,000 for training and 10,000 for testing; every text once.",
        "http://thuctc.thunlp.org (the titles as in https://github.com/649453932/Chinese-Text-Classification-Pytorch)",
        "Free for research; citation asked for: Sun, Li, Guo, Zhao, Zheng, Si, Liu, THUCTC (2016).",
    ),
    "emotions": _dataset(
        "emotions",
        "Microblogs on the epidemic of 2020 with six emotions (SMP2020-EWECT, virus part); every text once, so the "
        "published split of 8,606, 2,000 and 3,000 rows is smaller here.",
        "https://smp2020ewect.github.io (the files as in https://github.com/dbiir/UER-py)",
    ),
}


def prepare(folder: Path, name: str, source: store.Source | None = None) -> None:
    """Prepares a set from a source, or from the published files; does nothing where that was done before."""
    store.prepare(folder, SETS[name], source)


def load(folder: Path, name: str) -> dict[str, Sequence[dict[str, Any]]]:
    """Reads a prepared set.

    Args:
      folder: The folder for prepared data sets.
      name: "hotel", "weibo", "thucnews" or "emotions".

    Returns:
      For "train", "test" and, for "emotions", "validation" a sequence of rows: text (bytes), label.

    Raises:
      MissingDataError: When the set is not prepared, with the commands that prepare it.
    """
    return store.load(folder, SETS[name])


def left_out(folder: Path, name: str) -> dict[str, int]:
    """How many published rows were left out when the set was prepared, by reason such as "train: also in test"."""
    load(folder, name)
    return json.loads((store.location(folder, SETS[name]) / "metadata.json").read_text())["left_out"]

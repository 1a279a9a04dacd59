"""Rows from whatever holds them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import jaxattr as ja

IDS = [[3, 1], [2], [5, 5, 5], [4, 0]]
LABELS = [0, 1, 1, 0]
TEXTS = ["a b", "c", "d d d", "e f"]


def rows():
    return [{"ids": ids, "label": label, "text": text} for ids, label, text in zip(IDS, LABELS, TEXTS, strict=True)]


class Batched:
    """As TFDS and Hugging Face data sets: many rows in one call."""

    def __init__(self, fails=False):
        self.fails, self.calls = fails, 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return {**rows()[i], "text": TEXTS[i].encode()}

    def __getitems__(self, numbers):
        self.calls += 1
        if self.fails:
            raise OSError("one of them is bad")
        return [self[i] for i in numbers]


class Reviews:
    """Strange indices are refused, as array records do."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        assert type(i) is int
        return rows()[i]


def table():
    return pa.table({"ids": IDS, "label": LABELS, "text": TEXTS})


@pytest.mark.parametrize(
    "make",
    [
        lambda _: rows(),
        lambda _: {"ids": [np.array(i) for i in IDS], "label": np.array(LABELS), "text": TEXTS},
        lambda _: table(),
        lambda path: pq.write_table(table(), path / "rows.parquet") or path / "rows.parquet",
        lambda path: pq.write_table(table(), path / "rows.parquet") or str(path / "rows.parquet"),
        lambda _: Batched(),
        lambda _: Batched(fails=True),
        lambda _: Reviews(),
    ],
    ids=["list", "columns", "table", "path", "text", "batched", "batched, failing", "one by one"],
)
def test_a_source(make, tmp_path):
    explain = lambda params, ids, where, label: ids * (1.0 + label) * params  # noqa: E731
    dataset = make(tmp_path)
    assert ja.scale.run(explain, np.float32(2), dataset, out=tmp_path / "run", chunk_rows=2, progress=False).complete
    if isinstance(dataset, Batched):
        assert dataset.calls > 0
    for i, row in enumerate(ja.scale.Store(tmp_path / "run")):
        assert row["values"].tolist() == [2 * (1 + LABELS[i]) * n for n in IDS[i]]
        assert row["ids"].tolist() == IDS[i]
        assert row["text"] in (TEXTS[i], TEXTS[i].encode())
        assert int(row["label"]) == LABELS[i]


def test_the_same_rows_have_the_same_fingerprint_however_they_are_held(tmp_path):
    explain = lambda params, ids, where: ids * params  # noqa: E731
    first = ja.scale.run(explain, np.float32(2), Reviews(), out=tmp_path, progress=False)
    again = ja.scale.run(explain, np.float32(2), rows(), out=tmp_path, progress=False)
    assert (first.explained, again.explained) == (4, 0)


@pytest.mark.parametrize("other", [["a b", "c"], ["a", "b", "c"], ["a", "b\0c"], ["a\0b", "c"], ["a", 1], []])
def test_other_texts_have_another_fingerprint(tmp_path, other):
    explain = lambda params, ids, where: ids * params  # noqa: E731
    go = lambda words, **options: ja.scale.run(  # noqa: E731
        explain, np.float32(2), [{"ids": np.array([1]), "words": words}], out=tmp_path, progress=False, **options
    )
    go(["a", "b"], keep=[])
    with pytest.raises(ja.scale.ChangedError, match="data"):
        go(other, keep=[])
    assert go(["a", "b"], keep=[]).explained == 0


def test_a_grain_source(tmp_path):
    grain = pytest.importorskip("grain", reason="grain is not installed")
    dataset = grain.MapDataset.source(rows()).map(lambda row: {"ids": np.array(row["ids"])})
    explain = lambda params, ids, where: ids * params  # noqa: E731
    assert ja.scale.run(explain, np.float32(2), dataset, out=tmp_path, progress=False).complete
    assert ja.scale.Store(tmp_path)[2]["values"].tolist() == [10, 10, 10]


def test_prepare_makes_the_row(tmp_path):
    words = {word: i for i, word in enumerate("abcdef")}

    def prepare(entry):
        return {"ids": np.array([words[w] for w in entry["text"].split()]), "words": entry["text"].split()}

    explain = lambda params, ids, where: ids * params  # noqa: E731
    ja.scale.run(explain, np.float32(1), rows(), out=tmp_path, prepare=prepare, progress=False)
    row = ja.scale.Store(tmp_path)[0]
    assert (row["words"], row["values"].tolist()) == (["a", "b"], [0, 1])
    assert "text" not in row

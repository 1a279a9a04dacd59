"""The builder of the DeepMoji sets, from every source, without network and without TensorFlow."""

import hashlib
import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.datasets import deepmoji, store, text_pickle

ROWS = [("When I won – at last.", 0), ("A 'dog' chased\nme", 1), ("They \\lied\\", 2), ("He left.", 3), ("Same", 6)]
SPLIT = ["test", "train", "test", "validation", "train"]
ARRAY = (
    b"cnumpy.core.multiarray\n_reconstruct\np5\n(cnumpy\nndarray\np6\n(I0\ntS'b'\ntR(I1\n(I3\ntcnumpy\ndtype\n(S'f8'\n"
    b"I0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'" + 16 * b"\\x00" + 6 * b"\\x00" + b"\\xf0?'\ntb."
)
SCALAR = (
    b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'i8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
    b"S'\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntR."
)


def as_python_2_wrote(value):
    """Protocol 0 with byte strings, which Python 3 does not write."""
    if isinstance(value, dict):
        return b"(d" + b"".join(
            b"S" + ascii(k).encode() + b"\n" + as_python_2_wrote(v) + b"s" for k, v in value.items()
        )
    if isinstance(value, list):
        return b"(l" + b"".join(as_python_2_wrote(item) + b"a" for item in value)
    if isinstance(value, str):
        return b"V" + value.encode("raw-unicode-escape").replace(b"\n", b"\\u000a") + b"\n"
    return b"I%d\n" % value


def make_clone(folder, name="psychexp"):
    content = {
        "texts": [text for text, _ in ROWS],
        "info": [{"label": label} for _, label in ROWS],
        **{
            key: [n for n, split in enumerate(SPLIT) if split == wanted]
            for key, wanted in (("train_ind", "train"), ("val_ind", "validation"), ("test_ind", "test"))
        },
    }
    path = folder / deepmoji.PUBLISHED[name].folder / "raw.pickle"
    path.parent.mkdir(parents=True)
    path.write_bytes(as_python_2_wrote(content) + b".")
    return path


def make_parquet(folder, name="psychexp"):
    folder.mkdir()
    texts, labels = zip(*ROWS, strict=True)
    pq.write_table(pa.table({"text": texts, "label": labels, "split": SPLIT}), folder / f"{name}.parquet")
    return folder


def read(folder):
    return {
        split: sorted((int(row["number"]), row["text"].decode(), int(row["label"])) for row in rows)
        for split, rows in deepmoji.load(folder, "psychexp").items()
    }


def test_pickle_and_parquet_give_equal_rows(tmp_path, monkeypatch):
    path = make_clone(tmp_path / "clone")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(store, "digest", lambda builder, url: digest)
    deepmoji.prepare(tmp_path / "a", "psychexp", deepmoji.clone("psychexp")(tmp_path / "clone"))
    deepmoji.prepare(tmp_path / "b", "psychexp", deepmoji.parquet("psychexp")(make_parquet(tmp_path / "parquet")))
    rows = read(tmp_path / "a")
    assert rows == read(tmp_path / "b")
    assert rows["test"] == [(0, *ROWS[0]), (2, *ROWS[2])]
    assert {split: len(found) for split, found in rows.items()} == {"train": 2, "validation": 1, "test": 2}
    assert "tensorflow" not in sys.modules
    deepmoji.prepare(tmp_path / "a", "psychexp", None)
    assert read(tmp_path / "a") == rows, "what is prepared is kept"


def test_several_labels(tmp_path):
    (tmp_path / "parquet").mkdir()
    columns = {"text": ["a", "b", "c"], "labels": [[1, 0, 1], [0, 0, 0], [0, 1, 0]], "split": deepmoji.SPLITS}
    pq.write_table(pa.table(columns), tmp_path / "parquet" / "se0714.parquet")
    deepmoji.prepare(tmp_path / "data", "se0714", deepmoji.parquet("se0714")(tmp_path / "parquet"))
    assert deepmoji.load(tmp_path / "data", "se0714")["train"][0]["labels"].tolist() == [True, False, True]


def test_another_file_is_refused(tmp_path):
    make_clone(tmp_path)
    with pytest.raises(ValueError, match=r"a file with SHA-256 d28e07.*Fetch it again from https://raw"):
        deepmoji.clone("psychexp")(tmp_path)
    path = tmp_path / "other"
    path.write_bytes(as_python_2_wrote({"texts": []}) + b".")
    with pytest.raises(ValueError, match=r"Expected texts, info.*got something else"):
        deepmoji.read_pickle(path, "psychexp", check=False)


def test_damaged_parquet_is_refused(tmp_path):
    read = deepmoji.parquet("psychexp")
    good = {"text": ["a"], "label": [6], "split": ["train"]}
    for column, value, error, message in (
        ("split", "dev", ValueError, "Expected the splits train, validation, test, got 'dev'"),
        ("label", 7, ValueError, r"labels from 0 to 6 \(joy, .*got 7 in"),
        ("label", "joy", ValueError, "Expected a number or 7 numbers as label, got 'joy'"),
        ("label", [1, 0], ValueError, r"Expected a number or 7 numbers as label, got \[1, 0\]"),
        ("text", 3, TypeError, "Expected texts, got 3"),
    ):
        pq.write_table(pa.table(good | {column: [value]}), tmp_path / "psychexp.parquet")
        with pytest.raises(error, match=message):
            read(tmp_path)
    pq.write_table(pa.table({"text": ["a"], "label": [0]}), tmp_path / "psychexp.parquet")
    with pytest.raises(ValueError, match="Expected columns text, split, label in"):
        read(tmp_path)
    pq.write_table(pa.table(good | {"label": [[0.0, 0, 0, 1, 0, 0, 0]]}), tmp_path / "psychexp.parquet")
    assert read(tmp_path)("train") == [("0", {"text": "a", "number": 0, "label": 3})]


def test_missing_data_name_the_commands(tmp_path):
    message = (
        r"Expected the data set psychexp(?s:.)*--download .*fetches https(?s:.)*--clone FOLDER(?s:.)*--parquet FOLDER"
    )
    with pytest.raises(deepmoji.MissingDataError, match=message):
        deepmoji.load(tmp_path, "psychexp")
    with pytest.raises(deepmoji.MissingDataError, match=r"Expected PsychExp/raw\.pickle in"):
        deepmoji.clone("psychexp")(tmp_path)
    with pytest.raises(deepmoji.MissingDataError, match=r"Expected psychexp\.parquet in"):
        deepmoji.parquet("psychexp")(tmp_path)


def test_every_set_has_a_recorded_checksum():
    for given in deepmoji.PUBLISHED.values():
        assert len(store.digest(deepmoji.DeepmojiBenchmark, given.url)) == 64


class Trap:
    def __reduce__(self):
        return (exec, ("raise AssertionError('it ran')",))


def test_a_pickle_is_never_run():
    content = pickle.dumps(Trap(), protocol=0)
    with pytest.raises(AssertionError, match="it ran"):
        pickle.loads(content)
    found = text_pickle.read(content)
    assert found == text_pickle.Call(
        (exec.__module__.replace("builtins", "__builtin__"), "exec"), (Trap().__reduce__()[1])
    )
    with pytest.raises(ValueError, match=r"got a call of __builtin__\.exec, which is not made"):
        text_pickle.number_or_array(found)


def test_arrays_are_read_as_numpy_wrote_them():
    np.testing.assert_array_equal(text_pickle.number_or_array(text_pickle.read(ARRAY)), [0.0, 0.0, 1.0])
    assert text_pickle.number_or_array(text_pickle.read(SCALAR)) == 2
    assert text_pickle.number_or_array(True) is True
    objects = SCALAR.replace(b"'i8'", b"'O8'")
    with pytest.raises(ValueError, match="Expected the numbers of an array"):
        text_pickle.number_or_array(text_pickle.read(objects))


@pytest.mark.parametrize("content", [b"", b"(lp0\nI1\na", b"I1\n", b"\x80\x02]q\x00.", b"a.", b"g7\n.", b"Sx'\n."])
def test_damaged_pickles_are_refused(content):
    with pytest.raises(ValueError, match="Expected a text pickle"):
        text_pickle.read(content)


def test_plain_values_are_read_as_pickle_reads_them():
    value = {"a": [1, -2, True, False, None], "é\\": ("x", ("y",))}
    assert text_pickle.read(pickle.dumps(value, protocol=0)) == value


def test_the_shared_copy_has_the_published_sizes(shared):
    source = deepmoji.parquet("psychexp")(shared / "data" / "deepmoji")
    rows = {split: source(split) for split in deepmoji.SPLITS}
    assert {split: len(found) for split, found in rows.items()} == {"train": 900, "validation": 100, "test": 6480}
    labels = [row["label"] for found in rows.values() for _, row in found]
    assert np.bincount(labels).tolist() == [1084, 1078, 1080, 1079, 1057, 1045, 1057]

"""Files that claim absurd sizes: a typed error, and nothing of that size is held."""

import io
import json
import os
import shutil
import struct
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import jaxattr as ja
from jaxattr.scale.store import _folder, _format, _manifest, _shards
from tests.scale.small import go

ABSURD = (2**62, 2**40, 2**31 - 1, 10**8)
COLUMNS = {
    "row": list(range(6)), "id": [f"n{i}" for i in range(6)], "error": [None] * 6,
    "values": [np.ones(i + 1, np.float32) for i in range(6)],
}  # fmt: skip


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def held():
    """The most bytes that Python has held since, and Arrow more than ever before."""
    tracemalloc.start()
    before = pa.default_memory_pool().max_memory()
    yield lambda: (tracemalloc.get_traced_memory()[1], pa.default_memory_pool().max_memory() - before)
    tracemalloc.stop()


def refused(run, match):
    """Reading the run, and going on with it, end with a typed error."""
    for look in (lambda: ja.scale.Store(run), lambda: go(run)):
        with pytest.raises(ja.scale.StoreError, match=match):
            look()


def forge(run, **fields):
    """A manifest whose checksum fits."""
    known = json.loads((run / "manifest.json").read_bytes())
    (run / "manifest.json").write_bytes(_manifest.sealed({**known, **fields}))


@pytest.mark.parametrize("field", ["rows", "chunks"])
@pytest.mark.parametrize(
    "claimed",
    [*ABSURD[:2], 2**63, 2**200, 10**4000, -1, 0, 2**62 * 1.0, "24", None, True, [24]],
    ids=lambda value: repr(value)[:20],
)
def test_rows_and_chunks_of_a_manifest(run, held, field, claimed):
    forge(run, **{field: claimed})
    with pytest.raises(ja.scale.StoreError, match=r"manifest\.json is damaged: .*(rows|chunks)") as caught:
        ja.scale.Store(run).verify()
    assert len(str(caught.value)) < 400
    assert held()[0] < 2**22
    refused(run, "damaged")


@pytest.mark.parametrize(
    ("field", "value"),
    [("fingerprint", []), ("fingerprint", None), ("about", "text"), ("methods", {}), ("methods", [3]), ("suffix", 7)],
)
def test_fields_of_other_kinds(run, field, value):
    forge(run, **{field: value})
    refused(run, f"damaged: {field}")


def test_a_manifest_of_many_bytes(run, held):
    os.truncate(run / "manifest.json", 300 * 2**20)
    refused(run, "314,572,800 bytes, and a run writes 16,777,216 at most")
    assert held()[0] < 2**22


def test_a_manifest_of_many_bytes_in_an_object_store(tmp_path, monkeypatch):
    where = _folder.folder(f"memory://{tmp_path.name}")
    where.publish("manifest.json", b"{}")
    monkeypatch.setattr(type(where.files), "size", lambda *_: 2**50)
    monkeypatch.setattr(type(where.files), "cat_file", lambda *_: pytest.fail("it was read"))
    with pytest.raises(ja.scale.StoreError, match="1,125,899,906,842,624 bytes"):
        ja.scale.Store(f"memory://{tmp_path.name}")


def nested(depth, opening, closing):
    return opening * depth + "1" + closing * depth


@pytest.mark.parametrize("depth", [25, 100, 400, 900, 985, 3000, 10**6])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_nested_manifest(run, depth, opening, closing):
    text = f'{{"format": 1, "fingerprint": {nested(depth, opening, closing)}}}'
    (run / "manifest.json").write_text(text)
    refused(run, "no JSON of a run .*(nested|recursion)")


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"\\udfff": 1}', '{"a": ' + "9" * 5000 + "}", "[" + "1," * 9])
def test_a_manifest_that_is_no_text_or_no_number(run, text):
    (run / "manifest.json").write_text(text)
    refused(run, "no JSON of a run")


def test_a_manifest_too_large_to_be_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_manifest, "AT_MOST", 500)
    with pytest.raises(ValueError, match="describe a run in 500 bytes"):
        go(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_chunks_than_can_be_named_are_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(_manifest, "MOST_CHUNKS", 3)
    with pytest.raises(ValueError, match=r"3 chunks at most, but the data set makes 4\. Write a larger chunk_rows="):
        go(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_chunk_of_many_bytes(run, held):
    chunk = sorted((run / "chunks").iterdir())[0]
    os.truncate(chunk, 2**34 + 1)
    assert "17,179,869,185 bytes" in ja.scale.Store(run).verify().damaged[0]
    with pytest.raises(ja.scale.StoreError, match=chunk.name):
        list(ja.scale.Store(run).chunks())
    assert held()[0] < 2**22


def test_a_chunk_too_large_to_be_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_format, "AT_MOST", 200)
    with pytest.raises(ValueError, match=r"chunks of at most 200 bytes.*chunk_rows="):
        go(tmp_path / "run")
    assert not (tmp_path / "run" / "chunks").exists()


def varint(number):
    """A number as the footer has it, zigzag and seven bits a byte."""
    number, out = 2 * number, b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def forged(data, number):
    """The file, once for each place of its footer that says 6 rows (or 6 values), saying another number there."""
    (size,) = struct.unpack("<I", data[-8:-4])
    body, footer, old = data[: -8 - size], data[-8 - size : -8], b"\x16" + varint(6)
    at = footer.find(old)
    while at >= 0:
        made = footer[:at] + b"\x16" + varint(number) + footer[at + len(old) :]
        yield body + made + struct.pack("<I", len(made)) + data[-4:]
        at = footer.find(old, at + 1)


@pytest.mark.parametrize("claimed", ABSURD)
def test_rows_of_a_chunk(held, claimed):
    data = ja.scale.Parquet().encode(COLUMNS)
    there, several, refused = ja.scale.Parquet().decode(data), list(forged(data, claimed)), []
    assert len(several) >= 5
    for made in several:
        try:
            assert repr(ja.scale.Parquet().decode(made)) == repr(there), "a false claim adds nothing"
        except ja.scale.StoreError as error:
            refused.append(str(error))
    assert any(f"it claims {claimed:,} rows, and holds 6" in text for text in refused)
    assert max(held()) < 2**26


def test_values_of_a_chunk(held):
    """A list may have any number of them: those that are there are read, and make room."""
    many = pa.LargeListArray.from_arrays(pa.array([0, 2**16], pa.int64()), pa.nulls(2**16, pa.float32()))
    pq.write_table(pa.table({"values": many}), sink := io.BytesIO())
    data = sink.getvalue()
    assert len(ja.scale.Parquet().decode(data)["values"][0]) == 2**16
    (size,) = struct.unpack("<I", data[-8:-4])
    footer = data[-8 - size : -8].replace(b"\x16" + varint(2**16), b"\x16" + varint(2**40))
    made = data[: -8 - size] + footer + struct.pack("<I", len(footer)) + data[-4:]
    assert made != data
    assert len(ja.scale.Parquet().decode(made)["values"][0]) == 2**16
    assert max(held()) < 2**26


def test_a_chunk_that_swells(monkeypatch):
    """Few bytes of a file may hold many of a value that repeats."""
    data = ja.scale.Parquet().encode({"values": [np.zeros(2**12, np.float32)] * 2**9})
    assert len(data) < 2**16
    monkeypatch.setattr(_format, "AT_MOST", 2**20)
    with pytest.raises(ja.scale.StoreError, match="it holds more than 1,048,576 bytes"):
        ja.scale.Parquet().decode(data)


@pytest.mark.parametrize("claimed", [2**32 - 1, 2**31, 10**6])
def test_a_footer_of_absurd_length(held, claimed):
    data = ja.scale.Parquet().encode(COLUMNS)
    with pytest.raises(ja.scale.StoreError, match="smaller than the size"):
        ja.scale.Parquet().decode(data[:-8] + struct.pack("<I", claimed) + data[-4:])
    assert max(held()) < 2**26


@pytest.mark.parametrize(
    "dtype", ["O", "i4,i4", "(1000,)f8", "U100000", "S100000", "V100000", "", "a" * 5000, "float3"]
)
@pytest.mark.parametrize("axes", ["", "number"])
def test_dtypes_of_a_column(dtype, axes):
    array = pa.array([[1.0], [2.0]], pa.large_list(pa.float32())) if not axes else pa.array([1.0, 2.0])
    field = pa.field("values", array.type, metadata={"dtype": dtype, "axes": axes})
    pq.write_table(pa.Table.from_arrays([array], schema=pa.schema([field])), sink := io.BytesIO())
    with pytest.raises(ja.scale.StoreError, match=r"numbers of the type|not understood"):
        ja.scale.Parquet().decode(sink.getvalue())


@pytest.mark.parametrize("axes", [f"{2**62},4", "0,9999999999999", "-1", "9" * 5000, "1,x", f"{2**63}"])
def test_axes_of_a_column(axes, held):
    array = pa.array([[1.0], [2.0]], pa.large_list(pa.float32()))
    field = pa.field("values", array.type, metadata={"dtype": "float32", "axes": axes})
    pq.write_table(pa.Table.from_arrays([array], schema=pa.schema([field])), sink := io.BytesIO())
    with pytest.raises(ja.scale.StoreError, match="cannot be read"):
        ja.scale.Parquet().decode(sink.getvalue())
    assert max(held()) < 2**26


@pytest.mark.parametrize("values", [[{"a": 1.0}, None], [1.0, 2.0], ["a", "b"]], ids=str)
def test_arrays_that_are_none(values):
    array = pa.array(values)
    field = pa.field("values", array.type, metadata={"dtype": "float32", "axes": ""})
    pq.write_table(pa.Table.from_arrays([array], schema=pa.schema([field])), sink := io.BytesIO())
    with pytest.raises(ja.scale.StoreError, match="it claims arrays, and holds"):
        ja.scale.Parquet().decode(sink.getvalue())


@pytest.mark.parametrize(
    "forged_column",
    [{"row": ["a"] * 6}, {"row": [None] * 6}, {"row": [[1]] * 6}, {"row": [0.5] * 6}, {"id": [[1, 2]] * 6},
     {"id": [1.5] * 6}, {"error": [7] * 6}, {"error": [["a"]] * 6}],
)  # fmt: skip
def test_columns_of_other_kinds(run, forged_column):
    """In a file whose checksum fits."""
    first = sorted((run / "chunks").iterdir())[0]
    first.unlink()
    _shards.publish(_folder.folder(run), 0, {**COLUMNS, **forged_column}, ja.scale.Parquet())
    store = ja.scale.Store(run)
    assert f"in its column {next(iter(forged_column))!r}" in store.verify().damaged[0]
    with pytest.raises(ja.scale.StoreError, match="no chunk of a run"):
        store.by_id("n3")


@pytest.mark.parametrize("row", [2**62, -1, 24])
def test_rows_that_the_run_has_not(run, row):
    first = sorted((run / "chunks").iterdir())[0]
    first.unlink()
    _shards.publish(_folder.folder(run), 0, {**COLUMNS, "row": [*range(18, 23), row]}, ja.scale.Parquet())
    found = ja.scale.Store(run).verify()
    assert f"row {row}" in found.damaged[0]
    with pytest.raises(ja.scale.StoreError, match="row 23 is not there yet"):
        ja.scale.Store(run)[23]

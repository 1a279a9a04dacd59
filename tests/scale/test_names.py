"""Whatever a name is, of a row, a column, a result, a format or a file: it is refused, or stays in the folder."""

import os
import shutil
import stat

import numpy as np
import pytest

import jaxattr as ja
from jaxattr.scale.store import _folder, _manifest
from tests.scale.names import HOSTILE, NO_TEXT
from tests.scale.small import ROWS, go

OF_CHUNKS = ("row", "error")
PLAIN = {".hidden", "a/b", "nul.parquet", "manifest.json", "row", "error", "data.row"}


def tree(root, but):
    """Everything under a folder but what is in another, links as links, with what each file holds."""
    places = (place for place in root.rglob("*") if not place.is_relative_to(but))
    return {place: place.read_bytes() if stat.S_ISREG(place.lstat().st_mode) else None for place in places}


@pytest.fixture
def run(finished, tmp_path):
    """A finished run, deep enough that names which lead up end in the folder of the test."""
    return shutil.copytree(finished, tmp_path / "some" / "where" / "deep" / "run")


@pytest.fixture(params=HOSTILE)
def name(request, tmp_path):
    return HOSTILE[request.param].replace("ROOT", str(tmp_path))


def test_there_are_many():
    assert len(set(HOSTILE.values())) == len(HOSTILE) >= 50


def test_rows_columns_and_results(name, tmp_path):
    out = tmp_path / "some" / "where" / "run"
    out.parent.mkdir(parents=True)
    (out.parent / "escape").write_text("stays")
    before = tree(tmp_path, out)
    rows = [{"ids": np.arange(3), "own id": name, name: 7, "values": 5}]
    assert go(out, rows, lambda params, ids, where: {name: ids * params}, id="own id").complete
    assert tree(tmp_path, out) == before
    files = {place.relative_to(out).as_posix() for place in out.rglob("*")}
    assert len(files) == 3
    assert {file.partition("-")[0] for file in files} == {"manifest.json", "chunks", "chunks/00000000"}
    row = ja.scale.Store(out).by_id(name)
    assert (row["id"], row["row"], row["error"]) == (name, 0, None)
    assert int(row[f"data.{name}" if name in OF_CHUNKS else name]) == 7
    assert row[f"result.{name or 'values'}"].tolist() == [0, 2, 4]


@pytest.mark.parametrize("name", NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_no_text_is_told(name, tmp_path):
    bad = {"id": {"name": name}, "text": {"text": name}, "texts": {"words": ["a", name]}, "column": {name: 1}}
    rows = [*ROWS, *({"ids": np.arange(3), "name": what, **column} for what, column in bad.items())]
    report = go(tmp_path / "run", rows)
    assert report.complete
    assert report.quarantined.keys() == {"unread row 24", "row 25", "texts", "row 27"}
    assert all("surrogates not allowed" in why for why in report.quarantined.values())
    with pytest.raises(ValueError, match="no text"):
        go(tmp_path / "other", ROWS, lambda params, ids, where: {name: ids * params})
    assert not (tmp_path / "other").exists()


def test_why_a_row_is_bad_is_a_text(tmp_path):
    class Rows(list):
        def __getitem__(self, i):
            if i == 3:
                raise OSError("cannot open caf\udce9")
            return super().__getitem__(i)

    report = go(tmp_path / "run", Rows(ROWS))
    assert report.quarantined == {"unread row 3": "OSError: cannot open caf\\udce9"}
    assert ja.scale.Store(tmp_path / "run").quarantined() == report.quarantined


def test_a_row_without_an_id_gets_one_that_no_other_has(tmp_path):
    for name, made in ((lambda n: f"row {n}", "unread row 1"), (lambda n: -n, -6)):
        rows = [{"ids": np.arange(3), "name": name(n)} for n in range(3)]
        out = tmp_path / made.__class__.__name__
        assert go(out, [rows[0], None, rows[1], rows[2]]).quarantined.keys() == {made}
        assert ja.scale.Store(out).by_id(name(1))["error"] is None


@pytest.mark.parametrize("names", [["a", 1], [0, 2**63], [-(2**63) - 1, 5], [1, True, "b"]])
def test_ids_that_no_column_holds(names, tmp_path):
    rows = [{"ids": np.arange(3), "name": name} for name in names]
    with pytest.raises(TypeError, match="all texts, or all integers"):
        go(tmp_path / "run", rows)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("column", [3, None, ("a", "b"), b"ids"])
def test_columns_whose_names_are_no_texts(column, tmp_path):
    with pytest.raises(ValueError, match="the name of a column is a text"):
        go(tmp_path / "run", [{"ids": np.arange(3), "name": "a", column: 1}])
    assert not (tmp_path / "run").exists()


def test_texts_of_numpy(tmp_path):
    """They differ in type by their length, and are names all the same."""
    names, words = np.array(["a", "../bb", "c" * 90]), np.array([["x", "yy"], ["z", ""], ["u", "v"]])
    assert go(tmp_path / "run", {"ids": [np.arange(3)] * 3, "name": names, "words": words, "text": names}).complete
    store = ja.scale.Store(tmp_path / "run")
    assert [(row["id"], row["text"], row["words"]) for row in store] == [
        (str(name), str(name), two.tolist()) for name, two in zip(names, words, strict=True)
    ]


def test_columns_with_the_names_of_a_chunk(tmp_path):
    rows = [{**row, "row": 99, "id": f"own {i}", "error": "none", "data.row": 5} for i, row in enumerate(ROWS)]
    assert go(tmp_path / "run", rows).quarantined == {}
    store = ja.scale.Store(tmp_path / "run")
    assert store.verify().complete
    for i, row in enumerate(store):
        assert (row["row"], row["id"], row["error"]) == (i, f"row {i + 1}", None)
        assert (row["data.id"], row["data.error"]) == (f"own {i}", "none")
        assert {int(row["data.row"]), int(row["data.data.row"])} == {99, 5}


def test_formats(name, tmp_path):
    out = tmp_path / "some" / "run"
    out.parent.mkdir()
    for suffix in {name, f"/{name}", f".npz/{name}", f".npz\\{name}"} - PLAIN:
        kind = ja.scale.Parquet()
        kind.suffix = suffix
        with pytest.raises(ValueError, match="the suffix of a format"):
            go(out, format=kind)
        with pytest.raises((ValueError, OSError), match="the suffix of a format"):
            ja.scale.Store(out, format=kind)
    assert list(tmp_path.iterdir()) == [out.parent]
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("kind", ["parquet", 3, object()])
def test_what_is_no_format(kind, tmp_path):
    with pytest.raises(TypeError, match="with suffix, encode and decode"):
        go(tmp_path / "run", format=kind)


def test_files_of_the_folder_are_asked_for_by_plain_names(name, run, tmp_path):
    before = tree(tmp_path, tmp_path / "nothing")
    remote = f"memory://{tmp_path.name}/run"
    for where in (_folder.folder(run), _folder.folder(remote)):
        for asked in {name, f"../{name}", f"/{name}", f"chunks/a/{name}", f"{name}/../a"} - PLAIN:
            with pytest.raises(ja.scale.StoreError, match="plain names"):
                where.read(asked)
            with pytest.raises(ja.scale.StoreError, match="plain names"):
                where.publish(asked, b"escaped")
    assert tree(tmp_path, tmp_path / "nothing") == before


def test_files_that_lie_among_the_chunks(name, run, tmp_path):
    folder = run / "chunks"
    try:
        made = folder / name.strip("/").replace("/", "")
        made.write_bytes(b"hostile")
    except (OSError, ValueError):
        pytest.skip("no file can have this name here")
    before = tree(tmp_path, tmp_path / "nothing")
    hidden = made.name.startswith(".")
    for look in (lambda: go(run), lambda: ja.scale.Store(run).verify(), lambda: ja.scale.Store(run)[0]):
        if hidden:
            assert look()
        else:
            with pytest.raises(ja.scale.StoreError, match="no chunk of this run"):
                look()
    after = tree(tmp_path, tmp_path / "nothing")
    if made.name.startswith(".unfinished-"):
        before.pop(made, None), after.pop(made, None)
    assert after == before


def test_manifests_with_hostile_texts(name, run, tmp_path):
    """What a manifest says of files is not believed: chunks are found by looking, and read as what the caller says."""
    known = _manifest.read(_folder.folder(run))
    about = {**known["about"], "results": [name], "source": name}
    forged = {**known, "suffix": name, "methods": [name], "about": about, name or "a": name}
    (run / "manifest.json").write_bytes(_manifest.sealed({**forged, **{k: known[k] for k in ("rows", "chunks")}}))
    before = tree(tmp_path, tmp_path / "nothing")
    store = ja.scale.Store(run)
    assert store.verify().complete
    assert store[23]["id"] == "row 24"
    assert go(run).explained == 0
    assert tree(tmp_path, tmp_path / "nothing") == before


@pytest.mark.parametrize("out", ["", "nul\0", "a/\0/b", b"bytes"])
def test_folders_that_are_none(out):
    with pytest.raises(ValueError, match="wants a folder"):
        go(out)
    with pytest.raises(ValueError, match="wants a folder"):
        ja.scale.Store(out)


@pytest.mark.parametrize("url", ["file://", "local://"])
def test_files_behind_a_url_are_no_links_either(url, run, tmp_path):
    assert ja.scale.Store(f"{url}{run}").verify().complete
    (run / "chunks").rename(tmp_path / "elsewhere")
    (run / "chunks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ja.scale.StoreError, match="symbolic link"):
        ja.scale.Store(f"{url}{run}").verify()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_no_file(run):
    """Whoever opens one waits for the other end."""
    chunk = sorted((run / "chunks").iterdir())[0]
    chunk.unlink()
    os.mkfifo(chunk)
    assert "plain files" in ja.scale.Store(run).verify().damaged[0]
    (run / "manifest.json").unlink()
    os.mkfifo(run / "manifest.json")
    with pytest.raises(ja.scale.StoreError, match="plain files"):
        ja.scale.Store(run)


def test_folders_in_the_place_of_files(run):
    chunk = sorted((run / "chunks").iterdir())[0]
    chunk.unlink()
    chunk.mkdir()
    (run / "chunks" / ".unfinished-999999999-0").mkdir()
    assert go(run).explained == 0
    assert "plain files" in ja.scale.Store(run).verify().damaged[0]


def test_a_chunk_of_a_number_that_the_run_has_not(run):
    last = sorted((run / "chunks").iterdir())[-1]
    last.rename(last.with_name("99999999" + last.name[8:]))
    for look in (lambda: go(run), lambda: ja.scale.Store(run).verify()):
        with pytest.raises(ja.scale.StoreError, match="no chunk of this run"):
            look()

"""Folders that are damaged, foreign or malicious: a typed error, and what is published stays as it is."""

import errno
import functools
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxattr as ja
from jaxattr.scale.store import _folder, _manifest, _shards
from jaxattr.scale.store._format import Parquet
from tests.scale import small

go = functools.partial(small.go, workers=None)  # as many threads as a run takes by itself


def files(out):
    return {path.name: path.read_bytes() for path in sorted((out / "chunks").iterdir())}


@pytest.fixture
def run(finished, tmp_path):
    """A finished run that a test may damage."""
    return shutil.copytree(finished, tmp_path / "run")


def first_chunk(run):
    return sorted((run / "chunks").iterdir())[0]


def overwrite(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_full_disk(tmp_path, monkeypatch):
    write, left = os.fdopen, [3]

    class Full:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            left[0] -= 1
            if left[0] <= 0:
                self.file.write(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

    monkeypatch.setattr(
        _folder.os, "fdopen", lambda handle, mode: Full(write(handle, mode)) if "w" in mode else write(handle, mode)
    )
    with pytest.raises(OSError, match="No space left"):
        go(tmp_path / "run")
    monkeypatch.undo()
    kept = files(tmp_path / "run")
    assert len(kept) == 1
    assert go(tmp_path / "run").complete
    assert kept.items() <= files(tmp_path / "run").items()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    (tmp_path / "run").mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        go(tmp_path / "run")


def test_a_read_only_file_system_is_told(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(_folder.os, "open", refused)
    with pytest.raises(OSError, match="Read-only"):
        go(tmp_path / "run")


def test_a_truncated_chunk(run):
    path = first_chunk(run)
    overwrite(path, path.read_bytes()[:-7])
    found = ja.scale.Store(run).verify()
    assert not found.complete
    assert path.name in found.damaged[0]
    with pytest.raises(ja.scale.StoreError, match="damaged"):
        [dict(row) for row in ja.scale.Store(run)]
    others = {name: data for name, data in files(run).items() if name != path.name}
    path.unlink()
    assert go(run).explained == 6
    assert others.items() <= files(run).items()
    assert ja.scale.Store(run).verify().complete


@pytest.mark.parametrize("seed", range(50))
def test_a_flipped_bit(run, seed):
    rng = random.Random(seed)
    path = rng.choice([*sorted((run / "chunks").iterdir()), run / "manifest.json"])
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    overwrite(path, bytes(data))
    if path.name == "manifest.json":
        with pytest.raises(ja.scale.StoreError, match=r"manifest\.json"):
            ja.scale.Store(run)
        with pytest.raises(ja.scale.StoreError, match=r"manifest\.json"):
            go(run)
    else:
        found = ja.scale.Store(run).verify()
        assert not found.complete
        assert path.name in found.damaged[0]


def test_a_missing_chunk(run):
    first_chunk(run).unlink()
    store = ja.scale.Store(run)
    assert store.verify().missing == [0]
    with pytest.raises(ja.scale.StoreError, match="1 of 4 chunks are missing"):
        store[23]
    assert store[0]["id"] == "row 1"


def test_a_chunk_in_the_place_of_another(run):
    one, two = sorted((run / "chunks").iterdir())[:2]
    two.unlink()
    (run / "chunks" / one.name.replace("00000000", "00000001")).write_bytes(one.read_bytes())
    found = ja.scale.Store(run).verify()
    assert not found.complete
    assert "which another holds too" in found.damaged[0]


def test_a_foreign_file(run):
    (run / "chunks" / "notes.txt").write_text("mine")
    with pytest.raises(ja.scale.StoreError, match=r"notes\.txt"):
        go(run)


def test_links_are_refused(run, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = first_chunk(run)
    data = path.read_bytes()
    path.unlink()
    path.symlink_to(secret)
    found = ja.scale.Store(run).verify()
    assert "symbolic link" in found.damaged[0]
    assert secret.read_text() == "secret"
    path.unlink()
    path.write_bytes(data)
    (run / "chunks").rename(tmp_path / "elsewhere")
    (run / "chunks").symlink_to(tmp_path / "elsewhere")
    for look in (lambda: go(run), lambda: ja.scale.Store(run).verify()):
        with pytest.raises(ja.scale.StoreError, match="symbolic link"):
            look()
    (run / "manifest.json").rename(tmp_path / "manifest.json")
    (run / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(ja.scale.StoreError, match="symbolic link"):
        ja.scale.Store(run)


def test_chunks_without_a_manifest(run):
    (run / "manifest.json").unlink()
    with pytest.raises(ja.scale.StoreError, match="no manifest"):
        go(run)


def test_a_manifest_of_another_format(run):
    content = json.loads((run / "manifest.json").read_bytes())
    overwrite(run / "manifest.json", _manifest.sealed({**content, "format": 99}))
    with pytest.raises(ja.scale.StoreError, match="format 99"):
        ja.scale.Store(run)


def fuzzed(rng, data):
    """Bytes with some of them changed, cut, doubled, or replaced altogether."""
    made = bytearray(data)
    kind = rng.randrange(5)
    if kind == 0:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(300)))
    for _ in range(rng.choice((1, 2, 8, 64))):
        at = rng.randrange(max(len(made), 1))
        if kind == 1:
            made[at : at + rng.randrange(40)] = b""
        elif kind == 2:
            made[at:at] = made[rng.randrange(len(made) or 1) :][: rng.randrange(40)]
        elif made:
            made[at % len(made)] = rng.choice((0, 255, rng.randrange(256)))
    return bytes(made)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_fuzzed_files_give_typed_errors(run, count):
    """Also where the checksum fits, as it does in a file that someone made up."""
    rng, kind = random.Random(0), Parquet()
    good = {"chunk": first_chunk(run).read_bytes(), "manifest": (run / "manifest.json").read_bytes()}
    refused = 0
    for i in range(count):
        what = "chunk" if i % 2 else "manifest"
        data = fuzzed(rng, good[what])
        try:
            if what == "chunk":
                _shards.checked(kind.decode(data), "a chunk")
            else:
                _manifest.opened(data, "manifest.json", {"rows"})
        except ja.scale.StoreError:
            refused += 1
    assert refused > count // 2


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted on Linux alone")
def test_reading_a_chunk_leaves_no_thread_of_arrow(tmp_path):
    """A thread that still holds the bytes when Python ends aborts the process."""
    data = Parquet().encode({"row": [0, 1], "words": [["a"], ["b", "c"]], "values": [np.ones(1), np.ones(2)]})
    (tmp_path / "chunk.parquet").write_bytes(data)
    code = (
        "import os, sys; from jaxattr.scale.store import Parquet; import jax.numpy, pyarrow.parquet; "
        "data = open(sys.argv[1], 'rb').read(); before = os.listdir('/proc/self/task'); Parquet().decode(data); "
        "assert os.listdir('/proc/self/task') == before"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "chunk.parquet"], check=True)

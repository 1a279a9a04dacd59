"""The IMDB builder, from every source, without network and without TensorFlow."""

import functools
import hashlib
import http.server
import io
import sys
import tarfile
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.datasets import imdb

REVIEWS = [
    ("A <br />fine film – truly.", 1, 0, 9),
    ("Dull & \"long\" <script>", 0, 0, 2),
    ("I laughed.", 1, 1, 10),
    ("I slept.", 0, 1, 1),
]  # fmt: skip


def make_parquet(folder):
    folder.mkdir()
    columns = dict(zip(("text", "label", "id", "rating"), map(list, zip(*REVIEWS, strict=True)), strict=True))
    for split in ("train", "test"):
        texts = [f"{split}: {text}" for text in columns["text"]]
        pq.write_table(pa.table(columns | {"text": texts}), folder / f"{split}.parquet")
    return folder


def add(tar, name, content, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(content), kind, link
    tar.addfile(member, io.BytesIO(content))


def make_archive(path, splits=("train", "test")):
    with tarfile.open(path, "w:gz") as tar:
        for split in splits:
            for text, label, number, rating in REVIEWS:
                name = f"aclImdb/{split}/{imdb.NAMES[label]}/{number}_{rating}.txt"
                add(tar, name, f"{split}: {text}".encode())
            add(tar, f"aclImdb/{split}/unsup/0_0.txt", b"no label")
            add(tar, f"aclImdb/{split}/pos/../../../../escaped_1.txt", b"outside")
            add(tar, f"aclImdb/{split}/pos/7_7.txt", b"", kind=tarfile.SYMTYPE, link="/etc/hostname")
            add(tar, f"aclImdb/{split}/labeledBow.feat", b"0 9:1")
    return path


def read(folder):
    def plain(row):
        return row["text"].decode(), int(row["label"]), int(row["number"]), int(row["rating"])

    return {split: [plain(row) for row in rows] for split, rows in imdb.load(folder).items()}


def test_archive_and_parquet_give_equal_rows(tmp_path):
    imdb.prepare(tmp_path / "a", imdb.parquet(make_parquet(tmp_path / "parquet")))
    imdb.prepare(tmp_path / "b", imdb.archive(make_archive(tmp_path / "imdb.tar.gz"), check=False))
    rows = read(tmp_path / "a")
    assert rows == read(tmp_path / "b")
    for split in ("train", "test"):
        assert sorted(rows[split]) == sorted((f"{split}: {text}", *rest) for text, *rest in REVIEWS)
    assert not list(tmp_path.rglob("*escaped*")), "no member is written to disk"
    assert "tensorflow" not in sys.modules


def test_preparing_again_keeps_what_is_there(tmp_path):
    imdb.prepare(tmp_path / "data", imdb.parquet(make_parquet(tmp_path / "parquet")))

    def unused(split):
        raise AssertionError(split)

    imdb.prepare(tmp_path / "data", unused)
    assert len(read(tmp_path / "data")["train"]) == 4


def test_missing_data_names_the_commands(tmp_path):
    with pytest.raises(
        imdb.MissingDataError, match=r"data set imdb(?s:.)*imdb .*--download(?s:.)*--archive(?s:.)*--parquet"
    ):
        imdb.load(tmp_path)


def test_a_folder_without_both_files_is_refused(tmp_path):
    make_parquet(tmp_path / "parquet")
    (tmp_path / "parquet" / "test.parquet").unlink()
    with pytest.raises(imdb.MissingDataError, match=r"Expected test\.parquet in .*got no such file"):
        imdb.parquet(tmp_path / "parquet")


def test_damaged_parquet_is_refused(tmp_path):
    folder = make_parquet(tmp_path / "parquet")
    good = {"text": ["a"], "label": [1], "id": [0], "rating": [9]}
    pq.write_table(pa.table(good | {"label": [2]}), folder / "test.parquet")
    with pytest.raises(ValueError, match=r"labels from 0 to 1 \(neg, pos\), got 2 in test\.parquet"):
        imdb.prepare(tmp_path / "data", imdb.parquet(folder))
    assert not imdb.store.prepared(tmp_path / "data", imdb.SET), "whole or not at all"
    pq.write_table(pa.table(good | {"text": [None]}), folder / "test.parquet")
    with pytest.raises(TypeError, match=r"Expected texts, got None in test\.parquet"):
        list(imdb.parquet(folder)("test"))
    del good["rating"]
    pq.write_table(pa.table(good), folder / "test.parquet")
    with pytest.raises(ValueError, match=r"Expected columns text, label, id, rating in .* without rating"):
        imdb.parquet(folder)


def test_another_archive_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Expected a file with SHA-256 c40f74.*Fetch it again from https://ai"):
        imdb.archive(make_archive(tmp_path / "imdb.tar.gz"))


def test_an_archive_without_reviews_is_refused(tmp_path):
    source = imdb.archive(make_archive(tmp_path / "imdb.tar.gz", splits=("train",)), check=False)
    assert len(list(source("train"))) == 4
    with pytest.raises(ValueError, match=r"aclImdb/test/pos/0_9\.txt, got none"):
        list(source("test"))


def test_a_giant_member_is_refused(tmp_path):
    path = tmp_path / "big.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        add(tar, "aclImdb/train/pos/0_9.txt", bytes((1 << 20) + 1))
    with pytest.raises(ValueError, match=r"at most 1048576 bytes, got 1048577 in member aclImdb/train/pos/0_9\.txt"):
        list(imdb.archive(path, check=False)("train"))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.parametrize("honest", [True, False])
def test_the_download_is_checked_and_prepared(tmp_path, monkeypatch, honest):
    (tmp_path / "served").mkdir()
    path = make_archive(tmp_path / "served" / "aclImdb_v1.tar.gz")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=path.parent)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{path.name}"
        expected = digest if honest else "0" * 64
        checks = tmp_path / "checksums.tsv"
        checks.write_text(f"{url}\t{path.stat().st_size}\t{expected}\t{path.name}\n")
        monkeypatch.setattr(imdb, "URL", url)
        infos = imdb.tfds.download.checksums.load_url_infos(checks)
        monkeypatch.setattr(imdb.ImdbText, "url_infos", infos)
        if honest:
            imdb.prepare(tmp_path / "data")
            assert len(read(tmp_path / "data")["test"]) == 4
        else:
            with pytest.raises(Exception, match="checksum"):
                imdb.prepare(tmp_path / "data")
            assert not imdb.store.prepared(tmp_path / "data", imdb.SET)
        server.shutdown()


def test_the_recorded_checksum_is_that_of_the_archive():
    info = imdb.ImdbText.url_infos[imdb.URL]
    assert info.checksum.startswith("c40f74a18d3b61f9")
    assert info.size == 84_125_825


def test_the_shared_copy_reads_as_the_official_split(shared):
    rows = list(imdb.parquet(shared / "data" / "imdb")("test"))
    assert len(rows) == len({key for key, _ in rows}) == 25_000
    assert sum(row["label"] for _, row in rows) == 12_500
    assert all((row["rating"] > 5) == row["label"] for _, row in rows)

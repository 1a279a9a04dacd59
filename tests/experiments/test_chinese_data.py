"""The builder of the Chinese sets, from every source, without network."""

import doctest
import http.server
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.datasets import chinese, lines, repeats, store

TITLES = {
    "train": [("股市上涨\t今日", 2), ("球队 获胜", 7), ("两次", 1), ("又来", 3), ("又来", 3)],
    "test": [("球队获胜", 7), ("游戏\n新作", 8), ("矛盾", 0), ("矛盾", 1)],
}
POSTS = {
    "train": [("开心", 1), ("生气 ", 2), ("开心", 1), ("第二", 3)],
    "validation": [("第二", 3), ("害怕", 4)],
    "test": [("生气", 2), ("无", 0)],
}


def make_parquet(folder, name, splits):
    folder.mkdir(exist_ok=True)
    for split, rows in splits.items():
        table = pa.table({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
        pq.write_table(table, folder / f"{chinese.PUBLISHED[name].stem}_{split}.parquet")
    return folder


def read(folder, name):
    found = chinese.load(folder, name)
    return {split: sorted((row["text"].decode(), int(row["label"])) for row in rows) for split, rows in found.items()}


def test_every_text_stands_once(tmp_path):
    chinese.prepare(
        tmp_path / "data", "thucnews", chinese.parquet("thucnews")(make_parquet(tmp_path, "thucnews", TITLES))
    )
    assert read(tmp_path / "data", "thucnews") == {
        "train": sorted([("股市上涨\t今日", 2), ("两次", 1), ("又来", 3)]),
        "test": sorted([("球队获胜", 7), ("游戏\n新作", 8)]),
    }
    left = {"test: with two labels": 2, "train: also in test": 1, "train: repeated": 1}
    assert chinese.left_out(tmp_path / "data", "thucnews") == left


def test_of_three_parts_the_test_keeps_its_texts_first(tmp_path):
    chinese.prepare(
        tmp_path / "data", "emotions", chinese.parquet("emotions")(make_parquet(tmp_path, "emotions", POSTS))
    )
    rows = {"train": [("开心", 1)], "validation": [("害怕", 4), ("第二", 3)], "test": [("无", 0), ("生气", 2)]}
    assert read(tmp_path / "data", "emotions") == rows


def test_a_set_without_a_split_is_split_by_its_texts(tmp_path):
    texts = [(f"第{number}家酒店", number % 2) for number in range(300)]
    parts = {"train": texts[:10], "test": texts[10:]}
    one = chinese.parquet("hotel")(make_parquet(tmp_path / "a", "hotel", parts))
    parts = {"train": texts[200:][::-1], "test": texts[:200]}
    other = chinese.parquet("hotel")(make_parquet(tmp_path / "b", "hotel", parts))
    sizes = {}
    for split in ("train", "test"):
        rows = sorted((row["text"], row["label"]) for _, row in one(split))
        assert rows == sorted((row["text"], row["label"]) for _, row in other(split)), "from any source the same"
        sizes[split] = len(rows)
    assert sum(sizes.values()) == 300
    assert 40 < sizes["test"] < 80


def test_published_files_give_what_parquet_gives(tmp_path, monkeypatch):
    path = tmp_path / "all.csv"
    path.write_text('\ufefflabel,review\n1,"很好, 真的"\n0,"说 ""差""\n很差"\n')
    found = list(lines.commas(chinese.NAMES["hotel"])(path))
    assert found == [("很好, 真的", 1), ('说 "差"\n很差', 0)]
    monkeypatch.setattr(store, "digest", lambda builder, url: store.hashlib.sha256(path.read_bytes()).hexdigest())
    texts = chinese.archive("hotel")(path)
    assert sorted(row["text"] for split in ("train", "test") for _, row in texts(split)) == sorted(t for t, _ in found)
    path.write_text("label\ttext_a\n1\t生气\n2\t开\t心\n\n")
    assert list(chinese.PUBLISHED["emotions"].read(path)) == [("生气", 2), ("开\t心", 1)], "other numbers, same names"
    path.write_text("题目\t3\n一\t二\t9\n")
    assert list(chinese.PUBLISHED["thucnews"].read(path)) == [("题目", 3), ("一\t二", 9)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("hotel", "review,label\n", "Expected the columns label,review"),
        ("hotel", "", "Expected the columns label,review"),
        ("hotel", "label,review\n1,a,b\n", "Expected two columns, got 3 in line 2"),
        ("hotel", "label,review\n2,a\n", r"labels from 0 to 1 \(negative, positive\), got 2 in line 2"),
        ("hotel", "label,review\nx,a\n", "labels from 0 to 1 .*got 'x' in line 2"),
        ("emotions", "text\tlabel\n", "Expected the first line"),
        ("emotions", "label\ttext_a\n6\ta\n", "labels from 0 to 5 .*got 6 in line 2"),
        ("emotions", "label\ttext_a\n-1\ta\n", "got '-1' in line 2"),
        ("thucnews", "no tab\n", "a tab between them, got none in line 1"),
        ("thucnews", b"\xff\xfe\x00", "Expected text in UTF-8"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        list(chinese.PUBLISHED[name].read(path))


def test_damaged_parquet_is_refused(tmp_path):
    read = chinese.parquet("hotel")
    with pytest.raises(store.MissingDataError, match=r"Expected chnsenticorp_htl_train\.parquet in .*--parquet"):
        read(tmp_path)
    make_parquet(tmp_path, "hotel", {"train": [("a", 0)], "test": [("b", 2)]})
    with pytest.raises(ValueError, match=r"labels from 0 to 1 .*got 2 in .*htl_test"):
        read(tmp_path)
    make_parquet(tmp_path, "hotel", {"test": [(7, 1)]})
    with pytest.raises(TypeError, match="Expected texts, got 7 in"):
        read(tmp_path)
    pq.write_table(pa.table({"text": ["a"], "stars": [1]}), tmp_path / "chnsenticorp_htl_test.parquet")
    with pytest.raises(ValueError, match=r"Expected columns text, label in .*got text, stars without label"):
        read(tmp_path)
    (tmp_path / "chnsenticorp_htl_test.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="Expected a parquet file, got"):
        read(tmp_path)


def test_another_archive_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("label,review\n1,a\n")
    with pytest.raises(ValueError, match=r"SHA-256 1d414b.*Fetch it again from https://raw\.githubusercontent"):
        chinese.archive("hotel")(tmp_path / "x.csv")
    assert len([*chinese.archive("weibo")(tmp_path / "x.csv")("train")]) <= 1, "no digest is known of this one"
    with pytest.raises(store.MissingDataError, match=r"Expected a file at .*pan\.baidu\.com"):
        chinese.archive("weibo")(tmp_path / "y.csv")


@pytest.mark.parametrize("honest", [True, False])
def test_downloads_are_checked(tmp_path, monkeypatch, honest):
    class Served(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    content = "label,review\n1,很好\n0,很差\n".encode()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.csv"
        digest = store.hashlib.sha256(content if honest else b"").hexdigest()
        (tmp_path / "checksums.tsv").write_text(f"{url}\t{len(content)}\t{digest}\ta.csv\n")
        infos = store.tfds.download.checksums.load_url_infos(tmp_path / "checksums.tsv")
        monkeypatch.setattr(chinese.ChineseText, "url_infos", infos)
        given = store.dataclasses.replace(chinese.PUBLISHED["hotel"], files={"all": url})
        monkeypatch.setitem(chinese.PUBLISHED, "hotel", given)
        if honest:
            chinese.prepare(tmp_path / "data", "hotel")
            found = read(tmp_path / "data", "hotel")
            assert sorted(found["train"] + found["test"]) == sorted([("很好", 1), ("很差", 0)])
        else:
            with pytest.raises(Exception, match="checksum"):
                chinese.prepare(tmp_path / "data", "hotel")
            assert not store.prepared(tmp_path / "data", chinese.SETS["hotel"])
        server.shutdown()


def test_examples_print_what_they_say():
    assert doctest.testmod(repeats).attempted
    assert not doctest.testmod(repeats).failed


def test_the_shared_copies_hold_no_text_twice(shared):
    sizes = {"hotel": [6187, 1578], "weibo": [15906, 4008], "thucnews": [9985, 9987], "emotions": [7430, 1775, 2763]}
    for name, wanted in sizes.items():
        texts = chinese.parquet(name)(shared / "data" / "chinese")
        rows = {split: [row["text"] for _, row in texts(split)] for split in chinese.PUBLISHED[name].splits}
        assert [len(found) for found in rows.values()] == wanted
        assert len({repeats.bare(text) for found in rows.values() for text in found}) == sum(wanted)

"""The corpus experiment: its run through kills, and its parts beside slow twins, on a few invented reviews."""

import dataclasses
import io
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from reviews import FILLERS, GOOD, prepared, texts
from rich.console import Console

import jaxattr as ja
from experiments._shared.by_word import by_word
from experiments.datasets.imdb import MissingDataError
from experiments.imdb_cnn.model import ConvClassifier
from experiments.imdb_cnn.train import Hyperparameters
from experiments.imdb_corpus import __main__ as corpus
from experiments.imdb_corpus import overhead, pictures, processes, report
from experiments.imdb_corpus.job import Job, Loaded, borrow, explainer, preparer, preview, run
from experiments.imdb_corpus.tally import listed, means, of_reviews, sums, tally
from jaxattr.command import main as jaxattr

RNG = np.random.default_rng(0)
WORDS = ("<pad>", "<unk>", *FILLERS, *GOOD)
JOB = Job(Path(), Path(), len(WORDS), 9, Hyperparameters(), 0, 3, None, 2, 5)


def loaded(count=17):
    """A network that knows nothing, and reviews of 1 to 14 words, of which it reads the last 9."""
    model = ConvClassifier(len(WORDS), 8, 8, 8)
    params = model.init(jax.random.key(0), np.arange(4))
    entries = [
        {"text": " ".join(text.split()[: 1 + number % 14]).encode(), "label": label, "number": number}
        for number, (text, label) in enumerate(texts(count, seed=3))
    ]
    return model, Loaded(explainer(model, steps=3), params, entries, preparer(WORDS, 9), WORDS, "a" * 64, {})


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus") / "store"
    model, given = loaded()
    assert run(JOB, given, out).complete
    return model, given, out


def columns(**given):
    """Columns of a chunk in which nothing is wrong."""
    rows = len(given["words"])
    zeros = dict.fromkeys(("label", "predicted", "score", "gap"), [0] * rows)
    return {"row": list(range(rows)), "error": [None] * rows, **zeros, **given}


def test_a_row_of_the_store_is_the_review_and_its_explanation(stored):
    model, given, out = stored
    store = ja.scale.Store(out)
    for number, entry in enumerate(given.entries):
        row = store.by_id(f"{('neg', 'pos')[entry['label']]}/{number}")
        assert row["row"] == number
        assert row["words"] == entry["text"].decode().split()[-9:]
        logits = model.apply(given.params, given.prepare(entry)["ids"])
        assert row["predicted"] == int(logits.argmax())
        assert row["score"] == pytest.approx(float(abs(logits[1] - logits[0])), abs=1e-5)
        assert row["values"].shape == (len(row["words"]),)
        empty = model.apply(given.params, np.zeros(9, np.int32))
        change = row["score"] - float(empty[row["predicted"]] - empty[1 - row["predicted"]])
        assert row["values"].sum() + row["gap"] == pytest.approx(change, abs=1e-5)


def test_a_review_is_shown_in_words(stored, capsys):
    assert jaxattr(["show", str(stored[2]), "12"]) == 0
    printed = capsys.readouterr().out
    assert "pos/12" in printed or "neg/12" in printed
    assert all(word in printed for word in ja.scale.Store(stored[2])[12]["words"])


@pytest.mark.slow
def test_the_bare_step_gives_what_the_layer_gives(stored):
    _, given, out = stored
    rows, store = [given.prepare(entry) for entry in given.entries], ja.scale.Store(out)
    widths = preview(JOB, given, out).widths
    made = overhead.blocks(store, rows, widths, 2)
    assert sorted(row for block in made for row in block.rows) == list(range(17))
    for block in made:
        assert block.columns["ids"].shape == block.columns["where"].shape
        assert block.columns["ids"].shape[0] == 2
        assert block.columns["ids"].shape[1] in widths
        for row, ids, real in zip(block.rows, block.columns["ids"], block.columns["where"], strict=False):
            assert ids[real].tolist() == rows[row]["ids"].tolist()
            assert (ids[~real] == 0).all()
    results, seconds = overhead.bare(given, made, workers=2)
    assert seconds > 0
    assert overhead.largest_difference(store, made, results) < 1e-6
    other = [{"values": one["values"] + 1} for one in results]
    assert overhead.largest_difference(store, made, other) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_the_overhead_is_measured_in_turn(tmp_path):
    given = loaded(11)[1]
    found, costs = overhead.measure(JOB, given, tmp_path, rows=8, rounds=2, workers=2, console=Console(quiet=True))
    assert (found["rows"], found["batch_size"], len(found["rounds"])) == (8, 2, 2)
    assert found["ratio"]["lowest"] <= found["ratio"]["median"] <= found["ratio"]["highest"]
    assert found["largest_difference"] < 1e-6
    assert {name: spent["rows"] for name, spent in costs.items()} == {overhead.LAYER: 8, overhead.BARE: 8}
    assert not list(tmp_path.iterdir()), "its stores are gone"


def test_the_shares_of_the_overhead():
    rounds = [{"layer": layer, "bare": 2.0, "compile": 1.0} for layer in (2.2, 2.0, 3.0)]
    found = overhead.figures(rounds)
    assert found["ratio"] == pytest.approx({"median": 1.1, "lowest": 1.0, "highest": 1.5})
    assert found["added_to_steps"] == pytest.approx({"median": 0.2, "lowest": 0.0, "highest": 1.0})


def test_means_and_errors_are_those_of_all_rows_at_once():
    lengths = RNG.integers(1, 9, 40)
    ids = [RNG.integers(1, 6, n) for n in lengths]
    values = [RNG.normal(size=n).astype(np.float32) for n in lengths]
    parts = [sums(ids[start : start + 7], values[start : start + 7], 6) for start in range(0, 40, 7)]
    mean, error = means(sum(parts)[:, 1:])
    padded = [np.zeros((40, 8), int), np.zeros((40, 8))]
    for row, n in enumerate(lengths):
        padded[0][row, :n], padded[1][row, :n] = ids[row], values[row]
    found = by_word(*padded)
    found = found.where(found.ids > 0)
    np.testing.assert_allclose(mean, found.means, rtol=1e-10)
    assert sum(parts)[0, 1:].tolist() == found.occurrences.tolist()
    assert sum(parts)[1, 1:].tolist() == found.reviews.tolist()
    ratio = found.halves / error
    assert ((ratio > 1.96) & (ratio < 2.2)).all(), "an interval is the error times a quantile of t"


def test_a_word_of_one_review_has_no_error():
    mean, error = means(sums([np.array([0, 0])], [np.array([1.0, 3.0])], 1))
    assert mean.tolist() == [2.0]
    assert np.isnan(error).all()


def test_words_are_counted_by_predicted_class():
    words = [["a", "b", "what"], ["a", "a"], ["b", "a"], ["a"]]
    values = [np.array([1.0, -3.0, 2.0]), np.array([2.0, 4.0]), np.array([-1.0, 5.0]), None]
    chunk = columns(words=words, values=values, predicted=[1, 1, 0, None], label=[1, 0, 0, None])
    chunk |= {"error": [None, None, None, "the result holds NaN"], "gap": [0.5, -1.0, 0.0, None]}
    found = tally([chunk], ("<pad>", "<unk>", "a", "b"))
    assert found.without == 1
    assert found.reviews.tolist() == [1, 2]
    lists = listed(found, ("<pad>", "<unk>", "a", "b"), occurrences=2, count=3)
    (entry,) = lists["positive"]["for"]
    assert (entry["word"], entry["occurrences"], entry["reviews"]) == ("a", 3, 2)
    assert entry["mean"] == pytest.approx(7 / 3)
    assert entry["first"] == 0.5
    assert not lists["positive"]["against"], "b is not frequent enough"
    assert {one["word"]: one["share"]["mean"] for one in lists["positive"]["first"]} == {"a": 0.5, "<unk>": 0.5}
    assert not lists["negative"]["for"]
    rows = of_reviews(found)
    assert rows["accuracy"]["mean"] == pytest.approx(2 / 3)
    assert rows["completeness_gap"]["worst"] == 1.0
    assert rows["completeness_gap"]["median_relative"] == pytest.approx(0.2)


def test_words_against_a_class_come_with_the_strongest_first():
    values = [np.array([-1.0, -2.0, 3.0])] * 3
    chunk = columns(words=[["a", "b", "c"]] * 3, values=values)
    lists = listed(
        tally([chunk, chunk], ("<pad>", "<unk>", "a", "b", "c")), ("<pad>", "<unk>", *"abc"), occurrences=6, count=5
    )
    assert [one["word"] for one in lists["negative"]["against"]] == ["b", "a"]
    assert [one["word"] for one in lists["negative"]["for"]] == ["c"]
    assert lists["negative"]["for"][0]["standard_error"] == pytest.approx(0)
    assert lists["positive"] == {"reviews": 0, "words": 0, "for": [], "against": [], "first": []}


def test_chunks_are_compared_byte_for_byte(tmp_path):
    for name, content in (("one", b"abc"), ("other", b"abd")):
        (tmp_path / name / "chunks").mkdir(parents=True)
        (tmp_path / name / "chunks" / "00000000-a.parquet").write_bytes(content)
        (tmp_path / name / "chunks" / "00000001-a.parquet").write_bytes(b"same")
    (tmp_path / "one" / "chunks" / "00000002-a.parquet").write_bytes(b"more")
    (tmp_path / "one" / "chunks" / ".unfinished-1-a").write_bytes(b"")
    found = processes.compared(tmp_path / "one", tmp_path / "other")
    assert found == {"chunks": 3, "of_the_other": 2, "same": 1}
    assert len(processes.unfinished(tmp_path / "one")) == 1
    assert processes.chunks(tmp_path / "nothing") == processes.unfinished(tmp_path / "nothing") == []


def test_the_bytes_of_the_columns(stored):
    files = processes.chunks(stored[2])
    found = corpus.column_bytes(files)
    assert set(found) == {"row", "id", "error", "words", "label", "values", "gap", "score", "predicted"}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert 0 < sum(found.values()) < sum(path.stat().st_size for path in files)


def test_the_network_of_another_run_is_borrowed(tmp_path):
    others, kept = tmp_path / "imdb_cnn", tmp_path / "imdb_corpus"
    borrow(kept, others)
    assert not kept.exists()
    others.mkdir()
    (others / "params.npz").write_bytes(b"theirs")
    (others / "encoded.npz").write_bytes(b"theirs")
    kept.mkdir()
    (kept / "encoded.npz").write_bytes(b"ours")
    borrow(kept, others)
    assert (kept / "params.npz").read_bytes() == b"theirs"
    assert (kept / "encoded.npz").read_bytes() == b"ours"


def test_without_data_the_message_comes_first(tmp_path):
    config = dataclasses.replace(corpus.SMALL, data_dir=tmp_path, out=tmp_path / "out")
    with pytest.raises(MissingDataError, match=r"experiments\.datasets imdb .*--parquet FOLDER"):
        corpus.main(config, Console(quiet=True))


@pytest.mark.slow
def test_killed_processes_leave_the_store_of_one_that_was_not(tmp_path, capsys):
    config = dataclasses.replace(
        corpus.SMALL,
        out=tmp_path / "imdb_corpus",
        data_dir=prepared(tmp_path, train=400, test=120),
        reviews=110,
        steps=4,
        chunk_rows=8,
        kills=2,
        timed=30,
        rounds=1,
        occurrences=5,
        vocabulary=60,
        length=24,
        model=Hyperparameters(width=8, filters=8, hidden=8, epochs=5, batch=16, dropout=0.1, rate=1e-2),
    )
    printed = io.StringIO()
    corpus.main(config, Console(file=printed, width=160))
    found = json.loads((config.out / "result.json").read_text())
    assert {path.name for path in config.out.iterdir()} == {
        *("encoded.npz", "params.npz", "result.json", "store", "grown.png", "words.png")
    }
    killed, store = found["killed"], found["store"]
    assert 1 <= len(killed["kills"]) <= 2
    assert killed["chunks"] == killed["of_the_other"] == killed["same"] == store["chunks"] == 14
    assert killed["unfinished_at_the_end"] == 0
    assert len(killed["appeared"]) == len(killed["undisturbed_appeared"]) == 14
    assert store["verified"]
    assert (store["rows"], store["without_numbers"]) == (110, 0)
    assert found["accuracy"]["mean"] > 0.8
    assert found["words"]["positive"]["for"][0]["word"] in GOOD
    assert len(found["examples"]) == 4
    assert "review, predicted" in pictures.coloured(found)._repr_html_()
    assert "14 of 14 chunks" in report.restart(found)
    assert "14 of 14 chunks" in " ".join(printed.getvalue().split())
    assert len(ja.scale.Store(config.out / "store")) == 110
    assert jaxattr(["verify", str(config.out / "store")]) == 0
    assert "every file fits its checksum" in capsys.readouterr().out


@pytest.mark.slow
def test_a_process_that_fails_is_told(tmp_path):
    job = dataclasses.replace(JOB, data_dir=tmp_path, kept=tmp_path)
    with pytest.raises(RuntimeError, match="got exit code 1 of its process"):
        processes.course(job, tmp_path / "store", rows=5, title="", console=Console(quiet=True))

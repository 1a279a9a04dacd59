"""The published classifier: its file read byte by byte, its words, and each figure beside a slow twin."""

import dataclasses
import io
import json
import struct
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import jaxattr as ja
from experiments.datasets import imdb
from experiments.datasets.store import MissingDataError
from experiments.pretrained import explain, flatbuffer, kept, tflite
from experiments.pretrained import report as tables
from experiments.pretrained.__main__ import Config, main, shown, words_in_general
from experiments.pretrained.model import LENGTH, SPECIAL, encode, load, places, vocabulary, words
from experiments.quickstart.data import corpus as invented
from tests.experiments.tflite_files import model_file

WORDS = (*SPECIAL, *"good bad not very the film was a it".split())


def weights():
    rng = np.random.default_rng(0)
    shapes = {"embedding": (len(WORDS), 4), "dense0_kernel": (4, 5), "dense0_bias": (5,)}
    shapes |= {"dense1_kernel": (5, 2), "dense1_bias": (2,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(autouse=True)
def as_users_run_it():
    """Products of matrices with vectors."""
    with jax.numpy_rank_promotion("allow"):
        yield


def written(tmp_path, name="model.tflite", **changed):
    path = tmp_path / name
    path.write_bytes(model_file(weights(), **changed))
    return path


def test_an_invented_file_gives_its_weights(tmp_path):
    found, length = tflite.read(written(tmp_path))
    assert length == LENGTH
    assert set(found) == set(weights())
    for name, array in weights().items():
        np.testing.assert_array_equal(found[name], array)


def test_the_published_file_is_that_of_the_arrays(shared):
    folder = shared / "data" / "models"
    if not (folder / "text_classification.tflite").is_file():
        pytest.skip("the published file is not beside this checkout")
    found, _ = tflite.read(folder / "text_classification.tflite")
    with np.load(folder / "tflite_avgword_imdb.npz") as stored:
        assert set(found) == set(stored.files)
        for name in stored.files:
            np.testing.assert_array_equal(found[name], stored[name])
    assert tflite.packed_vocabulary(folder / "text_classification.tflite") is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mark": b"TFL9"}, "its mark is b'TFL9'"),
        ({"graphs": 2}, "it holds 2 graphs"),
        ({"kinds": [53, 36, 40, 9, 9, 9]}, "the operators are"),
        ({"kinds": [53, 36, 40, 9, 9, 77]}, "operator 77"),
        ({"activations": (0, 0)}, "a dense layer has 3 inputs and activation 0"),
        ({"activations": (1, 1)}, "a dense layer has 3 inputs and activation 1"),
        ({"crossed": True}, "does not read what the one before gives"),
        ({"kind_of_tensors": 9}, "does not hold weights in float32"),
        ({"short": True}, "bytes"),
    ],
)
def test_another_model_is_refused(tmp_path, changed, said):
    with pytest.raises(ValueError, match=r"Expected the TF Lite text classifier.*Fetch it again from") as caught:
        tflite.read(written(tmp_path, **changed))
    assert said in str(caught.value)


def test_every_cut_and_every_changed_byte_is_read_or_refused(tmp_path):
    whole, path = model_file(weights()), tmp_path / "damaged.tflite"
    rng, said = np.random.default_rng(0), []
    damaged = [whole[:size] for size in range(0, len(whole), 97)]
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            data[at] = rng.integers(256)
        damaged.append(bytes(data))
    for data in damaged:
        path.write_bytes(data)
        try:
            tflite.read(path)
        except ValueError as error:
            said.append(str(error))
    assert len(said) > len(damaged) // 4
    assert all("Fetch it again" in one for one in said)


def test_a_file_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tflite, "LARGEST", 100)
    with pytest.raises(ValueError, match=r"Expected a model of at most 100 bytes, got \d+"):
        tflite.read(written(tmp_path))


def test_offsets_are_checked():
    table = flatbuffer.Table(struct.pack("<iHH", -100, 0, 0), 0)
    with pytest.raises(flatbuffer.DamagedError, match="an offset leads to byte 100 of 8"):
        flatbuffer.number(table, 0, "I")
    backwards = flatbuffer.Table(struct.pack("<i", 100), 0)
    with pytest.raises(flatbuffer.DamagedError, match="an offset leads to byte -100 of 4"):
        flatbuffer.number(backwards, 0, "I")
    with pytest.raises(flatbuffer.DamagedError, match="byte 0 of 2"):
        flatbuffer.root(b"ab")


def test_fields_that_are_not_there_have_their_default():
    data = struct.pack("<IHHHHiI", 12, 8, 8, 4, 0, 8, 7)
    table = flatbuffer.Table(data, 12)
    assert flatbuffer.number(table, 0, "I") == 7
    assert flatbuffer.number(table, 1, "I", 5) == 5
    assert flatbuffer.number(table, 9, "I", 6) == 6
    assert flatbuffer.child(table, 1) is None
    assert flatbuffer.children(table, 1) == []
    assert flatbuffer.vector(table, 1, "<f4").size == 0


def packed(text, name="vocab.txt"):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("labels.txt", "Negative\nPositive\n")
        file.writestr(name, text)
    return data.getvalue()


def test_a_packed_vocabulary_is_found(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(model_file(weights()) + packed("<PAD> 0\n<START> 1\n"))
    assert tflite.packed_vocabulary(path) == "<PAD> 0\n<START> 1\n"
    assert tflite.read(path)[1] == LENGTH
    path.write_bytes(model_file(weights()) + packed("a", "other.txt"))
    assert tflite.packed_vocabulary(path) is None
    data = bytearray(model_file(weights()) + packed("<PAD> 0\n" * 50))
    data[data.find(b"<PAD> 0\n") + 3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="an archive that is damaged"):
        tflite.packed_vocabulary(path)


@pytest.mark.parametrize("text", ["\n".join(WORDS), "".join(f"{w} {n}\n" for n, w in reversed([*enumerate(WORDS)]))])
def test_a_vocabulary_with_and_without_numbers(text):
    assert vocabulary(text, len(WORDS)) == WORDS


@pytest.mark.parametrize("text", ["a\nb\nc\nd", "<PAD>\n<START>\n<UNKNOWN>", "<PAD> 0\n<START> 1\n<UNKNOWN> 2\nx 9"])
def test_another_vocabulary_is_refused(text):
    with pytest.raises(ValueError, match=r"Expected a vocabulary of 4 words.*--vocabulary PATH"):
        vocabulary(text, 4)


def test_texts_as_the_model_reads_them():
    text = "It's<br />NOT bad,\n3 films_ -- ok"
    assert words(text) == ["it's", "not", "bad", "3", "films_", "ok"]
    assert [text[a:b].lower() for a, b in places(text).offsets] == words(text)
    assert encode([["bad", "x"]], {"bad": 4}, length=5).tolist() == [[1, 4, 2, 0, 0]]
    assert encode([["bad"] * 300], {"bad": 4}).shape == (1, LENGTH)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("dense0_bias", None, "got None"),
        ("dense0_bias", np.zeros(9, np.float32), r"got float32\[9\]"),
        ("embedding", np.zeros((12, 4)), r"got float64\[12, 4\]"),
        ("dense1_kernel", np.zeros((5, 3), np.float32), r"got float32\[5, 3\]"),
        ("dense1_bias", np.full(2, np.nan, np.float32), "NaN or infinity in dense1_bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name, array, said):
    changed = {key: value for key, value in weights().items() if key != name}
    with pytest.raises(ValueError, match=said):
        load(changed if array is None else changed | {name: array})


def test_the_module_is_the_formula():
    w, ids = weights(), np.array([1, 3, 4, 0, 0])
    model, params = load(w)
    mean = w["embedding"][ids].mean(0)
    hidden = np.maximum(mean @ w["dense0_kernel"] + w["dense0_bias"], 0)
    np.testing.assert_allclose(model.apply(params, ids), hidden @ w["dense1_kernel"] + w["dense1_bias"], rtol=1e-5)


def test_a_copy_is_kept_and_read(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    np.savez(tmp_path / "model.npz", **weights())
    with pytest.raises(MissingDataError, match=r"experiments\.pretrained --tflite PATH"):
        kept.read(tmp_path / "data")
    options = {"words": tmp_path / "vocab.txt"}
    kept.keep(tmp_path / "a", published=None, weights=tmp_path / "model.npz", **options)
    kept.keep(tmp_path / "b", published=written(tmp_path), weights=None, **options)
    (first, listed, digest), (second, _, other) = kept.read(tmp_path / "a"), kept.read(tmp_path / "b")
    assert listed == WORDS
    assert len(digest) == len(other) == 64
    assert digest != other
    for name, array in weights().items():
        np.testing.assert_array_equal(first[name], array)
        np.testing.assert_array_equal(second[name], array)


def test_what_cannot_be_kept_says_why(tmp_path):
    folder, nothing = tmp_path / "data", tmp_path / "nothing"
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04nothing")
    good = written(tmp_path)
    cases = (
        ({"published": nothing, "weights": None, "words": None}, MissingDataError, "Expected a file at"),
        ({"published": good, "weights": None, "words": nothing}, MissingDataError, "Expected a file at"),
        ({"published": good, "weights": None, "words": None}, MissingDataError, "which carries none"),
        ({"published": None, "weights": None, "words": None}, MissingDataError, "--tflite PATH"),
        ({"published": None, "weights": tmp_path / "bad.npz", "words": tmp_path / "vocab.txt"}, ValueError, "damaged"),
    )
    for options, kind, said in cases:
        with pytest.raises(kind, match=said):
            kept.keep(folder, **options)
    shorter = written(tmp_path, "short.tflite", length=99)
    with pytest.raises(ValueError, match="Expected texts of 256 ids, got 99"):
        kept.keep(folder, published=shorter, weights=None, words=tmp_path / "vocab.txt")
    assert not folder.exists()


@pytest.fixture(scope="module")
def net():
    model, params = load(weights())
    return explain.explained(model), params


IDS = jnp.array([1, 3, 5, 3, 4, 0, 0, 0], jnp.int32)


@pytest.mark.parametrize("baseline", list(explain.BASELINES))
def test_both_ways_are_the_same_from_every_baseline(net, baseline):
    network, params = net
    found = jax.jit(explain.at_pooled(network, baseline, steps=64))(params, IDS)
    dear = jax.jit(explain.at_vectors(network, baseline, steps=64))(params, IDS)
    np.testing.assert_allclose(found["words"], dear, atol=1e-5)
    np.testing.assert_allclose(
        found["words"].sum() + found["gap"], network.score(params, IDS) - found["baseline"], atol=1e-5
    )
    assert abs(float(found["gap"])) < 1e-2
    moved = np.asarray(found["words"])
    if baseline == "zeros":
        score = network.from_vectors(jnp.zeros((8, 4)), params, IDS)
        assert (moved[5:] != 0).all()
    else:
        nothing = jnp.zeros(8, jnp.int32) if baseline == "padding" else jnp.zeros(8, jnp.int32).at[0].set(1)
        score = network.score(params, nothing)
        assert (moved[5:] == 0).all()
        assert (moved[0] == 0) == (baseline == "empty text")
    assert float(found["baseline"]) == pytest.approx(float(score), abs=1e-5)


def test_the_score_is_a_margin(net):
    network, params = net
    model, _ = load(weights())
    logits = model.apply(params, IDS)
    assert float(network.score(params, IDS)) == pytest.approx(float(logits[1] - logits[0]))


def test_slopes_and_deletion(net):
    network, params = net
    norms = explain.gradient_norm(network)(params, IDS)
    np.testing.assert_allclose(norms, norms[0], rtol=1e-6)
    drops = jax.jit(explain.occlusion(network))(params, IDS)
    without = jnp.array([1, 3, 3, 4, 0, 0, 0, 0])
    assert float(drops[2]) == pytest.approx(
        float(network.score(params, IDS) - network.score(params, without)), abs=1e-5
    )
    assert drops[0] == 0
    assert (drops[5:] == 0).all()
    x, x0 = network.vectors(params, IDS), network.vectors(params, explain.empty(IDS))
    slope = jax.grad(lambda x: network.from_vectors(x, params, IDS))(x)
    np.testing.assert_allclose(
        explain.gradient_times_change(network)(params, IDS), (slope * (x - x0)).sum(-1), rtol=1e-6
    )


def test_sums_of_a_review():
    found = {
        "words": np.array([[0.5, 1.0, -2.0, -0.5], [0.25, 3.0, 1.0, 2.0]]),
        "gap": np.array([0.1, -0.3]),
        "baseline": np.array([1.0, 1.0]),
    }
    ids = np.array([[1, 5, 2, 0], [1, 5, 6, 7]])
    told = explain.who_gets_what(found, ids)
    means = {name: told[name]["mean"] for name in ("start", "words", "padding", "baseline", "share_at_padding")}
    assert means == pytest.approx(
        {"start": 0.375, "words": 2.5, "padding": -0.25, "baseline": 1.0, "share_at_padding": 0.0625}
    )
    assert told["gap"]["1.0"] == 0.3
    groups = explain.by_length(found, ids, groups=2)
    assert [group["padding"] for group in groups] == [1, 0]
    assert [group["mean"] for group in groups] == [-0.5, 0]


def test_first_words_leave_start_and_padding():
    ids = np.array([[1, 5, 6, 7, 0], [1, 5, 0, 0, 0]])
    values = np.array([[9.0, 1.0, 3.0, 2.0, 9.0], [9.0, 1.0, 9.0, 9.0, 9.0]])
    assert explain.first_words(values, ids, 2).tolist() == [[1, 1, 0, 0, 1], [1, 0, 1, 1, 1]]


@pytest.mark.slow
def test_methods_beside_each_other(net):
    network, params = net
    ids = np.array([[1, 3, 5, 3, 4, 6, 7, 8, 9, 0], [1, 4, 4, 9, 6, 10, 11, 3, 0, 0]], np.int32)
    found = explain.compared(network, params, ids, steps=8, seed=0)
    assert found["methods"]["occlusion"]["rank_correlation_with_occlusion"]["mean"] == pytest.approx(1)
    assert found["methods"]["gradient norm"]["spread"] < 1e-6
    assert max(one["1.0"] for one in found["difference_of_both_ways"].values()) < 1e-4
    falls, occlusion = [], jax.jit(explain.occlusion(network))
    for row in ids:
        sign = 1 if network.score(params, row) > 0 else -1
        drops = sign * np.asarray(occlusion(params, jnp.asarray(row)))
        first = np.argsort(-np.where(row > 1, drops, -np.inf), kind="stable")[:5]
        shorter = np.pad(np.delete(row, first), (0, 5)).astype(np.int32)
        falls.append(float(sign * (network.score(params, row) - network.score(params, shorter))))
    assert found["methods"]["occlusion"]["fall"]["mean"] == pytest.approx(np.mean(falls), abs=1e-5)


def test_a_shown_review_ends_with_its_padding():
    found = shown("Very<br />good film", np.array([1, 6, 3, 8, 0, 0]), {"zeros": np.arange(6.0)})
    assert found["tokens"] == ["<START>", "Very", "good", "film", "<2 x PAD>"]
    assert found["values"]["zeros"] == [0, 1, 2, 3, 9]
    long = shown("a b c d", np.array([1, 6, 3]), {"zeros": np.arange(3.0)})
    assert long["tokens"] == ["<START>", "a", "b", "<0 x PAD>"]
    assert long["values"]["zeros"] == [0, 1, 2, 0]


def test_words_in_general_leave_the_special_ones_out():
    ids = np.array([[1, 3, 4, 2], [1, 3, 4, 0]])
    found = words_in_general(ids, np.array([[9.0, 1.0, -2.0, 5.0], [9.0, 2.0, -1.0, 5.0]]), WORDS, reviews=2)
    assert [entry["word"] for entry in found["positive"]] == ["good", "bad"]
    assert [entry["mean"] for entry in found["negative"]] == [-1.5, 1.5]


@pytest.mark.slow
def test_from_the_file_to_the_record(tmp_path):
    reviews = invented(60, seed=1)
    for split in ("train", "test"):
        columns = {"text": [r.text for r in reviews], "label": [r.label for r in reviews], "id": range(60)}
        pq.write_table(pa.table(columns | {"rating": [5] * 60}), tmp_path / f"{split}.parquet")
    imdb.prepare(tmp_path / "data", imdb.parquet(tmp_path))
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    config = Config(
        out=tmp_path / "run", data_dir=tmp_path / "data", reviews=40, compared=4, steps=4, in_reviews=3, show=2
    )
    with pytest.raises(MissingDataError, match="--weights PATH"):
        main(config, Console(file=io.StringIO()))
    first = dataclasses.replace(config, tflite=written(tmp_path), vocabulary=tmp_path / "vocab.txt")
    printed = io.StringIO()
    main(first, Console(file=printed, width=120))
    assert "40 reviews explained" in printed.getvalue()
    found = json.loads((config.out / "result.json").read_text())
    assert len(found["reviews"]) == 2
    assert found["whole_test_set"]["empty text"]["padding"]["mean"] == 0
    assert found["compared"]["difference_of_both_ways"]["zeros"]["1.0"] < 1e-3
    for head, lines in (
        (tables.PARTS, tables.parts(found)),
        (tables.COSTS, tables.costs(found)),
        (tables.SAME, tables.same(found)),
        (tables.METHODS, tables.methods(found)),
    ):
        assert all(len(line) == len(head) for line in lines)
    assert {path.name for path in config.out.iterdir()} == {
        "result.json", "reviews.html", "padding.png", "strongest_words.png",
    }  # fmt: skip
    assert ja.__version__ == found["versions"]["jaxattr"]

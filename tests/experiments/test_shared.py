"""The shared parts of the experiments."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments._shared import arrays, files, training, words
from experiments._shared.provenance import fingerprint, provenance

PARAMS = {"params": {"embed": {"embedding": jnp.arange(6.0).reshape(3, 2)}, "bias": jnp.array([1, 2], jnp.int32)}}


def test_parameters_come_back_bit_for_bit(tmp_path):
    path = tmp_path / "new" / "params.npz"
    arrays.save_params(path, PARAMS, {"seed": 3})
    params, about = arrays.load_params(path, PARAMS)
    assert about == {"seed": 3}
    np.testing.assert_array_equal(params["params"]["embed"]["embedding"], PARAMS["params"]["embed"]["embedding"])
    assert params["params"]["bias"].dtype == jnp.int32
    assert [file.name for file in path.parent.iterdir()] == ["params.npz"], "no temporary file stays"


@pytest.mark.parametrize("size", [0, 10, 400, -1])
def test_a_truncated_file_is_refused(tmp_path, size):
    path = tmp_path / "params.npz"
    arrays.save_params(path, PARAMS, {})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"cut short or damaged.*Delete it and run again"):
        arrays.load_params(path, PARAMS)


def test_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "params.npz"
    arrays.save_params(path, PARAMS, {})
    content = bytearray(path.read_bytes())
    content[content.index(np.float32(5.0).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        arrays.load_params(path, PARAMS)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "params.npz"
    np.savez(path, x=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="damaged"):
        arrays.load_arrays(path)


def test_parameters_of_another_model_are_refused(tmp_path):
    path = tmp_path / "params.npz"
    arrays.save_params(path, PARAMS, {})
    other = {"params": {"embed": {"embedding": jnp.zeros((4, 2))}, "bias": PARAMS["params"]["bias"]}}
    with pytest.raises(ValueError, match=r"\(4, 2\).*embedding.*\(3, 2\).*another model"):
        arrays.load_params(path, other)
    with pytest.raises(ValueError, match=r"None for parameter .*bias"):
        arrays.load_params(path, {"params": {"embed": PARAMS["params"]["embed"]}})


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail():
        with files.whole(path) as file:
            file.write(b"new")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_words_and_ids():
    assert words.words("Don't miss it<br /><br/>5/10 – café!") == [
        "don't",
        "miss",
        "it",
        "5",
        "/",
        "10",
        "–",
        "café",
        "!",
    ]
    listed = words.vocabulary([["b", "a"], ["b", "c"]], at_least=2)
    assert listed == ["<pad>", "<unk>", "b"]
    ids = words.encode([["a", "b", "b"], [], ["b"]], words.numbered(listed), length=2)
    assert ids.tolist() == [[2, 2], [0, 0], [2, 0]]
    assert ids.dtype == np.int32


def test_the_vocabulary_does_not_depend_on_the_order_of_texts():
    texts = [["x", "y"], ["z", "y"], ["w"]]
    assert words.vocabulary(texts) == words.vocabulary(texts[::-1]) == ["<pad>", "<unk>", "y", "w", "x", "z"]


def test_batches_cover_each_row_once_an_epoch_in_an_order_of_the_seed():
    rows = (np.arange(10), np.arange(10) * 2)
    batches = list(training.shuffled(rows, batch=5, epochs=2, seed=1))
    assert sorted(np.concatenate([x for x, _ in batches[:2]])) == list(range(10))
    assert all((y == 2 * x).all() for x, y in batches)
    again = list(training.shuffled(rows, batch=5, epochs=2, seed=1))
    assert all((a[0] == b[0]).all() for a, b in zip(batches, again, strict=True))
    other = next(training.shuffled(rows, batch=5, epochs=1, seed=2))
    assert (batches[0][0] != other[0]).any()
    assert (batches[0][0] != batches[2][0]).any()


@pytest.mark.parametrize("batch", [1, 3, 7, 20])
def test_in_batches_gives_each_row_its_own_result(batch):
    def double(x):
        assert len(x) == batch
        return {"twice": x * 2}

    np.testing.assert_array_equal(training.in_batches(double, (np.arange(7),), batch=batch)["twice"], np.arange(7) * 2)


def test_fingerprint_sees_texts_and_labels():
    rows = [("a", 0), ("b", 1)]
    assert fingerprint(rows) == fingerprint(rows[::-1])
    assert len({fingerprint(rows), fingerprint([("a", 1), ("b", 1)]), fingerprint([("a", 0), ("c", 1)])}) == 3


def test_provenance_is_json():
    found = json.loads(json.dumps(provenance(seed=7, data="ab")))
    assert found["seed"] == 7
    assert found["data_sha256"] == "ab"
    assert found["versions"]["jax"]

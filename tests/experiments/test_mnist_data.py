"""The builder of MNIST, from the archive, without network and without TensorFlow."""

import hashlib
import struct
import sys

import numpy as np
import pytest

from experiments.datasets import mnist, store


def arrays(train=5, test=3):
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (train, 28, 28), np.uint8),
        "y_train": (np.arange(train) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (test, 28, 28), np.uint8),
        "y_test": (np.arange(test) % 10).astype(np.uint8),
    }


def test_rows_are_those_of_the_archive(tmp_path):
    given = arrays()
    for save, name in ((np.savez, "plain.npz"), (np.savez_compressed, "packed.npz")):
        save(tmp_path / name, **given)
        source = mnist.archive(tmp_path / name, sha256=mnist.digest(given))
        mnist.prepare(tmp_path / name.removesuffix(".npz"), source)
        found = mnist.load(tmp_path / name.removesuffix(".npz"))
        for split in ("train", "test"):
            rows = {row["image"].tobytes(): int(row["label"]) for row in found[split]}
            wanted = zip(given[f"x_{split}"], given[f"y_{split}"], strict=True)
            assert rows == {image.tobytes(): int(label) for image, label in wanted}
        assert (found["test"][0]["image"].shape, found["test"][0]["image"].dtype) == ((28, 28), np.uint8)
    assert "tensorflow" not in sys.modules


def test_the_digest_tells_values_shapes_and_types_apart():
    given = arrays()
    changed = given | {"x_test": given["x_test"].copy()}
    changed["x_test"][0, 0, 0] ^= 1
    flat = given | {"x_test": given["x_test"].reshape(3, -1)}
    signed = given | {"y_test": given["y_test"].astype(np.int8)}
    columns_first = given | {"x_test": np.asfortranarray(given["x_test"])}
    assert len({mnist.digest(each) for each in (given, changed, flat, signed)}) == 4
    assert mnist.digest(columns_first) == mnist.digest(given)


@pytest.mark.parametrize("what", ["other", "missing", "objects", "cut", "none"])
def test_other_files_are_refused(tmp_path, what):
    path, given = tmp_path / "mnist.npz", arrays()
    if what == "none":
        with pytest.raises(
            store.MissingDataError, match=r"Expected the file mnist\.npz at .*Fetch it from https://stor"
        ):
            mnist.archive(path)
        return
    if what == "missing":
        del given["y_test"]
    if what == "objects":
        given["y_test"] = np.array([print, 1, 2], object)
    np.savez(path, allow_pickle=True, **given)
    if what == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    wanted = r"Expected the arrays of MNIST with SHA-256 7ea58" if what == "other" else r"Expected arrays x_train, y_tr"
    with pytest.raises(ValueError, match=wanted + r".*Fetch it again from https://storage"):
        mnist.archive(path)


def test_labels_out_of_range_are_refused(tmp_path):
    given = arrays() | {"y_test": np.array([1, 10, 2], np.uint8)}
    np.savez(tmp_path / "mnist.npz", **given)
    source = mnist.archive(tmp_path / "mnist.npz", sha256=mnist.digest(given))
    with pytest.raises(ValueError, match=r"labels from 0 to 9 .*got 10 in y_test of"):
        mnist.prepare(tmp_path / "data", source)
    assert not store.prepared(tmp_path / "data", mnist.SET), "whole or not at all"


def test_the_recorded_digests_are_those_of_the_published_files(shared):
    """The known MD5 of the uncompressed files of the owners, whose heads are rebuilt here."""
    published = {"x_train": "6bbc9ace898e44ae57da46a324031adb", "y_train": "a25bea736e30d166cdddb491f175f624"}
    published |= {"x_test": "2646ac647ad5339dbf082846283269ea", "y_test": "27ae3e4e09519cfbb04c329615203637"}
    path = shared / "data" / "mnist" / "mnist.npz"
    with np.load(path, allow_pickle=False) as stored:
        for name, digest in published.items():
            sizes = stored[name].shape
            head = struct.pack(f">{1 + len(sizes)}i", 0x800 + len(sizes), *sizes)
            assert hashlib.md5(head + stored[name].tobytes()).hexdigest() == digest
    source = mnist.archive(path)
    assert sum(1 for _ in source("test")) == 10_000
    assert store.digest(mnist.MnistDigits, mnist.URL) == mnist.SHA256

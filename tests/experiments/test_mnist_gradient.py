"""The experiment on digits from end to end, on invented images, and its parts beside slow twins."""

import dataclasses
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from experiments._shared.arrays import load_arrays
from experiments.datasets import mnist
from experiments.mnist_gradient import jacobian, linear, pictures
from experiments.mnist_gradient.__main__ import SMALL, main
from experiments.mnist_gradient.model import CLASSES, PIXELS, DigitClassifier, digits, grey, logits
from experiments.mnist_gradient.train import Hyperparameters

RNG = np.random.default_rng(0)


def images(count, seed):
    """Digits as a bright bar at a height that tells the class, on noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    pixels = rng.integers(0, 60, (count, 28, 28))
    for image, label in zip(pixels, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 5:23] = 250
    return pixels.astype(np.uint8), labels.astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    (x_train, y_train), (x_test, y_test) = images(300, 0), images(60, 1)
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    np.savez(folder / "mnist.npz", allow_pickle=False, **arrays)
    mnist.prepare(folder / "data", mnist.archive(folder / "mnist.npz", sha256=mnist.digest(arrays)))
    return folder / "data"


def test_the_average_jacobian_is_that_of_a_loop():
    model = DigitClassifier((6,), 0.0)
    params = model.init(jax.random.key(0), jnp.zeros((1, PIXELS)))
    some = RNG.integers(0, 256, (7, PIXELS)).astype(np.uint8)
    found = jacobian.average_jacobian(model, params, some)

    def centred(x):
        values = logits(model, params, x)
        return values - values.mean()

    for name, scores in (("logit", centred), ("probability", lambda x: jax.nn.softmax(logits(model, params, x)))):
        each = np.stack([jax.jacobian(scores)(grey(image)) for image in some])
        np.testing.assert_allclose(found[name]["mean"], each.mean(0), atol=1e-6)
        np.testing.assert_allclose(found[name]["standard_error"], each.std(0, ddof=1) / np.sqrt(7), atol=1e-6)
        np.testing.assert_allclose(found[name]["mean"].sum(0), 0, atol=1e-6)


def test_the_jacobian_of_a_linear_model_gives_the_model_back():
    weights, intercepts = RNG.normal(size=(CLASSES, 5)), 3 * RNG.normal(size=CLASSES)
    rows = RNG.normal(size=(400, 5))
    scores = rows @ weights.T + intercepts
    classes = scores.argmax(1)
    found = linear.of_jacobian(weights, rows, scores, classes)
    np.testing.assert_allclose(found["tangent"].intercepts, intercepts, atol=1e-9)
    assert (found["tangent"].classes(rows) == classes).all()
    agreed = {name: (classifier.classes(rows) == classes).mean() for name, classifier in found.items()}
    assert agreed["fitted"] > 0.95 > agreed["none"]


def test_fitted_intercepts_do_not_depend_on_the_scale_of_the_slopes():
    sums, classes = RNG.normal(size=(200, CLASSES)), RNG.integers(0, CLASSES, 200)
    small = linear.fitted_intercepts(1e-3 * sums, classes)
    np.testing.assert_allclose(small, 1e-3 * linear.fitted_intercepts(sums, classes), rtol=0.05, atol=1e-4)


def test_logistic_regression_is_fitted_once(tmp_path):
    rows, labels = grey(RNG.integers(0, 256, (60, 9)).astype(np.uint8)), np.arange(60) % CLASSES
    path = tmp_path / "logistic.npz"
    first = linear.logistic_regression(path, rows, labels, "ab")
    np.testing.assert_array_equal(linear.logistic_regression(path, 0 * rows, labels, "ab").weights, first.weights)
    other = linear.logistic_regression(path, 0 * rows, labels, "cd")
    np.testing.assert_allclose(other.weights, 0, atol=1e-6)
    assert load_arrays(path)[1] == {"penalty": linear.PENALTY, "data_sha256": "cd"}


def test_packed_maps_come_back_to_half_a_level():
    maps = RNG.normal(size=(CLASSES, PIXELS))
    stored = json.loads(json.dumps(pictures.packed(maps)))
    np.testing.assert_allclose(pictures.unpacked(stored), maps, atol=np.abs(maps).max() / 127 / 2 * 1.0001)
    assert (pictures.unpacked(pictures.packed(0 * maps)) == 0).all()


def test_images_are_kept_and_read_again(data, tmp_path):
    first = digits(data, tmp_path / "kept.npz")
    assert first.train[0].shape == (300, PIXELS)
    assert digits(data, tmp_path / "kept.npz").sha256 == first.sha256
    fewer = digits(data, tmp_path / "kept.npz", images=60)
    assert (len(fewer.train[0]), len(fewer.test[0])) == (60, 10)
    assert fewer.sha256 != first.sha256


def test_the_experiment_from_end_to_end(data, tmp_path):
    model = Hyperparameters(hidden=(32,), dropout=0.1, rate=1e-2, epochs=8, batch=32)
    config = dataclasses.replace(SMALL, out=tmp_path / "run", data_dir=data, images=None, check_rows=1, model=model)
    printed = io.StringIO()
    main(config, Console(file=printed, width=200))
    found = json.loads((config.out / "result.json").read_text())
    assert found["test_accuracy"]["mean"] > 0.8
    assert "images a second" in printed.getvalue()
    assert [entry["agreement"]["mean"] for entry in found["classifiers"]][-1] > 0.8
    assert len(found["by_class"]) == CLASSES
    assert found["finite_differences"][0]["largest"] < 1e-6
    assert (config.out / "maps.png").exists()
    highest = np.abs(pictures.unpacked(found["maps"]["network"])).max()
    assert highest == pytest.approx(max(entry["largest"] for entry in found["by_class"]))


def test_without_data_the_command_that_prepares_them_is_told(tmp_path):
    with pytest.raises(mnist.MissingDataError, match=r"python -m experiments.datasets mnist"):
        main(dataclasses.replace(SMALL, out=tmp_path / "run", data_dir=tmp_path), Console(quiet=True))

"""The experiment over bags of words from end to end, on a few invented reviews, and its parts beside slow twins."""

import dataclasses
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reviews import prepared
from rich.console import Console

from experiments._shared.bags import bags, unpack
from experiments.datasets.imdb import MissingDataError
from experiments.imdb_bag import averages, differences, pictures
from experiments.imdb_bag.__main__ import SMALL, main
from experiments.imdb_bag.model import BagClassifier, margin, probability
from experiments.imdb_bag.train import Hyperparameters, margins, trained

SIZE = 11
MODEL = BagClassifier((6, 5), 0.5)


@pytest.fixture(scope="module")
def params():
    found = MODEL.init(jax.random.key(0), jnp.zeros((1, SIZE)))
    return jax.tree.map(lambda a: a + 0.3 * jax.random.normal(jax.random.key(1), a.shape), found)


def packed(rows):
    return np.packbits(np.random.default_rng(0).random((rows, SIZE)) < 0.5, axis=-1)


@pytest.mark.parametrize("rows", [30, 7])
def test_average_slopes_are_those_of_a_loop(params, rows):
    some = packed(rows)
    found = averages.average_slopes(MODEL, params, some, SIZE)
    for name, score in (("margin", margin), ("probability", probability)):
        dense = np.stack([unpack(row, SIZE) for row in some])
        each = np.asarray(jax.vmap(jax.grad(lambda x, score=score: score(MODEL, params, x)))(dense))
        np.testing.assert_allclose(found[name].mean, each.mean(0), atol=1e-6)
        np.testing.assert_allclose(found[name].standard_error, each.std(0, ddof=1) / np.sqrt(rows), atol=1e-6)
        assert found[name].sizes.sum() == rows
        np.testing.assert_allclose(found[name].groups[0], each[: found[name].sizes[0]].mean(0), atol=1e-6)


def test_margins_are_the_log_odds(params):
    found = margins(MODEL, params, packed(5), SIZE)
    wanted = [probability(MODEL, params, unpack(row, SIZE)) for row in packed(5)]
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), wanted, atol=1e-6)


def test_a_difference_puts_the_word_in_and_takes_it_out(params):
    chosen = np.array([0, 7])
    slopes, found = differences.slopes_and_differences(MODEL, params, packed(4), SIZE, chosen)
    for row, bits in enumerate(np.unpackbits(packed(4), axis=-1, count=SIZE).astype(np.float32)):
        slope = jax.grad(lambda x: margin(MODEL, params, x))(bits)
        for place, word in enumerate(chosen):
            put, taken = bits.copy(), bits.copy()
            put[word], taken[word] = 1, 0
            wanted = margin(MODEL, params, put) - margin(MODEL, params, taken)
            assert found[row, place] == pytest.approx(float(wanted), abs=1e-6)
            assert slopes[row, place] == pytest.approx(float(slope[word]), abs=1e-6)


def test_what_slopes_foretell():
    slopes = np.array([[1.0, 2.0, -1.0], [3.0, 2.0, -3.0]])
    found = differences.foretold(slopes, 2 * slopes)
    assert found["correlation_of_means"] == pytest.approx(1)
    assert found["difference_over_slope"] == pytest.approx(2)
    assert found["correlation_in_a_review"]["mean"] == pytest.approx(1)
    turned = differences.foretold(slopes, slopes * np.array([[1, 1, -1], [1, 1, 1]]))
    assert turned["same_sign"] == {"mean": pytest.approx(5 / 6), "standard_error": pytest.approx(1 / 6)}


@pytest.mark.slow
def test_the_experiment_from_end_to_end(tmp_path):
    config = dataclasses.replace(
        SMALL,
        out=tmp_path / "run",
        data_dir=prepared(tmp_path),
        dictionary=28,
        reviews=None,
        show=3,
        frequent=20,
        put_in=6,
        words=8,
        model=Hyperparameters(hidden=(16, 8), dropout=0.1, rate=2e-2, epochs=5, batch=32),
    )
    printed = io.StringIO()
    main(config, Console(file=printed, width=200))
    found = json.loads((config.out / "result.json").read_text())
    assert found["test_accuracy"]["mean"] > 0.9
    assert "Test accuracy of the network" in printed.getvalue()
    assert len(found["classifiers"]) == 13
    best = [entry["agreement"]["mean"] for entry in found["classifiers"] if entry["intercept"] == "best"]
    assert min(best) > 0.9
    assert len(found["frequent"]["words"].split(" ")) == len(found["frequent"]["averages"]) == 20
    assert found["top_words"]["positive"][0]["mean"] > 0 > found["top_words"]["negative"][0]["mean"]
    assert found["finite_differences"][0]["largest"] < 1e-6
    assert {path.name for path in config.out.iterdir()} == {
        *("encoded.npz", "params.npz", "params_other_seed.npz", "result.json"),
        *(f"{name}.png" for name in pictures.figures(found)),
    }
    kept = bags(config.data_dir, config.out / "encoded.npz", size=config.dictionary)

    def reused(seed):
        return trained(kept, config.out / "params.npz", config.model, seed=seed, console=Console(quiet=True))[2][
            "reused"
        ]

    assert reused(0)
    assert not reused(1)


def test_without_data_the_command_that_prepares_them_is_told(tmp_path):
    with pytest.raises(MissingDataError, match=r"python -m experiments.datasets imdb"):
        main(dataclasses.replace(SMALL, out=tmp_path / "run", data_dir=tmp_path), Console(quiet=True))

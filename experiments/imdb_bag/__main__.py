"""Run with ``python -m experiments.imdb_bag``; ``--help`` lists the flags."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from scipy.special import expit

from experiments._shared import command, cost, linear, record
from experiments._shared.agreement import compared, jackknife, rank_correlation, share
from experiments._shared.bags import Bags, bags, holding, sparse
from experiments._shared.differences import deviations
from experiments._shared.provenance import provenance
from experiments.imdb_bag import differences, pictures
from experiments.imdb_bag.averages import Average, average_slopes
from experiments.imdb_bag.model import BagClassifier, margin
from experiments.imdb_bag.train import Hyperparameters, margins, trained

THRESHOLDS = {"margin": 0.0, "probability": 0.5}


@dataclasses.dataclass(frozen=True)
class Config:
    """Which words move a multi-layer network over bags of words, on average over all test reviews."""

    out: Path = Path("runs/imdb_bag")
    """The folder for parameters, encoded reviews, pictures and result.json; a later run reuses what it finds there."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    dictionary: int = 10_000
    """Words of the dictionary, the most frequent ones of the training reviews."""
    reviews: int | None = None
    """How many reviews of each part, drawn once; all where this is left out."""
    show: int = 15
    """How many words of each sign are shown."""
    frequent: int = 2_000
    """How many of the most frequent words are recorded and drawn."""
    put_in: int = 1_000
    """In how many test reviews words are truly put in and taken out."""
    words: int = 200
    """How many words: one half the strongest, the other half drawn."""
    check_rows: int = 3
    """Rows on which central differences are checked against the gradient, in double precision."""
    seed: int = 0
    """The seed of parameters, order and dropout; the second network has the next."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/imdb_bag_small"),
    dictionary=3_000,
    reviews=5_000,
    frequent=500,
    put_in=200,
    words=50,
    check_rows=1,
    model=Hyperparameters(epochs=4),
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: the linear classifier in the average gradient of a network over bags of words")
    with console.status("reading reviews as bags of words"):
        found = bags(config.data_dir, config.out / "encoded.npz", size=config.dictionary, reviews=config.reviews)
        rows = {"train": sparse(found.train[0], len(found.words)), "test": sparse(found.test[0], len(found.words))}
    networks = [
        trained(found, config.out / name, config.model, seed=config.seed + number, console=console)
        for number, name in enumerate(("params.npz", "params_other_seed.npz"))
    ]
    model, params, about = networks[0]
    size = len(found.words)
    scores = {
        split: margins(model, params, part[0], size) for split, part in (("train", found.train), ("test", found.test))
    }
    said, labels = scores["test"] > 0, found.test[1] > 0
    console.print(f"Test accuracy of the network: [bold]{(said == labels).mean():.2%}[/]")

    with console.status("average slopes over all reviews"):
        slopes, spent = cost.measure(len(labels), lambda: average_slopes(model, params, found.test[0], size))
        over_train, spent_train = cost.measure(
            len(found.train[0]), lambda: average_slopes(model, params, found.train[0], size)
        )
    logistic, penalty = linear.logistic_regression(rows["train"], found.train[1])
    classifiers = [
        {"weights": f"{name} slopes", "over": f"{split} reviews", "intercept": how}
        | compared(classifier.positive(rows["test"]), said, labels)
        for split, averages in (("test", slopes), ("training", over_train))
        for name, average in averages.items()
        for how, classifier in linear.of_averages(
            average.mean, rows["train"], _scores(name, scores["train"]), THRESHOLDS[name]
        ).items()
    ]
    classifiers.append(
        {"weights": "logistic regression", "over": "training labels", "intercept": "fitted"}
        | compared(logistic.positive(rows["test"]), said, labels)
    )
    result = {
        "experiment": "imdb_bag",
        "settings": {"dictionary": size, "train_reviews": len(found.train[1]), "test_reviews": len(labels)},
        "model": about["settings"],
        "train_seconds": about["train_seconds"],
        "train_accuracy": share((scores["train"] > 0) == found.train[1]),
        "test_accuracy": share(said == labels),
        "positive_share": {"network": share(said), "truth": share(labels)},
        "classifiers": classifiers,
        "logistic_penalty": penalty,
        "rank_correlation_with_logistic": {
            f"all {size:,}": _ranked(slopes["margin"], logistic.weights, size),
            f"most frequent {min(config.frequent, size):,}": _ranked(
                slopes["margin"], logistic.weights, config.frequent
            ),
        },
        "top_words": _top(found, slopes, logistic.weights, config.show),
        "frequent": _frequent(found, slopes["margin"], logistic.weights, config.frequent),
        "test_against_training": _beside(slopes["margin"], over_train["margin"]),
        "another_seed": _another(found, networks, slopes["margin"], said),
        "put_in_less_taken_out": _put_in(config, found, model, params, slopes["margin"]),
        "finite_differences": _checked(config, found, model, params),
        "cost": {"average slopes, test": spent, "average slopes, training": spent_train},
    }
    result |= provenance(seed=config.seed, data=found.sha256, packages=("scikit-learn", "scipy"))
    result = record.rounded(result)
    record.save(config.out, result, pictures.figures(result))
    _tell(console, result, config.out)


def _scores(name: str, margin: np.ndarray) -> np.ndarray:
    """The score of the network from its margin."""
    return expit(margin) if name == "probability" else margin


def _ranked(average: Average, weights: np.ndarray, count: int) -> dict[str, float]:
    """The rank correlation of the averages with other weights, over the most frequent words."""
    return jackknife(average.groups, average.sizes, lambda slopes: rank_correlation(slopes[:count], weights[:count]))


def _top(found: Bags, slopes: dict[str, Average], weights: np.ndarray, count: int) -> dict[str, list[dict[str, Any]]]:
    """The words with the largest and the smallest average slopes of the margin."""
    average, held = slopes["margin"], holding(found.train[0], len(found.words))
    order = np.argsort(-average.mean, kind="stable")

    def entry(place: int) -> dict[str, Any]:
        return {
            "word": found.words[place],
            "mean": average.mean[place],
            "standard_error": average.standard_error[place],
            "probability": slopes["probability"].mean[place],
            "logistic": weights[place],
            "training_reviews": held[place],
        }

    return {"positive": [entry(i) for i in order[:count]], "negative": [entry(i) for i in order[::-1][:count]]}


def _frequent(found: Bags, average: Average, weights: np.ndarray, count: int) -> dict[str, Any]:
    """The averages of the most frequent words, in few digits: for pictures and for other experiments."""
    return {
        "words": " ".join(found.words[:count]),
        "averages": record.rounded(average.mean[:count], 4),
        "logistic": record.rounded(weights[:count], 4),
    }


def _beside(a: Average, b: Average) -> dict[str, float]:
    """The averages over two independent sets of reviews."""
    errors = np.hypot(a.standard_error, b.standard_error)
    apart = np.abs(a.mean - b.mean)[errors > 0] / errors[errors > 0]
    return {
        "rank_correlation": rank_correlation(a.mean, b.mean),
        "median_difference_in_errors": float(np.median(apart)),
    }


def _another(found: Bags, networks: Any, average: Average, said: np.ndarray) -> dict[str, Any]:
    """What another training run changes, beside which the standard errors are to be seen."""
    model, params, _ = networks[1]
    size = len(found.words)
    other = average_slopes(model, params, found.test[0], size)["margin"]
    positive = margins(model, params, found.test[0], size) > 0
    strongest = [set(np.argsort(sign * a.mean)[:20].tolist()) for a in (average, other) for sign in (1, -1)]
    return _beside(average, other) | {
        "test_accuracy": share(positive == found.test[1]),
        "agreement": share(positive == said),
        "shared_of_40_strongest": len(strongest[0] & strongest[2]) + len(strongest[1] & strongest[3]),
    }


def _put_in(config: Config, found: Bags, model: BagClassifier, params: Any, average: Average) -> dict[str, Any]:
    size = len(found.words)
    strongest = np.argsort(-np.abs(average.mean), kind="stable")[: config.words // 2]
    others = np.setdiff1d(np.arange(size), strongest)
    drawn = np.random.default_rng(config.seed).permutation(others)[: config.words - len(strongest)]
    chosen, packed = np.concatenate([strongest, drawn]), found.test[0][: config.put_in]
    return differences.foretold(*differences.slopes_and_differences(model, params, packed, size, chosen))


def _checked(config: Config, found: Bags, model: BagClassifier, params: Any) -> list[dict[str, Any]]:
    size = len(found.words)
    where = np.zeros(size, bool)
    where[np.random.default_rng(config.seed).permutation(size)[:1000]] = True
    rows = np.unpackbits(found.test[0][: config.check_rows], axis=-1, count=size)

    def score(params: Any, x: jax.Array) -> jax.Array:
        return margin(model, params, x)

    return deviations(score, params, rows, where=where)


def _tell(console: Console, result: dict[str, Any], out: Path) -> None:
    for entry in result["classifiers"]:
        agreement = record.plus_minus(entry["agreement"]["mean"], entry["agreement"]["standard_error"], ".2%")
        accuracy = record.plus_minus(entry["accuracy"]["mean"], entry["accuracy"]["standard_error"], ".2%")
        console.print(
            f"{entry['weights']} over {entry['over']}, intercept {entry['intercept']}: agrees with the network on "
            f"{agreement}, accuracy {accuracy}",
            markup=False,
        )
    for sign, entries in result["top_words"].items():
        console.print(f"Most {sign}: " + ", ".join(entry["word"] for entry in entries), markup=False)
    spent = result["cost"]["average slopes, test"]
    console.print(f"{spent['rows_a_second']:,.0f} reviews a second, peak {spent['peak_memory_mb']:,.0f} MB.")
    console.print(f"Figures: [bold]{out / 'result.json'}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

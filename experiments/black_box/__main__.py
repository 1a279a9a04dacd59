"""Run with ``python -m experiments.black_box``; ``--help`` lists the flags."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments._shared import command, cost, linear, record
from experiments._shared.agreement import compared, jackknife, mean, rank_correlation, share
from experiments._shared.bags import Bags, bags, holding, sparse, unpack
from experiments._shared.provenance import provenance
from experiments.black_box import pictures, trees
from experiments.black_box.explain import differences, literal
from experiments.black_box.trees import Hyperparameters

GROUPS, NETWORK = 25, "imdb_bag"


@dataclasses.dataclass(frozen=True)
class Config:
    """Which words move boosted trees, of which nothing is known but their predictions."""

    out: Path = Path("runs/black_box")
    """The folder for encoded reviews, pictures and result.json; a later run reuses what it finds there."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    dictionary: int = 2_000
    """Words of the dictionary, the most frequent ones of the training reviews."""
    reviews: int | None = None
    """How many reviews of each part, drawn once; all where this is left out."""
    explained: int = 500
    """How many test reviews are explained."""
    batch: int = 1_000
    """Words moved at once."""
    check: int = 20
    """How many reviews are compared with plain predictions, each with 100 words."""
    show: int = 15
    """How many words of each sign are shown."""
    seed: int = 0
    """The seed of the trees."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/black_box_small"),
    dictionary=500,
    reviews=5_000,
    explained=50,
    check=3,
    model=Hyperparameters(trees=60),
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: trees over bags of words, explained through their predictions")
    with console.status("reading reviews as bags of words"):
        found = bags(config.data_dir, config.out / "encoded.npz", size=config.dictionary, reviews=config.reviews)
    size, labels = len(found.words), found.test[1] > 0
    with console.status("fitting trees"):
        begin = time.perf_counter()
        model = trees.fitted(found.train, size, config.model, seed=config.seed)
        seconds = time.perf_counter() - begin
    scores = {
        name: trees.margins(model, part[0], size) for name, part in (("train", found.train), ("test", found.test))
    }
    said = scores["test"] > 0
    console.print(f"Test accuracy of the trees: [bold]{(said == labels).mean():.2%}[/], {seconds:.0f} s of fitting.")

    packed = found.test[0][: config.explained]
    moved, spent = cost.measure(
        len(packed), lambda: differences(model, packed, size, batch=config.batch, console=console)
    )
    average, error = moved.mean(0, dtype=np.float64), moved.std(0, ddof=1, dtype=np.float64) / np.sqrt(len(moved))
    rows = {"train": sparse(found.train[0], size), "test": sparse(found.test[0], size)}
    logistic, penalty = linear.logistic_regression(rows["train"], found.train[1])
    beside = {"logistic regression": logistic.weights} | _network(found)
    classifiers = [
        {"weights": "average differences", "intercept": how} | compared(one.positive(rows["test"]), said, labels)
        for how, one in linear.of_averages(average, rows["train"], scores["train"], 0.0).items()
    ]
    classifiers.append(
        {"weights": "logistic regression", "intercept": "fitted"}
        | compared(logistic.positive(rows["test"]), said, labels)
    )
    result = {
        "experiment": "black_box",
        "settings": {"dictionary": size, "train_reviews": len(found.train[1]), "test_reviews": len(labels)},
        "model": {"kind": type(model).__name__, **dataclasses.asdict(config.model)},
        "train_seconds": seconds,
        "train_accuracy": share((scores["train"] > 0) == found.train[1]),
        "test_accuracy": share(said == labels),
        "explained": {"reviews": len(moved), "evaluations_a_review": 2 * size},
        "without_effect": float((moved == 0).all(0).mean()),
        "moving_in_a_review": mean((moved != 0).mean(1)),
        "classifiers": classifiers,
        "logistic_penalty": penalty,
        "rank_correlation": _ranked(moved, beside),
        "top_words": _top(found, average, error, beside, config.show),
        "frequent": {
            "words": " ".join(found.words),
            "averages": record.rounded(average, 4),
            "network": record.rounded(beside[NETWORK], 4) if NETWORK in beside else None,
        },
        "steps": _steps(model, packed[:2], size),
        "against_plain_predictions": _checked(config, model, packed, size, average, moved),
        "cost": {"differences": spent},
    }
    result |= provenance(seed=config.seed, data=found.sha256, packages=("scikit-learn", "scipy"))
    result = record.rounded(result)
    record.save(config.out, result, pictures.figures(result))
    _tell(console, result, config.out)


def _network(found: Bags) -> dict[str, np.ndarray]:
    """The average slopes of the network of `imdb_bag` as recorded, not-a-number for words that were not recorded."""
    try:
        frequent = record.recorded(NETWORK)["frequent"]
    except FileNotFoundError:
        return {}
    known = dict(zip(frequent["words"].split(" "), frequent["averages"], strict=True))
    return {NETWORK: np.array([known.get(word, np.nan) for word in found.words])}


def _ranked(moved: np.ndarray, beside: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Rank correlations of the averages with other weights, over all words and over those that move the trees."""
    parts = np.array_split(moved.astype(np.float64), min(GROUPS, len(moved)))
    groups, sizes = np.stack([part.mean(0) for part in parts]), np.array([len(part) for part in parts])

    def figure(weights: np.ndarray, words: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda average: rank_correlation(average[words], weights[words])

    found = []
    for name, weights in beside.items():
        shared = np.isfinite(weights)
        for which, words in (("all", shared), ("with an effect", shared & (moved != 0).any(0))):
            entry = {"with": name, "words": which, "count": int(words.sum())}
            found.append(entry | jackknife(groups, sizes, figure(weights, words)))
    return found


def _top(
    found: Bags, average: np.ndarray, error: np.ndarray, beside: dict[str, np.ndarray], count: int
) -> dict[str, list[dict[str, Any]]]:
    """The words with the largest and the smallest average differences."""
    held, order = holding(found.train[0], len(found.words)), np.argsort(-average, kind="stable")

    def entry(place: int) -> dict[str, Any]:
        weights = {name: values[place] for name, values in beside.items()}
        own = {"word": found.words[place], "mean": average[place], "standard_error": error[place]}
        return own | {"training_reviews": held[place]} | weights

    return {"positive": [entry(i) for i in order[:count]], "negative": [entry(i) for i in order[::-1][:count]]}


def _steps(model: Any, packed: np.ndarray, size: int) -> list[dict[str, Any]]:
    """How many slopes are not 0 for several steps: trees that split at 0.5 notice none that does not reach it."""
    found = []
    for step in (None, 0.1, 0.4, 0.6, 1.0):
        explain = jax.jit(ja.finite_differences(trees.score(model), step=step, batch_size=500))
        slopes = np.stack([np.asarray(explain(unpack(jnp.asarray(row), size))) for row in packed])
        found.append({"step": step, "reviews": len(packed), "not_zero": float((slopes != 0).mean())})
    return found


def _checked(
    config: Config, model: Any, packed: np.ndarray, size: int, average: np.ndarray, moved: np.ndarray
) -> dict[str, Any]:
    """The largest deviation from predictions that set the entries themselves, on the strongest words."""
    words = np.argsort(-np.abs(average), kind="stable")[:100]
    wanted = literal(model, packed[: config.check], size, words)
    apart = np.abs(moved[: config.check, words] - wanted)
    return {"reviews": len(wanted), "words": len(words), "largest": float(apart.max() / np.abs(wanted).max())}


def _tell(console: Console, result: dict[str, Any], out: Path) -> None:
    for sign, entries in result["top_words"].items():
        console.print(f"Most {sign}: " + ", ".join(entry["word"] for entry in entries), markup=False)
    for entry in result["rank_correlation"]:
        figure = record.plus_minus(entry["mean"], entry["standard_error"])
        console.print(f"Rank correlation with {entry['with']}, {entry['count']:,} words: {figure}", markup=False)
    for entry in result["classifiers"]:
        figure = record.plus_minus(entry["agreement"]["mean"], entry["agreement"]["standard_error"], ".2%")
        console.print(f"{entry['weights']}, intercept {entry['intercept']}: agrees with the trees on {figure}")
    spent = result["cost"]["differences"]
    console.print(f"{spent['rows_a_second']:.2f} reviews a second, peak {spent['peak_memory_mb']:,.0f} MB.")
    console.print(f"Figures: [bold]{out / 'result.json'}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

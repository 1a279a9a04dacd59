"""Run with ``python -m experiments.imdb_cnn``; ``--help`` lists the flags."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from experiments._shared import command, cost, record
from experiments._shared.agreement import share
from experiments._shared.methods import INTEGRATED
from experiments._shared.provenance import provenance
from experiments._shared.words import words
from experiments.imdb_cnn import explain, pictures, report, whole
from experiments.imdb_cnn.data import corpus, texts_of_test
from experiments.imdb_cnn.explain import DELETED, Outcome
from experiments.imdb_cnn.train import Hyperparameters, trained


@dataclasses.dataclass(frozen=True)
class Config:
    """A convolutional classifier of all IMDB reviews, trained once, explained in three ways."""

    out: Path = Path("runs/imdb_cnn")
    """The folder for parameters, encoded reviews, pictures and result.json; a later run reuses what it finds there."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    reviews: int = 64
    """How many test reviews are explained by all three methods."""
    whole: int | None = None
    """How many test reviews are explained by the gradient norm; all where this is left out."""
    steps: int = 32
    """Nodes of integrated gradients."""
    expressions: int = 12
    """How many of the most positive and of the most negative reviews are told by their strongest expression."""
    show: int = 4
    """How many reviews the pictures show, of those with at most `shown_words` words."""
    shown_words: int = 110
    """The most words of a review in the pictures."""
    vocabulary: int = 20_000
    """Entries of the vocabulary, taken from the training reviews."""
    length: int = 400
    """Words of a review; a longer one keeps its last words."""
    check_rows: int = 3
    """Reviews of at most 40 words on which central differences are checked, in double precision."""
    seed: int = 0
    """The seed of parameters, order, dropout and of the choice of reviews."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/imdb_cnn_small"),
    reviews=16,
    whole=2_000,
    steps=16,
    check_rows=1,
    model=Hyperparameters(width=32, filters=64, epochs=1),
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: what a convolutional network reads in 50,000 film reviews")
    with console.status("reading reviews as rows of ids"):
        found = corpus(config.data_dir, config.out / "encoded.npz", size=config.vocabulary, length=config.length)
    console.print(
        f"{len(found.train[0]):,} training and {len(found.test[0]):,} test reviews, {len(found.words):,} words."
    )
    model, params, about = trained(found, config.out / "params.npz", config.model, seed=config.seed, console=console)
    report.trained(console, about)

    rows = np.random.default_rng(config.seed).permutation(len(found.test[0]))[: config.whole]
    ids, labels = found.test[0][rows], found.test[1][rows]
    scores = whole.margins(model, params, ids)
    classes = (scores > 0).astype(np.int32)
    norms, spent = cost.measure(len(ids), lambda: whole.norms(model, params, ids, classes, console=console))

    chosen = np.arange(min(config.reviews, len(ids)))
    texts = texts_of_test(config.data_dir, rows[chosen])
    tokens = [words(text)[-config.length :] for text in texts]
    outcomes, costs = explain.explain(model, params, ids[chosen], classes[chosen], steps=config.steps, console=console)
    first = explain.first_places(outcomes, ids[chosen])
    result = {
        "experiment": "imdb_cnn",
        "settings": {
            "steps": config.steps,
            "reviews": len(chosen),
            "whole": len(ids),
            "vocabulary": len(found.words),
            "length": config.length,
            "train_reviews": len(found.train[0]),
        },
        "model": about["settings"],
        "train_seconds": about["train_seconds"],
        "train_accuracy": about["train_accuracy"],
        "test_accuracy": _with_error(about["test_accuracy"], len(found.test[0])),
        "whole_test_set": {
            "accuracy": share(classes == labels),
            **whole.figures(ids, norms),
            "first_words": whole.first_words(ids, norms, classes, found.words, 15),
            "expressions": _expressions(config, norms, scores, rows),
        },
        "completeness_gap": explain.gap_figures(outcomes[INTEGRATED]),
        "fall_without_first_words": {
            "deleted": DELETED,
            **explain.deletion(model, params, ids[chosen], classes[chosen], first, seed=config.seed),
        },
        "expressions_by_integrated_gradients": explain.expressions(
            tokens, outcomes[INTEGRATED], classes[chosen], count=config.expressions
        ),
        "examples": _examples(config, tokens, outcomes, labels[chosen], classes[chosen]),
        "finite_differences": explain.checked(model, params, found.test[0], config.check_rows, longest=40),
        "cost": {"gradient norm, test set": spent} | costs,
    }
    result = record.rounded(result | provenance(seed=config.seed, data=found.sha256))
    record.save(config.out, result, pictures.figures(result))
    report.tell(console, result)
    console.print(f"\nFigures: [bold]{config.out / 'result.json'}[/]")


def _with_error(accuracy: float, rows: int) -> dict[str, float]:
    """An accuracy with its binomial error."""
    return {"mean": accuracy, "standard_error": float(np.sqrt(accuracy * (1 - accuracy) / (rows - 1)))}


def _expressions(
    config: Config, norms: np.ndarray, scores: np.ndarray, rows: np.ndarray
) -> dict[str, list[dict[str, Any]]]:
    """The strongest expressions of the most positive and the most negative reviews by their scores."""
    order, told = np.argsort(-scores, kind="stable"), {}
    for name, places in (("positive", order[: config.expressions]), ("negative", order[::-1][: config.expressions])):
        texts = texts_of_test(config.data_dir, rows[places])
        tokens = [words(text)[-config.length :] for text in texts]
        told[name] = whole.expressions(tokens, norms[places], scores[places], rows[places].tolist())
    return told


def _examples(
    config: Config, tokens: list[list[str]], outcomes: Mapping[str, Outcome], labels: np.ndarray, classes: np.ndarray
) -> list[dict[str, Any]]:
    """The first reviews that are short enough to be shown."""
    short = [place for place, text in enumerate(tokens) if len(text) <= config.shown_words][: config.show]
    return [
        {
            "tokens": tokens[place],
            "label": labels[place],
            "predicted": classes[place],
            "values": {
                name: record.rounded(outcome.values[place, : len(tokens[place])], 3)
                for name, outcome in outcomes.items()
            },
        }
        for place in short
    ]


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

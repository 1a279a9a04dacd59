"""Run with ``python -m experiments.pooled_embedding``; ``--help`` lists the flags."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from experiments._shared import agreement, command, record
from experiments._shared.files import write_text
from experiments._shared.provenance import provenance
from experiments._shared.words import PAD
from experiments.pooled_embedding import deletion, explain, parts, pictures
from experiments.pooled_embedding.costs import both_costs, measured
from experiments.pooled_embedding.data import Corpus, corpus, texts_of_test
from experiments.pooled_embedding.network import padding, scores, zeros
from experiments.pooled_embedding.settings import Hyperparameters
from experiments.pooled_embedding.train import Trained, trained


@dataclasses.dataclass(frozen=True)
class Config:
    """Which words win a global maximum, and what they add to the score: a Keras model and a Flax model of IMDB."""

    out: Path = Path("runs/pooled_embedding")
    """The folder for parameters, pictures and result.json; a later run reuses the parameters."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    train_reviews: int = 25_000
    """How many training reviews."""
    test_reviews: int = 25_000
    """How many test reviews are explained at the pooled vector."""
    compared: int = 256
    """How many test reviews are explained at the word vectors too."""
    deleted: int = 256
    """How many test reviews the deletion counts."""
    steps: int = 32
    """Nodes of integrated gradients."""
    in_reviews: int = 50
    """In how many test reviews a word must occur to be listed."""
    show: int = 2
    """How many reviews the pictures show."""
    vocabulary: int = 20_000
    """Entries of the vocabulary, taken from the training reviews."""
    length: int = 400
    """Words of a review; a longer one keeps its last words."""
    seed: int = 0
    """The seed of parameters, order and of the choice of reviews."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/pooled_embedding_small"),
    train_reviews=4_000,
    test_reviews=1_000,
    compared=16,
    deleted=32,
    in_reviews=20,
    length=200,
    model=Hyperparameters(width=64, rate=3e-3),
)


def _whole(config: Config, model: Trained, found: Corpus) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """All test reviews from both baselines; the values of the source's baseline, zeros, and the figures of both."""
    ids, values, figures = found.test[0], {}, {}
    for name, baseline in (("padding", padding), ("zeros", zeros)):
        method = explain.at_pooled(model.network, baseline, steps=config.steps)
        values, cost = measured(method, model.params, ids, batch=64)
        figures[name] = explain.gap_figures(values, ids) | {"cost": cost}
    return values, figures


def _explained(config: Config, model: Trained, found: Corpus) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    network, params, ids = model.network, model.params, found.test[0]
    values, whole = _whole(config, model, found)
    words = {"reviews": config.in_reviews, "show": 15}
    result = {
        "test_accuracy": agreement.share((scores(network, params, ids) > 0) == found.test[1]),
        **{name: model.about[name] for name in ("train_accuracy", "train_seconds")},
        "parameters_reused": model.about["reused"],
        "whole_test_set": whole,
        "winners": explain.winners_of_all(network, params, ids),
        "rules": explain.rules_compared(network, params, zeros, ids),
        "compared": parts.compared(model, ids[: config.compared], steps=config.steps),
        "few": both_costs(network, params, ids[: config.compared], steps=config.steps),
        "deletion": deletion.falls(network, params, ids[: config.deleted], steps=config.steps, seed=config.seed),
        "words": parts.words_in_general(ids, values["words"], values["won"], found.words, **words),
    }
    return values, result


def _shown(config: Config, models: tuple[Trained, ...], found: Corpus, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Reviews of about 45 words that both models take for what they are, of both classes in turn."""
    ids, labels = found.test
    logits = {model.network.name: scores(model.network, model.params, ids) for model in models}
    right = np.all([(logit > 0) == labels for logit in logits.values()], axis=0)
    far = np.abs((ids != PAD).sum(1) - 45)
    sides = [np.flatnonzero(right & (labels == label)) for label in (1, 0)]
    nearest = [side[np.argsort(far[side], kind="stable")] for side in sides]
    rows = [int(row) for pair in zip(*nearest, strict=False) for row in pair][: config.show]
    texts = texts_of_test(config.data_dir, found.places[rows])
    return [
        parts.shown(text, ids[row], values, row, int(labels[row]))
        | {"logits": {name: float(logit[row]) for name, logit in logits.items()}}
        for row, text in zip(rows, texts, strict=True)
    ]


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: which words win a global maximum")
    sizes = {"size": config.vocabulary, "length": config.length, "seed": config.seed}
    with console.status("reading reviews as rows of ids"):
        found = corpus(
            config.data_dir, config.out / "encoded.npz", train=config.train_reviews, test=config.test_reviews, **sizes
        )
    models = trained(found, config.out, config.model, seed=config.seed, console=console)
    values, results = {}, {}
    for model in models:
        name = model.network.name
        console.print(f"{name}: test accuracy {model.about['test_accuracy']:.2%}.")
        with console.status(f"explaining {name}"):
            values[name], results[name] = _explained(config, model, found)
        cost = results[name]["whole_test_set"]["zeros"]["cost"]
        console.print(f"{name}: {cost['rows']:,} reviews explained, {cost['rows_a_second']:,.0f} a second.")
    settings = dataclasses.asdict(config)
    result = record.rounded(
        {
            "experiment": "pooled_embedding",
            "settings": {name: settings[name] for name in settings if name not in ("out", "data_dir", "seed")},
            "reviews_explained": len(found.test[0]),
            "models": results,
            "reviews": _shown(config, models, found, values),
            **provenance(seed=config.seed, data=found.sha256, packages=("keras",)),
        }
    )
    record.save(config.out, result, pictures.figures(result))
    write_text(config.out / "reviews.html", pictures.coloured(result).html())
    console.print(f"Figures and pictures: [bold]{config.out}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

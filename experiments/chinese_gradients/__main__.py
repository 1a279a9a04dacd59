"""Run with ``python -m experiments.chinese_gradients``; ``--help`` lists the flags."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from experiments._shared import command, record
from experiments._shared.files import write_text
from experiments._shared.provenance import fingerprint, provenance
from experiments.chinese_gradients import compare_keras, emoticons, examples, explain, pictures, report
from experiments.chinese_gradients.data import SETS, Corpus, corpus
from experiments.chinese_gradients.model import POOLINGS
from experiments.chinese_gradients.train import Hyperparameters, network_of, trained


@dataclasses.dataclass(frozen=True)
class Config:
    """Four Chinese sets, three poolings each: does the path find the decisive characters better than the gradient?"""

    out: Path = Path("runs/chinese_gradients")
    """The folder for parameters, pictures and result.json; a later run reuses the parameters."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    sets: tuple[str, ...] = SETS
    """The data sets."""
    poolings: tuple[str, ...] = POOLINGS
    """The poolings of the classifiers; integrated gradients of the whole test are those of the first."""
    texts: int = 500
    """How many test texts of each set are explained and deleted from."""
    shortest: int = 10
    """How many characters a text has at least to be one of them."""
    steps: int = 32
    """Nodes of integrated gradients."""
    most: tuple[int, int] | None = None
    """At most so many training and test texts of each set; None takes all."""
    keras: str | None = "hotel"
    """The set on which the Keras model of the source is trained and compared; None leaves it out."""
    keras_texts: int = 64
    """How many test texts both forms of the Keras model explain."""
    batch: int = 16
    """How many texts are explained at once."""
    seed: int = 0
    """The seed of parameters, order, dropout, random rankings and of the choice of texts."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/chinese_gradients_small"),
    sets=("hotel",),
    texts=60,
    most=(2000, 300),
    keras_texts=8,
    model=Hyperparameters(width=32, filters=32, hidden=32),
)


def _one_set(found: Corpus, config: Config, console: Console) -> dict[str, Any]:
    """Everything about one set."""
    networks: dict[str, Any] = {}
    models: dict[str, Any] = {}
    for pooling in config.poolings:
        path = config.out / f"{found.name}_{pooling}.npz"
        model, params, about = trained(found, pooling, path, config.model, seed=config.seed, console=console)
        network = network_of(model)
        networks[pooling] = network, params
        texts = explain.sample(
            network, params, found.test, texts=config.texts, shortest=config.shortest, seed=config.seed
        )
        with console.status(f"{found.name}, {pooling}: explaining {len(texts.ids)} texts"):
            methods = explain.explained(network, params, texts, steps=config.steps, batch=config.batch)
        with console.status(f"{found.name}, {pooling}: deleting"):
            measures = explain.measured(network, params, texts, methods["values"], seed=config.seed, batch=config.batch)
        known = ("train_accuracy", "test_accuracy", "train_seconds", "reused")
        models[pooling] = {name: about[name] for name in known} | explain.figures_of(measures, texts, methods)
        if found.name in emoticons.DECIDED:
            models[pooling]["emoticons"] = emoticons.figures(emoticons.texts(found, texts.ids), methods["values"])
        report.model(console, found.name, pooling, models[pooling])
    network, params = networks[config.poolings[0]]
    with console.status(f"{found.name}: integrated gradients of all {len(found.test[0])} test texts"):
        gaps, cost = explain.whole_test(network, params, found.test[0], steps=config.steps, batch=config.batch)
    labels = found.test[1]
    return {
        "classes": list(found.classes),
        "characters": len(found.characters),
        "length": found.train[0].shape[1],
        "train_texts": len(found.train[0]),
        "test_texts": len(labels),
        "most_frequent_class": float(np.bincount(labels).max() / len(labels)),
        "data_sha256": found.sha256,
        "models": models,
        "gap_of_all_test_texts": gaps,
        "cost": cost,
        "example": examples.shown(found, networks, steps=config.steps),
        **({"emoticon_vote": emoticons.vote_of(found)} if found.name in emoticons.DECIDED else {}),
    }


def _settings(config: Config) -> dict[str, Any]:
    names = ("texts", "shortest", "steps", "most", "batch")
    return {name: getattr(config, name) for name in names} | {"model": dataclasses.asdict(config.model)}


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: the decisive characters of Chinese texts")
    sets: dict[str, Mapping[str, Any]] = {}
    compared = None
    for name in config.sets:
        found = corpus(config.data_dir, name, at_least=config.model.at_least, most=config.most, seed=config.seed)
        sets[name] = _one_set(found, config, console)
        if name == config.keras:
            compared = compare_keras.compare(
                found,
                config.model,
                texts=config.keras_texts,
                steps=config.steps,
                shortest=config.shortest,
                seed=config.seed,
                console=console,
            )
    data = fingerprint((str(sets[name]["data_sha256"]), 0) for name in sets)
    result = record.rounded(
        {
            "experiment": "chinese_gradients",
            "settings": _settings(config),
            "sets": sets,
            "keras": compared,
            **provenance(seed=config.seed, data=data, packages=("keras",)),
        }
    )
    report.verdicts(console, result)
    for found in result["sets"].values():
        for shown in examples.drawn(found["example"]):
            shown.print()
    write_text(config.out / "examples.html", examples.as_page(result["sets"]))
    write_text(config.out / "examples.md", examples.as_markdown(result["sets"]))
    record.save(config.out, result, pictures.figures(result))
    console.print(f"\nPictures and figures: [bold]{config.out}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

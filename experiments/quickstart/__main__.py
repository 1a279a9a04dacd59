"""Run with ``python -m experiments.quickstart``; ``--help`` lists the flags."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console

from experiments._shared.files import write_json, write_text
from experiments._shared.provenance import fingerprint, provenance
from experiments._shared.words import encode, numbered, vocabulary
from experiments.quickstart import report
from experiments.quickstart.data import LENGTH, corpus
from experiments.quickstart.explain import Run, explain, random_rate
from experiments.quickstart.model import Classifier
from experiments.quickstart.train import predict, train


@dataclasses.dataclass(frozen=True)
class Config:
    """The first minute with jaxattr: train a small classifier on planted causes, explain it, count the hits."""

    report: Path = Path("report.html")
    """Where the HTML report is written."""
    json: Path | None = None
    """Where the figures are written as JSON; nowhere by default."""
    reviews: int = 4000
    """How many reviews are generated, an even number."""
    held_out: int = 1000
    """How many of them are kept for testing and explained."""
    epochs: int = 4
    """Passes over the training reviews."""
    steps: int = 32
    """Nodes of integrated gradients."""
    show: int = 3
    """How many texts are shown here; the report holds twice as many."""
    seed: int = 0
    """The seed of corpus, parameters and order."""


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    begin = time.perf_counter()
    reviews = corpus(config.reviews, seed=config.seed)
    known, held_out = reviews[config.held_out :], reviews[: config.held_out]
    listed = vocabulary([review.words for review in known])
    report.opening(console, len(known), len(held_out), len(listed))

    index = numbered(listed)
    ids, test_ids = (encode([review.words for review in part], index, LENGTH) for part in (known, held_out))
    labels, test_labels = (np.array([review.label for review in part], np.int32) for part in (known, held_out))
    model = Classifier(len(listed))
    params = train(model, ids, labels, epochs=config.epochs, batch=64, seed=config.seed, console=console)
    predicted = predict(model, params, test_ids)
    accuracy = float((predicted == test_labels).mean())
    report.trained(console, accuracy, len(held_out))

    with console.status("explaining every held-out review by three methods"):
        outcomes = explain(model, params, test_ids, predicted, held_out, steps=config.steps)
    run = Run(held_out, predicted, accuracy, random_rate(held_out), outcomes, time.perf_counter() - begin)
    report.texts(console, run, config.show)
    report.figures(console, run)
    write_text(config.report, report.as_html(run, 2 * config.show))
    if config.json is not None:
        data = fingerprint((review.text, review.label) for review in reviews)
        write_json(
            config.json, report.as_json(run, dataclasses.asdict(config)) | provenance(seed=config.seed, data=data)
        )
    report.closing(console, run, config.report)


if __name__ == "__main__":
    main(tyro.cli(Config, description=Config.__doc__), Console(highlight=False))

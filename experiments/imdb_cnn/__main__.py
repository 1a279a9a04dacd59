"""Run with ``python -m experiments.imdb_cnn``; ``--help`` lists the flags."""

import dataclasses
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from experiments._shared import command, record
from experiments._shared.files import write_text
from experiments._shared.methods import GRADIENT, INTEGRATED, OCCLUSION
from experiments._shared.provenance import provenance
from experiments._shared.words import words
from experiments.imdb_cnn import explain, report
from experiments.imdb_cnn.data import corpus, texts_of_test
from experiments.imdb_cnn.train import Hyperparameters, trained


@dataclasses.dataclass(frozen=True)
class Config:
    """A convolutional classifier of all IMDB reviews, trained once, explained in three ways."""

    out: Path = Path("runs/imdb_cnn")
    """The folder for parameters, report.html and result.json; a later run reuses what it finds there."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    reviews: int = 64
    """How many test reviews are explained by integrated gradients and occlusion."""
    gradient_reviews: int = 1000
    """How many test reviews are explained by the gradient norm."""
    steps: int = 32
    """Nodes of integrated gradients."""
    show: int = 6
    """How many reviews the report shows."""
    vocabulary: int = 20_000
    """Entries of the vocabulary, taken from the training reviews."""
    length: int = 400
    """Words of a review; a longer one keeps its last words."""
    seed: int = 0
    """The seed of parameters, order, dropout and of the choice of reviews."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/imdb_cnn_small"), reviews=16, gradient_reviews=200, steps=16, model=Hyperparameters(epochs=1)
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    clock = [time.perf_counter()]
    console.rule("[bold]jaxattr: what a convolutional network reads in 50,000 film reviews")
    with console.status("reading reviews as rows of ids"):
        found = corpus(config.data_dir, config.out / "encoded.npz", size=config.vocabulary, length=config.length)
    clock.append(time.perf_counter())
    console.print(
        f"{len(found.train[0]):,} training and {len(found.test[0]):,} test reviews, {len(found.words):,} words."
    )
    model, params, about = trained(found, config.out / "params.npz", config.model, seed=config.seed, console=console)
    report.trained(console, about)
    clock.append(time.perf_counter())

    count = max(config.reviews, config.gradient_reviews)
    chosen = np.random.default_rng(config.seed).permutation(len(found.test[0]))[:count]
    texts = texts_of_test(config.data_dir, chosen)
    tokens = [words(text)[-config.length :] for text in texts]
    ids, labels = found.test[0][chosen], found.test[1][chosen]
    predicted = explain.predict(model, params, ids)
    few = slice(config.reviews)
    rows: dict[str, tuple[np.ndarray, np.ndarray]] = dict.fromkeys(
        (GRADIENT, INTEGRATED, OCCLUSION), (ids[few], predicted[few])
    )
    rows[GRADIENT] = (ids[: config.gradient_reviews], predicted[: config.gradient_reviews])
    outcomes = explain.explain(model, params, rows, steps=config.steps, console=console)
    first = explain.first_places(outcomes, ids[few])
    run = report.Run(
        about=about,
        labels=labels[few],
        predicted=predicted[few],
        texts=texts[few],
        length=config.length,
        outcomes=outcomes,
        deletion=explain.deletion(model, params, ids[few], predicted[few], first, seed=config.seed),
        expressions=explain.expressions(tokens, outcomes[INTEGRATED], predicted, count=12),
        frequent=explain.frequent(tokens, outcomes[GRADIENT], predicted, count=12),
        gaps=explain.gap_figures(outcomes[INTEGRATED]),
    )
    clock.append(time.perf_counter())
    report.figures(console, run)
    parts = (round(float(part), 2) for part in np.diff(clock))
    seconds: dict[str, float] = dict(zip(("data", "training", "explaining"), parts, strict=True))
    settings = {"steps": config.steps, "reviews": config.reviews, "gradient_reviews": config.gradient_reviews}
    result = report.as_json(run, settings | {"vocabulary": len(found.words)}, seconds)
    record.save(config.out, result | provenance(seed=config.seed, data=found.sha256))
    write_text(config.out / "report.html", report.as_html(run, config.show))
    console.print(f"\nReport: [bold]{config.out / 'report.html'}[/]   figures: [bold]{config.out / 'result.json'}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

"""Run with ``python -m experiments.imdb_lstm``; ``--help`` lists the flags."""

import dataclasses
import io
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from matplotlib.figure import Figure
from rich.console import Console

from experiments._shared.files import whole, write_json, write_text
from experiments._shared.provenance import provenance
from experiments.imdb_cnn.data import Corpus, texts_of_test
from experiments.imdb_lstm import report
from experiments.imdb_lstm.bars import bars
from experiments.imdb_lstm.by_word import by_word
from experiments.imdb_lstm.data import choose, corpus
from experiments.imdb_lstm.explain import explain, explain_many
from experiments.imdb_lstm.force import force
from experiments.imdb_lstm.run import Found, Run, pictures, rows
from experiments.imdb_lstm.settings import Hyperparameters
from experiments.imdb_lstm.train import Trained, trained


@dataclasses.dataclass(frozen=True)
class Config:
    """DeepSHAP for an LSTM of all IMDB reviews, in Flax and in Keras."""

    out: Path = Path("runs/imdb_lstm")
    """The folder for parameters, pictures, report.html and result.json; a later run reuses the parameters."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets, the one of experiments.imdb_cnn."""
    score: Literal["probability", "logit"] = "probability"
    """What is explained: the probability of a positive review, as in the source, or its logit."""
    reviews: int = 10
    """How many test reviews are explained with all backgrounds."""
    backgrounds: int = 100
    """How many training reviews are the background."""
    batch_size: int = 50
    """Backgrounds at once."""
    many: int = 2000
    """How many test reviews are explained for the words in general."""
    few_backgrounds: int = 10
    """How many of the backgrounds are used for those."""
    occurrences: int = 20
    """How often a word must occur to be listed."""
    in_reviews: int = 10
    """In how many reviews."""
    show: int = 20
    """How many words are listed on each side."""
    vocabulary: int = 20_000
    """Entries of the vocabulary, taken from the training reviews."""
    length: int = 80
    """Words of a review; a longer one keeps its last words, a shorter one is padded in front."""
    seed: int = 0
    """The seed of parameters, order, dropout and of the choice of reviews and backgrounds."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


def _png(figure: Figure, path: Path) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=130)
    with whole(path) as file:
        file.write(content.getvalue())
    return content.getvalue()


def _found(config: Config, model: Trained, found: Corpus, chosen: np.ndarray, console: Console) -> Found:
    places = choose(len(found.train[0]), config.backgrounds, seed=config.seed, part=1)
    backgrounds, ids = found.train[0][places], found.test[0][chosen]
    options = {"score": config.score, "console": console}
    few = explain(
        model.network, model.params, ids[: config.reviews], backgrounds, batch_size=config.batch_size, **options
    )
    values, seconds = explain_many(
        model.network, model.params, ids[: config.many], backgrounds[: config.few_backgrounds], batch=10, **options
    )
    return Found(model.about, few, by_word(ids[: config.many], values), seconds)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: DeepSHAP for an LSTM on film reviews")
    with console.status("reading reviews as rows of ids"):
        found = corpus(config.data_dir, config.out / "encoded.npz", size=config.vocabulary, length=config.length)
    console.print(
        f"{len(found.train[0]):,} training and {len(found.test[0]):,} test reviews, {len(found.words):,} words."
    )
    models = trained(found, config.out, config.model, seed=config.seed, console=console)
    for model in models:
        report.trained(console, model.network.name, model.about)

    chosen = choose(len(found.test[0]), max(config.reviews, config.many), seed=config.seed, part=2)
    few = chosen[: config.reviews]
    run = Run(
        models={model.network.name: _found(config, model, found, chosen, console) for model in models},
        texts=texts_of_test(config.data_dir, few),
        labels=found.test[1][few],
        length=config.length,
        score=config.score,
        vocabulary=found.words,
        backgrounds=(config.backgrounds, config.few_backgrounds),
        many=len(chosen[: config.many]),
        at_least=(config.occurrences, config.in_reviews),
    )
    report.figures(console, run)
    forces = {
        name: _png(force(rows(run, name), f"{name}, {run.score}"), config.out / f"force_{name.lower()}.png")
        for name in run.models
    }
    listed = {name: run.listed(name) for name in run.models}
    words = _png(bars(listed, found.words, count=config.show, unit=run.score), config.out / "words.png")
    pictures(run).save(config.out / "reviews.html")
    settings = {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in ("out", "data_dir", "model", "seed")
    }
    origin = provenance(seed=config.seed, data=found.sha256, packages=("keras",))
    write_json(config.out / "result.json", report.as_json(run, settings) | origin)
    write_text(config.out / "report.html", report.as_html(run, forces, words, config.show))
    console.print(f"\nReport: [bold]{config.out / 'report.html'}[/]   figures: [bold]{config.out / 'result.json'}[/]")


if __name__ == "__main__":
    try:
        main(tyro.cli(Config, description=Config.__doc__), Console(highlight=False))
    except FileNotFoundError as error:
        sys.exit(str(error))

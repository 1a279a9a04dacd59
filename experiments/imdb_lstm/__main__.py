"""Run with ``python -m experiments.imdb_lstm``; ``--help`` lists the flags."""

import dataclasses
from pathlib import Path
from typing import Literal

from rich.console import Console

from experiments._shared import command, cost, record
from experiments._shared.by_word import by_word
from experiments._shared.provenance import provenance
from experiments.imdb_cnn.data import texts_of_test
from experiments.imdb_lstm import pictures, report, result
from experiments.imdb_lstm.data import choose, corpus, drawn, fewer
from experiments.imdb_lstm.explain import explain, explain_many
from experiments.imdb_lstm.settings import Hyperparameters
from experiments.imdb_lstm.train import trained


@dataclasses.dataclass(frozen=True)
class Config:
    """DeepSHAP for an LSTM of all IMDB reviews, in Flax and in Keras."""

    out: Path = Path("runs/imdb_lstm")
    """The folder for parameters, pictures and result.json; a later run reuses the parameters."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    score: Literal["probability", "logit"] = "probability"
    """What is explained: the probability of a positive review, as in the source, or its logit."""
    reviews: int = 10
    """How many test reviews are explained with all backgrounds and shown."""
    backgrounds: int = 100
    """How many training reviews are the background."""
    batch_size: int = 50
    """Backgrounds at once."""
    many: int = 25_000
    """How many test reviews are explained for the words in general."""
    few_backgrounds: int = 4
    """How many of the backgrounds each of those has, drawn anew for each."""
    occurrences: int = 100
    """How often a word must occur to be listed."""
    in_reviews: int = 50
    """In how many reviews."""
    listed: int = 30
    """How many words are recorded on each side."""
    vocabulary: int = 20_000
    """Entries of the vocabulary, taken from the training reviews."""
    length: int = 80
    """Words of a review; a longer one keeps its last words, a shorter one is padded in front."""
    train_reviews: int | None = None
    """How many training reviews, drawn at random; all where this is left out."""
    seed: int = 0
    """The seed of parameters, order, dropout and of the choice of reviews and backgrounds."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/imdb_lstm_small"),
    reviews=3,
    backgrounds=20,
    batch_size=20,
    many=300,
    occurrences=20,
    in_reviews=10,
    train_reviews=5_000,
    vocabulary=5_000,
    model=Hyperparameters(width=64, units=64),
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: DeepSHAP for an LSTM on film reviews")
    with console.status("reading reviews as rows of ids"):
        found = corpus(config.data_dir, config.out / "encoded.npz", size=config.vocabulary, length=config.length)
        found = fewer(found, config.train_reviews, seed=config.seed)
    console.print(
        f"{len(found.train[0]):,} training and {len(found.test[0]):,} test reviews, {len(found.words):,} words."
    )
    models = trained(found, config.out, config.model, seed=config.seed, console=console)
    for model in models:
        report.trained(console, model.network.name, model.about)

    chosen = choose(len(found.test[0]), max(config.reviews, config.many), seed=config.seed, part=2)
    few, all_ids = chosen[: config.reviews], found.test[0][chosen[: config.many]]
    places = choose(len(found.train[0]), config.backgrounds, seed=config.seed, part=1)
    pool, options = found.train[0][places], {"score": config.score, "console": console}
    own = drawn(len(pool), len(all_ids), config.few_backgrounds, seed=config.seed)
    at_least = (config.occurrences, config.in_reviews)
    explained, many, grouped, made, costs = {}, {}, {}, {}, {}
    for model in models:
        name, network, params = model.network.name, model.network, model.params
        explained[name] = explain(network, params, found.test[0][few], pool, batch_size=config.batch_size, **options)
        many[name], costs[name] = cost.measure(
            len(all_ids),
            lambda network=network, params=params: explain_many(
                network, params, all_ids, pool, own, batch=25, **options
            ),
        )
        grouped[name] = by_word(all_ids, many[name].values)
        made[name] = result.model(model.about, explained[name], many[name], len(found.test[0]))
    listed = result.words(grouped, found.words, at_least=at_least, count=config.listed)
    settings = {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in ("out", "data_dir", "model", "seed")
    }
    whole = {
        "experiment": "imdb_lstm",
        "settings": settings | {"train_reviews": len(found.train[0]), "test_reviews": len(found.test[0])},
        "models": {name: one | {"words": listed[name]} for name, one in made.items()},
        "agreement": result.alike(all_ids, many, grouped, at_least=at_least),
        "reviews": result.reviews(texts_of_test(config.data_dir, few), found.test[1][few], explained),
        "cost": costs,
        **provenance(seed=config.seed, data=found.sha256, packages=("keras", "scipy")),
    }
    whole = record.rounded(whole)
    report.figures(console, whole)
    record.save(config.out, whole, pictures.figures(whole))
    pictures.reviews(whole).save(config.out / "reviews.html")
    console.print(f"\nPictures and figures: [bold]{config.out}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

"""Run with ``python -m experiments.deepmoji_occlusion``; ``--help`` lists the flags."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console

from experiments._shared import command, cost, record
from experiments._shared.provenance import provenance
from experiments._shared.words import PAD, words
from experiments.deepmoji_occlusion import compare, pictures, report, result
from experiments.deepmoji_occlusion.data import Corpus, Split, corpus, joined
from experiments.deepmoji_occlusion.explain import ATTENDED, DELETION, compiled, explain, only
from experiments.deepmoji_occlusion.train import Hyperparameters, trained

Task = Literal["psychexp", "kaggle_insults", "scv1", "scv2_gen", "ss_twitter", "ss_youtube"]


@dataclasses.dataclass(frozen=True)
class Config:
    """A network like DeepMoji: which emotions change when one word is deleted, and where does attention lie?"""

    out: Path = Path("runs/deepmoji_occlusion")
    """The folder for parameters, pictures and result.json; a later run reuses the parameters."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    task: Task = "psychexp"
    """The set; psychexp has seven emotions, the others two classes."""
    split: Split = "exchanged"
    """"published" trains on the small training part; "exchanged" on the large test part, and tests on the small one."""
    texts: int | None = None
    """How many test texts are explained; all where this is left out."""
    delete: int = 10
    """How many words the curves delete; attention and deletion are compared on texts with more words than that."""
    short: int = 30
    """Words of the short texts: test texts that have exactly so many."""
    short_texts: int = 20
    """How many of them, at most."""
    long: int = 300
    """Words of the long texts, made of test texts of one class."""
    long_texts: int = 7
    """How many of them."""
    show: int = 3
    """How many texts of each length are recorded."""
    batch_size: int | None = None
    """Deletions at once; None lets the library choose."""
    length: int = 64
    """Words of a text in training and testing; a longer one keeps its last words."""
    seed: int = 0
    """The seed of parameters, order, dropout, of the choice of texts and of random rankings."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(
    out=Path("runs/deepmoji_occlusion_small"),
    texts=60,
    short_texts=5,
    long=100,
    long_texts=2,
    model=Hyperparameters(width=64, units=32, epochs=3, rate=3e-3),
)


def _short(config: Config, found: Corpus) -> tuple[list[str], np.ndarray]:
    """Test texts of exactly the short length, in a seeded order."""
    order = np.random.default_rng(config.seed).permutation(len(found.test.texts))
    chosen = [n for n in order if len(words(found.test.texts[n])) == config.short][: config.short_texts]
    if not chosen:
        raise ValueError(
            f"Expected a test text of exactly {config.short} words, got none among {len(order)}. Change --short."
        )
    return [found.test.texts[n] for n in chosen], found.test.labels[chosen]


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: one word less")
    with console.status("reading texts as rows of ids"):
        found = corpus(config.data_dir, config.task, split=config.split, length=config.length)
    model, params, about = trained(found, config.out / "params.npz", config.model, seed=config.seed, console=console)
    report.trained(console, about)

    functions = compiled(model, batch_size=config.batch_size)
    lengths = []
    with console.status("explaining short and long texts, one after another"):
        for name, (texts, labels), length in (
            ("test texts", _short(config, found), config.short),
            (
                "joined texts",
                joined(found.test, length=config.long, count=config.long_texts, seed=config.seed),
                config.long,
            ),
        ):
            one = explain(functions, params, found.encoded(texts, length))
            lengths.append(result.group(name, texts, labels, one, found.names, show=config.show))
    chosen = np.random.default_rng(config.seed).permutation(len(found.test.ids))[: config.texts]
    ids = found.test.ids[chosen]
    with console.status(f"explaining {len(ids):,} test texts"):
        _, attended = cost.measure(len(ids), lambda: only(functions[1], params, ids))
        many, deleted = cost.measure(len(ids), lambda: explain(functions, params, ids))
    with console.status("comparing attention and deletion"):
        enough = many.where((ids != PAD).sum(1) > config.delete)
        rankings = compare.orders(enough, seed=config.seed)
        curves = compare.curves(model, params, enough.ids, rankings, count=config.delete)
    counts = {part: len(getattr(found, part).texts) for part in ("train", "validation", "test")}
    away = ("out", "data_dir", "model", "seed")
    whole = record.rounded(
        {
            "experiment": "deepmoji_occlusion",
            "settings": {name: value for name, value in dataclasses.asdict(config).items() if name not in away},
            "texts": counts | {"left_out": found.left_out},
            **result.watched(found.names),
            **result.trained(about, counts),
            "agreement": result.agreeing(compare.agreement(enough)),
            **result.curves(curves),
            "lengths": lengths,
            "cost": {f"{DELETION}, and {ATTENDED} too": deleted, f"{ATTENDED} alone": attended},
            **provenance(seed=config.seed, data=found.sha256, packages=("scipy",)),
        }
    )
    report.figures(console, whole)
    record.save(config.out, whole, pictures.figures(whole))
    for name, length in (("short", config.short), ("long", config.long)):
        pictures.texts(whole, length).save(config.out / f"{name}.html")
    console.print(f"\nPictures and figures: [bold]{config.out}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

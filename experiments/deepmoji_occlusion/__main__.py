"""Run with ``python -m experiments.deepmoji_occlusion``; ``--help`` lists the flags."""

import dataclasses
import io
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from rich.console import Console

from experiments._shared.files import whole, write_json, write_text
from experiments._shared.provenance import provenance
from experiments._shared.words import PAD, words
from experiments.deepmoji_occlusion import compare, report
from experiments.deepmoji_occlusion.data import Corpus, Split, corpus, joined
from experiments.deepmoji_occlusion.explain import compiled, explain, top_count
from experiments.deepmoji_occlusion.pictures import comparison
from experiments.deepmoji_occlusion.train import Hyperparameters, trained

Task = Literal["psychexp", "kaggle_insults", "scv1", "scv2_gen", "ss_twitter", "ss_youtube"]


@dataclasses.dataclass(frozen=True)
class Config:
    """A network like DeepMoji: which emotions change when one word is deleted, and where does attention lie?"""

    out: Path = Path("runs/deepmoji_occlusion")
    """The folder for parameters, pictures, report.html and result.json; a later run reuses the parameters."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    task: Task = "psychexp"
    """The set; psychexp has seven emotions, the others two classes."""
    split: Split = "exchanged"
    """"published" trains on the small training part; "exchanged" on the large test part, and tests on the small one."""
    texts: int = 500
    """On how many test texts attention and deletion are compared."""
    delete: int = 10
    """How many words the curves delete; compared are texts with more words than that."""
    short: int = 30
    """Words of the short texts: test texts that have exactly so many."""
    short_texts: int = 20
    """How many of them, at most."""
    long: int = 300
    """Words of the long texts, made of test texts of one class."""
    long_texts: int = 7
    """How many of them."""
    show: int = 3
    """How many texts of each length are shown."""
    batch_size: int | None = None
    """Deletions at once; None lets the library choose."""
    length: int = 64
    """Words of a text in training and testing; a longer one keeps its last words."""
    seed: int = 0
    """The seed of parameters, order, dropout, of the choice of texts and of random rankings."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


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
    shown = []
    with console.status("explaining short and long texts, one after another"):
        long = joined(found.test, length=config.long, count=config.long_texts, seed=config.seed)
        for name, made, (texts, labels), length in (
            ("test texts", f"Test texts that have exactly {config.short} words.", _short(config, found), config.short),
            ("joined texts", "Each is made of test texts of one class, joined and cut.", long, config.long),
        ):
            ids = found.encoded(texts, length)
            shown.append(report.Texts(name, made, texts, labels, explain(functions, params, ids)))
    with console.status("comparing attention and deletion"):
        enough = np.flatnonzero((found.test.ids != PAD).sum(1) > config.delete)
        chosen = np.random.default_rng(config.seed).permutation(enough)[: config.texts]
        many = explain(functions, params, found.test.ids[chosen])
        rankings = compare.orders(many, seed=config.seed)
        curves = compare.curves(model, params, many.ids, rankings, count=config.delete)
    run = report.Run(
        about=about,
        task=config.task,
        split=config.split,
        names=found.names,
        counts={
            **{part: len(getattr(found, part).texts) for part in ("train", "validation", "test")},
            "left_out": found.left_out,
        },
        shown=shown,
        agreed=compare.agreement(many),
        curves=curves,
    )
    report.figures(console, run, 1)
    image = io.BytesIO()
    comparison(curves, run.agreed, top=top_count(len(found.names))).savefig(image, format="png", dpi=130)
    with whole(config.out / "comparison.png") as file:
        file.write(image.getvalue())
    for texts, name in zip(shown, ("short", "long"), strict=True):
        drawn = report.pictures(run, texts, 1)[0]
        drawn.save(config.out / f"{name}.html")
        drawn.save(config.out / f"{name}.png")
    away = ("out", "data_dir", "model", "seed")
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in away}
    result = report.as_json(run, settings) | provenance(seed=config.seed, data=found.sha256, packages=("scipy",))
    write_json(config.out / "result.json", result)
    write_text(config.out / "report.html", report.as_html(run, image.getvalue(), config.show))
    console.print(f"\nReport: [bold]{config.out / 'report.html'}[/]   figures: [bold]{config.out / 'result.json'}[/]")


if __name__ == "__main__":
    try:
        main(tyro.cli(Config, description=Config.__doc__), Console(highlight=False))
    except FileNotFoundError as error:
        sys.exit(str(error))

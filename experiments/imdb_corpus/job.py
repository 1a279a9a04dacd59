"""What every process runs: the test reviews as ragged rows, the explanation of one, `scale.run` over all."""

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments._shared import linen
from experiments._shared.methods import INTEGRATED, methods
from experiments._shared.words import PAD, UNKNOWN, numbered, words
from experiments.datasets import imdb
from experiments.imdb_cnn.data import corpus
from experiments.imdb_cnn.model import ConvClassifier
from experiments.imdb_cnn.train import Hyperparameters, trained

ID = "id"
KEPT = ("words", "label")
FILES = ("encoded.npz", "params.npz")
Explain = Callable[[Any, jax.Array, jax.Array], dict[str, jax.Array]]


@dataclasses.dataclass(frozen=True)
class Job:
    """What a process must know to make the run.

    Attributes:
      data_dir: The folder of prepared data sets.
      kept: The folder with the encoded reviews and the parameters.
      vocabulary: Entries of the vocabulary.
      length: The most words of a review; a longer one keeps its last words.
      model: The hyperparameters of the network.
      seed: The seed of the network, and of the choice of reviews.
      steps: Nodes of integrated gradients.
      reviews: How many test reviews, drawn at random; None is all, in their order.
      batch_size: Reviews at once; None lets the library choose.
      chunk_rows: Reviews of one file.
    """

    data_dir: Path
    kept: Path
    vocabulary: int
    length: int
    model: Hyperparameters
    seed: int
    steps: int
    reviews: int | None
    batch_size: int | None
    chunk_rows: int


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The arguments of `scale.run`.

    Attributes:
      explain: Explains one review.
      params: The parameters of the network.
      entries: The reviews as they are published.
      prepare: Makes the row that is explained of an entry.
      words: The vocabulary.
      sha256: The fingerprint of the data set.
      about: What is known of the training.
    """

    explain: Explain
    params: Any
    entries: Sequence[Mapping[str, Any]]
    prepare: Callable[[Mapping[str, Any]], dict[str, Any]]
    words: tuple[str, ...]
    sha256: str
    about: Mapping[str, Any]


def explainer(model: ConvClassifier, *, steps: int) -> Explain:
    """Integrated gradients of the predicted class, with what belongs to them.

    Args:
      model: The classifier.
      steps: Nodes of the integral.

    Returns:
      `explain(params, ids, where)` for one review: `values`, a number a word, whose sum is `score`, the logit of the
      `predicted` class less that of the other, less that of an empty review, but for the completeness `gap`.
    """
    integrated = methods(model, steps=steps)[INTEGRATED]

    def explain(params: Any, ids: jax.Array, where: jax.Array) -> dict[str, jax.Array]:
        real = jnp.where(where, ids, PAD)
        logits = linen.logits(model, params, real)
        predicted = logits.argmax(-1)
        score = ja.scores.margin(logits, predicted)
        return {**integrated(params, real, predicted), "score": score, "predicted": predicted}

    return explain


def preparer(vocabulary: Sequence[str], length: int) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Makes a row of a published review: its name, its words, their ids and its label.

    Args:
      vocabulary: The word of each id.
      length: The most words; a longer review keeps its last ones.

    Returns:
      The function.

    Example:
      >>> row = preparer(["<pad>", "<unk>", "good"], 2)({"text": b"So very good", "label": 1, "number": 7})
      >>> row["id"], row["words"], row["ids"].tolist(), row["label"]
      ('pos/7', ['very', 'good'], [1, 2], 1)
    """
    index = numbered(vocabulary)

    def row(entry: Mapping[str, Any]) -> dict[str, Any]:
        found, label = words(entry["text"].decode())[-length:], int(entry["label"])
        ids = np.array([index.get(word, UNKNOWN) for word in found], np.int32)
        return {ID: f"{imdb.NAMES[label]}/{int(entry['number'])}", "words": found, "ids": ids, "label": label}

    return row


def borrow(kept: Path, others: Path) -> None:
    """Takes encoded reviews and parameters from the folder of another run where there are none yet.

    Whether they fit is seen when they are read: what was made from other data or settings is made anew.
    """
    for name in FILES:
        if not (kept / name).exists() and (others / name).exists():
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(others / name, kept / name)


def load(job: Job, console: Console | None = None) -> Loaded:
    """Reads data and parameters; trains the network where there are no parameters.

    Args:
      job: What to read.
      console: Where progress bars are drawn; None draws none.

    Returns:
      The arguments of `scale.run`.
    """
    found = corpus(job.data_dir, job.kept / FILES[0], size=job.vocabulary, length=job.length)
    quiet = console or Console(quiet=True)
    model, params, about = trained(found, job.kept / FILES[1], job.model, seed=job.seed, console=quiet)
    entries: Sequence[Mapping[str, Any]] = imdb.load(job.data_dir)["test"]
    if job.reviews is not None and job.reviews < len(entries):
        chosen = np.random.default_rng(job.seed).permutation(len(entries))[: job.reviews]
        entries = [entries[int(row)] for row in chosen]
    prepare = preparer(found.words, job.length)
    return Loaded(explainer(model, steps=job.steps), params, entries, prepare, found.words, found.sha256, about)


def run(job: Job, loaded: Loaded, out: Path, **options: Any) -> ja.scale.Report:
    """Explains all reviews into a folder, or goes on there.

    Args:
      job: The settings.
      loaded: What `load` gave.
      out: The folder of the run.
      **options: More arguments of `scale.run`, or others than these.

    Returns:
      How it ended.
    """
    return cast("ja.scale.Report", _run(job, loaded, out, options))


def preview(job: Job, loaded: Loaded, out: Path, **options: Any) -> ja.scale.Preview:
    """What `run` with the same arguments is predicted to take."""
    return cast("ja.scale.Preview", _run(job, loaded, out, options | {"dry_run": True}))


def _run(job: Job, loaded: Loaded, out: Path, options: Mapping[str, Any]) -> ja.scale.Report | ja.scale.Preview:
    given: dict[str, Any] = {
        "prepare": loaded.prepare,
        "id": ID,
        "keep": KEPT,
        "fill": PAD,
        "batch_size": job.batch_size,
        "chunk_rows": job.chunk_rows,
        "progress": False,
    }
    return ja.scale.run(loaded.explain, loaded.params, loaded.entries, out=out, **{**given, **options})

"""Trains the model once and keeps its parameters."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from experiments._shared import linen, training
from experiments._shared.arrays import load_arrays, load_params, save_params
from experiments.imdb_cnn.data import Corpus
from experiments.imdb_cnn.model import ConvClassifier


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Chosen on 2,500 of the training reviews, held out for that; never on test reviews.

    Attributes:
      width: Entries of a word vector.
      filters: Filters of three words.
      hidden: Units of the dense layer.
      dropout: The share of units dropped in training.
      rate: The highest learning rate of the one-cycle schedule.
      epochs: Passes over the training reviews.
      batch: Reviews a step.
    """

    width: int = 64
    filters: int = 128
    hidden: int = 64
    dropout: float = 0.4
    rate: float = 2e-3
    epochs: int = 3
    batch: int = 64


def network(corpus: Corpus, settings: Hyperparameters) -> ConvClassifier:
    """The model for a corpus."""
    return ConvClassifier(len(corpus.words), settings.width, settings.filters, settings.hidden, settings.dropout)


def accuracy(model: ConvClassifier, params: Any, rows: tuple[np.ndarray, np.ndarray], console: Console) -> float:
    """The share of rows whose larger logit is the label, with a progress bar."""
    ids, labels = rows
    forward, hits, batch = jax.jit(lambda params, ids: linen.logits(model, params, ids).argmax(-1)), 0, 200
    with training.progress(console) as bar:
        task = bar.add_task("testing", total=len(ids), note="")
        for start in range(0, len(ids), batch):
            done = min(start + batch, len(ids))
            hits += int((np.asarray(forward(params, ids[start:done])) == labels[start:done]).sum())
            bar.update(task, completed=done, note=f"accuracy {hits / done:.3f}")
    return hits / len(ids)


def _fit(model: ConvClassifier, corpus: Corpus, settings: Hyperparameters, seed: int, console: Console) -> Any:
    ids, labels = corpus.train
    steps = settings.epochs * (len(ids) // settings.batch)

    def loss(params: Any, key: jax.Array, ids: jax.Array, labels: jax.Array) -> jax.Array:
        logits = linen.logits(model, params, ids, train=True, rngs={"dropout": key})
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    start, dropout = jax.random.split(jax.random.key(seed))
    return training.fit(
        loss,
        jax.jit(model.init)(start, jnp.asarray(ids[:1])),
        training.shuffled((ids, labels), batch=settings.batch, epochs=settings.epochs, seed=seed),
        optimizer=optax.adam(optax.cosine_onecycle_schedule(steps, settings.rate)),
        steps=steps,
        key=dropout,
        console=console,
    )


def trained(
    corpus: Corpus, path: Path, settings: Hyperparameters, *, seed: int, console: Console
) -> tuple[ConvClassifier, Any, dict[str, Any]]:
    """Trains and tests the model, or reads the parameters of an earlier run with the same data and settings.

    Args:
      corpus: The encoded reviews.
      path: The parameter file.
      settings: The hyperparameters.
      seed: The seed of parameters, order and dropout.
      console: Where progress bars are drawn.

    Returns:
      The model, its variables, and what is known of them: settings, test accuracy, seconds.
    """
    model = network(corpus, settings)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.asarray(corpus.train[0][:1]))
    length = corpus.train[0].shape[1]
    wanted = {**dataclasses.asdict(settings), "seed": seed, "length": length, "data_sha256": corpus.sha256}
    if path.exists() and (about := load_arrays(path)[1]).get("settings") == wanted:
        return model, load_params(path, shapes)[0], {**about, "reused": True}
    begin = time.perf_counter()
    params = jax.block_until_ready(_fit(model, corpus, settings, seed, console))
    about = {"settings": wanted, "train_seconds": round(time.perf_counter() - begin, 1)}
    about["train_accuracy"] = accuracy(model, params, corpus.train, console)
    about["test_accuracy"] = accuracy(model, params, corpus.test, console)
    save_params(path, params, about)
    return model, params, {**about, "reused": False}

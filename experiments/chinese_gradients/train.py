"""Trains a classifier once and keeps its parameters."""

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
from experiments.chinese_gradients.data import Corpus
from experiments.chinese_gradients.model import CharacterClassifier
from experiments.chinese_gradients.rankings import Network


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Chosen on a sixth of the training texts of three sets, held out for that; never on test texts.

    Attributes:
      width: Entries of a character's vector.
      filters: Filters of three characters.
      hidden: Units of the layer before the logits.
      dropout: The share of entries dropped in training.
      at_least: How often a character occurs in the training texts to have an id of its own.
      rate: The highest learning rate of the one-cycle schedule.
      epochs: Passes over the training texts.
      batch: Texts a step.
    """

    width: int = 128
    filters: int = 128
    hidden: int = 128
    dropout: float = 0.2
    at_least: int = 3
    rate: float = 2e-3
    epochs: int = 4
    batch: int = 32


def model_of(corpus: Corpus, pooling: str, settings: Hyperparameters) -> CharacterClassifier:
    """The model for a corpus."""
    return CharacterClassifier(
        len(corpus.characters),
        len(corpus.classes),
        pooling,
        settings.width,
        settings.filters,
        settings.hidden,
        settings.dropout,
    )


def network_of(model: CharacterClassifier) -> Network:
    """The model as functions of its parameters."""

    def table(params: Any, ids: jax.Array, label: jax.Array) -> jax.Array:
        del ids, label
        return params["params"]["embed"]["embedding"]

    return Network(
        logits=lambda params, ids: linen.logits(model, params, ids),
        table=table,
        pooling=model.pooling,
    )


def predict(network: Network, params: Any, ids: np.ndarray, *, batch: int = 128) -> np.ndarray:
    """The class of the largest logit of each text, `int32[N]`."""
    forward = jax.jit(jax.vmap(lambda ids: network.logits(params, ids).argmax().astype(jnp.int32)))
    return training.in_batches(forward, (ids,), batch=batch)


def accuracy(network: Network, params: Any, rows: tuple[np.ndarray, np.ndarray]) -> float:
    """The share of rows whose largest logit is the label."""
    return float((predict(network, params, rows[0]) == rows[1]).mean())


def _fit(model: CharacterClassifier, corpus: Corpus, settings: Hyperparameters, seed: int, console: Console) -> Any:
    ids, labels = corpus.train
    batch = min(settings.batch, len(ids))
    steps = settings.epochs * (len(ids) // batch)

    def loss(params: Any, key: jax.Array, ids: jax.Array, labels: jax.Array) -> jax.Array:
        logits = linen.logits(model, params, ids, train=True, rngs={"dropout": key})
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    start, dropout = jax.random.split(jax.random.key(seed))
    return training.fit(
        loss,
        jax.jit(model.init)(start, jnp.asarray(ids[:1])),
        training.shuffled((ids, labels), batch=batch, epochs=settings.epochs, seed=seed),
        optimizer=optax.adam(optax.cosine_onecycle_schedule(steps, settings.rate)),
        steps=steps,
        key=dropout,
        console=console,
        title=f"training {corpus.name}, {model.pooling}",
    )


def trained(
    corpus: Corpus, pooling: str, path: Path, settings: Hyperparameters, *, seed: int, console: Console
) -> tuple[CharacterClassifier, Any, dict[str, Any]]:
    """Trains and tests a model, or reads the parameters of an earlier run with the same data and settings.

    Args:
      corpus: The encoded texts.
      pooling: The pooling of the model.
      path: The parameter file.
      settings: The hyperparameters.
      seed: The seed of parameters, order and dropout.
      console: Where progress bars are drawn.

    Returns:
      The model, its variables, and what is known of them: settings, accuracies, seconds.
    """
    model = model_of(corpus, pooling, settings)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.asarray(corpus.train[0][:1]))
    wanted = {
        **dataclasses.asdict(settings),
        "pooling": pooling,
        "seed": seed,
        "texts": len(corpus.train[0]),
        "length": corpus.train[0].shape[1],
        "data_sha256": corpus.sha256,
    }
    if path.exists() and (about := load_arrays(path)[1]).get("settings") == wanted:
        return model, load_params(path, shapes)[0], {**about, "reused": True}
    begin = time.perf_counter()
    params = jax.block_until_ready(_fit(model, corpus, settings, seed, console))
    about = {"settings": wanted, "train_seconds": round(time.perf_counter() - begin, 1)}
    network = network_of(model)
    about["train_accuracy"] = accuracy(network, params, corpus.train)
    about["test_accuracy"] = accuracy(network, params, corpus.test)
    save_params(path, params, about)
    return model, params, {**about, "reused": False}

"""Trains the network once and keeps its parameters."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from experiments._shared import linen, training
from experiments._shared.arrays import load_arrays, load_params, save_params
from experiments._shared.words import PAD
from experiments.deepmoji_occlusion.bag import bag_of_words, majority
from experiments.deepmoji_occlusion.compare import mean_of
from experiments.deepmoji_occlusion.data import Corpus, Rows, like_lengths
from experiments.deepmoji_occlusion.model import DeepMoji


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Chosen on the validation texts. The paper has units 512; 128 is what two cores train in some minutes.

    Attributes:
      width: Entries of a word vector.
      units: Units of each LSTM in each direction.
      embed_dropout: The share of the entries of the word vectors dropped in training.
      dropout: The share of the pooled entries dropped in training.
      rate: The highest learning rate of the one-cycle schedule of Adam.
      epochs: Passes over the training texts.
      batch: Texts a step.
    """

    width: int = 256
    units: int = 128
    embed_dropout: float = 0.5
    dropout: float = 0.5
    rate: float = 1e-3
    epochs: int = 4
    batch: int = 16


def network(corpus: Corpus, settings: Hyperparameters) -> DeepMoji:
    """The model for a corpus."""
    sizes = (len(corpus.words), len(corpus.names), settings.width, settings.units)
    return DeepMoji(*sizes, settings.embed_dropout, settings.dropout)


def predict(forward: Callable[[np.ndarray], Any], ids: np.ndarray) -> np.ndarray:
    """The likeliest class of each text, `int[N]`; `forward` gives logits, and texts of like length run together."""
    lengths = np.maximum((ids != PAD).sum(1), 1)
    found = np.empty(len(ids), int)
    for longest in np.unique(-(-lengths // 16) * 16):
        rows = np.flatnonzero(-(-lengths // 16) * 16 == longest)
        found[rows] = training.in_batches(forward, (ids[rows, : min(longest, ids.shape[1])],), batch=64).argmax(-1)
    return found


def _fit(model: DeepMoji, train: Rows, settings: Hyperparameters, seed: int, console: Console) -> Any:
    steps = settings.epochs * (len(train.ids) // settings.batch)

    def loss(params: Any, key: jax.Array, ids: jax.Array, labels: jax.Array) -> jax.Array:
        logits = linen.logits(model, params, ids, train=True, rngs={"dropout": key})
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    start, dropout = jax.random.split(jax.random.key(seed))
    rate = optax.cosine_onecycle_schedule(max(steps, 1), settings.rate)
    return training.fit(
        loss,
        jax.jit(model.init)(start, jnp.asarray(train.ids[:1])),
        like_lengths(train.ids, train.labels, batch=settings.batch, epochs=settings.epochs, seed=seed),
        optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)),
        steps=steps,
        key=dropout,
        console=console,
    )


def trained(
    corpus: Corpus, path: Path, settings: Hyperparameters, *, seed: int, console: Console
) -> tuple[DeepMoji, Any, dict[str, Any]]:
    """Trains and tests the network and the baselines, or reads those of an earlier run with the same data and settings.

    Args:
      corpus: The encoded texts.
      path: The parameter file; it appears only when training is over.
      settings: The hyperparameters.
      seed: The seed of parameters, order and dropout.
      console: Where the progress bar is drawn.

    Returns:
      The model, its variables, and what is known of them: settings, accuracies, seconds.
    """
    model = network(corpus, settings)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.asarray(corpus.train.ids[:1]))
    wanted = {
        **dataclasses.asdict(settings),
        "seed": seed,
        "length": corpus.train.ids.shape[1],
        "texts": [len(rows.ids) for rows in (corpus.train, corpus.validation, corpus.test)],
        "data_sha256": corpus.sha256,
    }
    if path.exists() and (about := load_arrays(path)[1]).get("settings") == wanted:
        return model, load_params(path, shapes)[0], {**about, "reused": True}
    begin = time.perf_counter()
    params = jax.block_until_ready(_fit(model, corpus.train, settings, seed, console))
    about: dict[str, Any] = {"settings": wanted, "train_seconds": round(time.perf_counter() - begin, 1)}
    about["parameters"] = sum(leaf.size for leaf in jax.tree.leaves(params))
    with console.status("testing, and a bag of words beside it"):
        forward = jax.jit(lambda ids: linen.logits(model, params, ids))
        hits = {
            name: predict(forward, rows.ids) == rows.labels
            for name, rows in (("train", corpus.train), ("validation", corpus.validation), ("test", corpus.test))
        }
        about |= {f"{name}_accuracy": float(found.mean()) for name, found in hits.items()}
        about["majority_accuracy"] = majority(corpus.train, corpus.test)
        bag, about["bag_of_words"] = bag_of_words(
            corpus.train, corpus.validation, corpus.test, vocabulary=len(corpus.words), classes=len(corpus.names)
        )
        ahead = hits["test"].astype(float) - (bag == corpus.test.labels)
        about["ahead_of_bag_of_words"] = dataclasses.asdict(mean_of(ahead))
    save_params(path, params, about)
    return model, params, {**about, "reused": False}

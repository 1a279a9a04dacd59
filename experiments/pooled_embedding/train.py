"""Trains both models once and keeps their parameters."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import keras
from rich.console import Console

from experiments._shared.arrays import load_arrays, load_params, save_params
from experiments.pooled_embedding import keras_model, linen_model
from experiments.pooled_embedding.data import Corpus
from experiments.pooled_embedding.network import Network, accuracy
from experiments.pooled_embedding.settings import Hyperparameters


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model with its parameters.

    Attributes:
      network: The model as functions.
      params: Its parameters.
      about: What is known of them: settings, accuracies, seconds, and whether they were reused.
    """

    network: Network
    params: Any
    about: dict[str, Any]


def trained(
    corpus: Corpus, folder: Path, settings: Hyperparameters, *, seed: int, console: Console
) -> tuple[Trained, Trained]:
    """Trains and tests both models, or reads the parameters of an earlier run with the same data and settings.

    Args:
      corpus: The encoded reviews.
      folder: Where `flax.npz` and `keras.npz` are kept.
      settings: The hyperparameters.
      seed: The seed of parameters and order.
      console: Where progress is told.

    Returns:
      The Flax model and the Keras model.
    """
    length = corpus.train[0].shape[1]
    wanted = {**dataclasses.asdict(settings), "seed": seed, "length": length, "vocabulary": len(corpus.words)}
    wanted["data_sha256"] = corpus.sha256
    module = linen_model.PooledClassifier(len(corpus.words), settings.width, settings.hidden)
    keras.utils.set_random_seed(seed)
    model = keras_model.build(len(corpus.words), settings, length)

    def fit_keras() -> Any:
        with console.status("training Keras with its own fit"):
            return keras_model.fit(model, corpus, settings, seed=seed)

    def kept(network: Network, like: Any, fit: Callable[[], Any]) -> Trained:
        path = folder / f"{network.name.lower()}.npz"
        if path.exists() and (about := load_arrays(path)[1]).get("settings") == wanted:
            return Trained(network, load_params(path, like)[0], {**about, "reused": True})
        begin = time.perf_counter()
        params = jax.block_until_ready(fit())
        about = {"settings": wanted, "train_seconds": round(time.perf_counter() - begin, 1)}
        about["train_accuracy"] = accuracy(network, params, corpus.train)
        about["test_accuracy"] = accuracy(network, params, corpus.test)
        save_params(path, params, about)
        return Trained(network, params, {**about, "reused": False})

    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), keras_model.variables(model))
    linen = kept(
        linen_model.network(module),
        linen_model.shapes(module, length),
        lambda: linen_model.fit(module, corpus, settings, seed=seed, console=console),
    )
    source = kept(keras_model.network(model), shapes, fit_keras)
    keras_model.assign(model, source.params)
    return linen, source

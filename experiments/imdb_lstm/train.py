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
from experiments.imdb_cnn.data import Corpus
from experiments.imdb_lstm import flax_model, keras_model
from experiments.imdb_lstm.network import Network, accuracy
from experiments.imdb_lstm.settings import Hyperparameters


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
      seed: The seed of parameters, order and dropout.
      console: Where progress bars are drawn.

    Returns:
      The Flax model and the Keras model.
    """
    length = corpus.train[0].shape[1]
    wanted = {**dataclasses.asdict(settings), "seed": seed, "length": length, "vocabulary": len(corpus.words)}
    wanted["data_sha256"] = corpus.sha256
    module = flax_model.LstmClassifier(len(corpus.words), settings.width, settings.units, settings.dropout)
    keras.utils.set_random_seed(seed)
    steps = keras_model.steps(len(corpus.train[0]), settings)
    model = keras_model.build(len(corpus.words), settings, length, steps=steps)

    def fit_flax() -> Any:
        return flax_model.fit(module, corpus, settings, seed=seed, console=console)

    def fit_keras() -> Any:
        keras_model.fit(model, corpus, settings, seed=seed, console=console)
        return keras_model.variables(model)

    def kept(network: Network, like: Any, fit: Callable[[], Any]) -> Trained:
        path = folder / f"{network.name.lower()}.npz"
        if path.exists() and (about := load_arrays(path)[1]).get("settings") == wanted:
            return Trained(network, load_params(path, like)[0], {**about, "reused": True})
        begin = time.perf_counter()
        params = jax.block_until_ready(fit())
        about = {"settings": wanted, "train_seconds": round(time.perf_counter() - begin, 1)}
        about["train_accuracy"] = accuracy(network, params, corpus.train, console)
        about["test_accuracy"] = accuracy(network, params, corpus.test, console)
        save_params(path, params, about)
        return Trained(network, params, {**about, "reused": False})

    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), keras_model.variables(model))
    linen = kept(flax_model.network(module), flax_model.shapes(module, length), fit_flax)
    source = kept(keras_model.network(model), shapes, fit_keras)
    keras_model.assign(model, source.params)
    return linen, source

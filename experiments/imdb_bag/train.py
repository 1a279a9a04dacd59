"""Trains the network once and keeps its parameters."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from experiments._shared import training
from experiments._shared.arrays import load_arrays, load_params, save_params
from experiments._shared.bags import Bags, unpack
from experiments.imdb_bag.model import BagClassifier, logits


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Chosen on 2,500 of the training reviews, held out for that; never on test reviews.

    Attributes:
      hidden: Units of each hidden layer.
      dropout: The share of words and units dropped in training.
      rate: The highest learning rate of the one-cycle schedule.
      epochs: Passes over the training reviews.
      batch: Reviews a step.
    """

    hidden: tuple[int, ...] = (128, 64, 32)
    dropout: float = 0.5
    rate: float = 1e-3
    epochs: int = 6
    batch: int = 128


def margins(model: BagClassifier, params: Any, packed: np.ndarray, size: int) -> np.ndarray:
    """The logit of "positive" less that of "negative" for packed bags, `float32[N]`."""

    @jax.jit
    def forward(params: Any, packed: jax.Array) -> jax.Array:
        return jnp.diff(logits(model, params, unpack(packed, size)), axis=-1)[..., 0]

    batch = min(500, len(packed))
    return training.in_batches(lambda packed: forward(params, packed), (packed,), batch=batch)


def _fit(model: BagClassifier, bags: Bags, settings: Hyperparameters, seed: int, console: Console) -> Any:
    size, batch = len(bags.words), min(settings.batch, len(bags.train[0]))
    steps = settings.epochs * (len(bags.train[0]) // batch)

    def loss(params: Any, key: jax.Array, packed: jax.Array, labels: jax.Array) -> jax.Array:
        found = logits(model, params, unpack(packed, size), train=True, rngs={"dropout": key})
        return optax.softmax_cross_entropy_with_integer_labels(found, labels).mean()

    start, dropout = jax.random.split(jax.random.key(seed))
    return training.fit(
        loss,
        jax.jit(model.init)(start, jnp.zeros((1, size))),
        training.shuffled(bags.train, batch=batch, epochs=settings.epochs, seed=seed),
        optimizer=optax.adam(optax.cosine_onecycle_schedule(steps, settings.rate)),
        steps=steps,
        key=dropout,
        console=console,
    )


def trained(
    bags: Bags, path: Path, settings: Hyperparameters, *, seed: int, console: Console
) -> tuple[BagClassifier, Any, dict[str, Any]]:
    """Trains the network, or reads the parameters of an earlier run with the same data and settings.

    Args:
      bags: The encoded reviews.
      path: The parameter file.
      settings: The hyperparameters.
      seed: The seed of parameters, order and dropout.
      console: Where the progress bar is drawn.

    Returns:
      The network, its variables, and what is known of them: settings and seconds of training.
    """
    size = len(bags.words)
    model = BagClassifier(settings.hidden, settings.dropout)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, size)))
    wanted = {**dataclasses.asdict(settings), "hidden": list(settings.hidden)}
    wanted |= {"seed": seed, "dictionary": size, "data_sha256": bags.sha256}
    if path.exists() and (about := load_arrays(path)[1]).get("settings") == wanted:
        return model, load_params(path, shapes)[0], {**about, "reused": True}
    begin = time.perf_counter()
    params = jax.block_until_ready(_fit(model, bags, settings, seed, console))
    about = {"settings": wanted, "train_seconds": round(time.perf_counter() - begin, 1)}
    save_params(path, params, about)
    return model, params, {**about, "reused": False}

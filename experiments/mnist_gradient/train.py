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
from experiments.mnist_gradient.model import PIXELS, DigitClassifier, Digits, grey, logits


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Chosen on 6,000 of the training images, held out for that; never on test images.

    Attributes:
      hidden: Units of each hidden layer.
      dropout: The share of hidden units dropped in training.
      rate: The highest learning rate of the one-cycle schedule.
      epochs: Passes over the training images.
      batch: Images a step.
    """

    hidden: tuple[int, ...] = (256, 128)
    dropout: float = 0.2
    rate: float = 2e-3
    epochs: int = 8
    batch: int = 128


def all_logits(model: DigitClassifier, params: Any, images: np.ndarray) -> np.ndarray:
    """The logits of all images, `float32[N, 10]` from `uint8[N, 784]`."""
    forward = jax.jit(lambda params, images: logits(model, params, grey(images)))
    return training.in_batches(lambda rows: forward(params, rows), (images,), batch=min(1000, len(images)))


def _fit(model: DigitClassifier, rows: Any, settings: Hyperparameters, seed: int, console: Console) -> Any:
    batch = min(settings.batch, len(rows[0]))
    steps = settings.epochs * (len(rows[0]) // batch)

    def loss(params: Any, key: jax.Array, images: jax.Array, labels: jax.Array) -> jax.Array:
        found = logits(model, params, grey(images), train=True, rngs={"dropout": key})
        return optax.softmax_cross_entropy_with_integer_labels(found, labels).mean()

    start, dropout = jax.random.split(jax.random.key(seed))
    return training.fit(
        loss,
        jax.jit(model.init)(start, jnp.zeros((1, PIXELS))),
        training.shuffled(rows, batch=batch, epochs=settings.epochs, seed=seed),
        optimizer=optax.adam(optax.cosine_onecycle_schedule(steps, settings.rate)),
        steps=steps,
        key=dropout,
        console=console,
    )


def trained(
    found: Digits, path: Path, settings: Hyperparameters, *, seed: int, console: Console
) -> tuple[DigitClassifier, Any, dict[str, Any]]:
    """Trains the network, or reads the parameters of an earlier run with the same data and settings.

    Args:
      found: The images.
      path: The parameter file.
      settings: The hyperparameters.
      seed: The seed of parameters, order and dropout.
      console: Where the progress bar is drawn.

    Returns:
      The network, its variables, and what is known of them: settings and seconds of training.
    """
    model = DigitClassifier(settings.hidden, settings.dropout)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, PIXELS)))
    wanted = {**dataclasses.asdict(settings), "hidden": list(settings.hidden)}
    wanted |= {"seed": seed, "data_sha256": found.sha256}
    if path.exists() and (about := load_arrays(path)[1]).get("settings") == wanted:
        return model, load_params(path, shapes)[0], {**about, "reused": True}
    begin = time.perf_counter()
    params = jax.block_until_ready(_fit(model, found.train, settings, seed, console))
    about = {"settings": wanted, "train_seconds": round(time.perf_counter() - begin, 1)}
    save_params(path, params, about)
    return model, params, {**about, "reused": False}

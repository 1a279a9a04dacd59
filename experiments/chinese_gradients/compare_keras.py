"""The Keras model beside a Linen model with its weights: the same methods must give the same numbers."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments._shared.training import in_batches
from experiments._shared.words import PAD
from experiments.chinese_gradients import explain, keras_model, rankings
from experiments.chinese_gradients.data import Corpus
from experiments.chinese_gradients.faithful import interval
from experiments.chinese_gradients.model import MAXIMUM
from experiments.chinese_gradients.rankings import INTEGRATED, SOURCE_POOLING, Network
from experiments.chinese_gradients.train import Hyperparameters, accuracy, model_of, network_of


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference over all texts and characters, as a share of the largest size."""
    return float(np.abs(a - b).max() / np.abs(b).max())


def as_network(corpus: Corpus, settings: Hyperparameters) -> Network:
    """The Linen model that reads padding as the Keras model does."""
    return network_of(model_of(corpus, MAXIMUM, settings).clone(reads_padding=True))


def on_padding(network: Network, *, steps: int) -> rankings.Explain:
    """What integrated gradients from zero vectors, as the path of the source begins, hand to the padding.

    Returns:
      `explain(params, ids, label)`: the sizes at padding as a share of all sizes.
    """

    def explained(params: Any, ids: jax.Array, label: jax.Array) -> Any:
        embed, head = network.cut(network.log_odds)
        path = ja.integrated_gradients(lambda x: head(x, params, ids, label), baseline=jnp.zeros_like, steps=steps)
        sizes = jnp.abs(path(embed(params, ids, label)).sum(-1))
        return jnp.where(ids == PAD, sizes, 0).sum() / sizes.sum()

    return explained


def compare(
    corpus: Corpus, settings: Hyperparameters, *, texts: int, steps: int, shortest: int, seed: int, console: Console
) -> dict[str, Any]:
    """Trains the Keras model by its own `fit`, explains some test texts with both models, and compares.

    Args:
      corpus: The encoded texts.
      settings: The sizes, epochs and batch.
      texts: How many test texts are explained.
      steps: Nodes of integrated gradients.
      shortest: How many characters a text has at least.
      seed: The seed of the training and of the choice of texts.
      console: Where it is said what is done.

    Returns:
      Accuracy, seconds of training, the largest relative difference by method and of the logits, the completeness gap,
      and the part of integrated gradients from zero vectors that the padding gets.
    """
    begin = time.perf_counter()
    with console.status("training the Keras model"):
        model = keras_model.fit(corpus, settings, seed=seed)
    seconds = time.perf_counter() - begin
    keras_network, linen_network = keras_model.network(model), as_network(corpus, settings)
    params, copied = keras_model.variables(model), keras_model.as_linen(model)
    chosen = explain.sample(keras_network, params, corpus.test, texts=texts, shortest=shortest, seed=seed)
    batch = min(8, texts)
    first = explain.explained(keras_network, params, chosen, steps=steps, batch=batch)
    second = explain.explained(linen_network, copied, chosen, steps=steps, batch=batch)
    logits = [
        np.asarray(jax.jit(jax.vmap(lambda ids, n=n, p=p: n.logits(p, ids)))(chosen.ids))
        for n, p in ((keras_network, params), (linen_network, copied))
    ]
    padded = jax.jit(jax.vmap(on_padding(keras_network, steps=steps), in_axes=(None, 0, 0)))
    parts = in_batches(lambda *rows: padded(params, *rows), (chosen.ids, chosen.predicted), batch=batch)
    weights = np.where(chosen.ids != PAD, keras_model.weights(model, chosen.ids), 0)
    shared = first["values"].keys() & second["values"].keys()
    return {
        "test_accuracy": accuracy(keras_network, params, corpus.test),
        "train_seconds": round(seconds, 1),
        "texts": len(chosen.ids),
        "difference": {
            "logits": difference(*logits),
            SOURCE_POOLING: difference(weights, second["values"][SOURCE_POOLING]),
            **{name: difference(first["values"][name], second["values"][name]) for name in sorted(shared)},
        },
        "largest": float(np.abs(first["values"][INTEGRATED]).max()),
        "gap": explain.gaps(first["gap"], first["change"]),
        "on_padding_from_zeros": interval(parts),
    }

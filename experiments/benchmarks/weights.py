"""Texts and weights for the benchmarks: random from a seed, or trained for some steps on a task made for it."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from experiments._shared import training
from experiments._shared.arrays import load_arrays, load_params, save_params
from experiments._shared.linen import logits
from experiments.benchmarks.models import MODELS, VOCABULARY, Subject

_OPINIONS = 120
_FIRST = 100


def texts(count: int, length: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Made-up texts: frequent and rare words, about one in eight of them an opinion; the label is the side of the sum.

    Args:
      count: How many texts.
      length: Words of each.
      seed: The seed of the texts; the strengths of the words are always the same.

    Returns:
      Ids `int32[N, T]` and labels `int32[N]`.
    """
    strengths = np.zeros(VOCABULARY)
    strengths[_FIRST : _FIRST + _OPINIONS] = np.random.default_rng(0).uniform(-1.5, 1.5, _OPINIONS)
    rng = np.random.default_rng(seed)
    common = np.minimum(60 * rng.pareto(0.9, (count, length)) + 1, VOCABULARY - 1).astype(np.int32)
    side = rng.choice([-1.0, 1.0], (count, 1))
    spoken = rng.integers(_FIRST, _FIRST + _OPINIONS, (count, length), dtype=np.int32)
    agrees = strengths[spoken] * side > 0
    kept = (rng.random((count, length)) < 0.125) & (agrees | (rng.random((count, length)) < 0.4))
    ids = np.where(kept, spoken, common)
    return ids, (strengths[ids].sum(1) > 0).astype(np.int32)


def subject(key: str, *, seed: int, steps: int, folder: Path, console: Console) -> Subject:
    """A model with weights.

    Args:
      key: "A" to "F".
      seed: The seed of the weights and of the texts that it learns from.
      steps: Steps of training, 32 texts each; with 0 the weights stay random.
      folder: Where trained weights are kept; a later run reuses them.
      console: Where the progress bar is drawn.

    Returns:
      The model with its weights.
    """
    module: Any = MODELS[key]
    blank = jnp.zeros((1, module.length), jnp.int32)
    params = jax.jit(module.init)(jax.random.key(seed), blank)
    if steps:
        path, wanted = folder / f"weights_{key}.npz", {"seed": seed, "steps": steps}
        if path.exists() and load_arrays(path)[1] == wanted:
            params = load_params(path, params)[0]
        else:
            params = _trained(module, params, seed=seed, steps=steps, console=console)
            save_params(path, params, wanted)
    outputs = jax.eval_shape(lambda p: logits(module, p, blank), params).shape[-1]
    return Subject(key, module, params, outputs - 1)


def _trained(module: Any, params: Any, *, seed: int, steps: int, console: Console) -> Any:
    ids, labels = texts(32 * min(steps, 200), module.length, seed=seed + 1)

    def loss(params: Any, key: jax.Array, ids: jax.Array, labels: jax.Array) -> jax.Array:
        del key
        found = logits(module, params, ids)
        found = found[:, -1] - (found[:, 0] if found.shape[-1] > 1 else 0)
        return optax.sigmoid_binary_cross_entropy(found, labels.astype(found.dtype)).mean()

    schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, steps // 10, steps)
    return training.fit(
        loss,
        params,
        training.shuffled((ids, labels), batch=32, epochs=-(-steps // 200), seed=seed),
        optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule)),
        steps=steps,
        key=jax.random.key(seed),
        console=console,
    )

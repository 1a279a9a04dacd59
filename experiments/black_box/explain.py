"""What putting a word in changes, for every word of a dictionary, by central differences."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments._shared.bags import unpack
from experiments._shared.training import progress
from experiments.black_box.trees import score


def differences(model: Any, packed: np.ndarray, size: int, *, batch: int, console: Console) -> np.ndarray:
    """The log-odds with each word less the log-odds without it, whether or not the review holds it.

    A tree that splits between 0 and 1 reads 2 as 1 and -1 as 0. So the central difference of step 1 compares 1 with 0
    whichever of the two the entry is, over a distance of 2, and twice its value is what is wanted.

    Args:
      model: The trees.
      packed: The bags, `uint8[N, ceil(V / 8)]`.
      size: Words of the dictionary, V.
      batch: Words moved at once; the trees get twice as many rows in a call.
      console: Where the progress bar is drawn.

    Returns:
      `float32[N, V]`, in logits.
    """
    explain = jax.jit(ja.finite_differences(score(model), step=1.0, batch_size=batch))
    found = []
    with progress(console) as bar:
        task = bar.add_task("explaining", total=len(packed), note=f"{2 * size:,} evaluations a review")
        for row in packed:
            found.append(2 * np.asarray(explain(unpack(jnp.asarray(row), size))))
            bar.advance(task)
    return np.stack(found)


def literal(model: Any, packed: np.ndarray, size: int, words: np.ndarray) -> np.ndarray:
    """The same for some words by setting entries to 1 and to 0, without JAX: `float64[N, K]`."""
    found = []
    for bits in np.unpackbits(packed, axis=-1, count=size).astype(np.float64):
        rows = np.repeat(bits[None], 2 * len(words), axis=0)
        rows[np.arange(len(words)), words] = 1
        rows[len(words) + np.arange(len(words)), words] = 0
        put, taken = model.decision_function(rows).reshape(2, -1)
        found.append(put - taken)
    return np.stack(found)

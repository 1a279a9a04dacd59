"""A training loop and batches."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def progress(console: Console) -> Progress:
    """A progress bar: what, bar, count, time gone, time left, last note."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
        console=console,
    )


def shuffled(arrays: tuple[np.ndarray, ...], *, batch: int, epochs: int, seed: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields batches of equal size in a new order each epoch; the rows left over are dropped.

    Args:
      arrays: Arrays with the same leading axis.
      batch: Rows a batch.
      epochs: How many passes over the rows.
      seed: The seed of the order.

    Yields:
      One batch of each array.
    """
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(arrays[0]))
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start : start + batch]
            yield tuple(array[rows] for array in arrays)


def fit(
    loss: Callable[..., jax.Array],
    params: Any,
    batches: Iterator[tuple[np.ndarray, ...]],
    *,
    optimizer: optax.GradientTransformation,
    steps: int,
    key: jax.Array,
    console: Console,
    title: str = "training",
) -> Any:
    """Fits parameters with a progress bar.

    Args:
      loss: `loss(params, key, *batch)`, one number.
      params: The initial parameters.
      batches: At least `steps` batches.
      optimizer: An optax optimizer.
      steps: How many steps.
      key: The key of dropout; each step gets its own.
      console: Where the progress bar is drawn.
      title: What the progress bar says.

    Returns:
      The fitted parameters.
    """

    @jax.jit
    def step(params: Any, state: Any, key: jax.Array, *batch: jax.Array) -> tuple[Any, Any, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(params, key, *batch)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    state = optimizer.init(params)
    recent: list[jax.Array] = []
    with progress(console) as bar:
        task = bar.add_task(title, total=steps, note="")
        for number, batch in zip(range(steps), batches, strict=False):
            params, state, value = step(params, state, jax.random.fold_in(key, number), *batch)
            recent = [*recent[-24:], value]
            if number % 25 == 24 or number == steps - 1:
                bar.update(task, completed=number + 1, note=f"loss {float(jnp.stack(recent).mean()):.3f}")
    return params


def in_batches(f: Callable[..., Any], arrays: tuple[np.ndarray, ...], *, batch: int) -> Any:
    """Applies `f` to batches of rows and joins the results; the last batch is filled with repeated rows.

    Args:
      f: A function of arrays with `batch` rows each, compiled once; its results have `batch` rows too.
      arrays: Arrays with the same leading axis.
      batch: Rows a call.

    Returns:
      The results of all rows, as NumPy arrays.
    """
    rows = len(arrays[0])
    parts = []
    for start in range(0, rows, batch):
        take = np.minimum(np.arange(start, start + batch), rows - 1)
        parts.append(jax.tree.map(np.asarray, f(*(array[take] for array in arrays))))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:rows], *parts)

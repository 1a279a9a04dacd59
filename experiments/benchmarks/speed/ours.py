"""A task in JAX: by the driver of jaxattr, by its transforms under `jit(vmap(...))`, and written by hand."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments.benchmarks.speed.problem import Problem, Task
from experiments.benchmarks.speed.way import DRIVER, JITTED, Ready, Way
from experiments.benchmarks.timing import compiled

Explain = Callable[..., jax.Array]


def explanation(problem: Problem, task: Task, *, inside: int | None = None) -> Explain:
    """A task for one text by a transform of jaxattr.

    Args:
      problem: The model.
      task: What is computed.
      inside: Nodes evaluated at once; None leaves it to the library.

    Returns:
      A function of the parameters and of one row.
    """

    def gradient(params: Any, x: jax.Array) -> jax.Array:
        return ja.gradient(lambda x: problem.score(params, x))(x)

    def integrated(params: Any, x: jax.Array, x0: jax.Array | None = None) -> jax.Array:
        baseline: Any = jnp.zeros_like if x0 is None else x0
        make = ja.integrated_gradients(
            lambda x: problem.score(params, x), baseline=baseline, steps=task.steps, batch_size=inside
        )
        return make(x)

    return gradient if task.kind == "saliency" else integrated


def by_hand(problem: Problem, task: Task, *, inside: int | None = None) -> Explain:
    """The same in plain JAX, as one writes it: the gradient, and its weighted sum over chunks of nodes.

    Args:
      problem: The model.
      task: What is computed.
      inside: Nodes evaluated at once; None is all.

    Returns:
      A function of the parameters and of one row.
    """
    t, w = np.polynomial.legendre.leggauss(task.steps)
    chunks = np.reshape([(t + 1) / 2, w / 2], (2, -1, inside or task.steps))

    def integrated(params: Any, x: jax.Array, x0: jax.Array | None = None) -> jax.Array:
        start = jnp.zeros_like(x) if x0 is None else x0

        def total(chunk: tuple[jax.Array, jax.Array]) -> jax.Array:
            points = start[None] + chunk[0][:, None, None] * (x - start)[None]
            slopes = jax.vmap(jax.grad(problem.score, argnums=1), in_axes=(None, 0))(params, points)
            return jnp.tensordot(chunk[1], slopes, 1)

        return (x - start) * jax.lax.map(total, tuple(jnp.asarray(chunks, x.dtype))).sum(0)

    def gradient(params: Any, x: jax.Array) -> jax.Array:
        return jax.grad(problem.score, argnums=1)(params, x)

    return gradient if task.kind == "saliency" else integrated


def ready(problem: Problem, task: Task, way: Way) -> Ready:
    """A way in JAX, compiled.

    Args:
      problem: The model and its texts.
      task: What is computed.
      way: By whom and how.

    Returns:
      What can be timed.
    """
    if way.method == DRIVER:
        return _driven(problem, task, way)
    make = explanation if way.method == JITTED else by_hand
    explain = make(problem, task, inside=way.inside)
    rows, size = problem.rows(task), way.rows or task.count
    chunks = [jax.device_put({k: a[i : i + size] for k, a in rows.items()}) for i in range(0, task.count, size)]
    over_rows = jax.vmap(lambda params, row: explain(params, **row), in_axes=(None, 0))
    program = compiled(over_rows, problem.params, chunks[0])

    def run() -> np.ndarray:
        pending = [program.call(problem.params, chunk) for chunk in chunks]
        return np.concatenate([np.asarray(values) for values in pending])

    return Ready(run, program.trace_seconds + program.compile_seconds)


def _driven(problem: Problem, task: Task, way: Way) -> Ready:
    """The driver with its plan; planning, and what the first run compiles, is counted as compiling."""
    explain, rows = explanation(problem, task, inside=way.inside), problem.rows(task)
    begin = time.perf_counter()
    plan = ja.scale.plan(explain, problem.params, rows, batch_size=way.rows)

    over_rows = ja.scale.mapped(explain, plan=plan)

    def run() -> np.ndarray:
        return np.asarray(over_rows(problem.params, rows))

    run()
    first = time.perf_counter()
    run()
    again = time.perf_counter()
    return Ready(run, max(0.0, (first - begin) - (again - first)), plan)

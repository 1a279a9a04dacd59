"""What is explained: the score of one model, its texts as word vectors, and a task."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.models import Subject
from experiments.benchmarks.nnx_models import in_nnx
from experiments.benchmarks.weights import texts

Kind = Literal["saliency", "constant", "any"]
Dtype = Literal["float32", "bfloat16"]
Flax = Literal["linen", "nnx"]

TITLES = {
    "saliency": "saliency",
    "constant": "integrated gradients, baseline of zeros",
    "any": "integrated gradients, another text as baseline",
}


@dataclasses.dataclass(frozen=True)
class Task:
    """What is computed for each text.

    Attributes:
      kind: The gradient, or integrated gradients from zeros ("constant") or from another text ("any").
      count: How many texts.
      steps: Nodes of the path; 1 for the gradient.
    """

    kind: Kind
    count: int
    steps: int = 1

    @property
    def title(self) -> str:
        """What it is called in tables."""
        return TITLES[self.kind] + (f", {self.steps} nodes" if self.kind != "saliency" else "")


@dataclasses.dataclass(frozen=True)
class Problem:
    """A model with its texts.

    Attributes:
      linen: The Linen model, of which the torch twins are made.
      params: The parameters of the explained model, in the precision of the benchmark.
      score: The explained logit of `(params, x)`, word vectors `[T, D]`.
      xs: The texts, `[N, T, D]`.
      x0s: As many other texts.
    """

    linen: Subject
    params: Any
    score: Callable[[Any, jax.Array], jax.Array]
    xs: np.ndarray
    x0s: np.ndarray

    def f(self, x: jax.Array) -> jax.Array:
        """The score of word vectors alone."""
        return self.score(self.params, x)

    def rows(self, task: Task) -> dict[str, np.ndarray]:
        """The texts of a task by the names that its explanation gives them: "x", and "x0" where each has its own."""
        found = {"x": self.xs[: task.count]}
        return found | ({"x0": self.x0s[: task.count]} if task.kind == "any" else {})

    def starts(self, task: Task) -> np.ndarray:
        """Where the path of each text of a task begins, `[N, T, D]`."""
        return self.rows(task).get("x0", np.zeros_like(self.xs[: task.count]))


def problem(linen: Subject, *, count: int, flax: Flax, dtype: Dtype, seed: int) -> Problem:
    """A model with its texts.

    Args:
      linen: The model.
      count: How many texts; as many others serve as baselines.
      flax: Whether the Linen module itself is explained, or the same as an NNX module.
      dtype: Parameters and word vectors are cast to it.
      seed: The seed of the texts.

    Returns:
      The problem.
    """
    explained = linen if flax == "linen" else in_nnx(linen)
    embed, score = explained.parts()
    params = jax.tree.map(lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, explained.params)
    ids = texts(2 * count, linen.length, seed=seed)[0]
    vectors = np.asarray(jax.jit(jax.vmap(embed, in_axes=(None, 0)))(params, ids))
    return Problem(linen, params, score, vectors[:count], vectors[count:])

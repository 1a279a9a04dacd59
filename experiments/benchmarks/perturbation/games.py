"""Shapley values of a few players by jaxattr: exact ones, and estimates from a given number of evaluations."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import jax
import numpy as np

import jaxattr as ja
from experiments.benchmarks.models import Subject

Family = Literal["permutations", "least squares", "tree"]
Estimate = Callable[[jax.Array, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is asked of every library.

    Attributes:
      players: How many players a text is cut into.
      budget: Evaluations of the score that an estimate may use.
      size: Evaluations at once; 0 leaves that to the library.
    """

    players: int
    budget: int
    size: int

    def groups(self, length: int) -> np.ndarray:
        """The player of each position, `int[T]`: neighbouring spans of about equal length."""
        return np.arange(length) * self.players // length

    def clustering(self) -> np.ndarray:
        """The tree over the players as a list of merges, `[n - 1, 4]`: neighbours join until one cluster is left."""
        clusters, rows = [(i, 1) for i in range(self.players)], []
        while len(clusters) > 1:
            joined = []
            for i in range(0, len(clusters) - 1, 2):
                (a, m), (b, n) = clusters[i], clusters[i + 1]
                rows.append((a, b, 1.0, m + n))
                joined.append((self.players + len(rows) - 1, m + n))
            clusters = joined + clusters[2 * len(joined) :]
        return np.array(rows, float)


def exact(model: Subject, plan: Plan, xs: jax.Array) -> np.ndarray:
    """The Shapley values of each text, `float32[N, n]`, from all coalitions."""
    _, f = model.opened()
    players = plan.groups(model.length)
    explain = jax.jit(ja.shapley.exact(f, perturb=ja.replace(0.0), players=players, batch_size=plan.size or None))
    return np.stack([np.asarray(explain(x)) for x in xs])


def ours(model: Subject, plan: Plan, family: Family) -> tuple[str, Estimate, int]:
    """A method of jaxattr within the budget.

    Args:
      model: The model.
      plan: Players and budget.
      family: Which kind of method.

    Returns:
      Its name; the estimate `(x, seed) -> float32[n]`; how many evaluations it uses.
    """
    _, f = model.opened()
    n = plan.players
    same: dict[str, Any] = {
        "perturb": ja.replace(0.0),
        "players": plan.groups(model.length),
        "batch_size": plan.size or None,
    }
    if family == "tree":
        tree = ja.shapley.merges(plan.clustering())
        explain = jax.jit(ja.shapley.owen(f, tree=tree, **same))
        return "jaxattr.shapley.owen", lambda x, _: np.asarray(explain(x)), coalitions(tree)
    if family == "permutations":
        make, samples = ja.shapley.permutation, (plan.budget - 2) // (2 * (n - 1))
        used = 2 * samples * (n - 1) + 2
    else:
        make, samples = ja.shapley.kernel, (plan.budget - 2) // 2
        used = 2 * samples + 2

    @jax.jit
    def drawn(x: jax.Array, key: jax.Array) -> jax.Array:
        return make(f, key=key, samples=samples, **same)(x)

    name = f"jaxattr.{make.__module__.split('.')[1]}.{make.__name__}"
    return name, lambda x, seed: np.asarray(drawn(x, jax.random.key(seed))), used


def coalitions(tree: Any) -> int:
    """How many different coalitions the Owen values of a binary tree ask for.

    Args:
      tree: Nested pairs of players.

    Returns:
      Their number.
    """
    seen: set[frozenset[int]] = set()

    def members(node: Any) -> frozenset[int]:
        return frozenset([node]) if isinstance(node, int) else members(node[0]) | members(node[1])

    def walk(node: Any, contexts: set[frozenset[int]]) -> None:
        seen.update(contexts, {context | members(node) for context in contexts})
        if not isinstance(node, int):
            for branch, other in (node, node[::-1]):
                walk(branch, contexts | {context | members(other) for context in contexts})

    walk(tree, {frozenset()})
    return len(seen)


def error(estimates: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How far estimates are from the exact values.

    Args:
      estimates: `[draws, n]`.
      truth: The exact values of the same texts, `[draws, n]`.

    Returns:
      "rms", the root of the mean square over draws and players, in the unit of the score; "relative", the same over the
      root mean square of the exact values; "draws", how many.
    """
    rms = float(np.sqrt(np.mean((np.asarray(estimates, np.float64) - truth) ** 2)))
    size = float(np.sqrt(np.mean(np.asarray(truth, np.float64) ** 2)))
    return {"rms": rms, "relative": rms / size, "draws": len(truth)}

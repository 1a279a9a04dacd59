"""Do attention and deletion name the same words, and whose first words does the network need?"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from scipy.stats import rankdata

import jaxattr as ja
from experiments._shared.linen import logits
from experiments._shared.training import in_batches
from experiments._shared.words import PAD
from experiments.deepmoji_occlusion.explain import ATTENDED, DELETION, Explained, top_count
from experiments.deepmoji_occlusion.model import DeepMoji

RANDOM = "random"
ORDERS = 5


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean over texts and its standard error, which is 0 for a single text."""

    mean: float
    error: float
    texts: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.error:.3f}"


def mean_of(values: np.ndarray) -> Mean:
    """The mean over texts, those with NaN left out."""
    real = values[np.isfinite(values)]
    if not len(real):
        return Mean(float("nan"), float("nan"), 0)
    error = float(real.std(ddof=1) / np.sqrt(len(real))) if len(real) > 1 else 0.0
    return Mean(float(real.mean()), error, len(real))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation, equal numbers sharing their mean rank; NaN where one is constant.

    Example:
      >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
      0.5
    """
    x, y = (rankdata(numbers) - (len(numbers) + 1) / 2 for numbers in (a, b))
    size = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / size) if size > 0 else float("nan")


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far attention and deletion agree, one entry a text.

    Attributes:
      correlation: Spearman's rank correlation over the words of a text.
      same_first: Whether both have the same first word.
      by_chance: How often that would happen by chance: one over the number of words.
    """

    correlation: np.ndarray
    same_first: np.ndarray
    by_chance: np.ndarray


def agreement(found: Explained) -> Agreement:
    """Compares the two rankings of each text."""
    lengths = (found.ids != PAD).sum(1)
    pairs = [(a[:n], b[:n]) for a, b, n in zip(found.effects, found.attention, lengths, strict=True)]
    return Agreement(
        correlation=np.array([rank_correlation(a, b) for a, b in pairs]),
        same_first=np.array([float(a.argmax() == b.argmax()) for a, b in pairs]),
        by_chance=1.0 / lengths,
    )


def orders(found: Explained, *, seed: int) -> dict[str, np.ndarray]:
    """The places of the words of each text in the order in which they are deleted, `int[orders, N, T]` a ranking.

    Args:
      found: What the texts were found to lose and to attend to.
      seed: The seed of the random orders.

    Returns:
      One order by deletion, one by attention, and several at random; padding comes last.
    """
    real, rng = found.ids != PAD, np.random.default_rng(seed)
    keys = {
        DELETION: found.effects[None],
        ATTENDED: found.attention[None],
        RANDOM: rng.random((ORDERS, *found.ids.shape)),
    }
    return {name: np.argsort(np.where(real, -key, np.inf), axis=-1, kind="stable") for name, key in keys.items()}


def masks(order: np.ndarray, count: int) -> np.ndarray:
    """Masks that drop the first 0, 1, ... `count` words of an order: `bool[..., count + 1, T]` from `[..., T]`.

    Example:
      >>> masks(np.array([2, 0, 1]), 2).astype(int).tolist()
      [[1, 1, 1], [1, 1, 0], [0, 1, 0]]
    """
    rank = np.argsort(order, axis=-1)
    return rank[..., None, :] >= np.arange(count + 1)[:, None]


@dataclasses.dataclass(frozen=True)
class Curves:
    """What deleting the first 0, 1, ... words of each ranking does; `float[N, count + 1]` a ranking.

    Attributes:
      change: The top-five change, in probability summed over the classes.
      kept: The probability of the class that the full text has.
    """

    change: dict[str, np.ndarray]
    kept: dict[str, np.ndarray]


def curves(model: DeepMoji, params: Any, ids: np.ndarray, rankings: Mapping[str, np.ndarray], *, count: int) -> Curves:
    """Deletes the first words of each ranking together, truly, and evaluates the rest.

    Args:
      model: The network.
      params: Its variables.
      ids: `int32[N, T]`, texts of more than `count` words.
      rankings: What `orders` gave.
      count: How many words at most.

    Returns:
      The curves; where a ranking has several orders, their mean.
    """
    k = top_count(model.classes)
    keep = np.concatenate([masks(order, count) for order in rankings.values()]).swapaxes(0, 1)

    def of_text(ids: jax.Array, keep: jax.Array) -> tuple[jax.Array, jax.Array]:
        flat = keep.reshape(-1, keep.shape[-1])
        found = ja.perturbed(lambda ids: logits(model, params, ids), keep=flat, perturb=ja.delete(PAD))(ids)
        changes = jax.vmap(lambda changed: ja.effects.l1(found[0], changed, k=k))(found)
        probabilities = jax.nn.softmax(found)[:, found[0].argmax()]
        return changes.reshape(keep.shape[:-1]), probabilities.reshape(keep.shape[:-1])

    changes, kept = in_batches(jax.jit(jax.vmap(of_text)), (ids, keep), batch=1)
    bounds = np.cumsum([0, *(len(order) for order in rankings.values())])
    parts = {name: slice(a, b) for name, a, b in zip(rankings, bounds[:-1], bounds[1:], strict=True)}
    return Curves(*({name: found[:, part].mean(1) for name, part in parts.items()} for found in (changes, kept)))

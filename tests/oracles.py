"""Slow, literal NumPy float64 twins of the papers' formulas: loops over nodes, real lists with real deletion."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np


def derivative(value: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """The gradient of an analytic function by complex steps, exact to rounding."""
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = x.astype(np.complex128)
        moved[i] += 1e-30j
        slopes[i] = np.imag(value(moved)) / 1e-30
    return slopes


def gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on [0, 1] as zeros of the Legendre polynomial, found by Newton's method from Tricomi's guess."""
    nodes, weights = [], []
    for k in range(n, 0, -1):
        z = np.cos(np.pi * (k - 0.25) / (n + 0.5))
        for _ in range(50):
            before, now = 1.0, z
            for j in range(2, n + 1):
                before, now = now, ((2 * j - 1) * z * now - (j - 1) * before) / j
            slope = n * (z * now - before) / (z * z - 1)
            z = z - now / slope
        nodes.append((1 + z) / 2)
        weights.append(1 / ((1 - z * z) * slope**2))
    return np.array(nodes), np.array(weights)


def integrated_gradients(
    slope: Callable[[np.ndarray], np.ndarray], x: np.ndarray, x0: np.ndarray, t: Sequence[float], w: Sequence[float]
) -> np.ndarray:
    """Sundararajan, Taly and Yan 2017, equation 1, one node after another."""
    total = np.zeros_like(x)
    for node, weight in zip(t, w, strict=True):
        total = total + weight * slope(x0 + node * (x - x0))
    return (x - x0) * total


def deleted(tokens: Sequence[Any], keep: Sequence[bool]) -> list[Any]:
    """The tokens that stay, in a list that is really shorter."""
    return [token for token, stays in zip(tokens, keep, strict=True) if stays]


def replaced(tokens: Sequence[Any], keep: Sequence[bool], fill: Any) -> list[Any]:
    """The tokens, with a fill where one is dropped."""
    return [token if stays else fill for token, stays in zip(tokens, keep, strict=True)]


def occlusion(
    value: Callable[[list[Any]], float],
    tokens: Sequence[Any],
    keep: Sequence[Sequence[bool]],
    change: Callable[[Sequence[Any], Sequence[bool]], list[Any]],
) -> np.ndarray:
    """The drop of each mask, averaged over the masks that cover a position; 0 where none does."""
    whole = value(list(tokens))
    drops = [whole - value(change(tokens, mask)) for mask in keep]
    result = []
    for position in range(len(tokens)):
        covering = [drop for drop, mask in zip(drops, keep, strict=True) if not mask[position]]
        result.append(sum(covering) / len(covering) if covering else 0.0)
    return np.array(result)


def noisy_slopes(
    slope: Callable[[np.ndarray], np.ndarray], x: np.ndarray, key: Any, std: float, samples: int
) -> np.ndarray:
    """The gradients that SmoothGrad and VarGrad average: draw k uses the key folded with k."""
    drawn = []
    for k in range(samples):
        own = jax.random.split(jax.random.fold_in(key, k), 1)[0]
        drawn.append(slope(x + std * np.asarray(jax.random.normal(own, x.shape, x.dtype))))
    return np.stack(drawn)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean over the leading axis."""
    return np.mean(values, axis=0)


def variance(values: np.ndarray) -> np.ndarray:
    """The population variance over the leading axis."""
    return np.var(values, axis=0)


def standard_error(values: np.ndarray) -> np.ndarray:
    """The standard error of the mean over the leading axis."""
    return np.std(values, axis=0, ddof=1) / np.sqrt(len(values))


class TextModel:
    """One layer of attention over token and position embeddings, twice: NumPy over a real list, jnp over padded ids.

    `of_list` never sees padding. `of_padded` masks it, counts positions over real tokens alone (so padding in front
    works too) and must agree with `of_list` to rounding.
    """

    def __init__(self, vocabulary: int = 12, length: int = 10, width: int = 4, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.tokens = rng.normal(size=(vocabulary, width))
        self.positions = 0.3 * rng.normal(size=(length, width))
        self.query, self.out = rng.normal(size=width), rng.normal(size=width)

    def of_list(self, tokens: Sequence[int]) -> float:
        """The score of a text of exactly these tokens; a text without tokens scores 0."""
        if not tokens:
            return 0.0
        x = np.stack([self.tokens[t] + self.positions[i] for i, t in enumerate(tokens)])
        scores = np.exp(x @ self.query)
        return float(np.tanh((scores / scores.sum()) @ x @ self.out))

    def of_padded(self, ids: Any, pad: int = 0) -> Any:
        """The score of ids `[T]` in which `pad` marks padding, at either end."""
        return self.of_embedded(jax.numpy.asarray(self.tokens)[ids], ids != pad)

    def of_embedded(self, x: Any, real: Any) -> Any:
        """The score of token embeddings `[T, D]`, of which the real ones count."""
        np_ = jax.numpy
        place = np_.where(real, np_.cumsum(real) - 1, 0)
        x = x + np_.asarray(self.positions)[place]
        scores = np_.where(real, np_.exp(np_.dot(x, np_.asarray(self.query))), 0)
        weights = scores / np_.where(real.any(), scores.sum(), 1)
        return np_.tanh(np_.dot(np_.dot(weights, x), np_.asarray(self.out)))

"""Slow, literal twins of the faithfulness measures: real lists, real deletion, Python floats."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from tests.oracles import deleted


def prob(logits: np.ndarray, label: int) -> float:
    e = np.exp(logits - logits.max())
    return float(e[label] / e.sum())


def log_prob(logits: np.ndarray, label: int) -> float:
    z = logits - logits.max()
    return float(z[label] - np.log(np.exp(z).sum()))


def ranking(attribution: Sequence[float], real: Sequence[bool]) -> list[int]:
    """Real positions, the largest attribution first, the earlier among equals."""
    return sorted((t for t in range(len(real)) if real[t]), key=lambda t: (-attribution[t], t))


def removed(tokens: Sequence[int], positions: Sequence[int]) -> list[int]:
    return deleted(tokens, [t not in positions for t in range(len(tokens))])


def only(tokens: Sequence[int], positions: Sequence[int], real: Sequence[bool]) -> list[int]:
    return deleted(tokens, [t in positions or not real[t] for t in range(len(tokens))])


def number(fraction: str, n: int) -> int:
    """ceil(q n), in exact arithmetic."""
    return math.ceil(Fraction(fraction) * n)


Model = Callable[[list[int]], np.ndarray]


def comprehensiveness(model: Model, order: list[int], tokens: Sequence[int], fractions: Sequence[str]) -> np.ndarray:
    label = int(np.argmax(model(list(tokens))))
    whole = prob(model(list(tokens)), label)
    return np.array([whole - prob(model(removed(tokens, order[: number(q, len(order))])), label) for q in fractions])


def sufficiency(
    model: Model, order: list[int], tokens: Sequence[int], fractions: Sequence[str], real: Sequence[bool]
) -> np.ndarray:
    label = int(np.argmax(model(list(tokens))))
    whole = prob(model(list(tokens)), label)
    return np.array([whole - prob(model(only(tokens, order[: number(q, len(order))], real)), label) for q in fractions])


def log_odds(model: Model, order: list[int], tokens: Sequence[int], fractions: Sequence[str]) -> np.ndarray:
    label = int(np.argmax(model(list(tokens))))
    whole = log_prob(model(list(tokens)), label)
    return np.array(
        [log_prob(model(removed(tokens, order[: number(q, len(order))])), label) - whole for q in fractions]
    )


def area(model: Model, order: list[int], tokens: Sequence[int]) -> float:
    label = int(np.argmax(model(list(tokens))))
    whole = prob(model(list(tokens)), label)
    falls = [whole - prob(model(removed(tokens, order[:k])), label) for k in range(1, len(order) + 1)]
    return sum(falls) / len(falls)

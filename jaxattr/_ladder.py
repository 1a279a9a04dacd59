r"""Nested Clenshaw-Curtis rules: 3, 5, 9, 17, ... nodes, each holding those before it.

Nodes are $t_k = (1 - \cos(k\pi/N))/2$, so a finer rule asks for the slopes at its new nodes alone. Both ends are nodes,
whose values the completeness gap asks for anyway. Reference: :cite:`clenshaw1960method`.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np


class Ladder(NamedTuple):
    """Rules of growing size.

    Attributes:
        sizes: nodes of each rule, ascending.
        nodes: all nodes, in the order in which they are needed.
        weights: one row a rule, over all nodes; 0 at those that it does not use.
    """

    sizes: list[int]
    nodes: np.ndarray
    weights: np.ndarray

    def places(self, dtype: Any) -> np.ndarray:
        """The nodes; the first is a rounding step inside, since a ReLU that bends at the baseline has no slope there.

        Example:
            >>> ladder(3).places(np.float32)[:2].tolist()
            [1.1920928955078125e-07, 1.0]
        """
        return np.maximum(self.nodes, float(jnp.finfo(dtype).eps)).astype(dtype)


def ladder(at_most: int) -> Ladder:
    """All rules of at most so many nodes.

    Example:
        >>> rules = ladder(6)
        >>> rules.sizes, rules.nodes.round(3).tolist(), (6 * rules.weights[0]).round(3).tolist()
        ([3, 5], [0.0, 1.0, 0.5, 0.146, 0.854], [1.0, 1.0, 4.0, 0.0, 0.0])
    """
    sizes = [3]
    while 2 * sizes[-1] - 1 <= at_most:
        sizes.append(2 * sizes[-1] - 1)
    finest = sizes[-1] - 1
    order = [0, finest, finest // 2]
    for size in sizes[1:]:
        step = finest // (size - 1)
        order += range(step, finest, 2 * step)
    weights = np.zeros((len(sizes), finest + 1))
    for row, size in zip(weights, sizes, strict=True):
        row[:: finest // (size - 1)] = _weights(size - 1)
    nodes = (1 - np.cos(np.pi * np.arange(finest + 1) / finest)) / 2
    return Ladder(sizes, nodes[order], weights[:, order])


def _weights(n: int) -> np.ndarray:
    """The weights of the rule with n + 1 nodes on [0, 1], n even."""
    k, j = np.arange(n + 1)[:, None], np.arange(1, n // 2 + 1)
    terms = np.where(j == n // 2, 1, 2) / (4.0 * j**2 - 1) * np.cos(2 * j * k * np.pi / n)
    return np.where((k[:, 0] == 0) | (k[:, 0] == n), 1, 2) * (1 - terms.sum(1)) / (2 * n)

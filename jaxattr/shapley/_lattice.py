"""The values of all 2**n coalitions as one vector, and what is read off from it: the exact indices.

Coalition s of n players holds player i where bit i of s is 1. Only its values, one number each, are ever held
together; the masks exist one chunk at a time.
"""

from collections.abc import Callable
from math import comb
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr._game import Game

LIMIT = 20


def lattice(game: Game, instead: str) -> Any:
    """The scores of all coalitions of the active players, `[2**m]`."""
    m = len(game.active)
    if m > LIMIT:
        raise ValueError(
            f"{game.name} wants at most {LIMIT} players, whose {2**LIMIT} coalitions are all evaluated, but got {m}. "
            f"Join positions with players=, or write {instead}."
        )
    return game.values(lambda s: game.among_active((s >> jnp.arange(m)) & 1 == 1), jnp.arange(2**m))


def player_count(values: Any) -> int:
    """n, of a vector of 2**n values."""
    return len(values).bit_length() - 1


def single_effects(values: Any, weight: Callable[[int], float]) -> Any:
    """The sum over coalitions S without i of `weight(|S|) * (v(S + i) - v(S))`, for each player i."""
    n = player_count(values)
    rest = jnp.arange(2 ** (n - 1))
    weights = _by_size(weight, n - 1, rest, values.dtype)

    def of(i: Any) -> Any:
        s = _without(rest, i)
        return ((values[s | (1 << i)] - values[s]) * weights).sum()

    return jax.lax.map(of, jnp.arange(n))


def pair_effects(values: Any, weight: Callable[[int], float]) -> Any:
    """The same of the second differences `v(S + ij) - v(S + i) - v(S + j) + v(S)`, `[n, n]`, 0 on the diagonal."""
    n = player_count(values)
    first, second = np.triu_indices(n, 1)
    if n < 2:
        return jnp.zeros((n, n), values.dtype)
    rest = jnp.arange(2 ** (n - 2))
    weights = _by_size(weight, n - 2, rest, values.dtype)

    def of(pair: Any) -> Any:
        i, j = pair
        s = _without(_without(rest, i), j)
        one, other = 1 << i, 1 << j
        return ((values[s | one | other] - values[s | one] - values[s | other] + values[s]) * weights).sum()

    numbers = jax.lax.map(of, (jnp.asarray(first), jnp.asarray(second)))
    upper = jnp.zeros((n, n), values.dtype).at[first, second].set(numbers)
    return upper + upper.T


def shapley_weight(n: int) -> Callable[[int], float]:
    """How often a random order puts exactly a given coalition of size k before a given player."""
    return lambda k: 1 / (n * comb(n - 1, k))


def _without(rest: Any, i: Any) -> Any:
    """The integers `rest` with a 0 put in at bit i."""
    low = rest & ((1 << i) - 1)
    return ((rest ^ low) << 1) | low


def _by_size(weight: Callable[[int], float], most: int, coalitions: Any, dtype: Any) -> Any:
    table = jnp.asarray(np.array([weight(k) for k in range(most + 1)]), dtype)
    return table[jax.lax.population_count(coalitions)]

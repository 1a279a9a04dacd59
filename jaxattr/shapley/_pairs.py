"""Coalitions in pairs with their complements, drawn or taken one by one, and what they are worth."""

import itertools
from math import comb
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._draws import keys_of_draws, random_rank
from jaxattr._game import Game

EVERY_LIMIT = 14


class Pairs(NamedTuple):
    """Coalitions and complements `[m, n]`, what each adds to nobody `[m]`, their weights, and the whole change.

    The last `drawn` of them are draws, which together weigh `mass`; the others are taken once each.
    """

    real: Any
    inside: Any
    outside: Any
    gains: Any
    others: Any
    weights: Any
    change: Any
    drawn: int
    mass: float


def drawn_pairs(game: Game, key: Any, samples: int, whole: int, spare: int = 0) -> Pairs:
    """The small coalitions once each, and others drawn; `spare` asks for so many more than determine the values."""
    m, n = len(game.active), game.number
    taken, weights = _small(game, whole)
    drawn, mass = samples - len(taken), 1 - float(weights.sum())
    if _checks.is_concrete(game.real) and (samples < m - 1 + spare or drawn < 1 + spare * (m - 1)):
        least = max(m - 1 + spare, len(taken) + 1 + spare * (m - 1))
        raise ValueError(
            f"{game.name} wants samples >= {least} for {m} players{f' and whole={whole}' if whole else ''}, or the "
            f"values are not determined, but got {samples}. Write samples={len(taken) + 10 * m}."
        )
    real = jnp.asarray(game.real)
    sizes = jnp.arange(1, max(n, 2))
    rest = real.sum() - sizes
    among = (sizes > whole) & (rest > whole)
    chances = jnp.where(among, -jnp.log(sizes * jnp.maximum(rest, 1)), -jnp.inf)

    def draw(k: Any) -> Any:
        for_size, for_players = jax.random.split(k)
        size = 1 + jax.random.categorical(for_size, chances)
        return random_rank(for_players, real) < size

    coalitions = jax.vmap(draw)(keys_of_draws(key, drawn))
    weights = np.concatenate([weights, np.full(drawn, mass / drawn)])
    return _evaluated(game, jnp.concatenate([jnp.asarray(taken), coalitions]), weights, drawn, mass)


def _small(game: Game, whole: int) -> tuple[np.ndarray, np.ndarray]:
    """The coalitions of up to `whole` players `[c, n]`, and the weight that each has with its complement."""
    m = len(game.active)
    if whole == 0:
        return np.zeros((0, game.number), bool), np.zeros(0)
    _checks.check_count(game.name, "whole", whole)
    if not _checks.is_concrete(game.real):
        raise TypeError(
            f"{game.name} wants whole=0 where players= or where= is traced, since the number of players must be known, "
            f"but got whole={whole}. Drop whole=, or pass concrete players."
        )
    if 2 * whole >= m - 1:
        raise ValueError(
            f"{game.name} wants whole < (n - 1) / 2, so that larger coalitions are left to draw, but got whole={whole} "
            f"and {m} players. Write samples=None for every coalition."
        )
    members = [set(c) for size in range(1, whole + 1) for c in itertools.combinations(game.active.tolist(), size)]
    chosen = np.array([[player in c for player in range(game.number)] for c in members])
    total = sum(1 / (size * (m - size)) for size in range(1, m))
    return chosen, np.array([2 / (len(c) * (m - len(c)) * comb(m, len(c)) * total) for c in members])


def every_pair(game: Game) -> Pairs:
    """Every coalition with its complement, once."""
    m = len(game.active)
    if m > EVERY_LIMIT:
        raise ValueError(
            f"{game.name} with samples=None wants at most {EVERY_LIMIT} players, but got {m}. Write samples=256, or "
            "jaxattr.shapley.exact(f, perturb=...)."
        )
    # The last player outside: each pair once. A single player has the pair of nobody and everybody.
    coalitions = np.arange(1, max(2 ** (m - 1), 2)) if m > 1 else np.zeros(1, int)
    members = (coalitions[:, None] >> np.arange(m)[None]) & 1 == 1
    sizes = members.sum(1)
    weights = np.array([1 / (comb(m, k) * k * (m - k)) if 0 < k < m else 1.0 for k in sizes.tolist()])
    everyone = np.ones((len(members), game.number), bool)
    everyone[:, game.active] = members
    return _evaluated(game, jnp.asarray(everyone), weights / weights.sum(), 0, 0.0)


def _evaluated(game: Game, coalitions: Any, weights: np.ndarray, drawn: int, mass: float) -> Pairs:
    """What coalitions, their complements, everybody and nobody are worth."""
    m = len(coalitions)

    def coalition(point: Any) -> Any:
        """A coalition, its complement, and so on; the last two points are everybody and nobody."""
        members = coalitions[jnp.minimum(point // 2, m - 1)]
        return jnp.where(point < 2 * m, members, True) ^ (point % 2 == 1)

    scores = game.values(coalition, jnp.arange(2 * m + 2))
    gains = (scores - scores[-1]).reshape(m + 1, 2)
    real = jnp.asarray(game.real)
    inside, outside = coalitions & real[None], ~coalitions & real[None]
    dtype = scores.dtype
    return Pairs(
        real=real.astype(dtype),
        inside=inside.astype(dtype),
        outside=outside.astype(dtype),
        gains=gains[:m, 0],
        others=gains[:m, 1],
        weights=jnp.asarray(weights, dtype),
        change=gains[m, 0],
        drawn=drawn,
        mass=mass,
    )

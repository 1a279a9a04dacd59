"""Games with given values of all coalitions, as scores of a vector of ones whose dropped entries become 0."""

import jax.numpy as jnp
import numpy as np

import jaxattr as ja

LOSE = ja.replace(0.0)


def random_game(seed, most=10):
    """The number of players and the values of all coalitions; some games are sparse, some have a player that idles."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, most + 1))
    values = rng.normal(size=2**n) * rng.choice([0.1, 1.0, 30.0])
    if seed % 3 == 0:
        values = values * (rng.random(2**n) < 0.3)
    if seed % 5 == 0:
        values = values[np.arange(2**n) & ~1]  # player 0 adds nothing
    return n, values


def score(values):
    """The game as a score of x `[n]`: 1 is inside."""
    table = jnp.asarray(values)
    return lambda x: table[((x > 0.5) * 2 ** jnp.arange(len(x))).sum().astype(int)]


def play(method, values, **options):
    """A method on a game given by its values."""
    n = len(values).bit_length() - 1
    return method(score(values), perturb=LOSE, **options)(jnp.ones(n, jnp.asarray(values).dtype))

"""A score as a cooperative game: players are groups of positions, and a coalition is worth the score of what it keeps.

The shared ground of everything that asks for the score of many keep-masks and gives one number to each player.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32, map_points
from jaxattr._masked import masked_score
from jaxattr.masks import Perturbation


class Game(NamedTuple):
    """A score over coalitions of n players.

    `value(coalition)` takes booleans `[n]`, True where a player stays. `real`, `[n]`, is False at players without a
    position to lose. `active` are the players that may be real, known while tracing: all of them unless `players` and
    `where` are at hand, so that padding costs nothing where it can be seen.
    """

    name: str
    value: Callable[[Any], Any]
    real: Any
    active: np.ndarray
    batch_size: int | None

    @property
    def number(self) -> int:
        """How many players there are."""
        return len(self.real)

    def values(self, coalition: Callable[[Any], Any], points: Any) -> Any:
        """The score of `coalition(point)` at each point of the leading axis; no more than one chunk of masks exists."""
        return map_points(lambda point: self.value(coalition(point)), points, self.batch_size)

    def among_active(self, members: Any) -> Any:
        """Booleans over the active players as a coalition of all; the others stay."""
        return jnp.ones(self.number, bool).at[self.active].set(members)

    def spread(self, numbers: Any) -> Any:
        """Numbers of the active players, `[m]` or `[m, m]`, at their places among all; the others get 0."""
        places = np.ix_(*[self.active] * numbers.ndim)
        everyone = jnp.zeros((self.number,) * numbers.ndim, numbers.dtype).at[places].set(numbers)
        real = jnp.asarray(self.real)
        return jnp.where(real if numbers.ndim == 1 else real[:, None] & real[None], everyone, 0)


def playing(
    method: Callable[[Game], Any],
    f: _argument.Score,
    name: str,
    perturb: Perturbation,
    players: Any,
    number: int | None,
    where: Any,
    batch_size: int | None,
    argnums: int | Sequence[int],
    has_aux: bool,
) -> Callable[..., Any]:
    """Turn `method(game) -> numbers` into a function with the signature of f; the rest is as in every such method."""
    _checks.check_function(name, "perturb", perturb, "perturb=jaxattr.delete(pad)")
    _checks.check_batch_size(name, batch_size)

    def explained(argument: Argument) -> tuple[Any, Any]:
        length = _checks.leading_length(name, argument.leaves, argument.paths)
        if where is not None:
            _checks.check_where(name, where, length)
        groups, n = _players(name, players, number, length)
        real, active = _real(name, groups, n, where)
        score = masked_score(name, argument, perturb)

        def value(coalition: Any) -> Any:
            result = score(kept(coalition, groups, where))[0]
            return result.astype(at_least_float32(result.dtype))

        return method(Game(name, value, real, active, batch_size)), argument.aux

    return _argument.attributing(explained, f, name=name, argnums=argnums, has_aux=has_aux, integers=True)


def kept(coalition: Any, groups: Any, where: Any) -> Any:
    """The keep-mask `[T]` of a coalition: positions of its players stay, and so do those of no player."""
    groups = jnp.asarray(groups)
    keep = (groups < 0) | coalition[jnp.maximum(groups, 0)]
    return keep if where is None else keep | ~jnp.asarray(where)


def _players(name: str, players: Any, number: int | None, length: int) -> tuple[Any, int]:
    """The player of each position, `[T]`, and how many players there are."""
    if players is None:
        if number is not None:
            raise TypeError(
                f"{name} wants number= beside players= alone, but got number={number} and no players. "
                "Each position is a player then: drop number=."
            )
        return np.arange(length), length
    players = _checks.none_as_negative(players)
    if not _checks.is_array(players) or not _checks.is_integer(players):
        raise TypeError(
            f"{name} wants players as integers [T], one group a position, but got {_checks.describe(players)}. "
            "For example players=[None, 0, 0, 1]."
        )
    if np.shape(players) != (length,):
        raise ValueError(
            f"{name} wants players of shape [T] with T = {length}, the argument's leading axis, but got "
            f"{_checks.describe(players)}. Give one group to each position."
        )
    return players, _checks.count_groups(name, "players", players, number)


def _real(name: str, groups: Any, number: int, where: Any) -> tuple[Any, np.ndarray]:
    if not _checks.is_concrete(groups) or not (where is None or _checks.is_concrete(where)):
        marked = jnp.asarray(groups) >= 0 if where is None else (jnp.asarray(groups) >= 0) & where
        places = jnp.where(marked, jnp.asarray(groups), number)
        return jnp.zeros(number, bool).at[places].set(True, mode="drop"), np.arange(number)
    groups = np.asarray(groups)
    marked = groups >= 0 if where is None else (groups >= 0) & np.asarray(where)
    real = np.isin(np.arange(number), groups[marked])
    if not real.any():
        raise ValueError(
            f"{name} wants one player or more with a real position, but players= and where= leave none of {number}. "
            "Leave such texts out."
        )
    return real, np.flatnonzero(real)

"""RISE: the mean score of random keep-masks among those that keep a player."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks, _game
from jaxattr._argument import Score
from jaxattr._draws import root
from jaxattr._game import Game
from jaxattr.masks import Perturbation


def rise(
    f: Score,
    *,
    key: Any,
    perturb: Perturbation,
    samples: int = 1000,
    share: Any = 0.5,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Give each player the mean score of the random keep-masks that keep it: RISE.

    $$\phi_i = \frac{\sum_k z_{k,i}\, f(\mathrm{perturb}(x, z_k))}{\sum_k z_{k,i}}, \qquad
      z_{k,i} \sim \mathrm{Bernoulli}(\mathrm{share})$$

    An estimate of E[score | i stays], without bias. It is a level and not a difference: a player that the model
    ignores gets the mean score over all masks, and the numbers say something only beside each other. Costs `samples`
    forward passes. Its standard error is :func:`rise_error` with the same arguments.

    Args:
        f: a function that returns one number.
        key: a typed random key; mask k is drawn with the key folded with k.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        samples: number of masks.
        share: the chance of each player to stay, between 0 and 1.
        players: integers `[T]`, the player of each position; negative ones always stay. None: each position.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay and get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the means.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least; NaN at a player that no mask
        kept. **Unit**: the unit of f.

    Raises:
        TypeError: a key that is not typed.
        ValueError: fewer than one sample, a share that is not between 0 and 1.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: 4 * x[0]
        >>> rise(f, key=jax.random.key(0), perturb=ja.replace(0.0), samples=4000)(jnp.ones(2)).round(1).tolist()
        [4.0, 2.0]

    References:
        :cite:`petsiuk2018rise`, arXiv:1806.07421, section 3, with the number of masks that keep i in the place of its
        expectation.
    """
    _check("rise", key, samples, 1, share)

    def method(game: Game) -> Any:
        return _means(game, *_samples(game, key, samples, share))

    return _game.playing(method, f, "rise", perturb, players, number, where, batch_size, argnums, has_aux)


def rise_error(
    f: Score,
    *,
    key: Any,
    perturb: Perturbation,
    samples: int = 1000,
    share: Any = 0.5,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Standard error of :func:`rise` with the same arguments, player by player.

    $$\mathrm{se}_i^2 = \frac{1}{m_i (m_i - 1)} \sum_{k : z_{k,i} = 1} \big( f(\mathrm{perturb}(x, z_k)) - \phi_i
      \big)^2, \qquad m_i = \sum_k z_{k,i}$$

    The masks that keep i are independent draws of them, so this is the error of an ordinary mean. The means of two
    players share masks: the error of their difference is not the sum of squares. Costs what the estimate costs.

    Args:
        f: a function that returns one number.
        key: the key of the estimate.
        perturb: as in the estimate.
        samples: as in the estimate; 2 at least.
        share: as in the estimate.
        players: as in the estimate.
        number: as in the estimate.
        where: as in the estimate.
        batch_size: evaluations at once; None lets the library choose.
        argnums: as in the estimate.
        has_aux: as in the estimate.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least; NaN at a player that fewer than
        two masks kept. **Unit**: the unit of f.

    Raises:
        TypeError, ValueError: as :func:`rise`.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: 4 * x[0]
        >>> ways = dict(key=jax.random.key(0), perturb=ja.replace(0.0), samples=4000)
        >>> print(rise_error(f, **ways)(jnp.ones(2)).round(2))
        [0.   0.04]

    References:
        Of the estimate of :cite:`petsiuk2018rise`, arXiv:1806.07421.
    """
    _check("rise_error", key, samples, 2, share)

    def method(game: Game) -> Any:
        keep, scores = _samples(game, key, samples, share)
        means, count = _means(game, keep, scores), keep.sum(0).astype(scores.dtype)
        squares = jnp.where(keep, (scores[:, None] - means[None]) ** 2, 0).sum(0)
        variance = squares / (count * jnp.maximum(count - 1, 0))
        return jnp.where(jnp.asarray(game.real), root(variance), 0)

    return _game.playing(method, f, "rise_error", perturb, players, number, where, batch_size, argnums, has_aux)


def _check(name: str, key: Any, samples: int, least: int, share: Any) -> None:
    _checks.check_key(name, key)
    _checks.check_count(name, "samples", samples, least)
    if _checks.is_concrete(share) and not (0 < np.asarray(share) < 1):
        raise ValueError(f"{name} wants share between 0 and 1, but got {share}. Write share=0.5.")


def _samples(game: Game, key: Any, samples: int, share: Any) -> tuple[Any, Any]:
    """Masks `[samples, n]` and their scores."""

    def draw(i: Any) -> Any:
        return jax.random.bernoulli(jax.random.fold_in(key, i), share, (game.number,))

    keep = jax.vmap(draw)(jnp.arange(samples))
    return keep, game.values(lambda row: row, keep)


def _means(game: Game, keep: Any, scores: Any) -> Any:
    means = jnp.where(keep, scores[:, None], 0).sum(0) / keep.sum(0).astype(scores.dtype)
    return jnp.where(jnp.asarray(game.real), means, 0)

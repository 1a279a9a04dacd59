"""LIME: a linear model fitted to the scores of random keep-masks near the text."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks, _game
from jaxattr._argument import Score
from jaxattr._draws import random_rank, root
from jaxattr._game import Game
from jaxattr._least_squares import determines, product
from jaxattr.masks import Perturbation

Kernel = Callable[[Any], Any]


def cosine_kernel(width: float = 0.25) -> Kernel:
    r"""Weights of masks by their cosine distance to the full text, for :func:`lime`.

    $$w(z) = \exp\big( -d^2 / (2\, \mathrm{width}^2) \big), \qquad d = 1 - \cos(z, \mathbf{1}) = 1 - \sqrt{|z| / n}$$

    Args:
        width: the distance at which the weight has dropped to exp(-1/2).

    Returns:
        A function of the share of players kept, `|z| / n`.

    Raises:
        ValueError: a width that is not positive.

    Example:
        >>> print(cosine_kernel(0.25)(jnp.array([1.0, 0.25])).round(4))
        [1.     0.1353]

    References:
        :cite:`ribeiro2016why`, arXiv:1602.04938, section 3.4, with the width of the authors' code for text.
    """
    if _checks.is_concrete(width) and not np.all(np.asarray(width) > 0):
        raise ValueError(f"cosine_kernel wants width > 0, but got {width}. For texts width=0.25 is usual.")
    return lambda share: jnp.exp(-((1 - jnp.sqrt(share)) ** 2) / (2 * width**2))


def lime(
    f: Score,
    *,
    key: Any,
    perturb: Perturbation,
    samples: int = 1000,
    kernel: Kernel | None = None,
    ridge: Any = 1.0,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Give each player its coefficient in a weighted ridge regression of the score on random keep-masks: LIME.

    $$\hat\beta, \hat\beta_0 = \arg\min \sum_k w(z_k) \big( f(\mathrm{perturb}(x, z_k)) - \beta_0 - z_k^\top \beta
      \big)^2 + \lambda \lVert \beta \rVert^2$$

    The first mask keeps everything; each other one drops a number of players drawn evenly from 1 to n, and then a
    random set of that size. Costs `samples` forward passes. The coefficients do not sum to anything; they depend on the
    kernel, and the ridge pulls all of them to 0, the more the fewer samples there are. Sizes are drawn evenly, so that
    players come and go together: of a score that is not linear in them, a player that does nothing gets a number too,
    and no number of samples takes it away. Their standard error is :func:`lime_error` with the same arguments.

    Args:
        f: a function that returns one number.
        key: a typed random key; mask k is drawn with the key folded with k.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        samples: number of masks, 2 at least.
        kernel: weight of a mask, a function of the share of players that it keeps; :func:`cosine_kernel` of 0.25 where
            None.
        ridge: the penalty, 0 or more, against the sum of the weights.
        players: integers `[T]`, the player of each position; negative ones always stay. None: each position.
        number: how many players there are; needed where `players` is traced.
        where: `[T]` booleans, True at real positions; the others always stay and get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the coefficients.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least; NaN where `ridge` is 0 and the
        masks do not determine the coefficients. **Unit**: the unit of f.

    Raises:
        TypeError: a key that is not typed, a kernel that is not a function.
        ValueError: fewer than two samples, a negative ridge.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: 3 * x[0] + x[1]
        >>> ways = dict(key=jax.random.key(0), perturb=ja.replace(0.0), ridge=0.0)
        >>> print(lime(f, **ways)(jnp.array([1.0, 2.0])).round())
        [3. 2.]

    References:
        :cite:`ribeiro2016why`, arXiv:1602.04938, eq. 2 and section 3.4.
    """
    _check("lime", key, samples, kernel, ridge)

    def method(game: Game) -> Any:
        return _fit(*_samples(game, key, samples, kernel), game.real, ridge).slopes

    return _game.playing(method, f, "lime", perturb, players, number, where, batch_size, argnums, has_aux)


def lime_error(
    f: Score,
    *,
    key: Any,
    perturb: Perturbation,
    samples: int = 1000,
    kernel: Kernel | None = None,
    ridge: Any = 1.0,
    players: Any = None,
    number: int | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Any:
    r"""Standard error of :func:`lime` with the same arguments, coefficient by coefficient.

    $$\mathrm{se}_i^2 = \frac{m}{m - n - 1} \sum_k (H^{-1} g_k)_i^2, \qquad g_k = w_k (z_k - \bar z)\, r_k - \bar g,
      \qquad H = \sum_k w_k (z_k - \bar z)(z_k - \bar z)^\top + \lambda I$$

    The sandwich error of a weighted regression whose model need not hold: how far the coefficients would move with
    another key. It does not know what the ridge takes away, nor whether a linear model says anything. Costs what the
    estimate costs.

    Args:
        f: a function that returns one number.
        key: the key of the estimate.
        perturb: as in the estimate.
        samples: as in the estimate; n + 2 at least.
        kernel: as in the estimate.
        ridge: as in the estimate.
        players: as in the estimate.
        number: as in the estimate.
        where: as in the estimate.
        batch_size: evaluations at once; None lets the library choose.
        argnums: as in the estimate.
        has_aux: as in the estimate.

    Returns:
        A function with the signature of f, whose value is `[n]`, in float32 at least; NaN where there are too few
        samples. **Unit**: the unit of f.

    Raises:
        TypeError, ValueError: as :func:`lime`.

    Example:
        >>> import jaxattr as ja
        >>> f = lambda x: 3 * x[0] + x[1]
        >>> ways = dict(key=jax.random.key(0), perturb=ja.replace(0.0), ridge=0.0)
        >>> lime_error(f, **ways)(jnp.array([1.0, 2.0])).round(3).tolist()
        [0.0, 0.0]

    References:
        :cite:`white1980heteroskedasticity`.
    """
    _check("lime_error", key, samples, kernel, ridge)

    def method(game: Game) -> Any:
        return _error(_fit(*_samples(game, key, samples, kernel), game.real, ridge))

    return _game.playing(method, f, "lime_error", perturb, players, number, where, batch_size, argnums, has_aux)


class _Fit(NamedTuple):
    """The coefficients, the inverse of H, and what each mask adds to the normal equations: the g of the error."""

    slopes: Any
    inverse: Any
    terms: Any
    real: Any


def _check(name: str, key: Any, samples: int, kernel: Kernel | None, ridge: Any) -> None:
    _checks.check_key(name, key)
    _checks.check_count(name, "samples", samples, 2)
    if kernel is not None:
        _checks.check_function(name, "kernel", kernel, "kernel=jaxattr.cosine_kernel(0.25)")
    if _checks.is_concrete(ridge) and not np.all(np.asarray(ridge) >= 0):
        raise ValueError(f"{name} wants ridge >= 0, but got {ridge}. Write ridge=1.0, or 0.0 for none.")


def _samples(game: Game, key: Any, samples: int, kernel: Kernel | None) -> tuple[Any, Any, Any]:
    """Masks `[samples, n]`, their scores and their weights."""
    real = jnp.asarray(game.real)

    def draw(i: Any) -> Any:
        for_size, for_players = jax.random.split(jax.random.fold_in(key, i))
        size = jax.random.randint(for_size, (), 1, real.sum() + 1)
        return (random_rank(for_players, real) >= size) | (i == 0)

    keep = jax.vmap(draw)(jnp.arange(samples))
    scores = game.values(lambda row: row, keep)
    share = (keep & real[None]).sum(1) / real.sum()
    return keep, scores, (kernel or cosine_kernel())(share).astype(scores.dtype)


def _fit(keep: Any, scores: Any, weights: Any, real: Any, ridge: Any) -> _Fit:
    """Weighted ridge regression with an intercept that is not penalised."""
    real = jnp.asarray(real)
    z = (keep & real[None]).astype(scores.dtype)
    w = weights[:, None]
    z = z - (w * z).sum(0, keepdims=True) / weights.sum()
    y = scores - (weights * scores).sum() / weights.sum()
    system = product(z.T, w * z) + jnp.diag(jnp.where(real, jnp.asarray(ridge, z.dtype), 1))
    inverse = jnp.linalg.inv(system)
    slopes = product(inverse, product(z.T, weights * y))
    # Rare masks decide between players that mostly come and go together: one step of refinement in single precision.
    slopes = slopes + product(inverse, product(z.T, weights * (y - product(z, slopes))) - ridge * slopes)
    slopes = jnp.where(real, jnp.where(determines(system), slopes, jnp.nan), 0)
    return _Fit(slopes, inverse, w * z * (y - product(z, slopes))[:, None], real)


def _error(fit: _Fit) -> Any:
    m = len(fit.terms)
    influence = product(fit.terms - fit.terms.mean(0, keepdims=True), fit.inverse)
    left = (m - fit.real.sum() - 1).astype(influence.dtype)
    return jnp.where(fit.real, root(jnp.where(left > 0, (influence**2).sum(0) * m / left, jnp.nan)), 0)

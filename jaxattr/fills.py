"""What stands in for a dropped position: functions of x for :func:`jaxattr.replace`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._batching import at_least_float32
from jaxattr._positions import column, real_positions

Fill = Callable[[Any], Any]


def text_mean(*, where: Any = None) -> Fill:
    r"""The mean of the text's own embeddings.

    $$\mathrm{fill}(x) = \frac{1}{N} \sum_{t=1}^{N} x_t$$

    Over all real positions, also those that are dropped, so that every mask puts in the same. For the mean of a
    corpus, or for one mean a position, give the array itself: `replace(mean)`.

    Args:
        where: `[T]` booleans, True at real positions, over which the mean is taken.

    Returns:
        A function of x, `[T, ...]` floats or a pytree of them, to the mean of each array over its leading axis.

    Raises:
        TypeError: when used, an x that is not floating point: token ids have no mean.
        ValueError: when used, a `where` whose length is not the leading axis.

    Example:
        >>> import jaxattr as ja
        >>> x = jnp.array([[1.0, 0.0], [3.0, 2.0]])
        >>> ja.replace(text_mean())(x, jnp.array([True, False])).tolist()
        [[1.0, 0.0], [2.0, 1.0]]
    """

    def mean(leaf: Any) -> Any:
        if not _checks.is_array(leaf):
            return leaf
        if not _checks.is_floating(leaf):
            raise TypeError(
                f"text_mean wants floating point embeddings, but got {_checks.describe(leaf)}. "
                "Cut the score at its embedding first, with jaxattr.cut, or draw ids with jaxattr.fills.drawn."
            )
        length = _checks.leading_length("text_mean", [leaf], ["x"])
        real = real_positions("text_mean", where, length)
        wide = jnp.asarray(leaf).astype(at_least_float32(leaf.dtype))
        total = jnp.where(column(real, wide.ndim), wide, 0).sum(0)
        return (total / real.sum().astype(wide.dtype)).astype(leaf.dtype)

    return lambda x: jax.tree.map(mean, x)


def drawn(logits: Any, *, key: Any) -> Fill:
    r"""Token ids drawn from a distribution, for input marginalisation.

    $$\mathrm{fill}_t \sim \mathrm{softmax}(\mathrm{logits}_t)$$

    One draw a position, the same for every mask; average over keys with :func:`jaxattr.mean_over`, whose standard
    error is :func:`jaxattr.standard_error_over`. Logits `[V]`, such as log counts of a corpus, are free of context;
    logits `[T, V]` may come from a language model. The weight of evidence of the paper compares the log-odds of p with
    those of the *averaged* probability, `p - mean drop`, not averaged log-odds.

    Args:
        logits: `[V]`, or `[T, V]` with a distribution for each position; -inf excludes a token.
        key: a typed random key.

    Returns:
        A function of x, integers `[T]`, to ids `[T]` of its dtype.

    Raises:
        TypeError: logits that are not floats, a key that is not typed; when used, an x that is not integers `[T]`.
        ValueError: several keys, logits of another shape; when used, logits for another number of positions.

    Example:
        >>> import jaxattr as ja
        >>> ids, logits = jnp.array([4, 2]), jnp.log(jnp.array([0.5, 0.5, 0.0, 0.0, 0.0]))
        >>> f = lambda ids: (ids**2).sum().astype(float)
        >>> explain = lambda key: ja.occlusion(f, perturb=ja.replace(drawn(logits, key=key)))
        >>> keys = jax.random.split(jax.random.key(0), 1000)
        >>> drops = ja.mean_over(explain, keys)(ids)  # 16 and 4, less a half each
        >>> bool((abs(drops - jnp.array([15.5, 3.5])) < 4 * ja.standard_error_over(explain, keys)(ids)).all())
        True

    References:
        :cite:`kim2020interpretation`, arXiv:2010.13984.
    """
    _checks.check_key("drawn", key)
    if not _checks.is_array(logits) or not _checks.is_floating(logits):
        raise TypeError(
            f"drawn wants floating point logits [V] or [T, V], but got {_checks.describe(logits)}. "
            "Give log-probabilities or log counts."
        )
    if np.ndim(logits) not in (1, 2) or np.size(logits) == 0:
        raise ValueError(
            f"drawn wants logits [V] or [T, V], but got {_checks.describe(logits)}. jax.vmap over the batch."
        )

    def fill(x: Any) -> Any:
        if not _checks.is_array(x) or not _checks.is_integer(x) or np.ndim(x) != 1:
            raise TypeError(
                f"drawn wants x as token ids, integers [T], but got {_checks.describe(x)}. For a pytree write "
                'replace(lambda x: {"ids": drawn(logits, key=key)(x["ids"]), "mask": True}).'
            )
        if np.ndim(logits) == 2 and np.shape(logits)[0] != np.shape(x)[0]:
            raise ValueError(
                f"drawn wants logits [T, V] with T = {np.shape(x)[0]}, the number of ids, but got "
                f"{_checks.describe(logits)}. Give one distribution [V], or one a position."
            )
        return jax.random.categorical(key, jnp.asarray(logits), shape=np.shape(x)).astype(x.dtype)

    return fill

"""Gaussian noise added to a transform's argument: one evaluation, their mean (SmoothGrad), their variance (VarGrad)."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _checks, _ties
from jaxattr._argument import Argument
from jaxattr._draws import keys_of_draws
from jaxattr.averages import Make, mean_over, variance_over


def with_noise(
    explained: Callable[..., Any],
    *,
    key: Any,
    std: Any,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
) -> Callable[..., Any]:
    r"""Evaluate a function at its argument plus Gaussian noise.

    $$\mathrm{explained}(x + \sigma\, \varepsilon), \qquad \varepsilon \sim \mathcal{N}(0, I)$$

    One draw: the piece of which :func:`smooth` and :func:`vargrad` are the mean and the variance.

    Args:
        explained: any function, usually a transformed one.
        key: a typed random key; the noise is a function of it alone.
        std: the standard deviation, in units of the argument; one number, or a pytree like the argument.
        where: `[T]` booleans, True at real positions; the others get no noise.
        argnums: the argument that the noise is added to.

    Returns:
        A function with the signature of `explained`.

    Raises:
        TypeError: a key that is not typed, or an argument that is not floating point.
        ValueError: a negative standard deviation, or several keys at once.

    Example:
        >>> noisy = with_noise(lambda x: x, key=jax.random.key(0), std=0.0)
        >>> noisy(jnp.array([1.0, 2.0])).tolist()
        [1.0, 2.0]

    References:
        The noise of :cite:`smilkov2017smoothgrad`, arXiv:1706.03825.
    """
    name = "with_noise"
    _checks.check_key(name, key)
    if any(_checks.is_concrete(s) and np.any(np.asarray(s) < 0) for s in jax.tree.leaves(std)):
        raise ValueError(f"{name} wants std >= 0, but got {std}. It is in units of the argument; try std=0.1.")

    def method(argument: Argument) -> tuple[Any, Any]:
        stds = _standard_deviations(name, std, argument)
        keys = jax.random.split(key, len(argument.leaves))
        noise = [
            s * jax.random.normal(k, leaf.shape, leaf.dtype)
            for s, k, leaf in zip(stds, keys, argument.leaves, strict=True)
        ]
        noise = _argument.masked(noise, _argument.marked(name, argument, where))
        moved = [_ties.once(leaf + n.astype(leaf.dtype)) for leaf, n in zip(argument.leaves, noise, strict=True)]
        return argument.score(moved)[0], None

    return _argument.attributing(method, explained, name=name, argnums=argnums, has_aux=False, scalar=False)


def smooth(
    explained: Callable[..., Any],
    *,
    key: Any,
    std: Any,
    samples: int = 16,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Average a transformed function over Gaussian noise added to its argument: SmoothGrad, for any transform.

    $$\phi(x) = \frac{1}{n} \sum_{k=1}^{n} T(f)(x + \sigma\, \varepsilon_k),
      \qquad \varepsilon_k \sim \mathcal{N}(0, I)$$

    Draw k uses the key folded with k, so the numbers do not depend on chunks or devices; the caller folds the row,
    `vmap(lambda x, k: smooth(T, key=k, std=s)(x))`. Costs `samples` evaluations of T. The error of the mean is
    `standard_error_over(lambda k: with_noise(T, key=k, std=s), keys)`.

    Args:
        explained: a transformed function, such as `gradient(f)`.
        key: a typed random key.
        std: the standard deviation of the noise, in units of the argument; one number, or a pytree like the argument.
        samples: number of draws.
        where: `[T]` booleans, True at real positions; the others get no noise.
        batch_size: draws evaluated at once; None lets the library choose.
        argnums: the argument that the noise is added to.
        has_aux: T returns `(attribution, aux)`; aux at the argument without noise is returned beside the average.

    Returns:
        A function with the signature of `explained`, whose value is the mean of its values, in float32 at least.
        **Unit**: that of `explained`.

    Raises:
        TypeError: a key that is not typed, or an argument that is not floating point.
        ValueError: a negative standard deviation, fewer than one draw.

    Example:
        >>> import jaxattr as ja
        >>> g = smooth(ja.gradient(lambda x: (x**2).sum()), key=jax.random.key(0), std=0.1, samples=256)
        >>> g(jnp.array([1.0, 2.0])).round(1).tolist()
        [2.0, 4.0]

    References:
        :cite:`smilkov2017smoothgrad`, arXiv:1706.03825, section 3.
    """
    keys = _draws("smooth", key, samples)

    def averaged(*args: Any, **kwargs: Any) -> Any:
        mean = mean_over(_noisy(explained, std, where, argnums, has_aux), keys, batch_size=batch_size)(*args, **kwargs)
        return (mean, explained(*args, **kwargs)[1]) if has_aux else mean

    return _argument.like(explained, averaged)


def vargrad(
    explained: Callable[..., Any],
    *,
    key: Any,
    std: Any,
    samples: int = 16,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Variance of a transformed function under Gaussian noise added to its argument: VarGrad, for any transform.

    $$\phi_i(x) = \mathrm{Var}_k \big[\, T(f)(x + \sigma\, \varepsilon_k)_i \big]$$

    A magnitude: it has no sign. The same draws as :func:`smooth` with the same key. Costs `samples` evaluations of T.

    Args:
        explained: a transformed function, such as `gradient(f)`.
        key: a typed random key.
        std: the standard deviation of the noise, in units of the argument; one number, or a pytree like the argument.
        samples: number of draws.
        where: `[T]` booleans, True at real positions; the others get no noise.
        batch_size: draws evaluated at once; None lets the library choose.
        argnums: the argument that the noise is added to.
        has_aux: T returns `(attribution, aux)`; aux at the argument without noise is returned beside the variance.

    Returns:
        A function with the signature of `explained`, whose value has its structure, in float32 at least.
        **Unit**: that of `explained`, squared.

    Raises:
        TypeError: a key that is not typed, or an argument that is not floating point.
        ValueError: a negative standard deviation, fewer than one draw.

    Example:
        >>> import jaxattr as ja
        >>> v = vargrad(ja.gradient(lambda x: 3 * x.sum()), key=jax.random.key(0), std=0.1)
        >>> v(jnp.array([1.0, 2.0])).tolist()
        [0.0, 0.0]

    References:
        :cite:`adebayo2018sanity`, arXiv:1810.03292, section 2.
    """
    keys = _draws("vargrad", key, samples)

    def spread(*args: Any, **kwargs: Any) -> Any:
        noisy = _noisy(explained, std, where, argnums, has_aux)
        variance = variance_over(noisy, keys, batch_size=batch_size)(*args, **kwargs)
        return (variance, explained(*args, **kwargs)[1]) if has_aux else variance

    return _argument.like(explained, spread)


def _noisy(explained: Callable[..., Any], std: Any, where: Any, argnums: Any, has_aux: bool) -> Make:
    attribution = (lambda *args, **kwargs: explained(*args, **kwargs)[0]) if has_aux else explained
    return lambda key: with_noise(attribution, key=key, std=std, where=where, argnums=argnums)


def _draws(name: str, key: Any, samples: int) -> Any:
    _checks.check_key(name, key)
    _checks.check_count(name, "samples", samples)
    return keys_of_draws(key, samples)


def _standard_deviations(name: str, std: Any, argument: Argument) -> list[Any]:
    leaves = jax.tree.leaves(std)
    if jax.tree.structure(std) == jax.tree.structure(0):
        leaves = leaves * len(argument.leaves)
    if len(leaves) != len(argument.leaves) or any(
        jnp.shape(s) not in ((), leaf.shape) for s, leaf in zip(leaves, argument.leaves, strict=False)
    ):
        raise ValueError(
            f"{name} wants std as one number, or one number or array for each leaf of the argument, but got "
            f"{[_checks.describe(s) for s in leaves]}. Write std=0.1."
        )
    return leaves

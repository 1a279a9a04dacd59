"""Gradients of a score: plain, times the input, and with respect to an embedding."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxattr import _argument
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32
from jaxattr.cutting import At, cut


def gradient(
    f: _argument.Score,
    *,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Give each entry of the argument the slope of the score there.

    $$\phi_i = \frac{\partial f}{\partial x_i}(x)$$

    It says what an infinitesimal change would do, not what the entry contributed: where f is saturated it is 0 although
    the entry decided the score. Costs one forward and one backward pass. Its norm over the embedding axis,
    `jnp.linalg.norm(g, axis=-1)`, is a magnitude without sign.

    Args:
        f: a function that returns one number.
        where: `[T]` booleans, True at real positions; the others get 0.
        argnums: the argument that is attributed to; a sequence gives a tuple.
        has_aux: f returns `(score, aux)`; aux is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure, shapes and dtypes of the argument.
        **Unit**: the unit of f per unit of the argument.

    Raises:
        TypeError: an argument that is not floating point, or a score that is not a floating point number.
        ValueError: a score with axes, an empty argument, a mask of another length.

    Example:
        >>> gradient(lambda x: x[0] * x[1] ** 2)(jnp.array([3.0, 2.0])).tolist()
        [4.0, 12.0]

    References:
        :cite:`simonyan2014deep`, arXiv:1312.6034, section 3; for text :cite:`hechtlinger2016interpretation`,
        arXiv:1611.07634.
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        slopes, aux = jax.grad(argument.score, has_aux=True)(argument.leaves)
        return argument.rebuild(_argument.masked(slopes, _argument.marked("gradient", argument, where))), aux

    return _argument.attributing(method, f, name="gradient", argnums=argnums, has_aux=has_aux)


def gradient_times_input(
    f: _argument.Score,
    *,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Give each entry its slope times its value: the first-order guess of what removing it to zero would take away.

    $$\phi_i = x_i \, \frac{\partial f}{\partial x_i}(x)$$

    Exact, and complete, where f is homogeneous of degree 1 (a network of ReLU without biases); elsewhere only the first
    term of a Taylor series. Costs one forward and one backward pass.

    Args:
        f: a function that returns one number.
        where: `[T]` booleans, True at real positions; the others get 0.
        argnums: the argument that is attributed to; a sequence gives a tuple.
        has_aux: f returns `(score, aux)`; aux is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument, in float32 at
        least. **Unit**: the unit of f.

    Raises:
        TypeError: an argument that is not floating point, or a score that is not a floating point number.
        ValueError: a score with axes, an empty argument, a mask of another length.

    Example:
        >>> gradient_times_input(lambda x: x[0] * x[1] ** 2)(jnp.array([3.0, 2.0])).tolist()
        [12.0, 24.0]

    References:
        :cite:`shrikumar2016not`, arXiv:1605.01713, section 2.
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        slopes, aux = jax.grad(argument.score, has_aux=True)(argument.leaves)
        values = [
            x.astype(at_least_float32(x.dtype)) * g.astype(at_least_float32(x.dtype))
            for x, g in zip(argument.leaves, slopes, strict=True)
        ]
        marks = _argument.marked("gradient_times_input", argument, where)
        return argument.rebuild(_argument.masked(values, marks)), aux

    return _argument.attributing(method, f, name="gradient_times_input", argnums=argnums, has_aux=has_aux)


def grad_wrt_embedding(
    f: _argument.Score,
    *,
    at: At,
    which: int | tuple[int, ...] | None = None,
    step: int | tuple[int, ...] | None = None,
    batch_axis: Any = None,
    where: Any = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Give each token the gradient of the score with respect to its embedding.

    $$\phi_t = \frac{\partial f}{\partial e_t} \in \mathbb{R}^D, \qquad e_t = E[\mathrm{ids}_t]$$

    The model is not changed: the score is cut at its own lookup, see :func:`jaxattr.cut`. Costs one forward and one
    backward pass.

    Args:
        f: a function of parameters, ids and whatever else, that returns one number.
        at: a function of f's own arguments that returns the table (a leaf or a pytree of leaves), or the name given
            with `jax.ad_checkpoint.checkpoint_name`.
        which: which lookup, where the table is read more than once; see :func:`jaxattr.cut`.
        step: which step, where the value lies in a scan; see :func:`jaxattr.cut`.
        batch_axis: the axis of length one that leaves the value, for a model that only takes a batch.
        where: `[T]` booleans, True at real positions; the others get 0.
        has_aux: f returns `(score, aux)`; aux is returned beside the gradient.

    Returns:
        A function with the signature of f, whose value has the structure of what `at` returned, `[T, D]` each.
        **Unit**: the unit of f per unit of the embedding.

    Raises:
        CutError: the table is not read, is read several times, or is read where no cut is possible.

    Example:
        >>> table = jnp.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
        >>> score = lambda table, ids: (table[ids] ** 2).sum()
        >>> grad_wrt_embedding(score, at=lambda table, ids: table)(table, jnp.array([2, 1])).tolist()
        [[6.0, 8.0], [2.0, 4.0]]

    References:
        :cite:`hechtlinger2016interpretation`, arXiv:1611.07634.
    """
    embed, head = cut(f, at=at, which=which, step=step, batch_axis=batch_axis)
    slope = gradient(head, where=where, has_aux=has_aux)
    return _argument.like(f, lambda *args, **kwargs: slope(embed(*args, **kwargs), *args, **kwargs))

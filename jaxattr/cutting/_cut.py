"""`cut`: split a score at an inner value."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _argument, _checks
from jaxattr.cutting._open import Opened, open_at

At = Callable[..., Any] | str


def cut(
    f: Callable[..., Any],
    *,
    at: At,
    which: int | tuple[int, ...] | None = None,
    step: int | tuple[int, ...] | None = None,
    batch_axis: Any = None,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    r"""Split f at an inner value: `embed` computes it, `head` computes the rest of f from it.

    $$\mathrm{head}(\mathrm{embed}(a), a) = f(a)$$

    The inner value is then an ordinary first argument, so that every transform attributes to it:
    `integrated_gradients(head, baseline=x0)(embed(*args), *args)`. The cut is a pass over the jaxpr of f, traced afresh
    at each call: it knows no framework, changes no model and leaves the caches of functions that the user jitted alone.
    `embed` runs only what the value needs, `head` only what comes after. Masks and positions that f computes from ids
    stay those of the ids given to `head`. Tied output tables keep the real table.

    Args:
        f: any JAX function; parameters must come in as arguments. Leaves that are not arrays (functions, strings,
            numbers of Python) are static.
        at: where to cut. A function of f's own arguments that returns the leaf whose lookup by ids is meant (an
            embedding table), or a pytree of such leaves (tokens, positions, segments), which are then cut together; it
            may look at shapes. Or a name that f gives to a value with `jax.ad_checkpoint.checkpoint_name`.
        which: which occurrence, counted from 0, where a table is read or a name is given several times; a tuple for
            several at once.
        step: where the value lies in a `scan`, the one step that is meant; a tuple in nested scans. Without it all
            steps are cut together and stacked along new leading axes, which is refused where one step feeds the next.
        batch_axis: an axis of length one that leaves the cut value and that `head` puts back, for an f that only takes
            a batch: the value is then `[T, D]` and not `[1, T, D]`. An integer, or a pytree of them like the value of
            `at`.

    Returns:
        `embed(*args, **kwargs)`, the value in the structure of what `at` returned, and `head(value, *args, **kwargs)`,
        which returns what f returns.

    Raises:
        CutError: when called; nothing or several things are found at `at`, the value lies where no cut can be made
            (`cond`, `while`), the table is multiplied by counts, ids lie outside the vocabulary.
        ValueError: a value given to `head` with another structure, shape or dtype.

    Example:
        >>> table = jnp.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
        >>> score = lambda table, ids: (table[ids] ** 2).sum()
        >>> embed, head = cut(score, at=lambda table, ids: table)
        >>> x = embed(table, jnp.array([2, 1]))
        >>> print(x.tolist(), head(x, table, jnp.array([2, 1])))
        [[3.0, 4.0], [1.0, 2.0]] 30.0
    """
    _checks.check_function("cut", "f", f, "cut(score, at=lambda params, ids: params['embed'])")
    if not isinstance(at, str):
        _checks.check_function("cut", "at", at, "at=lambda params, ids: params['embed'], or the name of a value")

    for option, value in (("which", which), ("step", step)):
        _check_numbers(option, value)

    def embed(*args: Any, **kwargs: Any) -> Any:
        opened = open_at(f, at, which, step, args, kwargs)
        return opened.pack([_squeezed(v, a) for v, a in zip(opened.take(), _axes(opened, batch_axis), strict=True)])

    def head(value: Any, /, *args: Any, **kwargs: Any) -> Any:
        opened = open_at(f, at, which, step, args, kwargs)
        parts, axes = opened.unpack(value), _axes(opened, batch_axis)
        _check_parts(parts, opened, axes)
        return opened.put([v if a is None else jnp.expand_dims(v, a) for v, a in zip(parts, axes, strict=True)])

    return _argument.like(f, embed), _with_value(f, head)


def _check_numbers(option: str, value: Any) -> None:
    numbers = value if isinstance(value, tuple) and value else (value,)
    if any(isinstance(n, bool) or not (n is None or isinstance(n, int)) for n in numbers):
        raise TypeError(
            f"cut wants {option} as an integer or a tuple of integers, but got {value!r}. Count from 0: {option}=0."
        )


def _with_value(f: Callable[..., Any], head: Callable[..., Any]) -> Callable[..., Any]:
    """Head's own signature: the cut value, then the parameters of f."""
    head = _argument.like(f, head)
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return head
    first = inspect.Parameter("value", inspect.Parameter.POSITIONAL_ONLY)
    head.__signature__ = signature.replace(parameters=[first, *signature.parameters.values()])  # pyright: ignore
    return head


def _axes(opened: Opened, batch_axis: Any) -> list[int | None]:
    """The batch axis of each part of the cut value."""
    if batch_axis is None or isinstance(batch_axis, int):
        return [batch_axis] * len(opened.parts)
    return opened.unpack(batch_axis, is_leaf=lambda axis: axis is None)


def _squeezed(value: Any, axis: int | None) -> Any:
    if axis is None:
        return value
    if not -value.ndim <= axis < value.ndim or value.shape[axis] != 1:
        raise ValueError(
            f"cut with batch_axis={axis} wants an axis of length one there, but the cut value is "
            f"{_checks.describe(value)}. Call it on one example, or give the right axis."
        )
    return jnp.squeeze(value, axis)


def _check_parts(parts: list[Any], opened: Opened, axes: list[int | None]) -> None:
    for part, shape, axis in zip(parts, opened.shapes(), axes, strict=True):
        wanted = jax.eval_shape(lambda v, axis=axis: _squeezed(v, axis), shape)
        if not _checks.is_array(part) or part.shape != wanted.shape or part.dtype != wanted.dtype:
            raise ValueError(
                f"head wants the cut value as {_checks.describe(wanted)}, but got {_checks.describe(part)}. Pass what "
                "embed returns for the same arguments, or an array of its shape and dtype."
            )

"""Evaluate a score on perturbed inputs, and give each position what its removal took away."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32, map_points
from jaxattr._leaves import apart
from jaxattr.masks import Perturbation, leave_one_out


def perturbed(
    f: Callable[..., Any],
    *,
    keep: Any,
    perturb: Perturbation,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Evaluate f on every perturbed version of its argument.

    $$\big( f(\mathrm{perturb}(x, \mathrm{keep}_k)) \big)_{k = 1 \dots n}$$

    f may return anything: a probability, the top five classes, a whole distribution. Costs n forward passes, at most
    `batch_size` at once.

    Args:
        f: a function that returns a pytree of arrays.
        keep: booleans `[n, T]`, True where a position stays: :func:`leave_one_out`, :func:`windows`, :func:`spans`.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        where: `[T]` booleans, True at real positions; the others always stay.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(value, aux)`; aux at the input as given is returned beside the values.

    Returns:
        A function with the signature of f, whose value is f's with a leading axis n. **Unit**: the unit of f.

    Raises:
        TypeError: a mask that is not boolean, a perturbation that changes dtypes.
        ValueError: a mask whose length is not the argument's leading axis, a perturbation that changes shapes.

    Example:
        >>> import jaxattr as ja
        >>> total = lambda ids: ids.sum()
        >>> perturbed(total, keep=ja.leave_one_out(3), perturb=ja.replace(0))(jnp.array([1, 2, 3])).tolist()
        [5, 4, 3]

    References:
        :cite:`li2016understanding`, arXiv:1612.08220.
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        masks = _masks("perturbed", argument, keep, where)
        values = _evaluate("perturbed", argument, masks, perturb, batch_size)[0]
        return values, (argument.score(argument.leaves)[1] if has_aux else None)

    _check_options("perturbed", perturb, batch_size)
    return _argument.attributing(
        method, f, name="perturbed", argnums=argnums, has_aux=has_aux, integers=True, scalar=False
    )


def occlusion(
    f: _argument.Score,
    *,
    perturb: Perturbation,
    keep: Any = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Give each position the drop of the score when the masks that cover it are applied.

    $$\phi_t = \frac{1}{|K_t|} \sum_{k \in K_t} \big( f(x) - f(\mathrm{perturb}(x, \mathrm{keep}_k)) \big),
      \qquad K_t = \{k : \mathrm{keep}_{k,t} = \mathrm{False}\}$$

    With one mask a position this is leave-one-out: an exact answer to "what if it were not there?". The drops do not
    sum to f(x); where two words say the same, neither drop shows it. Costs n + 1 forward passes, at most `batch_size`
    at once. f(x) is one more row of the same batch, so a mask without effect gives exactly 0.

    Args:
        f: a function that returns one number.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        keep: booleans `[n, T]`, True where a position stays; :func:`leave_one_out` where None.
        where: `[T]` booleans, True at real positions; the others always stay and get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the drops.

    Returns:
        A function with the signature of f, whose value is `[T]`, in float32 at least: one number a position, also where
        the argument has more axes or leaves; 0 at a position that no mask covers. **Unit**: the unit of f.

    Raises:
        TypeError: a score that is not a number, a mask that is not boolean, a perturbation that changes dtypes.
        ValueError: a mask whose length is not the argument's leading axis, an empty text.

    Example:
        >>> import jaxattr as ja
        >>> best = lambda ids: ids.max().astype(float)
        >>> occlusion(best, perturb=ja.delete(0))(jnp.array([1, 7, 3])).tolist()
        [0.0, 4.0, 0.0]

    References:
        :cite:`zeiler2014visualizing`, arXiv:1311.2901, section 4.2; for text :cite:`li2016understanding`,
        arXiv:1612.08220, eq. 2.
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        length = _checks.leading_length("occlusion", argument.leaves, argument.paths)
        masks = _masks("occlusion", argument, leave_one_out(length) if keep is None else keep, where)
        with_whole = jnp.concatenate([jnp.ones((1, length), bool), masks])
        scores, aux = _evaluate("occlusion", argument, with_whole, perturb, batch_size)
        scores = scores.astype(at_least_float32(scores.dtype))
        gone = ~masks
        drops = jnp.where(gone, (scores[0] - scores[1:])[:, None], 0)
        return drops.sum(0) / jnp.maximum(gone.sum(0), 1), _first(aux)

    _check_options("occlusion", perturb, batch_size)
    return _argument.attributing(method, f, name="occlusion", argnums=argnums, has_aux=has_aux, integers=True)


def _first(stacked: Any) -> Any:
    """The first row of every array."""
    arrays, rebuild = apart(stacked, _checks.is_array)
    return rebuild([a[0] for a in arrays])


def _check_options(name: str, perturb: Any, batch_size: int | None) -> None:
    _checks.check_function(name, "perturb", perturb, "perturb=jaxattr.delete(pad)")
    _checks.check_batch_size(name, batch_size)


def _masks(name: str, argument: Argument, keep: Any, where: Any) -> Any:
    length = _checks.leading_length(name, argument.leaves, argument.paths)
    _checks.check_mask(name, "keep", keep, length, "n, T")
    if where is None:
        return jnp.asarray(keep)
    _checks.check_where(name, where, length)
    return jnp.asarray(keep) | ~jnp.asarray(where)[None]


def _evaluate(name: str, argument: Argument, masks: Any, perturb: Perturbation, batch_size: int | None) -> Any:
    x = argument.value

    def at(keep: Any) -> Any:
        changed = perturb(x, keep)
        _checks.check_same(name, "the value of perturb", changed, x)
        leaves = _argument.arrays(changed)
        whole = keep.all()
        return argument.score([jnp.where(whole, a, b) for a, b in zip(argument.leaves, leaves, strict=True)])

    return map_points(at, masks, batch_size)

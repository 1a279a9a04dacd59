"""Evaluate a score on perturbed inputs, and give each position what its removal took away."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32, map_points
from jaxattr._leaves import apart
from jaxattr.effects import Effect, drop
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
        keep: booleans `[n, T]`, True where a position stays: :func:`leave_one_out`, :func:`windows`, :func:`spans`; or
            a pytree of them, all evaluated together.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        where: `[T]` booleans, True at real positions; the others always stay.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(value, aux)`; aux at the input as given is returned beside the values.

    Returns:
        A function with the signature of f, whose value is f's with a leading axis n, one such value for each array of
        `keep`. **Unit**: the unit of f.

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
        masks, split = _masks("perturbed", argument, keep, where)
        arrays, rebuild = apart(_evaluate("perturbed", argument, masks, perturb, batch_size)[0], _checks.is_array)
        values = split(lambda part: rebuild([a[part] for a in arrays]))
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
    effect: Effect | None = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Give each position the effect of the masks that cover it: by default, the drop of the score.

    $$\phi_t = \frac{1}{|K_t|} \sum_{k \in K_t}
      \mathrm{effect}\big( f(x), f(\mathrm{perturb}(x, \mathrm{keep}_k)) \big),
      \qquad K_t = \{k : \mathrm{keep}_{k,t} = \mathrm{False}\}$$

    With one mask a position this is leave-one-out: an exact answer to "what if it were not there?". The drops do not
    sum to f(x); where two words say the same, neither drop shows it. Costs n + 1 forward passes, at most `batch_size`
    at once; what f returns is held for all n + 1. f(x) is one more row of the same batch, so a mask without effect
    gives exactly 0.

    Levels: `keep` may be a pytree of masks, for instance `{"sentence": spans(s), "word": spans(w)}`, and the value is
    then one too, each array an occlusion of its own and all of them from one pass. Every level removes from the full
    text: the number of a sentence is what its removal takes away, that of a word inside it what the word's own removal
    does.

    Args:
        f: a function that returns one number; with `effect`, anything that the effect compares.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        keep: booleans `[n, T]`, True where a position stays, or a pytree of them; :func:`leave_one_out` where None.
        effect: `(full, changed) -> number` of what f returns for the full and for a perturbed text, from
            :mod:`jaxattr.effects` or your own; None takes full - changed of one number.
        where: `[T]` booleans, True at real positions; the others always stay and get 0.
        batch_size: evaluations at once; None lets the library choose.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the drops.

    Returns:
        A function with the signature of f, whose value is `[T]`, in float32 at least: one number a position, also where
        the argument has more axes or leaves; 0 at a position that no mask covers. An effect that returns arrays or a
        pytree of them gives each a leading axis T; a pytree of masks gives a pytree of values. **Unit**: that of the
        effect, by default the unit of f.

    Raises:
        TypeError: a score or an effect that is not a number, a mask that is not boolean, a perturbation that changes
            dtypes.
        ValueError: a mask whose length is not the argument's leading axis, an empty text.

    Example:
        >>> import jaxattr as ja
        >>> best = lambda ids: ids.max().astype(float)
        >>> occlusion(best, perturb=ja.delete(0))(jnp.array([1, 7, 3])).tolist()
        [0.0, 4.0, 0.0]
        >>> logits = lambda ids: jnp.stack([ids.max(), ids.min()]).astype(float)
        >>> changes = occlusion(logits, perturb=ja.delete(0), effect=ja.effects.l1)
        >>> print(changes(jnp.array([1, 7, 3])).round(3))
        [0.003 0.09  0.003]

    References:
        :cite:`zeiler2014visualizing`, arXiv:1311.2901, section 4.2; for text :cite:`li2016understanding`,
        arXiv:1612.08220, eq. 2.
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        length = _checks.leading_length("occlusion", argument.leaves, argument.paths)
        masks, split = _masks("occlusion", argument, leave_one_out(length) if keep is None else keep, where)
        effects, aux = effects_of_masks("occlusion", argument, masks, perturb, effect or drop, batch_size)
        return split(lambda part: jax.tree.map(lambda e: _covering_mean(e[part], ~masks[part]), effects)), aux

    _check_options("occlusion", perturb, batch_size)
    if effect is not None:
        _checks.check_function("occlusion", "effect", effect, "effect=jaxattr.effects.kl")
    return _argument.attributing(
        method, f, name="occlusion", argnums=argnums, has_aux=has_aux, integers=True, scalar=effect is None
    )


def effects_of_masks(
    name: str, argument: Argument, masks: Any, perturb: Perturbation, effect: Effect, batch_size: int | None
) -> tuple[Any, Any]:
    """The effect of each mask `[n, T]`, with a leading axis n, and aux at the input as given."""
    with_whole = jnp.concatenate([jnp.ones((1, masks.shape[1]), bool), masks])
    values, aux = _evaluate(name, argument, with_whole, perturb, batch_size)
    arrays, rebuild = apart(values, _checks.is_array)

    def of(changed: Any) -> Any:
        result = effect(rebuild([a[0] for a in arrays]), rebuild(changed))
        for leaf in jax.tree.leaves(result):
            if not _checks.is_array(leaf):
                raise TypeError(
                    f"{name} wants effect to return numbers, but it returned {_checks.describe(leaf)}. "
                    "Write for example effect=jaxattr.effects.kl."
                )
        return jax.tree.map(lambda e: jnp.asarray(e, at_least_float32(jnp.result_type(e))), result)

    return jax.vmap(of)([a[1:] for a in arrays]), _first(aux)


@jax.jit
def _covering_mean(effects: Any, gone: Any) -> Any:
    """For each position the mean of the effects `[n, ...]` of the masks that cover it; compiled, so that it fuses."""
    covers = gone.reshape(gone.shape + (1,) * (effects.ndim - 1))
    count = jnp.maximum(gone.sum(0), 1).reshape((-1,) + (1,) * (effects.ndim - 1))
    return jnp.where(covers, effects[:, None], 0).sum(0) / count


def _first(stacked: Any) -> Any:
    """The first row of every array."""
    arrays, rebuild = apart(stacked, _checks.is_array)
    return rebuild([a[0] for a in arrays])


def _check_options(name: str, perturb: Any, batch_size: int | None) -> None:
    _checks.check_function(name, "perturb", perturb, "perturb=jaxattr.delete(pad)")
    _checks.check_batch_size(name, batch_size)


def _masks(name: str, argument: Argument, keep: Any, where: Any) -> tuple[Any, Callable[..., Any]]:
    """All masks `[n, T]`, and the pytree of `value(slice)` for the slice of each array of `keep`."""
    length = _checks.leading_length(name, argument.leaves, argument.paths)
    each, tree = jax.tree.flatten(keep)
    if not each:
        raise ValueError(
            f"{name} wants at least one mask in keep, but got {_checks.describe(keep)} without arrays. "
            "Write keep=jaxattr.leave_one_out(T)."
        )
    for masks in each:
        _checks.check_mask(name, "keep", masks, length, "n, T")
    ends = np.cumsum([0, *(len(masks) for masks in each)])
    parts = [slice(int(start), int(end)) for start, end in itertools.pairwise(ends)]
    masks = jnp.concatenate([jnp.asarray(masks) for masks in each])
    if where is not None:
        _checks.check_where(name, where, length)
        masks = masks | ~jnp.asarray(where)[None]
    return masks, lambda value: tree.unflatten([value(part) for part in parts])


def _evaluate(name: str, argument: Argument, masks: Any, perturb: Perturbation, batch_size: int | None) -> Any:
    return map_points(masked_score(name, argument, perturb), masks, batch_size)


def masked_score(name: str, argument: Argument, perturb: Perturbation) -> Callable[[Any], tuple[Any, Any]]:
    """`keep[T] -> (score, aux)` of the perturbed argument; a mask that keeps all gives the argument as it is."""
    x = argument.value

    def at(keep: Any) -> tuple[Any, Any]:
        changed = perturb(x, keep)
        _checks.check_same(name, "the value of perturb", changed, x)
        whole = keep.all()
        leaves = zip(argument.leaves, _argument.arrays(changed), strict=True)
        return argument.score([jnp.where(whole, a, b) for a, b in leaves])

    return at

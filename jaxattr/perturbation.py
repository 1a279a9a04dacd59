"""Evaluate a score on perturbed inputs, and give each position what its removal took away."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32
from jaxattr._masked import Masks, Ways, covering_mean, masks_of, whole_and_versions
from jaxattr.effects import Effect, drop
from jaxattr.masks import Perturbation


def perturbed(
    f: Callable[..., Any],
    *,
    keep: Any,
    perturb: Perturbation,
    where: Any = None,
    batch_size: int | None = None,
    reuse: bool = True,
    check: int = 0,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Evaluate f on every perturbed version of its argument.

    $$\big( f(\mathrm{perturb}(x, \mathrm{keep}_k)) \big)_{k = 1 \dots n}$$

    f may return anything: a probability, the top five classes, a whole distribution. Costs n forward passes at most,
    `batch_size` at once; what the versions share is computed once, see :func:`occlusion`.

    Args:
        f: a function that returns a pytree of arrays.
        keep: booleans `[n, T]`, True where a position stays: :func:`leave_one_out`, :func:`windows`, :func:`spans`; or
            a pytree of them, all evaluated together.
        perturb: `(x, keep[T]) -> x'`: :func:`replace`, :func:`delete`, :func:`delete_left` or your own.
        where: `[T]` booleans, True at real positions; the others always stay.
        batch_size: evaluations at once; None lets the library choose.
        reuse: compute once what the versions share, where the call is compiled; False evaluates f on every version
            in full.
        check: so many of the masks, spread evenly, the first and the last among them, are evaluated in full as well;
            the floating point numbers of the result are NaN where they differ by more than rounding.
        argnums: the argument that is perturbed; a sequence gives `perturb` a tuple.
        has_aux: f returns `(value, aux)`; aux at the input as given is returned beside the values.

    Returns:
        A function with the signature of f, whose value is f's with a leading axis n, one such value for each array of
        `keep`. **Unit**: the unit of f.

    Raises:
        TypeError: a mask that is not boolean, a perturbation that changes dtypes.
        ValueError: a mask whose length is not the argument's leading axis, a perturbation that changes shapes, an f
            with side effects unless `reuse=False`.

    Example:
        >>> import jaxattr as ja
        >>> total = lambda ids: ids.sum()
        >>> perturbed(total, keep=ja.leave_one_out(3), perturb=ja.replace(0))(jnp.array([1, 2, 3])).tolist()
        [5, 4, 3]

    References:
        :cite:`li2016understanding`, arXiv:1612.08220.
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        masks = masks_of("perturbed", argument, keep, where)
        arrays, rebuild = whole_and_versions("perturbed", argument, masks, ways)
        values = masks.split(lambda part: rebuild([a[1:][part] for a in arrays]))
        return values, argument.aux

    ways = _ways("perturbed", perturb, batch_size, reuse, check)
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
    reuse: bool = True,
    check: int = 0,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Give each position the effect of the masks that cover it: by default, the drop of the score.

    $$\phi_t = \frac{1}{|K_t|} \sum_{k \in K_t}
      \mathrm{effect}\big( f(x), f(\mathrm{perturb}(x, \mathrm{keep}_k)) \big),
      \qquad K_t = \{k : \mathrm{keep}_{k,t} = \mathrm{False}\}$$

    With one mask a position this is leave-one-out: an exact answer to "what if it were not there?". The drops do not
    sum to f(x); where two words say the same, neither drop shows it. What f returns is held for all n + 1 versions. A
    mask without effect gives exactly 0.

    Cost: n + 1 forward passes at most, `batch_size` at once. Where the call is compiled (`jax.jit`), the masks are
    known while tracing and `perturb` is :func:`replace`, :func:`delete` or :func:`delete_left`, only what a change
    reaches is computed anew: the windows of a convolution that saw it, what comes after it in a loop over positions,
    and of a pooled layer the changed rows alone. The numbers are those of full evaluations up to rounding; derivatives
    are those of full evaluations, at their cost. Where positions mix in some other way, as in self-attention, each
    version goes on alone from there; :func:`jaxattr.fallbacks` says where.

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
        reuse: compute once what the versions share, where the call is compiled; False evaluates f on every version
            in full.
        check: so many of the masks, spread evenly, the first and the last among them, are evaluated in full as well;
            the floating point numbers of the result are NaN where they differ by more than rounding.
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
        ValueError: a mask whose length is not the argument's leading axis, an empty text, an f with side effects
            unless `reuse=False`.

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
        masks = masks_of("occlusion", argument, keep, where)
        effects = effects_of_masks("occlusion", argument, masks, effect or drop, ways)
        values = masks.split(lambda part: jax.tree.map(lambda e: covering_mean(e, masks, part), effects))
        return values, argument.aux

    ways = _ways("occlusion", perturb, batch_size, reuse, check)
    if effect is not None:
        _checks.check_function("occlusion", "effect", effect, "effect=jaxattr.effects.kl")
    return _argument.attributing(
        method, f, name="occlusion", argnums=argnums, has_aux=has_aux, integers=True, scalar=effect is None
    )


def effects_of_masks(name: str, argument: Argument, masks: Masks, effect: Effect, ways: Ways) -> Any:
    """The effect of each mask, with a leading axis n."""
    arrays, rebuild = whole_and_versions(name, argument, masks, ways)

    def of(changed: Any) -> Any:
        result = effect(rebuild([a[0] for a in arrays]), rebuild(changed))
        for leaf in jax.tree.leaves(result):
            if not _checks.is_array(leaf):
                raise TypeError(
                    f"{name} wants effect to return numbers, but it returned {_checks.describe(leaf)}. "
                    "Write for example effect=jaxattr.effects.kl."
                )
        return jax.tree.map(lambda e: jnp.asarray(e, at_least_float32(jnp.result_type(e))), result)

    return jax.vmap(of)([a[1:] for a in arrays])


def _ways(name: str, perturb: Any, batch_size: int | None, reuse: bool, check: int) -> Ways:
    _checks.check_function(name, "perturb", perturb, "perturb=jaxattr.delete(pad)")
    _checks.check_batch_size(name, batch_size)
    _checks.check_count(name, "check", check, least=0)
    return Ways(perturb, batch_size, reuse, check)

"""A score under keep-masks: the masks that a method was given, and what the score says of each version of the text."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._batching import Apart, is_staged, map_points
from jaxattr._leaves import Rebuild, apart
from jaxattr._positions import column
from jaxattr.masks import Deleting, Perturbation, Replacing, leave_one_out
from jaxattr.reuse import _run, _versions
from jaxattr.reuse._versions import Known


class Masks(NamedTuple):
    """All masks of a method.

    Attributes:
        keep: booleans `[n, T]`.
        known: the same as far as they are known while tracing; None where they are not.
        split: the pytree of `value(slice)`, for the slice of each array that was given.
    """

    keep: Any
    known: Known | None
    split: Callable[[Callable[[slice], Any]], Any]


class Ways(NamedTuple):
    """How the versions are made and evaluated.

    Attributes:
        perturb: the perturbation.
        batch_size: evaluations at once.
        reuse: whether what the versions share is computed once where that is possible.
        check: how many versions are evaluated in full besides.
    """

    perturb: Perturbation
    batch_size: int | None
    reuse: bool = False
    check: int = 0


def masks_of(name: str, argument: Argument, keep: Any, where: Any) -> Masks:
    """The masks in `keep`, an array or a pytree of them; one a position where it is None."""
    length = _checks.leading_length(name, argument.leaves, argument.paths)
    if where is not None:
        _checks.check_where(name, where, length)
    alone = keep is None
    each, tree = jax.tree.flatten(leave_one_out(length) if alone else keep)
    if not each:
        raise ValueError(
            f"{name} wants at least one mask in keep, but got {_checks.describe(keep)} without arrays. "
            "Write keep=jaxattr.leave_one_out(T)."
        )
    for masks in each:
        _checks.check_mask(name, "keep", masks, length, "n, T")
    ends = np.cumsum([0, *(len(masks) for masks in each)])
    parts = [slice(int(start), int(end)) for start, end in itertools.pairwise(ends)]
    masks = jnp.concatenate([jnp.asarray(masks) for masks in each]) if len(each) > 1 else jnp.asarray(each[0])
    known = None
    if alone or all(map(_checks.is_concrete, each)):
        found = ~np.eye(length, dtype=bool) if alone else np.concatenate([np.asarray(m) for m in each])
        known = Known(found, where)
        if where is not None and _checks.is_concrete(where):
            known = Known(found | ~np.asarray(where)[None], None)
    if where is not None:
        masks = masks | ~jnp.asarray(where)[None]
    return Masks(masks, known, lambda value: tree.unflatten([value(part) for part in parts]))


def whole_and_versions(name: str, argument: Argument, masks: Masks, ways: Ways) -> tuple[list[Any], Rebuild]:
    """The arrays of what the score returns for the argument and for each mask, `[1 + n, ...]`, and their way back."""
    shares = ways.reuse and (is_staged() or ways.check)  # run operation by operation, sharing costs more than it saves
    if shares and _versions.refused(ways.perturb, masks.known) is None:
        job, operands, rebuild = job_of(name, argument, masks, ways)
        return _run.evaluate(job, operands, name=name, check=ways.check), rebuild
    keep = jnp.concatenate([jnp.ones((1, masks.keep.shape[1]), bool), masks.keep])
    values = map_points(lambda keep: masked_score(name, argument, ways.perturb)(keep)[0], keep, ways.batch_size)
    return apart(values, _checks.is_array)


def job_of(name: str, argument: Argument, masks: Masks, ways: Ways) -> tuple[_run.Job, _run.Operands, Rebuild]:
    """The evaluation of all versions as a job that shares what they share, and the way back from its arrays."""
    perturb, x, known = ways.perturb, argument.value, masks.known
    assert known is not None
    assert isinstance(perturb, (Replacing, Deleting))
    changed = perturb(x, jnp.ones(known.keep.shape[1], bool))  # looks at the fills
    _checks.check_same(name, "the value of perturb", changed, x)
    given = perturb.fills(x) if isinstance(perturb, Replacing) else perturb.pad
    pairs = zip(jax.tree.leaves(x), jax.tree.leaves(given), strict=True)
    fills = [fill for leaf, fill in pairs if _checks.is_array(leaf)]
    score = Apart(lambda leaves: argument.score(leaves)[0])
    job, operands = _run.prepare(
        score.arrays, argument.leaves, perturb, fills, known, name=name, batch_size=ways.batch_size
    )
    return job, operands, score.rebuild


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


def covering_mean(effects: Any, masks: Masks, part: slice) -> Any:
    """For each position the mean of the effects of those masks of a part that cover it; `effects` `[n, ...]` of all."""
    if masks.known is not None:
        gone = ~masks.known.keep[part]
        if (gone.sum(0) <= 1).all():  # nothing is averaged
            covered = jnp.asarray(gone.any(0))
            if masks.known.where is not None:
                covered = covered & jnp.asarray(masks.known.where)
            return jnp.where(column(covered, effects.ndim), effects[part][gone.argmax(0)], 0)
    return _covering_mean(effects[part], ~masks.keep[part])


@jax.jit
def _covering_mean(effects: Any, gone: Any) -> Any:
    """The same of masks that are traced; compiled, so that it fuses."""
    covers = gone.reshape(gone.shape + (1,) * (effects.ndim - 1))
    count = column(jnp.maximum(gone.sum(0), 1), effects.ndim)
    return jnp.where(covers, effects[:, None], 0).sum(0) / count.astype(effects.dtype)

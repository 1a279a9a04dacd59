"""A score at every version of its argument, with what the versions share computed once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from jaxattr import _checks, _jaxpr, _program, _sizes
from jaxattr._batching import map_points
from jaxattr.masks import Deleting, Replacing
from jaxattr.reuse._versions import Known, Versions, versions
from jaxattr.reuse._walk import Walked, first_where, stacked, walk

_GROUPS = 8  # of versions, which enter a loop over positions one after another


class Operands(NamedTuple):
    """All arrays that a job reads, which a derivative may be taken of.

    Attributes:
        consts: what the score closes over.
        leaves: the argument.
        fills: what is put in, for each leaf.
        where: see :class:`Known`.
    """

    consts: list[Any]
    leaves: list[Any]
    fills: list[Any]
    where: Any


class Job(NamedTuple):
    """A score of leaves and its versions.

    Attributes:
        jaxpr: the score, its arrays apart.
        perturb: the kind of perturbation.
        keep: the masks, `[n, T]`.
        batch_size: how many versions are evaluated at once where each is on its own.
    """

    jaxpr: Any
    perturb: Replacing | Deleting
    keep: np.ndarray
    batch_size: int | None

    def walks(self, operands: Operands) -> list[tuple[_program.Program, Versions, Walked]]:
        """The lots of versions, each with the program and what a walk through it leaves."""
        whole = _program.program(self.jaxpr, operands.consts, _jaxpr.CALLS)
        groups = _GROUPS if _sizes.is_loop(self.jaxpr) else 1
        known = Known(self.keep, operands.where)
        lots = versions(self._perturb(operands.fills), operands.leaves, known, groups)
        return [(whole, lot, walk(whole, dict(zip(whole.inputs, lot.leaves, strict=True)))) for lot in lots]

    def shared(self, operands: Operands) -> list[Any]:
        """Each output for the argument as it is and for all versions, `[1 + n, ...]`, by a walk."""
        lots, orders = [], []
        for whole, lot, walked in self.walks(operands):
            rows = stacked(whole, walked, lot.leaves[0].sizes, self.batch_size)
            lots.append([first_where(lot.same, r) for r in rows])
            orders.append(lot.order)
        back = np.argsort(np.concatenate(orders))
        return [
            jnp.concatenate([each[0][:1], jnp.concatenate([rows[1:] for rows in each])[back]])
            for each in zip(*lots, strict=True)
        ]

    def in_full(self, operands: Operands, masks: np.ndarray | None = None) -> list[Any]:
        """The same, each version evaluated on its own; or the versions of some masks, `[k, ...]`."""
        whole = _program.program(self.jaxpr, operands.consts)
        if masks is None:
            masks = np.concatenate([np.ones((1, self.keep.shape[1]), bool), self.keep])
        keeps = jnp.asarray(masks)
        if operands.where is not None:
            keeps = keeps | ~jnp.asarray(operands.where)[None]
        perturb = self._perturb(operands.fills)

        def one(keep: Any) -> list[Any]:
            changed = perturb(operands.leaves, keep)
            return _program.run(
                whole.steps, {**whole.constants, **dict(zip(whole.inputs, changed, strict=True))}, whole.outputs
            )

        return map_points(one, keeps, self.batch_size)

    def values(self, operands: Operands) -> list[Any]:
        """What :meth:`shared` gives, with the derivatives of :meth:`in_full`.

        The walk enters functions with derivatives of their own (`custom_jvp`), which are lost inside it.
        """
        flat, tree = jax.tree.flatten(operands)

        @jax.custom_jvp
        def run(*flat: Any) -> list[Any]:
            return self.shared(tree.unflatten(flat))

        def derivative(primals: tuple, tangents: tuple) -> Any:
            moving = [not isinstance(t, SymbolicZero) for t in tangents]

            def of_moving(*given: Any) -> list[Any]:
                rest = iter(given)
                return self.in_full(
                    tree.unflatten([next(rest) if m else p for p, m in zip(primals, moving, strict=True)])
                )

            moved = [(p, t) for p, t, m in zip(primals, tangents, moving, strict=True) if m]
            return jax.jvp(of_moving, tuple(p for p, _ in moved), tuple(t for _, t in moved))

        run.defjvp(derivative, symbolic_zeros=True)
        return run(*flat)

    def _perturb(self, fills: list[Any]) -> Replacing | Deleting:
        """The perturbation of a list of leaves."""
        return Replacing(fills) if isinstance(self.perturb, Replacing) else Deleting(self.perturb.name, fills)


def prepare(
    score: Callable[[list[Any]], list[Any]],
    leaves: list[Any],
    perturb: Replacing | Deleting,
    fills: list[Any],
    known: Known,
    *,
    name: str,
    batch_size: int | None,
) -> tuple[Job, Operands]:
    """Trace a score and part it from its arrays."""
    closed = jax.make_jaxpr(lambda *leaves: score(list(leaves)))(*leaves)
    if closed.jaxpr.effects:
        raise ValueError(
            f"{name} computes once what the versions of a text share, so that the side effects of f would not happen "
            f"once a version, but f has {', '.join(map(str, closed.jaxpr.effects))}. Write reuse=False to evaluate f "
            "on every version, or take the print or the callback out of f."
        )
    job = Job(closed.jaxpr, perturb, known.keep, batch_size)
    given = [jnp.asarray(fill, leaf.dtype) for fill, leaf in zip(fills, leaves, strict=True)]
    return job, Operands(list(closed.consts), leaves, given, known.where)


def evaluate(job: Job, operands: Operands, *, name: str, check: int) -> list[Any]:
    """Each output for the argument as it is and for all versions; NaN where `check` of them are found to be wrong."""
    values = job.values(operands)
    if not check:
        return values
    if not any(_checks.is_floating(v) for v in values):
        raise TypeError(
            f"{name} with check={check} turns a wrong result to NaN, but f returns no floating point number. "
            "Drop check, or return one beside the others."
        )
    count = len(job.keep)
    at = np.unique(np.linspace(0, count - 1, min(check, count)).round().astype(int))
    wanted = job.in_full(operands, job.keep[at])
    right = jnp.stack([_agree(v[1 + at], w) for v, w in zip(values, wanted, strict=True)]).all()
    return [jnp.where(right, v, jnp.nan) if _checks.is_floating(v) else v for v in values]


def _agree(values: Any, wanted: Any) -> Any:
    """Whether two ways to one number differ by no more than rounding makes plausible."""
    if not jnp.issubdtype(values.dtype, jnp.inexact):
        return (values == wanted).all()
    eps = jnp.finfo(values.dtype).eps
    finite = jnp.isfinite(wanted)
    size = jnp.max(jnp.where(finite, jnp.abs(wanted), 0), initial=1e-6)
    near = jnp.abs(values - wanted) <= jnp.sqrt(eps) * size
    return jnp.where(finite, near, (values == wanted) | (jnp.isnan(values) & jnp.isnan(wanted))).all()

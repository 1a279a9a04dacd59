"""Where occlusion leaves its short cut."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from jaxattr import _argument, _checks, _jaxpr
from jaxattr._argument import Argument
from jaxattr._masked import Masks, Ways, job_of, masks_of
from jaxattr.masks import Perturbation
from jaxattr.reuse import _versions
from jaxattr.reuse._values import Changed


class Fallback(NamedTuple):
    """An operation from which on each version is computed on its own.

    Attributes:
        primitive: its name in JAX.
        shapes: the shapes of those inputs of which a window was known.
        layer: the layer of the model that it belongs to, where the model names its layers.
        line: the line of source that wrote it.
    """

    primitive: str
    shapes: tuple[tuple[int, ...], ...]
    layer: str
    line: str

    def __str__(self) -> str:
        """One line."""
        at = " ".join(part for part in (f"in {self.layer}" if self.layer else "", self.line) if part)
        return f"{self.primitive} of {', '.join(map(str, self.shapes))} {at}".rstrip()


class Fallbacks(NamedTuple):
    """What :func:`fallbacks` found.

    Attributes:
        reason: why nothing is shared at all; None where versions are followed by windows.
        operations: where versions go on alone.
        alone: how many operations each version runs on its own.
        total: how many operations the score has.
    """

    reason: str | None
    operations: list[Fallback]
    alone: int
    total: int

    def __str__(self) -> str:
        """A line for the whole and one for each operation."""
        if self.reason is not None:
            return f"every version is evaluated in full: {self.reason}"
        head = f"{self.total - self.alone} of {self.total} operations are shared"
        return "\n".join([head, *(f"each version goes on alone after {o}" for o in self.operations)])


def fallbacks(
    f: Callable[..., Any],
    *,
    perturb: Perturbation,
    keep: Any = None,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
) -> Callable[..., Any]:
    """Say what :func:`occlusion` and :func:`perturbed` do not compute once for all versions of a text.

    f is traced and not evaluated; this costs no forward pass. What is said holds for a compiled call: one that runs
    operation by operation evaluates each version in full.

    Args:
        f: the function that is perturbed.
        perturb: as in :func:`occlusion`.
        keep: as in :func:`occlusion`.
        where: as in :func:`occlusion`.
        argnums: as in :func:`occlusion`.

    Returns:
        A function with the signature of f, whose value is a :class:`Fallbacks`; print it to read it.

    Raises:
        TypeError, ValueError: as :func:`occlusion` does.

    Example:
        >>> import jax.numpy as jnp
        >>> import jaxattr as ja
        >>> f = lambda x: jnp.tanh(x @ x.T).sum()
        >>> print(fallbacks(f, perturb=ja.replace(0.0))(jnp.ones((5, 3))))  # doctest: +ELLIPSIS
        1 of 4 operations are shared
        each version goes on alone after dot_general of (5, 3), (3, 5) ...
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        masks = masks_of("fallbacks", argument, keep, where)
        reason = _versions.refused(perturb, masks.known)
        if reason is not None:
            return Fallbacks(reason, [], 0, 0), None
        return _found(argument, masks, perturb), None

    _checks.check_function("fallbacks", "perturb", perturb, "perturb=jaxattr.delete(pad)")
    return _argument.attributing(
        method, f, name="fallbacks", argnums=argnums, has_aux=False, integers=True, scalar=False
    )


def _found(argument: Argument, masks: Masks, perturb: Perturbation) -> Fallbacks:
    operations: dict[int, Fallback] = {}
    counts = [0, 0]

    def look() -> None:
        job, operands, _ = job_of("fallbacks", argument, masks, Ways(perturb, None, reuse=True))
        for whole, _, walked in job.walks(operands):
            counts[:] = len(walked.later), len(whole.steps)
            for step in walked.unruled:
                inputs = [walked.values[v] for v in step.inputs]
                shapes = tuple(tuple(v.base.shape) for v in inputs if isinstance(v, Changed))
                layer, line = _jaxpr.layer_of(step.equation), _jaxpr.where_written(step.equation)
                operations[id(step.equation)] = Fallback(step.name, shapes, layer, line)

    jax.eval_shape(look)
    return Fallbacks(None, list(operations.values()), *counts)

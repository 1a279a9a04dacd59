"""The pass: every value of a score for a text and for all its changed versions, computed as seldom as can be."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxattr import _program
from jaxattr._batching import map_points
from jaxattr._program import Program, Step, Value
from jaxattr._ties import once
from jaxattr.reuse import _later
from jaxattr.reuse._reading import rows_of, unchanged
from jaxattr.reuse._rules import results
from jaxattr.reuse._values import LATER, Changed, Rows


class Walked(NamedTuple):
    """What a walk leaves.

    Attributes:
        values: the values, by number; those that are computed later are missing.
        later: the steps that each version takes on its own.
        unruled: those of them that found no rule for windows.
    """

    values: dict[Value, Any]
    later: list[Step]
    unruled: list[Step]


def walk(whole: Program, known: Mapping[Value, Any]) -> Walked:
    """Go through the steps once, as far as rules carry."""
    values: dict[Value, Any] = {**whole.constants, **known}
    later, unruled = [], []
    for step in _program.live(whole.steps, whole.outputs):
        inputs = [values[v] for v in step.inputs]
        found: list[Any] | None
        if any(v is LATER or isinstance(v, Rows) for v in inputs):
            found = None
        elif any(isinstance(v, Changed) for v in inputs):
            found = results(step, inputs)
            if found is None:
                unruled.append(step)
        else:
            found = step.run(inputs)
        if found is None:
            later.append(step)
            found = [LATER] * len(step.outputs)
        values.update(zip(step.outputs, found, strict=True))
    return Walked(values, later, unruled)


def stacked(whole: Program, walked: Walked, sizes: list[int], batch_size: int | None) -> list[Any]:
    """Each output for the text as it is and for all versions, `[1 + P, ...]`."""
    values, wanted = walked.values, [v for v in dict.fromkeys(whole.outputs) if walked.values[v] is LATER]
    found: dict[Value, Any] = {}
    if wanted:
        steps = _program.live(walked.later, wanted)
        one, points = _later.each_version(steps, values, wanted, sizes)
        batch_size = batch_size or _later.at_once(one, points)
        same = unchanged([values[v] for v in points])  # rows of one batch may be rounded in different ways
        rows = map_points(one, points, batch_size)
        found = dict(zip(wanted, [first_where(same, r) for r in rows], strict=True))
    return [found[v] if v in found else _as_rows(values[v], sum(sizes)) for v in whole.outputs]


def first_where(same: Any, rows: Any) -> Any:
    """The first row, exactly, in the place of versions that are the text as it is."""
    keeps, rows = jnp.concatenate([jnp.zeros(1, bool), same]), once(rows)
    return jnp.where(keeps.reshape((-1,) + (1,) * (rows.ndim - 1)), rows[:1], rows)


def _as_rows(value: Any, count: int) -> Any:
    if isinstance(value, Rows):
        return jnp.concatenate([value.base[None], value.rows])
    if isinstance(value, Changed):
        return jnp.concatenate([value.base[None], *(rows_of(value, g) for g in range(len(value.windows)))])
    return jnp.broadcast_to(value, (1 + count, *jnp.shape(value)))

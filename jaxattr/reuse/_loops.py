"""Loops over positions: the run on the text as it is leaves its states behind, and each version starts from one.

What a round computes of its row alone is done for all rows at once, and for changed rows on their windows. The rest
goes round by round; a group of versions joins when the loop comes to the first of its windows.
"""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxattr import _jaxpr, _program
from jaxattr._program import Program, Step, Value
from jaxattr.reuse._positionwise import on_windows
from jaxattr.reuse._reading import read
from jaxattr.reuse._shapes import flipped
from jaxattr.reuse._values import Changed, Rows, Window, repeated


def loop(step: Step, values: list[Any]) -> list[Any] | None:
    """A scan whose rows are positions."""
    params = step.equation.params
    n, k = _jaxpr.scan_sizes(step.equation)
    fixed, start, rows = values[:n], values[n : n + k], values[n + k :]
    if any(isinstance(v, Changed) for v in (*fixed, *start)) or any(isinstance(v, Changed) and v.axis for v in rows):
        return None
    if params["reverse"]:
        rows = [flipped(v) if isinstance(v, Changed) else jnp.flip(v, 0) for v in rows]
    body = _staged(_program.program(*_jaxpr.body_of(params["jaxpr"]), _jaxpr.CALLS), n, k)
    if not body.cut:
        return None
    known = _common(body, fixed)
    results = _Rounds(body, known, start, _fed(body, known, rows)).results()
    if params["reverse"]:
        results = [flipped(v) if isinstance(v, Changed) else v for v in results]
    return results


class _Body(NamedTuple):
    """A round of a loop in two: what needs its row alone, and the rest.

    Attributes:
        whole: the round.
        n: how many of its inputs are the same in each round.
        k: how many come from the round before.
        alone: the steps that need the row alone.
        rest: the other steps that need anything of the row or of the round before.
        common: the steps that need neither.
        cut: the values that the rest reads of these.
    """

    whole: Program
    n: int
    k: int
    common: list[Step]
    alone: list[Step]
    rest: list[Step]
    cut: list[Value]


def _staged(whole: Program, n: int, k: int) -> _Body:
    level = dict.fromkeys((*whole.constants, *whole.inputs[:n]), 0)
    level.update(dict.fromkeys(whole.inputs[n + k :], 1))
    level.update(dict.fromkeys(whole.inputs[n : n + k], 2))
    steps: tuple[list[Step], list[Step], list[Step]] = ([], [], [])
    for step in _program.live(whole.steps, whole.outputs):
        at = max((level[v] for v in step.inputs), default=0)
        steps[at].append(step)
        level.update(dict.fromkeys(step.outputs, at))
    used = _program.read_by(steps[2]) | set(whole.outputs)
    return _Body(whole, n, k, *steps, sorted(v for v in used if level[v] == 1))


def _fed(body: _Body, known: dict[Value, Any], rows: list[Any]) -> list[Any]:
    """What the rest of each round reads of its row, for all rows at once."""
    inputs = body.whole.inputs[body.n + body.k :]

    def one(*row: Any) -> list[Any]:
        return _program.run(body.alone, {**known, **dict(zip(inputs, row, strict=True))}, body.cut)

    return on_windows(lambda _: jax.vmap(one), rows, [0] * len(rows), 0)


def _common(body: _Body, fixed: list[Any]) -> dict[Value, Any]:
    """The values that are the same in each round."""
    known = {**body.whole.constants, **dict(zip(body.whole.inputs, fixed, strict=False))}
    made = [v for step in body.common for v in step.outputs]
    return {**known, **dict(zip(made, _program.run(body.common, known, made), strict=True))}


class _Rounds:
    """The rounds of a loop, for the text as it is and for all its versions."""

    def __init__(self, body: _Body, known: dict[Value, Any], start: list[Any], rows: list[Any]) -> None:
        self.body, self.known, self.start, self.rows = body, known, start, rows
        self.length = rows[0].length
        some: Changed = rows[0]
        groups = range(len(some.windows))
        self.first = [int(np.clip(some.windows[g].starts.min(), 0, self.length - 1)) for g in groups]
        self.last = [int(some.span(g)[1].max()) for g in groups]
        self.sizes = some.sizes

    def one(self, carry: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
        """A round."""
        body = self.body
        inputs = body.whole.inputs[body.n : body.n + body.k]
        known = {**self.known, **dict(zip(inputs, carry, strict=True)), **dict(zip(body.cut, row, strict=True))}
        outs = _program.run(body.rest, known, body.whole.outputs)
        return outs[: body.k], outs[body.k :]

    def unchanged(self, rows: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """The last state, the state before each round, and what the rounds give."""

        def step(carry: list[Any], row: list[Any]) -> tuple[list[Any], Any]:
            new, out = self.one(carry, row)
            return new, (carry, out)

        last, (before, outs) = lax.scan(step, self.start, rows, length=self.length)
        return last, before, outs

    def results(self) -> list[Any]:
        """The last state and what the rounds give, of all versions."""
        last, before, outs = self.unchanged([v.base for v in self.rows])
        left = outs
        if any(v.left is not v.base for v in self.rows):
            _, before, left = self.unchanged([v.left for v in self.rows])
        ends, given = self.versions(before)
        found: list[Any] = [Rows(base, jnp.concatenate([end[i] for end in ends])) for i, base in enumerate(last)]
        for i, base in enumerate(outs):
            windows = [
                Window(np.full(size, first), jnp.moveaxis(jnp.concatenate([part[i] for part in parts]), 0, 1))
                for size, first, parts in zip(self.sizes, self.first, given, strict=True)
            ]
            beside = base if left is outs else left[i]
            found.append(Changed(base, 0, windows, beside, beside))
        return found

    def versions(self, before: list[Any]) -> tuple[list[list[Any]], list[list[Any]]]:
        """The last states of each group, and what its rounds give, stretch by stretch."""
        carry: dict[int, list[Any]] = {}
        given: list[list[Any]] = [[] for _ in self.sizes]
        for low, high in self._stretches():
            for group, first in enumerate(self.first):
                if first == low:
                    count = self.sizes[group]
                    carry[group] = [jnp.broadcast_to(h[low], (count, *h.shape[1:])) for h in before]
            for clean in (True, False):
                groups = [g for g in carry if (self.last[g] <= low) == clean]
                if groups:
                    self._run(groups, low, high, carry, given, clean=clean)
        return [carry[g] for g in range(len(self.sizes))], given

    def _stretches(self) -> list[tuple[int, int]]:
        cuts = [*sorted(set(self.first)), self.length]
        return list(itertools.pairwise(cuts))

    def _run(
        self, groups: list[int], low: int, high: int, carry: dict[int, list[Any]], given: list[Any], *, clean: bool
    ) -> None:
        """The rounds of a stretch for some groups at once; clean: behind all their windows the rows are shared."""
        rows = [v.right[low:high] if clean else self._rows(v, groups, low, high) for v in self.rows]
        state = [jnp.concatenate(parts) for parts in zip(*[carry[g] for g in groups], strict=True)]
        each = jax.vmap(self.one, in_axes=(0, None if clean else 0))
        state, outs = lax.scan(each, state, rows, length=high - low)
        at = np.cumsum([0, *(self.sizes[g] for g in groups)])
        for g, begin, end in zip(groups, at[:-1], at[1:], strict=True):
            carry[g] = [h[begin:end] for h in state]
            given[g].append([out[:, begin:end] for out in outs])

    def _rows(self, value: Changed, groups: list[int], low: int, high: int) -> Any:
        parts = []
        for g in groups:
            places = np.broadcast_to(np.arange(low, high), (self.sizes[g], high - low))
            parts.append(repeated(read(value, g, 0, places), self.sizes[g]))
        return jnp.moveaxis(jnp.concatenate(parts), 1, 0)

r"""Split a score into a part that is affine in its argument and the rest: $f(x) = \mathrm{rest}(\mathrm{prefix}(x))$.

On a straight line the prefix need not be evaluated at every node: it moves straight itself, so its two ends tell it
all, and what the rest says of it is pulled back once. The prefix ends with products (dense layers, convolutions) and
holds what leads to them; it may take the products of a loop over positions out of the loop. Only what costs something
is taken: a shift or a scaling stays with the rest, where it costs nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxattr import _jaxpr, _maxima, _program, _ties
from jaxattr._maxima import Maximum
from jaxattr._program import Program, Step, Value

CONSTANT, AFFINE, OTHER = range(3)  # in the argument
PRODUCTS = ("dot_general", "conv_general_dilated")
_DEAR = (*PRODUCTS, "tanh", "logistic", "exp", "log", "erf", "sin", "cos", "pow")
_OUT_OF_LOOP = "out of loop"  # the name of what is computed of all rows of a scan at once
SUMS = ("reduce_sum", "cumsum", "reduce_window_sum")
# Affine whatever inputs move; affine where one input moves; affine where the first moves, the others (indices) do not.
_ALL = (
    "neg sub add add_any reshape transpose broadcast_in_dim reduce_sum slice squeeze expand_dims pad concatenate rev "
    "stack unstack cumsum copy copy_p convert_element_type reduce_window_sum split name sharding_constraint"
).split()
_ONE = ("mul", *PRODUCTS)
_FIRST = ("div", "gather", "dynamic_slice")


class Split(NamedTuple):
    """The two parts of a score of leaves.

    Attributes:
        prefix: from leaves to the values that the rest reads, affine.
        rest: from these, and from constants, to the score.
        constants: what the rest reads besides, by the number of the value.
        maxima: maxima over positions of values of the prefix, each with the place of that value.
        read: the places of the values that the rest reads beside these maxima.
        after: the rest from the values at these places, from the maxima `[C]` and from constants to the score.
        hoisted: whether anything is taken out.
    """

    prefix: Callable[[list[Any]], list[Any]]
    rest: Callable[[list[Any], dict[Value, Any]], Any]
    constants: dict[Value, Any]
    maxima: list[tuple[int, Maximum]]
    read: list[int]
    after: Callable[[dict[int, Any], list[Any], dict[Value, Any]], Any]
    hoisted: bool


def unsplit(score: Callable[[list[Any]], Any], leaves: Sequence[Any]) -> Split:
    """A score with nothing taken out."""
    return Split(list, lambda values, _: score(values), {}, [], list(range(len(leaves))), lambda *_: None, False)


def split(score: Callable[[list[Any]], Any], leaves: Sequence[Any]) -> Split:
    """Split `score(leaves)`; nothing is taken out where no product lies in its affine part, or it has side effects."""
    closed = jax.make_jaxpr(lambda *leaves: score(list(leaves)))(*leaves)
    if closed.jaxpr.effects:
        return unsplit(score, leaves)
    whole = _program.program(closed.jaxpr, closed.consts)
    kinds = [CONSTANT] * len(whole.avals)
    for value in whole.inputs:
        kinds[value] = AFFINE
    parts = _parted(whole, kinds)
    if not (parts.hoisted or parts.maxima):
        return unsplit(_ties.rerun(score, whole), leaves)
    places = {value: place for place, value in enumerate(parts.cut)}
    inside = {id(step) for maximum in parts.maxima for step in maximum.steps}
    remaining = [step for step in parts.rest if id(step) not in inside]
    outputs = [maximum.output for maximum in parts.maxima]

    def prefix(leaves: list[Any]) -> list[Any]:
        known = {**whole.constants, **dict(zip(whole.inputs, leaves, strict=True))}
        return _program.run(parts.prefix, known, parts.cut)

    def rest(values: list[Any], constants: dict[Value, Any]) -> Any:
        return _program.run(parts.rest, {**constants, **dict(zip(parts.cut, values, strict=True))}, whole.outputs)[0]

    def after(values: dict[int, Any], tops: list[Any], constants: dict[Value, Any]) -> Any:
        known = {**constants, **{parts.cut[place]: value for place, value in values.items()}}
        known.update((v, top.reshape(whole.avals[v].shape)) for v, top in zip(outputs, tops, strict=True))
        return _program.run(remaining, known, whole.outputs)[0]

    maxima = [(places[maximum.line], maximum) for maximum in parts.maxima]
    read = [places[v] for v in parts.cut if v in _program.read_by(remaining) | set(whole.outputs)]
    return Split(prefix, rest, whole.constants, maxima, read, after, True)


class _Parts(NamedTuple):
    """A program in two.

    Attributes:
        hoisted: the affine steps of the prefix.
        prefix: those, and the constant steps that they need.
        rest: the other steps.
        cut: what the rest reads of the prefix, or of the argument itself.
        maxima: the maxima over positions of affine values, which stand in the rest.
    """

    hoisted: list[Step]
    prefix: list[Step]
    rest: list[Step]
    cut: list[Value]
    maxima: list[Maximum]


def _parted(whole: Program, kinds: list[int]) -> _Parts:
    """Choose what to take out: the products, what maxima are taken of, and sums too where less is then read."""
    steps = _classified(_program.live(whole.steps, whole.outputs), kinds, whole)
    steps = _ties.steady(steps, whole.outputs, whole.avals)
    maxima = _maxima.find(steps, lambda value: kinds[value] == AFFINE, whole)
    with_products = _taken(steps, kinds, whole, PRODUCTS, maxima)
    with_sums = _taken(steps, kinds, whole, PRODUCTS + SUMS, maxima)
    return min(with_products, with_sums, key=lambda parts: sum(whole.avals[v].size for v in parts.cut))


def _taken(steps: list[Step], kinds: list[int], whole: Program, names: Sequence[str], maxima: list[Maximum]) -> _Parts:
    leading = {maximum.line for maximum in maxima}
    hoisted = []
    for step in reversed(steps):
        affine = kinds[step.outputs[0]] == AFFINE
        if affine and (step.name in (*names, _OUT_OF_LOOP) or leading.intersection(step.outputs)):
            hoisted.append(step)
            leading.update(step.inputs)
    made = {value for step in hoisted for value in step.outputs}
    rest = _program.live([step for step in steps if not made.intersection(step.outputs)], whole.outputs)
    cut = sorted((made | set(whole.inputs)) & (_program.read_by(rest) | set(whole.outputs)))
    constant = [step for step in steps if kinds[step.outputs[0]] == CONSTANT]
    taken = {id(step) for step in (*hoisted, *constant)}
    prefix = _program.live([step for step in steps if id(step) in taken], cut)
    return _Parts(hoisted[::-1], prefix, rest, cut, maxima)


def _classified(steps: list[Step], kinds: list[int], whole: Program) -> list[Step]:
    """Say of every value how it depends on the argument; loops that have something to take out become two steps."""
    result = []
    for step in steps:
        parts = [step]
        if step.name == "scan" and any(kinds[i] == AFFINE for i in step.inputs):
            parts = _out_of_loop(step, kinds, whole)
        for part in parts:
            kind = _kind(part, [kinds[i] for i in part.inputs], whole.avals)
            for value in part.outputs:
                kinds[value] = kind
        result += parts
    return result


def _kind(step: Step, kinds: list[int], avals: list[Any]) -> int:
    moving = [kind != CONSTANT for kind in kinds]
    if not any(moving):
        return CONSTANT
    floats = all(jnp.issubdtype(avals[value].dtype, jnp.floating) for value in step.outputs)
    if OTHER in kinds or not floats:
        return OTHER
    affine = (
        step.name in _ALL
        or step.name == _OUT_OF_LOOP
        or (step.name in _ONE and sum(moving) == 1)
        or (step.name in _FIRST and moving[0] and not any(moving[1:]))
        or (step.name == "select_n" and not moving[0])
    )
    return AFFINE if affine else OTHER


def _costs(primitive: Any, *_: Any, **__: Any) -> bool:
    """What a round of a loop keeps for the way back: what costs more to make anew than to read."""
    return primitive.name in _DEAR


class _Round(NamedTuple):
    """A round of a loop in two: what it computes of its row alone, and the rest.

    Attributes:
        params: the parameters of the scan.
        whole: the round.
        parts: the two parts; its row alone leads to the prefix.
        n: how many of its inputs are the same in each round.
        k: how many come from the round before.
        made: what the rest reads of the prefix.
        reads: places of the inputs that the prefix reads.
        kept: places of the inputs that the rest is given.
    """

    params: dict[str, Any]
    whole: Program
    parts: _Parts
    n: int
    k: int
    made: list[Value]
    reads: list[int]
    kept: list[int]

    def all_rows(self, values: list[Any]) -> list[Any]:
        """The prefix for all rows at once."""
        at = dict(zip(self.reads, values, strict=True))

        def one(rows: dict[int, Any]) -> list[Any]:
            known = {self.whole.inputs[place]: value for place, value in {**at, **rows}.items()}
            return _program.run(self.parts.prefix, {**self.whole.constants, **known}, self.made)

        return jax.vmap(one)({place: value for place, value in at.items() if place >= self.n + self.k})

    def loop(self, values: list[Any]) -> list[Any]:
        """The scan of the rest."""
        n, k, whole = self.n, self.k, self.whole
        old, hoisted = values[: len(self.kept)], values[len(self.kept) :]

        def one(carry: list[Any], rows: tuple[list[Any], list[Any]]) -> tuple[list[Any], list[Any]]:
            known = dict(zip((whole.inputs[place] for place in self.kept), [*old[:n], *carry, *rows[0]], strict=True))
            known.update(zip(self.made, rows[1], strict=True))
            outs = _program.run(self.parts.rest, {**whole.constants, **known}, whole.outputs)
            return outs[:k], outs[k:]

        options = {name: self.params[name] for name in ("length", "reverse", "unroll")}
        rounds = jax.checkpoint(one, prevent_cse=False, policy=_costs)
        carry, outs = jax.lax.scan(rounds, old[n : n + k], (old[n + k :], hoisted), **options)
        return [*carry, *outs]


def _round(equation: Any, kinds: list[int]) -> _Round:
    """The round of a scan in two; `kinds` say how its inputs depend on the argument."""
    whole = _program.program(*_jaxpr.body_of(equation.params["jaxpr"]))
    n, k = _jaxpr.scan_sizes(equation)
    inside = [CONSTANT] * len(whole.avals)
    for place, value in enumerate(whole.inputs):
        inside[value] = OTHER if n <= place < n + k or (place < n and kinds[place] != CONSTANT) else kinds[place]
    parts = _parted(whole, inside)
    places = {value: place for place, value in enumerate(whole.inputs)}
    made = [value for value in parts.cut if value not in places]
    reads = sorted(places[v] for v in _program.read_by(parts.prefix) if v in places)
    used = {places[v] for v in (_program.read_by(parts.rest) | set(whole.outputs)) if v in places}
    kept = [place for place in range(len(kinds)) if place < n + k or place in used]
    return _Round(equation.params, whole, parts, n, k, made, reads, kept)


def _out_of_loop(step: Step, kinds: list[int], whole: Program) -> list[Step]:
    """A scan as two steps: what each round computes of its row alone, for all rows at once; and a scan of the rest."""
    inner = _round(step.equation, [kinds[i] for i in step.inputs])
    if not inner.parts.hoisted:
        return [step]
    new = []
    for value in inner.made:
        aval = inner.whole.avals[value]
        whole.avals.append(jax.ShapeDtypeStruct((inner.params["length"], *aval.shape), aval.dtype))
        kinds.append(AFFINE)
        new.append(len(whole.avals) - 1)
    return [
        Step(_OUT_OF_LOOP, None, [step.inputs[place] for place in inner.reads], new, inner.all_rows),
        Step("scan", step.equation, [step.inputs[place] for place in inner.kept] + new, step.outputs, inner.loop),
    ]

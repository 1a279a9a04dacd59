"""Where relevance is lost: what each equation receives from the score, and what it does not hand on."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _argument, _jaxpr
from jaxattr._road import line
from jaxattr.propagation._rules import refuse
from jaxattr.propagation._tables import LRP_EPSILON, Rules
from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import Pair, Rule, Watched, difference, refusal, widened
from jaxattr.propagation._walk import Notes, Walk, score_of, warn_of


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["received", "absorbed"],
    meta_fields=["primitive", "layer", "line"],
)
@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a ledger.

    Attributes:
        received: the relevance that arrived at what an equation made.
        absorbed: how much of it the equation did not hand on to its inputs.
        primitive: the name of the equation's primitive.
        layer: the named scopes that it stands in, as `Encoder/Dense_0`.
        line: where the user wrote it.

    Example:
        >>> f = lambda x: x @ jnp.array([2.0, 3.0]) + 1.0
        >>> [(e.primitive, round(float(e.absorbed), 3)) for e in ja.propagation.ledger(f)(jnp.ones(2))]
        [('dot_general', 0.0), ('add', 1.0)]
    """

    received: Any
    absorbed: Any
    primitive: str
    layer: str
    line: str


def ledger(
    f: _argument.Score,
    *,
    rules: Rules | Callable[[str], Rules] = LRP_EPSILON,
    baseline: Any = None,
    fallback: Rule = refuse,
    argnums: int | Sequence[int] = 0,
) -> Callable[..., list[Entry]]:
    r"""Say for each equation of the program how much relevance it received, and how much of it was lost there.

    $$\mathrm{received} = \sum_j m_j y_j, \qquad \mathrm{absorbed} = \sum_j m_j (y_j - \hat y_j)$$

    with the multipliers m of what the equation made, and $\hat y$ the tangent that its rule makes where the tangents of
    its inputs are the inputs themselves. With a baseline, values are changes from it. What is absorbed sums to what
    the attribution lacks: `f(x) - lrp(f)(x).sum()`, or `f(x) - f(x0)` less the sum of `deep_lift`. Biases, stabilisers
    and stopped gradients absorb; a product or a LayerNorm by the rules of AttnLRP, too. A function of one value made
    of several primitives (an activation) stands at its last one, a layer at its bias; a loop or a branch is one entry.
    Costs two gradients, and the memory of all inner values.

    Args:
        f: a function that returns one number.
        rules: the table, as for :func:`jaxattr.lrp`; with a baseline usually `DEEPLIFT`.
        baseline: None for relevance; x0, or a function of the argument, for changes from it.
        fallback: what happens to a primitive that is not in the table.
        argnums: the argument that is attributed to; a sequence moves all of them together.

    Returns:
        A function with the signature of f, whose value is a list of :class:`Entry`, in the order of the program; under
        `vmap` their numbers have the batch's axis. **Unit**: the unit of f.

    Raises:
        NoRule: a primitive without a rule.
        TypeError, ValueError: as the transform that the table belongs to.

    Example:
        >>> f = lambda x: jax.nn.relu(x @ jnp.array([[1.0, -2.0], [3.0, 4.0]]) + jnp.array([0.5, -1.0])).sum()
        >>> x = jnp.array([1.0, 2.0])
        >>> leaks = {e.primitive: round(float(e.absorbed), 3) for e in ledger(f)(x)}
        >>> leaks["add"], round(float(f(x) - ja.lrp(f)(x).sum()), 3)
        (-0.5, -0.5)

    References:
        Relevance is conserved from layer to layer, :cite:`bach2015pixel`, equation 2.
    """
    name = "ledger"

    def method(argument: _argument.Argument) -> tuple[list[Entry], Any]:
        if baseline is None:
            deltas = [widened(leaf) for leaf in argument.leaves]
            starts = [jnp.zeros_like(d) for d in deltas]
        else:
            starts, deltas = line(name, argument, baseline, None)
        body = score_of(argument)
        values = [
            Pair(x.astype(d.dtype), x0, jnp.zeros_like(d), watched=Watched(Pair(x.astype(d.dtype), x0, d)))
            for x, x0, d in zip(argument.leaves, starts, deltas, strict=True)
        ]

        def forwards(probes: list[Any] | None) -> tuple[Any, list[_Seen]]:
            watch = _Watch(probes, from_zero=baseline is None)
            walk = Walk(rules, fallback, Notes([], []), watch=watch)
            (out,) = walk(body, values)
            warn_of(walk.notes.fell_back)
            return tangent(out, None) if isinstance(out, Pair) else jnp.zeros(()), watch.seen

        _, shapes = jax.eval_shape(lambda: forwards(None))
        probes = [jnp.zeros(each.change.shape, each.change.dtype) for each in shapes]
        value, pull, seen = jax.vjp(forwards, probes, has_aux=True)
        (slopes,) = pull(jnp.ones_like(value))
        return [
            Entry(_total(m, s.change), _total(m, s.missing), s.primitive, s.layer, s.line)
            for m, s in zip(slopes, seen, strict=True)
        ], None

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=False)


def _total(multipliers: Any, values: Any) -> Any:
    return jnp.sum(jnp.where(multipliers == 0, 0, multipliers * values))  # where nothing arrives it may be NaN


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["change", "missing"],
    meta_fields=["primitive", "layer", "line"],
)
@dataclasses.dataclass(frozen=True)
class _Seen:
    """What an equation made, and how much of it its rule does not hand on, entry by entry."""

    change: Any
    missing: Any
    primitive: str
    layer: str
    line: str


class _Watch:
    """Applies each rule twice: with the tangents as they are, and with the inputs' changes in their place."""

    def __init__(self, probes: list[Any] | None, *, from_zero: bool) -> None:
        self.probes = probes
        self.from_zero = from_zero
        self.seen: list[_Seen] = []

    def __call__(self, equation: Any, rule: Rule, inputs: Sequence[Any], walk: Walk) -> list[Any]:
        outs = rule(equation, inputs, walk)
        twins = rule(equation, [_twin(v) for v in inputs], walk._replace(notes=Notes([], [])))
        layer = _jaxpr.layer_of(equation, walk.layer)
        return [
            out if not isinstance(out, Pair) or any(out is v for v in inputs) else self._see(equation, layer, out, twin)
            for out, twin in zip(outs, twins, strict=True)
        ]

    def _see(self, equation: Any, layer: str, out: Pair, twin: Pair) -> Pair:
        if not jnp.issubdtype(out.x.dtype, jnp.inexact):
            return dataclasses.replace(out, watched=Watched(twin))
        if out.split is not None:
            raise refusal(equation, "has two tangents by REVEAL_CANCEL, and a ledger keeps one; take DEEPLIFT")
        change = out.x if self.from_zero else difference(out.x, out.x0)
        change = jnp.where(jnp.isfinite(change), change, 0)  # masked scores are infinite, and nothing arrives there
        missing = change - tangent(twin, equation)
        name, line = equation.primitive.name, _jaxpr.where_written(equation)
        self.seen.append(_Seen(change, missing, name, layer, line))
        probe = jnp.zeros_like(change) if self.probes is None else self.probes[len(self.seen) - 1]
        twin = dataclasses.replace(twin, watched=Watched(given=change))
        return dataclasses.replace(out, watched=Watched(twin, probe))


def _twin(value: Any) -> Any:
    return value.watched.twin if isinstance(value, Pair) and value.watched is not None else value

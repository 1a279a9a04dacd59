"""What the interpreter carries: a value at the input, its value at the baseline, and a tangent that is linear.

The one contract of every rule: **where the tangents of the inputs are `x - x0`, the tangent of the output is
`y - y0`.** The tangent is linear in the attributed argument, so its transpose gives the multipliers, and no backward
rule is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxattr import _jaxpr

Rule = Callable[..., list[Any]]  # (equation, inputs, walk) -> outputs; inputs and outputs are pairs or plain arrays

# What a value is known to be, where a rule asks for it.
MAXIMUM = "maximum"  # made of maxima only: a shift that softmax and logsumexp take away again
NORMALISER = "normaliser"  # one over something, as in LayerNorm


class NoRule(NotImplementedError):
    """A primitive that the rule table does not know, or whose two streams take routes that no rule connects.

    Example:
        >>> try:
        ...     ja.deep_lift(lambda x: jnp.cumprod(x)[1], baseline=jnp.zeros_like)(jnp.ones(2))
        ... except ja.NoRule as error:
        ...     print(str(error)[:35])
        no rule for the primitive 'cumprod'
    """


class Chain(NamedTuple):
    """An elementwise function of one value.

    Attributes:
        root: the value that it is a function of.
        slope: its derivative by the root, at the input.
        slope0: the same at the baseline.
    """

    root: "Pair"
    slope: Any
    slope0: Any


class Term(NamedTuple):
    """One part of the relevance rule of a linear layer.

    Attributes:
        positive: how much of it counts where the layer's output is positive.
        negative: the same where it is negative.
        t: the tangent through the modified weights.
        total: the layer's output with the modified weights.
        modify: the modification, for the bias that is still to come.
    """

    positive: float
    negative: float
    t: Any
    total: Any
    modify: Callable[[Any], Any]


class Pending(NamedTuple):
    """A linear layer whose bias is still to come: its terms, and what keeps their totals away from 0."""

    terms: tuple[Term, ...]
    epsilon: float


class Route(NamedTuple):
    """An integer or boolean that says which of n entries was chosen, or is a function of that.

    Attributes:
        turns: `[n, ...]`, for each entry the tangent of its indicator, which is 1 where the entry is chosen.
        choices: `[n, ...]`, what the value would be if the entry were chosen.
    """

    turns: Any
    choices: Any


class Split(NamedTuple):
    """The change of a value in two parts, as RevealCancel sends them on.

    Attributes:
        plus: the positive part.
        minus: the negative part; they sum to `x - x0`.
        t_plus: the tangent of the positive part.
        t_minus: the tangent of the negative part; they sum to the tangent.
    """

    plus: Any
    minus: Any
    t_plus: Any
    t_minus: Any


class Between(NamedTuple):
    """An elementwise function of a root whose change is split, where only one part of it has happened.

    Attributes:
        plus: the value after the positive part alone.
        minus: the value after the negative part alone.
    """

    plus: Any
    minus: Any


class Watched(NamedTuple):
    """What a ledger keeps beside a value.

    Attributes:
        twin: the same value, made by its own equation from inputs whose tangents are their changes.
        probe: added to the tangent, so that its multiplier can be read.
        given: takes the place of the tangent.
    """

    twin: "Pair | None" = None
    probe: Any = None
    given: Any = None


@dataclass(frozen=True, eq=False)
class Pair:
    """A value that depends on the attributed argument.

    Attributes:
        x: at the input.
        x0: at the baseline.
        t: the tangent; None where one of the next three holds it, or where an integer has none.
        chain: the value as an elementwise function of its root; None where it is its own root.
        pending: in relevance propagation, a linear layer that holds the tangent until its bias has come.
        route: for an integer or boolean that was chosen by an order, the choice that it is a function of.
        split: for RevealCancel, the parts of its change, or for a chain, the values between.
        watched: what a ledger keeps beside it.
        tags: what it is known to be.
    """

    x: Any
    x0: Any
    t: Any = None
    chain: Chain | None = None
    pending: Pending | None = None
    route: Route | None = None
    split: Split | Between | None = None
    watched: Watched | None = None
    tags: frozenset[str] = field(default=frozenset())

    @property
    def root(self) -> "Pair":
        """The value that this one is an elementwise function of: itself where there is no chain."""
        return self if self.chain is None else self.chain.root


def as_pair(value: Any) -> Pair:
    """A value that stays where it is as a pair that does not move."""
    return value if isinstance(value, Pair) else Pair(value, value, jnp.zeros_like(value))


def difference(a: Any, b: Any) -> Any:
    """Subtract; 0 where both are the same infinity, as masked scores are."""
    return jnp.where(a == b, 0, a - b)


def refusal(equation: Any, why: str = "", advice: str = "") -> NoRule:
    """The error for an equation that no rule explains."""
    name = equation.primitive.name
    line = _jaxpr.where_written(equation)
    advice = advice or (
        f"Put one into the table that is used, as in rules=DEEPLIFT | {{{name!r}: my_rule}}, or take the slope in the "
        "middle, which is not complete, with fallback=jaxattr.propagation.midpoint_slope."
    )
    return NoRule(
        f"no rule for the primitive {name!r}{', ' + line if line else ''}{': it ' + why if why else ''}. {advice}"
    )


def pairs(inputs: Sequence[Any]) -> list[Pair]:
    """The inputs that depend on the attributed argument."""
    return [v for v in inputs if isinstance(v, Pair)]


def at_input(inputs: Sequence[Any]) -> list[Any]:
    """All inputs at the input."""
    return [widened(v.x if isinstance(v, Pair) else v) for v in inputs]


def at_baseline(inputs: Sequence[Any]) -> list[Any]:
    """All inputs at the baseline."""
    return [widened(v.x0 if isinstance(v, Pair) else v) for v in inputs]


def widened(value: Any) -> Any:
    """Half precision in float32: secants of values rounded to 8 bits are not slopes."""
    return value.astype(jnp.float32) if is_half(getattr(value, "dtype", None)) else value


def is_half(dtype: Any) -> bool:
    """Whether a dtype is a floating point type of 16 bits or fewer."""
    return dtype is not None and jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits <= 16


def moving(equation: Any, inputs: Sequence[Any]) -> list[int]:
    """Which inputs depend on the attributed argument and have a tangent."""
    return [i for i, v in enumerate(inputs) if isinstance(v, Pair) and _jaxpr.is_float(equation.invars[i])]


def function_of(
    equation: Any, values: Sequence[Any], places: Sequence[int]
) -> tuple[Callable[..., list[Any]], list[Any]]:
    """An equation as a function of some of its inputs, the others as they are; and these inputs."""

    def act(*moved: Any) -> list[Any]:
        replaced = list(values)
        for i, value in zip(places, moved, strict=True):
            replaced[i] = value
        return evaluate(equation, replaced)

    return act, [values[i] for i in places]


def evaluate(equation: Any, values: Sequence[Any]) -> list[Any]:
    """One equation at one stream, in float32 where the model asks for half precision."""
    values = [widened(v) for v in values]
    params = {k: jnp.dtype("float32") if _is_half_parameter(v) else v for k, v in equation.params.items()}
    return _jaxpr.bind(equation if params == equation.params else equation.replace(params=params), values)


def _is_half_parameter(value: Any) -> bool:
    try:
        return is_half(jnp.dtype(value))
    except TypeError:
        return False


def numbers(value: Any, like: Any) -> Any:
    """Booleans as 0 and 1, integers as floating point numbers."""
    return value if jnp.issubdtype(value.dtype, jnp.inexact) else value.astype(like.dtype)

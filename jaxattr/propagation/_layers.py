"""Linear layers of relevance propagation: the epsilon, gamma and alpha-beta rules, as terms that a bias joins."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxattr.propagation._tangents import tangent
from jaxattr.propagation._values import Pair, Pending, Rule, Term, at_input, evaluate, pairs

Modify = Callable[[Any], Any]


class Layer(NamedTuple):
    """How a linear layer hands relevance to its inputs.

    Attributes:
        terms: for each term, its share at positive and negative outputs, and how it modifies the weights that meet
            positive and negative inputs.
        epsilon: what keeps the denominators away from 0.
    """

    terms: tuple[tuple[float, float, Modify, Modify], ...]
    epsilon: float = 1e-6


def same(w: Any) -> Any:
    """Weights as they are."""
    return w


def _positive(w: Any) -> Any:
    return jnp.maximum(w, 0)


def _negative(w: Any) -> Any:
    return jnp.minimum(w, 0)


def epsilon(size: float = 1e-6) -> Layer:
    r"""The epsilon rule: relevance in proportion to the contributions, damped where they cancel.

    $$R_i = \sum_j \frac{a_i w_{ij}}{z_j + \epsilon\, \mathrm{sign}\, z_j} R_j$$

    Args:
        size: the stabiliser; a larger one absorbs more relevance.

    Returns:
        The rule of a linear layer, for `propagation.lrp_rules`.

    Example:
        >>> epsilon(0.1).epsilon
        0.1

    References:
        :cite:`bach2015pixel`, doi:10.1371/journal.pone.0130140, eq. 58.
    """
    return Layer(((1.0, 1.0, same, same),), size)


def gamma(size: float = 0.25, stabiliser: float = 1e-6) -> Layer:
    r"""The generalised gamma rule: contributions of the sign of the output count more.

    $$R_i = \sum_j \frac{a_i (w_{ij} + \gamma w_{ij}^{+})}{\sum_i a_i (w_{ij} + \gamma w_{ij}^{+})} R_j
      \quad \text{for } a_i \ge 0,\ z_j \ge 0, \text{ and mirrored for the other signs}$$

    Args:
        size: gamma; 0 is the epsilon rule, infinity the z+ rule.
        stabiliser: keeps the denominators away from 0.

    Returns:
        The rule of a linear layer, for `propagation.lrp_rules`.

    Example:
        >>> len(gamma(0.25).terms)
        2

    References:
        :cite:`montavon2019layer`, section 10.2.
    """

    def up(w: Any) -> Any:
        return w + size * _positive(w)

    def down(w: Any) -> Any:
        return w + size * _negative(w)

    return Layer(((1.0, 0.0, up, down), (0.0, 1.0, down, up)), stabiliser)


def alpha_beta(alpha: float = 2.0, beta: float = 1.0, stabiliser: float = 1e-6) -> Layer:
    r"""The alpha-beta rule: positive and negative contributions handed on apart.

    $$R_i = \sum_j \Big( \alpha \frac{(a_i w_{ij})^{+}}{z_j^{+}} - \beta \frac{(a_i w_{ij})^{-}}{z_j^{-}} \Big) R_j,
      \qquad \alpha - \beta = 1$$

    With alpha 1 and beta 0 it is the z+ rule.

    Args:
        alpha: weight of the positive contributions.
        beta: weight of the negative ones; alpha - beta must be 1.
        stabiliser: keeps the denominators away from 0.

    Returns:
        The rule of a linear layer, for `propagation.lrp_rules`.

    Raises:
        ValueError: alpha - beta is not 1.

    Example:
        >>> len(alpha_beta(1.0, 0.0).terms)
        1

    References:
        :cite:`bach2015pixel`, doi:10.1371/journal.pone.0130140, eq. 60.
    """
    if abs(alpha - beta - 1) > 1e-12:
        raise ValueError(f"alpha_beta wants alpha - beta = 1, but got {alpha} and {beta}. Write alpha_beta(2.0, 1.0).")
    terms = ((alpha, alpha, _positive, _negative), (-beta, -beta, _negative, _positive))
    return Layer(terms if beta else terms[:1], stabiliser)


def layer(how: Layer, otherwise: Rule) -> Rule:
    """A linear layer with fixed weights, its bias still to come; `otherwise` serves two moving factors."""

    def rule(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        if len(pairs(inputs)) == 2:
            return otherwise(equation, inputs, walk)
        a = inputs[0] if isinstance(inputs[0], Pair) else inputs[1]
        t = tangent(a, equation)

        def through(value: Any, modify: Modify) -> Any:
            changed = [value if v is a else modify(v) for v in inputs]
            return evaluate(equation, changed)[0]

        def both(value: Any, plus: Modify, minus: Modify) -> Any:
            if plus is minus:
                return through(value, plus)
            zero = jnp.zeros_like(value)
            return through(jnp.where(a.x >= 0, value, zero), plus) + through(jnp.where(a.x < 0, value, zero), minus)

        terms = tuple(
            Term(on, off, both(t, plus, minus), both(a.x, plus, minus), plus) for on, off, plus, minus in how.terms
        )
        return [from_zero(through(a.x, same), pending=Pending(terms, how.epsilon))]

    return rule


def shared(stabiliser: float) -> Rule:
    """A sum of two moving values shares its relevance in proportion, damped where they cancel."""

    def rule(equation: Any, inputs: Sequence[Any], walk: Any) -> list[Any]:
        del walk
        a, b = inputs
        sign = -1 if equation.primitive.name == "sub" else 1
        (y,) = evaluate(equation, at_input(inputs))
        t = tangent(a, equation) + sign * tangent(b, equation)
        return [from_zero(y, pending=Pending((Term(1.0, 1.0, t, y, same),), stabiliser))]

    return rule


def from_zero(x: Any, t: Any = None, tags: frozenset[str] = frozenset(), pending: Pending | None = None) -> Pair:
    """A value of relevance propagation, whose baseline is 0."""
    return Pair(x, jnp.zeros_like(x), t, tags=tags, pending=pending)

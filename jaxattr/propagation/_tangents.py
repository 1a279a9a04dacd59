"""The tangent of a value, whatever holds it: the value itself, a chain, a pending layer, a choice, or two parts."""

from typing import Any

import jax.numpy as jnp

from jaxattr.propagation._values import Between, Pair, Pending, Split, Term, difference, numbers, refusal


def tangent(pair: Pair, equation: Any) -> Any:
    r"""The tangent of a value, for a rule of your own: a pair may hold it in another form than `pair.t`.

    $$t_y, \quad \text{with } t_y = y - y_0 \text{ where the tangents of the inputs are } x - x_0$$

    An elementwise function holds its root and waits for the end of its chain, so that the chain gets one secant; a
    layer of relevance propagation waits for its bias. A rule that is not elementwise reads the tangents of its inputs
    with this function, and returns pairs with a `t` that is linear in them.

    Args:
        pair: an input of the rule.
        equation: the equation that the rule explains, for the error.

    Returns:
        An array of the shape of the value. **Unit**: that of the value.

    Raises:
        NoRule: an integer that depends on the attributed argument and has no tangent.

    Example:
        >>> from jaxattr.propagation import DEEPLIFT, Pair, tangent
        >>> def summed(equation, inputs, walk):  # the rule of cumsum, which is linear
        ...     (pair,) = inputs
        ...     act = lambda v: equation.primitive.bind(v, **equation.params)
        ...     return [Pair(act(pair.x), act(pair.x0), act(tangent(pair, equation)))]
        >>> f = lambda x: jnp.cumsum(jnp.tanh(x))[1]
        >>> a = ja.deep_lift(f, baseline=jnp.zeros_like, rules=DEEPLIFT | {"cumsum": summed})(jnp.ones(2))
        >>> print(a, ja.completeness_gap(f, a, jnp.ones(2), jnp.zeros(2)))
        [0.7615942 0.7615942] 0.0

    References:
        :cite:`shrikumar2017learning`, arXiv:1704.02685, section 3.5.
    """
    if pair.watched is None:
        return _held(pair, equation)
    if pair.watched.given is not None:
        return pair.watched.given
    t = _held(pair, equation)
    return t if pair.watched.probe is None else t + pair.watched.probe


def _held(pair: Pair, equation: Any) -> Any:
    r"""What a pair holds of its tangent: for an elementwise function of its root, the secant times the root's tangent.

    $$t_y = \frac{y - y_0}{r - r_0} t_r$$
    """
    if pair.split is not None:
        _, _, t_plus, t_minus = parts(pair, equation)
        return t_plus + t_minus
    if pair.pending is not None:
        return _settled(pair.x, pair.pending)
    if pair.route is not None:
        return jnp.sum(numbers(pair.route.choices, pair.route.turns) * pair.route.turns, axis=0)
    if pair.chain is None:
        if pair.t is None:
            raise refusal(equation, "uses an integer that depends on the attributed argument, which has no tangent")
        return pair.t
    root, slope, slope0 = pair.chain
    t = tangent(root, equation)
    y, y0, r, r0 = (numbers(v, t) for v in (pair.x, pair.x0, root.x, root.x0))
    steepness = _secant(difference(y, y0), difference(r, r0), (slope + slope0) / 2, jnp.abs(y) + jnp.abs(y0))
    return (steepness * t).astype(y.dtype)


def _secant(change: Any, along: Any, derivative: Any, size: Any) -> Any:
    """The change over what it goes along.

    Where the derivative explains the change up to rounding it takes the secant's place: the two then agree within the
    rounding of f itself, and the derivative is the one that is free of noise.
    """
    flat = (along == 0) | jnp.isinf(change)  # there is no secant: masked scores are infinite
    smooth = flat | (jnp.abs(derivative * along - change) <= 4 * jnp.finfo(change.dtype).eps * size)
    secant = jnp.where(flat, 0, change) / jnp.where(flat, 1, along)
    return jnp.where(smooth, derivative, secant)


def _settled(z: Any, pending: Pending) -> Any:
    r"""The tangent of a linear layer with output z.

    $$t = \sum_k c_k(z)\, \frac{z}{z_k + \epsilon\, \mathrm{sign}\, z_k}\, t_k$$
    """

    def part(term: Term) -> Any:
        stable = term.total + pending.epsilon * jnp.where(term.total >= 0, 1, -1)
        plain = (stable != 0) & jnp.isfinite(stable)
        whole = jnp.isinf(stable).astype(z.dtype)
        share = jnp.where(plain, jnp.where(plain, z, 0) / jnp.where(plain, stable, 1), whole)
        return jnp.where(z >= 0, term.positive, term.negative) * share * term.t

    return sum(map(part, pending.terms))


def parts(pair: Pair, equation: Any) -> Split:
    r"""The change of a value in its positive and negative part.

    An elementwise function of a split root takes each part on average before and after the other:

    $$\Delta y^{+} = \tfrac12 \big(f(r_0 + \Delta r^{+}) - f(r_0)\big)
      + \tfrac12 \big(f(r) - f(r_0 + \Delta r^{-})\big)$$

    Any other change is positive or negative as a whole.
    """
    if isinstance(pair.split, Split):
        return pair.split
    if not isinstance(pair.split, Between) or pair.chain is None:
        change, t = difference(pair.x, pair.x0), tangent(pair, equation)
        share = (1 + jnp.sign(change)) / 2
        return Split(jnp.maximum(change, 0), jnp.minimum(change, 0), share * t, (1 - share) * t)
    (root, slope, slope0), (y_plus, y_minus), y, y0 = pair.chain, pair.split, pair.x, pair.x0
    plus, minus, t_plus, t_minus = parts(root, equation)
    up = (difference(y_plus, y0) + difference(y, y_minus)) / 2
    down = (difference(y_minus, y0) + difference(y, y_plus)) / 2
    size = jnp.abs(y) + jnp.abs(y0) + jnp.abs(y_plus) + jnp.abs(y_minus)
    derivative = (slope + slope0) / 2
    m_plus, m_minus = _secant(up, plus, derivative, size), _secant(down, minus, derivative, size)
    return Split(up, down, m_plus * t_plus, m_minus * t_minus)

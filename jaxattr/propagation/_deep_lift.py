"""DeepLIFT: the change of the score, sent back through secants."""

from collections.abc import Callable, Sequence
from typing import Any

from jaxattr import _argument
from jaxattr._road import line
from jaxattr.propagation._rules import refuse
from jaxattr.propagation._tables import DEEPLIFT, Rules
from jaxattr.propagation._values import Rule
from jaxattr.propagation._walk import multipliers


def deep_lift(
    f: _argument.Score,
    *,
    baseline: Any,
    rules: Rules | Callable[[str], Rules] = DEEPLIFT,
    fallback: Rule = refuse,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Share `f(x) - f(x0)` among the entries of x by the Rescale rule: every function gets its secant for its slope.

    $$\phi_i = (x_i - x^0_i)\, m_i, \qquad m_{\Delta x \Delta y} = \frac{y - y^0}{x - x^0}
      \text{ at each elementwise function, chained as derivatives are}$$

    The entries sum to `f(x) - f(x0)` up to rounding, for any primitive that has a rule; another raises
    :class:`jaxattr.NoRule`. Products, quotients and maxima of several moving values have exact rules of their own
    (Shapley's share of a product, a bounded one for normalisers, the winner's share of a maximum). Where a sort, a
    top-k or an arg-max chooses differently at x and x0, each overtaking is a step function of the gap of two entries;
    where the gap changes little beside them, their parts are large and of opposite sign. Costs about one gradient at
    two inputs. It depends on how f is written: two programs for one function may get different numbers. A maximum
    behind `stop_gradient` is taken for the shift of a softmax; where f is not the same under such a shift, the result
    is NaN. Any other stopped gradient carries nothing, and what it changes is missing from the sum.

    Args:
        f: a function that returns one number.
        baseline: x0, a pytree with the shapes and dtypes of the argument, or a function of the argument.
        rules: the table: `DEEPLIFT`, `REVEAL_CANCEL` (positive and negative parts apart, section 3.5.2; in loops and
            where a function is not defined everywhere by the Rescale rule), your own made from these with `|`, or a
            function from the name of a layer to a table.
        fallback: what happens to a primitive that is not in the table: `propagation.refuse` raises,
            `propagation.midpoint_slope` takes the ordinary derivative in the middle, which is not complete.
        where: `[T]` booleans, True at real positions. The others keep the values of x and get 0.
        argnums: the argument that is attributed to; a sequence of several moves all of them together.
        has_aux: f returns `(score, aux)`; aux at the input is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument, in float32 at
        least. **Unit**: the unit of f.

    Raises:
        NoRule: a primitive without a rule, or a route (a branch, a loop's length) that depends on the argument.
        TypeError, ValueError: as :func:`jaxattr.integrated_gradients`.

    Example:
        >>> f = lambda x: 1 - jax.nn.relu(1 - x.sum())  # saturated: the gradient is 0
        >>> deep_lift(f, baseline=jnp.zeros_like)(jnp.array([1.0, 3.0])).tolist()
        [0.25, 0.75]

    References:
        :cite:`shrikumar2017learning`, arXiv:1704.02685, section 3.5.1; over many baselines, with
        :func:`jaxattr.mean_over`, DeepSHAP: :cite:`lundberg2017unified`, arXiv:1705.07874, section 4.2.
    """
    name = "deep_lift"

    def method(argument: _argument.Argument) -> tuple[Any, Any]:
        start, delta = line(name, argument, baseline, where)
        ends = [x.astype(a.dtype) for x, a in zip(argument.leaves, start, strict=True)]  # not a + d: ties stay ties
        slopes = multipliers(argument, ends, start, rules, fallback)
        return argument.rebuild([d * m for d, m in zip(delta, slopes, strict=True)]), argument.aux

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=has_aux)

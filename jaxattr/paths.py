"""Integrated gradients along the straight path from a baseline, and the rules that place its nodes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._road import road
from jaxattr._slopes import mean_slopes

Nodes = Callable[[int], tuple[Any, Any]]


def gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes and weights of Gauss-Legendre quadrature on [0, 1]: exact for polynomials of degree 2n - 1.

    Args:
        n: number of nodes, at least 1.

    Returns:
        Nodes and weights, `[n]` each; the weights sum to 1. No node is an end of the path.

    Example:
        >>> t, w = gauss_legendre(2)
        >>> print(t.round(4), w)
        [0.2113 0.7887] [0.5 0.5]

    References:
        :cite:`golub1969calculation`.
    """
    t, w = np.polynomial.legendre.leggauss(n)
    return (t + 1) / 2, w / 2


def midpoint(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in the middle of n equal intervals, weights 1/n: exact for polynomials of degree 1.

    Args:
        n: number of nodes, at least 1.

    Returns:
        Nodes and weights, `[n]` each; the weights sum to 1.

    Example:
        >>> t, w = midpoint(2)
        >>> print(t, w)
        [0.25 0.75] [0.5 0.5]
    """
    return (np.arange(n) + 0.5) / n, np.full(n, 1 / n)


def trapezoid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes at n equally spaced points, both ends among them, the ends at half weight: exact for degree 1.

    Args:
        n: number of nodes, at least 2.

    Returns:
        Nodes and weights, `[n]` each; the weights sum to 1.

    Raises:
        ValueError: fewer than 2 nodes.

    Example:
        >>> t, w = trapezoid(3)
        >>> print(t, w)
        [0.  0.5 1. ] [0.25 0.5  0.25]
    """
    _checks.check_count("trapezoid", "steps", n, least=2)
    w = np.full(n, 1 / (n - 1))
    w[[0, -1]] /= 2
    return np.linspace(0, 1, n), w


def left_riemann(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes at the left ends of n equal intervals, weights 1/n: for parity with papers that used it.

    Args:
        n: number of nodes, at least 1.

    Returns:
        Nodes and weights, `[n]` each; the weights sum to 1.

    Example:
        >>> t, w = left_riemann(2)
        >>> print(t, w)
        [0.  0.5] [0.5 0.5]
    """
    return np.arange(n) / n, np.full(n, 1 / n)


def right_riemann(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes at the right ends of n equal intervals, weights 1/n: the sum in the paper of integrated gradients.

    Args:
        n: number of nodes, at least 1.

    Returns:
        Nodes and weights, `[n]` each; the weights sum to 1.

    Example:
        >>> t, w = right_riemann(2)
        >>> print(t, w)
        [0.5 1. ] [0.5 0.5]

    References:
        :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, section 5.
    """
    return np.arange(1, n + 1) / n, np.full(n, 1 / n)


def integrated_gradients(
    f: _argument.Score,
    *,
    baseline: Any,
    steps: int = 32,
    nodes: Nodes = gauss_legendre,
    where: Any = None,
    batch_size: int | None = None,
    hoist: bool = True,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Share `f(x) - f(x0)` among the entries of x, by the gradient averaged along the line from x0 to x.

    $$\phi_i = (x_i - x^0_i) \int_0^1 \frac{\partial f}{\partial x_i}\big(x^0 + t\,(x - x^0)\big)\, dt$$

    The entries sum to `f(x) - f(x0)` up to the error of the quadrature; measure it with
    :func:`jaxattr.completeness_gap`. Costs `steps` gradients, at most `batch_size` at once; of what is affine in the
    argument (embedding to first dense layers or convolutions, the input products of an LSTM) two evaluations and one
    gradient in all, since on a line it moves straight. A maximum over positions of such values (the pooling of a CNN)
    is followed by its winners, each looked for once: a few passes over the positions instead of `steps`. It misleads
    where the baseline is itself a meaningful input, and where the line leaves the inputs that the model was trained
    on. A kink of f on the line (ReLU, max) slows convergence: look at the gap and raise `steps`.

    Args:
        f: a function that returns one number.
        baseline: x0, a pytree with the shapes and dtypes of the argument, or a function of the argument that
            returns one (`jnp.zeros_like`).
        steps: number of nodes.
        nodes: places them, `n -> (t[n], w[n])`: :func:`gauss_legendre`, :func:`midpoint`, :func:`trapezoid`,
            :func:`left_riemann`, :func:`right_riemann` or your own.
        where: `[T]` booleans, True at real positions. The others do not move along the path and get 0.
        batch_size: gradients evaluated at once; None lets the library choose.
        hoist: take out what is affine in the argument, and maxima of it; False evaluates all of f at every node. The
            numbers are the same up to rounding.
        argnums: the argument that is attributed to; a sequence of several moves all of them by one path parameter.
        has_aux: f returns `(score, aux)`; aux at the input is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument, in float32 at
        least. **Unit**: the unit of f.

    Raises:
        TypeError: an argument that is not floating point, a score that is not a number, a baseline of another dtype.
        ValueError: a score with axes, a baseline of another shape, fewer than one node, a mask of another length.

    Example:
        >>> f = lambda x: x[0] * x[1] ** 2
        >>> integrated_gradients(f, baseline=jnp.zeros_like)(jnp.array([3.0, 2.0])).round(4).tolist()
        [4.0, 8.0]

    References:
        :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, eq. 1.
    """
    name = "integrated_gradients"
    _checks.check_count(name, "steps", steps)
    _checks.check_batch_size(name, batch_size)
    _checks.check_function(name, "nodes", nodes, "nodes=jaxattr.midpoint")

    def method(argument: Argument) -> tuple[Any, Any]:
        way = road(name, argument, baseline, where, hoist)
        values = way.attribution(mean_slopes(way, nodes(steps), batch_size))
        return argument.rebuild(values), argument.aux

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=has_aux)

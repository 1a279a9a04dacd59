"""Interactions of positions, from the second derivatives along the straight path from a baseline."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from jaxattr import _argument, _checks, _ties
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32, map_points, weighted_sum
from jaxattr._road import line
from jaxattr.paths import Nodes, gauss_legendre


def integrated_hessians(
    f: _argument.Score,
    *,
    baseline: Any,
    steps: int = 32,
    nodes: Nodes = gauss_legendre,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Share `f(x) - f(x0)` among pairs of positions, by integrated gradients of integrated gradients.

    $$\Gamma_{ij} = (x_i - x^0_i)(x_j - x^0_j) \int_0^1 s\,(-\ln s)\,
      \frac{\partial^2 f}{\partial x_i \partial x_j}\big(x^0 + s\,(x - x^0)\big)\, ds
      \;+\; [i = j]\,(x_i - x^0_i) \int_0^1 (-\ln s)\,\frac{\partial f}{\partial x_i}\big(x^0 + s\,(x - x^0)\big)\, ds$$

    which is the double integral of the paper over $\alpha$ and $\beta$ with $s = \alpha\beta$. Entries of a pair of
    positions are summed. The matrix is symmetric; a row sums to the integrated gradient of its position, all of it to
    `f(x) - f(x0)`, both up to the error of the quadrature: measure it with :func:`jaxattr.completeness_gap`. Costs
    `steps` gradients and `steps` times T products with the Hessian. It is blind to kinks: a network of ReLU and max is
    linear between them, so that its interactions there are 0 and the gap shows what is missing; the paper smooths such
    networks (softplus) first.

    Args:
        f: a function that returns one number, twice differentiable.
        baseline: x0, a pytree with the shapes and dtypes of the argument, or a function of the argument that
            returns one (`jnp.zeros_like`).
        steps: number of nodes.
        nodes: places them, as for :func:`jaxattr.integrated_gradients`; they are moved towards the baseline, where
            the logarithm is steep.
        where: `[T]` booleans, True at real positions. The others do not move along the path and get 0.
        batch_size: nodes at once; None lets the library choose.
        argnums: the argument that is attributed to; a sequence of several moves all of them by one path parameter.
        has_aux: f returns `(score, aux)`; aux at the input is returned beside the matrix.

    Returns:
        A function with the signature of f, whose value is `[T, T]` over the leading axis that all arrays of the
        argument share, in float32 at least. **Unit**: the unit of f.

    Raises:
        TypeError: an argument that is not floating point, a score that is not a number, a baseline of another dtype.
        ValueError: a score with axes, a baseline of another shape, arrays of different lengths, fewer than one node.

    Example:
        >>> f = lambda x: x[0] * x[1] + x[2] ** 2
        >>> pairs = integrated_hessians(f, baseline=jnp.zeros_like)(jnp.array([2.0, 4.0, 1.0]))
        >>> print(pairs.round(4) + 0)  # a product is shared by both and their pair
        [[2. 2. 0.]
         [2. 2. 0.]
         [0. 0. 1.]]

    References:
        :cite:`janizek2021explaining`, arXiv:2002.04138, section 3.
    """
    name = "integrated_hessians"
    _checks.check_count(name, "steps", steps)
    _checks.check_batch_size(name, batch_size)
    _checks.check_function(name, "nodes", nodes, "nodes=jaxattr.midpoint")

    def method(argument: Argument) -> tuple[Any, Any]:
        start, delta = line(name, argument, baseline, where)
        positions = jnp.arange(_checks.leading_length(name, argument.leaves, argument.paths))
        u, weights = (jnp.asarray(a, at_least_float32(*(a.dtype for a in start))) for a in nodes(steps))
        score = _ties.steadied(lambda leaves: argument.score(leaves)[0], argument.leaves)

        def slopes(leaves: list[Any]) -> list[Any]:
            cast = [a.astype(leaf.dtype) for a, leaf in zip(leaves, argument.leaves, strict=True)]
            found = jax.grad(score)(cast)
            return [g.astype(a.dtype) for g, a in zip(found, leaves, strict=True)]

        def pairs(s: Any) -> Any:
            slope, push = jax.linearize(slopes, [a + s * d for a, d in zip(start, delta, strict=True)])

            def row(moving: Any) -> Any:
                alone = _argument.marked(name, argument, positions == moving)
                return _by_position(delta, push(_argument.masked(delta, alone)))

            return s * map_points(row, positions, None) + jnp.diag(_by_position(delta, slope))

        # s = u^3, so that the logarithm is integrated well: -ln s ds = -9 u^2 ln u du
        matrix = weighted_sum(pairs, u**3, -9 * u * xlogy(u, u) * weights, batch_size)
        return matrix, argument.aux

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=has_aux)


def _by_position(delta: list[Any], slopes: list[Any]) -> Any:
    """The sum of products of each position, over all arrays."""
    return sum((d * g).reshape(len(d), -1).sum(-1) for d, g in zip(delta, slopes, strict=True))

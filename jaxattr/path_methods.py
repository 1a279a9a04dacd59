"""Integrated gradients along a path of one's own: points on the way, the baseline first, the input last."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _argument, _checks, _ties
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32, weighted_sum
from jaxattr.paths import Nodes, midpoint


def path_integrated_gradients(
    f: _argument.Score,
    *,
    path: Any,
    steps: int = 1,
    nodes: Nodes = midpoint,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Share `f(x) - f(x0)` among the entries of x, by gradients along a path of straight pieces from x0 to x.

    $$\phi_i = \sum_k (p^{k+1}_i - p^k_i) \sum_j w_j\,
      \frac{\partial f}{\partial x_i}\big(p^k + t_j\,(p^{k+1} - p^k)\big)$$

    The entries sum to `f(p^K) - f(p^1)` up to the error of the quadrature. With two points it is
    :func:`jaxattr.integrated_gradients`; with the points of :func:`jaxattr.word_paths.discretized` it is discretised
    integrated gradients (`nodes=left_riemann` for the sum of its paper). Costs `steps` gradients for each of the K - 1
    pieces, at most `batch_size` at once. Another path gives other numbers for the same change: which one is meant
    belongs to the result.

    Args:
        f: a function that returns one number.
        path: the points, a pytree like the argument with a leading axis of K >= 2 points, or a function of the
            argument that returns one. The first is the baseline, the last should be the input itself.
        steps: nodes on each piece.
        nodes: places them, as for :func:`jaxattr.integrated_gradients`.
        batch_size: gradients evaluated at once; None lets the library choose.
        argnums: the argument that is attributed to; a sequence of several has a path for each.
        has_aux: f returns `(score, aux)`; aux at the input is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument, in float32 at
        least. **Unit**: the unit of f.

    Raises:
        TypeError: an argument that is not floating point, a score that is not a number, points of another dtype.
        ValueError: points of another shape, fewer than two of them, fewer than one node.

    Example:
        >>> f = lambda x: x[0] * x[1]
        >>> corner = lambda x: jnp.stack([jnp.zeros_like(x), x.at[1].set(0.0), x])  # the first entry moves first
        >>> path_integrated_gradients(f, path=corner)(jnp.array([2.0, 3.0])).tolist()
        [0.0, 6.0]

    References:
        :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, eq. 2 (path methods).
    """
    name = "path_integrated_gradients"
    _checks.check_count(name, "steps", steps)
    _checks.check_batch_size(name, batch_size)
    _checks.check_function(name, "nodes", nodes, "nodes=jaxattr.midpoint")

    def method(argument: Argument) -> tuple[Any, Any]:
        points = [a.astype(at_least_float32(a.dtype)) for a in _points(name, path, argument)]
        places, weights = (jnp.asarray(a, at_least_float32(*(a.dtype for a in points))) for a in nodes(steps))
        score = _ties.steadied(lambda leaves: argument.score(leaves)[0], argument.leaves)
        pieces = len(points[0]) - 1
        starts = [jnp.repeat(a[:-1], steps, 0) for a in points]
        moves = [jnp.repeat(a[1:] - a[:-1], steps, 0) for a in points]

        def share(node: tuple[list[Any], list[Any], Any]) -> list[Any]:
            begin, move, t = node
            here = [(a + t * d).astype(leaf.dtype) for a, d, leaf in zip(begin, move, argument.leaves, strict=True)]
            slopes = jax.grad(score)(here)
            return [d * g.astype(d.dtype) for d, g in zip(move, slopes, strict=True)]

        where_on = (starts, moves, jnp.tile(places, pieces))
        values = weighted_sum(share, where_on, jnp.tile(weights, pieces), batch_size)
        return argument.rebuild(values), argument.aux

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=has_aux)


def _points(name: str, path: Any, argument: Argument) -> list[Any]:
    """The points on the way, after a look at their number and kind."""
    given = path(argument.value) if callable(path) else path
    points = _argument.arrays(given)
    counts = {a.shape[0] if a.ndim else 0 for a in points}
    if len(counts) != 1 or min(counts) < 2:
        raise ValueError(
            f"{name} wants a path of two points at least, along a leading axis that all arrays share, but got "
            f"{[_checks.describe(a) for a in points]}. Stack them, the baseline first: jnp.stack([x0, ..., x])."
        )
    first = jax.tree.map(lambda a: a[0] if _checks.is_array(a) else a, given)
    _checks.check_same(name, "each point of path", first, argument.value)
    return points

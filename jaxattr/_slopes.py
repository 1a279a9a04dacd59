r"""The mean slope of a score along a straight line, $\sum_j w_j \nabla \mathrm{rest}(a + t_j b)$, by its two parts.

Maxima of lines are followed by their pieces (:mod:`jaxattr._envelope`) rather than looked for at each node. That way
has loops of unknown length, which JAX cannot differentiate backwards, so its derivative is that of the plain formula.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxattr import _envelope, _ties
from jaxattr._batching import at_least_float32, sums_and_values, weighted_sum
from jaxattr._road import Road

_FEW = 4  # nodes up to which looking at each of them is cheaper


def mean_slopes(way: Road, nodes: tuple[Any, Any], batch_size: int | None) -> list[Any]:
    """The weighted sum of the gradients of the rest, for each value that the prefix makes.

    Args:
        way: the line, and the score in its two parts.
        nodes: places on the line and their weights.
        batch_size: gradients at once.
    """
    parts = way.parts
    places, weights = (jnp.asarray(a, at_least_float32(*way.dtypes)) for a in nodes)
    traced = {v: c for v, c in parts.constants.items() if isinstance(c, Tracer)}
    operands = way.starts, way.moves, traced  # whatever a derivative may be taken of

    def by(formula: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def slopes(starts: list[Any], moves: list[Any], traced: dict[int, Any]) -> list[Any]:
            here, constants = way._replace(starts=starts, moves=moves), {**parts.constants, **traced}
            return formula(here, constants, places, weights, batch_size)

        return slopes

    if not (parts.maxima and _increase_above_zero(nodes[0]) and len(weights) > _FEW):
        return by(_at_each_node)(*operands)
    mean = jax.custom_jvp(by(_by_pieces))
    mean.defjvp(lambda given, tangents: (mean(*given), jax.jvp(by(_at_each_node), given, tangents)[1]))
    return mean(*operands)


def _at_each_node(way: Road, constants: dict[int, Any], places: Any, weights: Any, batch_size: int | None) -> list[Any]:
    r"""$\sum_j w_j \nabla \mathrm{rest}(a + t_j b)$ as it stands."""
    return weighted_sum(lambda t: jax.grad(way.parts.rest)(way.point(t), constants), places, weights, batch_size)


def _by_pieces(way: Road, constants: dict[int, Any], places: Any, weights: Any, batch_size: int | None) -> list[Any]:
    """The same, with the winner of each maximum looked for once a piece of the path."""
    parts = way.parts
    lines = [(m.columns(way.starts[i]), m.columns(way.moves[i])) for i, m in parts.maxima]
    lines = [(_ties.once(a), _ties.once(b)) for a, b in lines]  # for winners are compared with them
    won = [_envelope.winners(a, b, places) for a, b in lines]
    tops, backs = [], []
    for (_, maximum), winner in zip(parts.maxima, won, strict=True):
        top, back = jax.vjp(maximum.tops, winner.start + places[:, None] * winner.move)
        tops.append(top)
        backs.append(back)

    read = way.only(parts.read)

    def slope(node: tuple[Any, list[Any]]) -> tuple[list[Any], list[Any]]:
        t, tops = node

        def score(values: list[Any], tops: list[Any]) -> Any:
            return parts.after(dict(zip(parts.read, values, strict=True)), tops, constants)

        return jax.grad(score, (0, 1))(read.point(t), tops)

    sums, slopes = sums_and_values(slope, (places, tops), weights, batch_size)
    total = [jnp.zeros_like(a) for a in way.starts]
    for i, found in zip(parts.read, sums, strict=True):
        total[i] = total[i] + found
    for (i, maximum), line, winner, back, found in zip(parts.maxima, lines, won, backs, slopes, strict=True):
        shared = _envelope.shares(*line, places, winner, back(weights[:, None] * found)[0])
        total[i] = total[i] + maximum.uncolumns(shared)
    return total


def _increase_above_zero(places: Any) -> bool:
    """Whether the nodes are known, in order, and none is the start, where the lines of a constant baseline all meet."""
    if isinstance(places, Tracer):
        return False
    known = np.asarray(places)
    return bool(known[0] > 0 and (np.diff(known) > 0).all())

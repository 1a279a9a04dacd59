"""Integrated gradients with as many nodes as an example needs."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32
from jaxattr._ladder import Ladder, ladder
from jaxattr._road import Road, road

AT_MOST = 129
_AT_ONCE = 4  # what the rules above the second have more of is a multiple of it


def integrated_gradients_to(
    f: _argument.Score,
    *,
    baseline: Any,
    rtol: Any,
    atol: Any = 0.0,
    at_most: int = AT_MOST,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Integrated gradients whose completeness gap is within a tolerance, with the nodes that this takes.

    $$\Big| f(x) - f(x^0) - \sum_i \phi_i \Big| \le \max\big(\mathrm{atol}, \mathrm{rtol} \, |f(x) - f(x^0)|\big)$$

    Rules of 3, 5, 9, 17, ... nodes (Clenshaw-Curtis), each using the slopes of the one before. It stops at the first
    rule that is within the tolerance together with the one before it, since one alone passes by chance now and then.
    The gap is computed from two evaluations of f that no rule uses. Where no rule up to `at_most` nodes passes, the
    last one is given: look at :func:`jaxattr.completeness_gap`. A small gap is necessary for small errors of the
    entries, not sufficient.

    Costs the gradients of :func:`nodes_used`, 5 at least, and two evaluations. One loop of unknown length, inside `jit`
    too; under `vmap` every row runs until the last one is done, with the numbers of each alone, so many rows are better
    given to :func:`jaxattr.scale.integrate`. Forward derivatives pass, reverse ones do not: JAX has none for such
    loops.

    Args:
        f: a function that returns one number.
        baseline: as for :func:`jaxattr.integrated_gradients`.
        rtol: the tolerance as a share of f(x) - f(x0).
        atol: the tolerance in the unit of f, for examples where that difference is about 0.
        at_most: nodes that it may take, 5 at least.
        where: `[T]` booleans, True at real positions. The others do not move along the path and get 0.
        argnums: the argument that is attributed to; a sequence moves several of them by one path parameter.
        has_aux: f returns `(score, aux)`; aux at the input is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument, in float32 at
        least. **Unit**: the unit of f.

    Raises:
        TypeError, ValueError: as :func:`jaxattr.integrated_gradients`; a tolerance below 0; fewer than 5 nodes.

    Example:
        >>> f = lambda x: x[0] ** 3 * x[1]
        >>> x = jnp.array([2.0, 1.0])
        >>> integrated_gradients_to(f, baseline=jnp.zeros_like, rtol=1e-3)(x).round(1).tolist()
        [6.0, 2.0]
        >>> int(nodes_used(f, baseline=jnp.zeros_like, rtol=1e-3)(x))
        5

    References:
        :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, eq. 1; the rules :cite:`clenshaw1960method`.
    """
    name = "integrated_gradients_to"
    _check(name, rtol, atol, at_most)

    def method(argument: Argument) -> tuple[Any, Any]:
        way = road(name, argument, baseline, where, True)
        means, _ = _climbed(way, change_of(argument, way), rtol, atol, ladder(at_most))
        return argument.rebuild(way.attribution(means)), argument.aux

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=has_aux)


def nodes_used(
    f: _argument.Score,
    *,
    baseline: Any,
    rtol: Any,
    atol: Any = 0.0,
    at_most: int = AT_MOST,
    where: Any = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""How many nodes :func:`integrated_gradients_to` takes with the same arguments.

    $$n = \min \{ n_k : \text{the rules of } n_{k-1} \text{ and } n_k \text{ nodes are within the tolerance} \}$$

    Costs what the attribution costs; under one `jit` the two share their work.

    Args:
        f: a function that returns one number.
        baseline: as there.
        rtol: as there.
        atol: as there.
        at_most: as there.
        where: as there.
        argnums: as there.
        has_aux: f returns `(score, aux)`; aux at the input is returned beside the number.

    Returns:
        A function with the signature of f, whose value is an integer. **Unit**: gradients of f.

    Raises:
        TypeError, ValueError: as there.

    Example:
        >>> f = lambda x: jnp.tanh(4 * x).sum()
        >>> int(nodes_used(f, baseline=jnp.zeros_like, rtol=1e-4)(jnp.array([1.0])))
        17

    References:
        :cite:`clenshaw1960method`.
    """
    name = "nodes_used"
    _check(name, rtol, atol, at_most)

    def method(argument: Argument) -> tuple[Any, Any]:
        way = road(name, argument, baseline, where, True)
        rules = ladder(at_most)
        _, rule = _climbed(way, change_of(argument, way), rtol, atol, rules)
        return jnp.asarray(rules.sizes)[rule], argument.aux

    return _argument.attributing(method, f, name=name, argnums=argnums, has_aux=has_aux)


def _check(name: str, rtol: Any, atol: Any, at_most: int) -> None:
    _checks.check_count(name, "at_most", at_most, least=5)
    for option, value in (("rtol", rtol), ("atol", atol)):
        if _checks.is_concrete(value) and not value >= 0:
            raise ValueError(f"{name} wants {option} of 0 or more, but got {value}. Write {option}=0.01 for 1 %.")


def change_of(argument: Argument, way: Road) -> Any:
    """f(x) - f(x0), from f itself."""
    ends = [argument.score(leaves)[0] for leaves in (argument.leaves, way.begin)]
    return ends[0].astype(at_least_float32(ends[0].dtype)) - ends[1].astype(at_least_float32(ends[1].dtype))


def _climbed(way: Road, change: Any, rtol: Any, atol: Any, rules: Ladder) -> tuple[list[Any], Any]:
    """The mean slopes of the rule at which it stops, and the number of that rule."""
    dtype = at_least_float32(*(a.dtype for a in way.starts))
    nodes, weights = jnp.asarray(rules.places(dtype)), jnp.asarray(rules.weights, dtype)
    change = change.astype(dtype)
    slope = jax.vmap(lambda t: jax.grad(way.parts.rest)(way.point(t), way.parts.constants))

    def added(sums: list[Any], nodes: Any, weights: Any) -> list[Any]:
        """Every rule's sum with these nodes."""
        found = [g.astype(dtype) for g in slope(nodes)]
        return [s + jnp.tensordot(weights, g, 1, precision="highest") for s, g in zip(sums, found, strict=True)]

    def passes(sums: list[Any], rule: Any) -> Any:
        handed_out = sum(jnp.vdot(s[rule], b.astype(dtype)) for s, b in zip(sums, way.moves, strict=True))
        return abs(change - handed_out) <= jnp.maximum(atol, rtol * abs(change))

    def going(state: Any) -> Any:
        _, rule, _, done, _ = state
        return ~done & (rule < len(rules.sizes) - 1)

    def onwards(state: Any) -> Any:
        first, rule, before, _, sums = state
        here = first + jnp.arange(_AT_ONCE)
        sums = added(sums, nodes[here], weights[:, here])
        complete = first + _AT_ONCE == jnp.asarray(rules.sizes)[rule + 1]
        now = passes(sums, rule + 1)
        after = jnp.where(complete, now, before)
        return first + _AT_ONCE, jnp.where(complete, rule + 1, rule), after, complete & now & before, sums

    zeros = [jnp.zeros((len(rules.sizes), *a.shape), dtype) + 0 * a.astype(dtype)[None] for a in way.moves]
    sums = added(zeros, nodes[:5], weights[:, :5])
    now = passes(sums, 1)
    begin = jnp.asarray(5), jnp.asarray(1), now, now & passes(sums, 0), sums
    _, rule, _, _, sums = jax.lax.while_loop(going, onwards, begin)
    return [s[rule] for s in sums], rule

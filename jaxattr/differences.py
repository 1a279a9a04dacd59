"""Slopes of a score that has no derivative, or none that can be had: differences of evaluations."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _argument, _checks
from jaxattr._argument import Argument
from jaxattr._batching import at_least_float32, map_points


def finite_differences(
    f: _argument.Score,
    *,
    step: Any = None,
    where: Any = None,
    batch_size: int | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    r"""Give each entry of the argument the central difference of the score there, for any function at all.

    $$\phi_i = \frac{f(x + h_i e_i) - f(x - h_i e_i)}{(x_i + h_i) - (x_i - h_i)}, \qquad
      h_i = \sqrt[3]{\epsilon} \, \max(1, |x_i|)$$

    For a model that is not differentiable, trees or a remote service for instance, where :func:`gradient` cannot go. A
    function that is not JAX is called through `jax.pure_callback` with `vmap_method="expand_dims"` or
    `"broadcast_all"`: then a whole chunk of perturbed inputs, and of rows under `jax.vmap`, is one call. Costs two
    evaluations an entry, 2 T D for word vectors, so it suits counts of words better than embeddings.

    The error has two parts, $h^2 f'''/6$ of the formula and $\epsilon |f| / h$ of rounding; the default step balances
    them where f and its derivatives are near 1, and leaves an error near $\epsilon^{2/3}$: 2e-5 in float32, 4e-11 in
    float64. Within h of a kink it lies between the two slopes. A function of steps, such as trees, has slope 0 almost
    everywhere: take a step that crosses them. For entries that are 0 or 1 and trees, `step=1` gives half of what
    putting the word in changes, whichever of the two the entry is, since a tree reads 2 as 1 and -1 as 0.

    Args:
        f: a function that returns one number; it need not be differentiable.
        step: h, a positive number for all entries, or arrays like the argument; None takes the formula above, where
            epsilon is that of the coarser of the dtypes of the argument and the score.
        where: `[T]` booleans, True at real positions; the others get 0, and are not evaluated where the mask is known
            while tracing.
        batch_size: entries evaluated at once, each twice; None lets the library choose.
        argnums: the argument that is attributed to; a sequence gives a tuple.
        has_aux: f returns `(score, aux)`; aux at the input as given is returned beside the attribution.

    Returns:
        A function with the signature of f, whose value has the structure and shapes of the argument, in float32 at
        least; NaN where the step is too small to change an entry. **Unit**: the unit of f per unit of the argument.

    Raises:
        TypeError: an argument that is not floating point, a score that is not a floating point number, a step that is
            not a number.
        ValueError: a score with axes, an empty argument, a mask of another length, a step that is not positive or of
            another shape.

    Example:
        >>> steps = lambda x: (x > 0.5).sum().astype(float) * 3  # what trees do
        >>> x = jnp.array([0.0, 1.0])
        >>> print(finite_differences(steps)(x), finite_differences(steps, step=1)(x))
        [0. 0.] [1.5 1.5]

    References:
        :cite:`hechtlinger2016interpretation`, arXiv:1611.07634, where the model is not differentiable.
    """

    def method(argument: Argument) -> tuple[Any, Any]:
        marks = _argument.marked("finite_differences", argument, where)
        entries = _entries(argument, marks)
        ends = np.cumsum([0, *(leaf.size for leaf in argument.leaves)])
        score = jax.eval_shape(lambda leaves: argument.score(leaves)[0], argument.leaves)
        wide = at_least_float32(*(a.dtype for a in (score, *argument.leaves)))
        steps = _steps(argument, step, score.dtype)

        def slope(entry: Any) -> Any:
            def moved(sign: int) -> tuple[Any, Any]:
                leaves, place = [], jnp.zeros((), wide)
                for leaf, h, begin in zip(argument.leaves, steps, ends, strict=False):
                    inside = (entry >= begin) & (entry < begin + leaf.size)
                    at = jnp.where(inside, entry - begin, leaf.size)  # beyond the end: nothing is set
                    flat = leaf.ravel()
                    value = (flat[at] + sign * h.ravel()[at]).astype(leaf.dtype)
                    leaves.append(flat.at[at].set(value, mode="drop").reshape(leaf.shape))
                    place = jnp.where(inside, value.astype(wide), place)
                return argument.score(leaves)[0].astype(wide), place

            (above, right), (below, left) = moved(1), moved(-1)
            return (above - below) / (right - left)

        slopes = map_points(slope, jnp.asarray(entries), batch_size)
        flat = jnp.zeros(ends[-1], wide).at[entries].set(slopes)
        values = [
            flat[begin : begin + leaf.size].reshape(leaf.shape).astype(at_least_float32(leaf.dtype))
            for leaf, begin in zip(argument.leaves, ends, strict=False)
        ]
        return argument.rebuild(_argument.masked(values, marks)), argument.aux

    _checks.check_batch_size("finite_differences", batch_size)
    return _argument.attributing(method, f, name="finite_differences", argnums=argnums, has_aux=has_aux)


def _entries(argument: Argument, marks: list[Any] | None) -> np.ndarray:
    """The places of the entries to move, in the leaves laid end to end; those known to be padding are left out."""
    if marks is None or not all(_checks.is_concrete(mark) for mark in marks):
        return np.arange(sum(leaf.size for leaf in argument.leaves))
    pairs = zip(marks, argument.leaves, strict=True)
    return np.flatnonzero(np.concatenate([np.broadcast_to(np.asarray(m), leaf.shape).ravel() for m, leaf in pairs]))


def _steps(argument: Argument, step: Any, dtype: Any) -> list[Any]:
    """The step of each entry, leaf by leaf; `dtype` is that of the score."""
    if step is None:
        sizes = [np.cbrt(float(max(jnp.finfo(kind).eps for kind in (a.dtype, dtype)))) for a in argument.leaves]
        pairs = zip(sizes, argument.leaves, strict=True)
        return [(size * jnp.maximum(1, jnp.abs(leaf))).astype(leaf.dtype) for size, leaf in pairs]
    if _checks.is_array(step) and np.ndim(step) == 0:
        steps = [jnp.full(leaf.shape, step, leaf.dtype) for leaf in argument.leaves]
    else:
        _checks.check_same("finite_differences", "step", step, argument.value)
        steps = _argument.arrays(step)
    for h in steps:
        if _checks.is_concrete(h) and not (np.asarray(h) > 0).all():
            raise ValueError(
                f"finite_differences wants a positive step, but got {float(np.asarray(h).min())}. Write step=1e-3, or "
                "leave it out."
            )
    return steps

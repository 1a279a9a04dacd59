"""How much of the change of the score an attribution leaves unexplained."""

from typing import Any

import jax.numpy as jnp

from jaxattr import _argument, _checks
from jaxattr._batching import at_least_float32


def completeness_gap(
    f: _argument.Score, attribution: Any, x: Any, baseline: Any, *, where: Any = None, has_aux: bool = False
) -> Any:
    r"""What is missing from an attribution whose entries should sum to the change of the score.

    $$\mathrm{gap} = f(x) - f(x^0) - \sum_i \phi_i$$

    Zero but for rounding where the method is complete (integrated gradients with enough nodes, DeepLIFT, Shapley
    values); NaN where anything in it is NaN. Both scores are evaluated afresh, so the gap does not trust the method.
    Costs two forward passes.

    Args:
        f: the function of x alone that was explained; returns one number.
        attribution: a pytree of arrays that sum to the change, for instance the value of
            `integrated_gradients(f, baseline=x0)(x)`, before or after `.sum(-1)`.
        x: the input.
        baseline: x0, like x, or a function of x.
        where: `[T]` booleans, True at real positions, as given to the method: the others keep the values of x.
        has_aux: f returns `(score, aux)`.

    Returns:
        A scalar in float32 at least, positive where too little was handed out. **Unit**: the unit of f.

    Raises:
        TypeError, ValueError: a baseline of another structure, shape or dtype, a score that is not one number.

    Example:
        >>> import jaxattr as ja
        >>> f, x, x0 = lambda x: (x**3).sum(), jnp.array([1.0, 2.0]), jnp.zeros(2)
        >>> a = ja.integrated_gradients(f, baseline=x0, steps=1)(x)  # one node is too few for a cubic
        >>> print(completeness_gap(f, a, x, x0))
        2.25

    References:
        :cite:`sundararajan2017axiomatic`, arXiv:1703.01365, proposition 1.
    """
    name = "completeness_gap"

    def method(argument: _argument.Argument) -> tuple[Any, Any]:
        x0 = baseline(argument.value) if callable(baseline) else baseline
        _checks.check_same(name, "baseline", x0, argument.value)
        start = _argument.arrays(x0)
        marks = _argument.marked(name, argument, where)
        if marks is not None:
            start = [jnp.where(m, a, b) for m, a, b in zip(marks, start, argument.leaves, strict=True)]
        change = _wide(argument.score(argument.leaves)[0]) - _wide(argument.score(start)[0])
        parts = [_wide(leaf).sum() for leaf in _argument.arrays(attribution)]
        return change - sum(parts), None

    return _argument.attributing(
        method, f if not has_aux else (lambda x: f(x)[0]), name=name, argnums=0, has_aux=False, integers=True
    )(x)


def _wide(value: Any) -> Any:
    return value.astype(at_least_float32(value.dtype))

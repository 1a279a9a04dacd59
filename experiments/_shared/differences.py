"""Central differences checked against the gradient, in double precision."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

import jaxattr as ja

BEYOND = 1e-6


def deviations(
    f: Callable[[Any, jax.Array], jax.Array],
    params: Any,
    xs: Sequence[np.ndarray] | np.ndarray,
    *,
    steps: Sequence[float | None] = (None, 1e-3, 1e-1),
    where: np.ndarray | None = None,
    batch_size: int | None = None,
) -> list[dict[str, float | int | None]]:
    """How far `ja.finite_differences` lies from `ja.gradient` on some rows, for several steps.

    Both are computed in double precision, from parameters and rows of any precision. A deviation is a share of the
    largest slope of its row. A score of ReLUs and maxima is straight between its kinks, so a deviation beyond rounding
    says that a kink lies within the step.

    Args:
      f: `f(params, x)`, one number.
      params: The parameters.
      xs: The rows; each may have a length of its own.
      steps: The steps; None is the default of `ja.finite_differences`.
      where: The entries that are compared, a mask `[T]` of each row; None compares all.
      batch_size: Entries moved at once.

    Returns:
      For each step: "step", "rows", "entries" compared, "largest" and "median" deviation, and the share of entries
      whose deviation is "beyond" `BEYOND`.
    """
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: np.asarray(a, np.float64), params)
        rows = [np.asarray(x, np.float64) for x in xs]
        slopes = jax.jit(lambda params, x: ja.gradient(lambda x: f(params, x), where=where)(x))
        exact = [np.asarray(slopes(wide, x)) for x in rows]
        real = [np.broadcast_to(np.True_ if where is None else _along(where, x), x.shape) for x in rows]
        found = []
        for step in steps:
            ways = {"step": step, "where": where, "batch_size": batch_size}

            def differences(params: Any, x: jax.Array, ways: Any = ways) -> jax.Array:
                return ja.finite_differences(lambda x: f(params, x), **ways)(x)

            compiled = jax.jit(differences)
            each = zip(rows, exact, real, strict=True)
            apart = [np.abs(np.asarray(compiled(wide, x)) - g)[r] / (np.abs(g).max() or 1) for x, g, r in each]
            joined = np.concatenate(apart)
            found.append(
                {
                    "step": step,
                    "rows": len(rows),
                    "entries": len(joined),
                    "largest": float(joined.max()),
                    "median": float(np.median(joined)),
                    "beyond": float((joined > BEYOND).mean()),
                }
            )
        return found


def _along(where: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A mask `[T]` with as many axes as x."""
    return np.asarray(where).reshape(-1, *[1] * (x.ndim - 1))

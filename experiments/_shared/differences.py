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
    xs: np.ndarray,
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
      xs: The rows, `[R, ...]`.
      steps: The steps; None is the default of `ja.finite_differences`.
      where: The entries that are compared, a mask `[T]` of each row; None compares all.
      batch_size: Entries moved at once.

    Returns:
      For each step: "step", "rows", "entries" compared, "largest" and "median" deviation, and the share of entries
      whose deviation is "beyond" `BEYOND`.
    """
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: np.asarray(a, np.float64), params)
        rows = np.asarray(xs, np.float64)
        slopes = jax.jit(lambda params, x: ja.gradient(lambda x: f(params, x), where=where)(x))
        exact = [np.asarray(slopes(wide, x)) for x in rows]
        real = np.ones(rows.shape[1:], bool)
        if where is not None:
            real &= np.asarray(where).reshape(-1, *[1] * (rows.ndim - 2))
        found = []
        for step in steps:
            ways = {"step": step, "where": where, "batch_size": batch_size}

            def differences(params: Any, x: jax.Array, ways: Any = ways) -> jax.Array:
                return ja.finite_differences(lambda x: f(params, x), **ways)(x)

            compiled = jax.jit(differences)
            pairs = zip(rows, exact, strict=True)
            apart = [np.abs(np.asarray(compiled(wide, x)) - g)[real] / np.abs(g).max() for x, g in pairs]
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

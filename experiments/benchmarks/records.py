"""A benchmark's figures as flat records: one way to do one task on one model."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.timing import Timing

Record = dict[str, Any]


def record(task: str, model: str, way: str, timing: Timing, **more: Any) -> Record:
    """One record for JSON.

    Args:
      task: What is done.
      model: The key of the model.
      way: How it is done.
      timing: What it took.
      **more: Further figures, such as `gap` or `compile_seconds`.

    Returns:
      A flat dictionary; `ratio` is the time over that of the base way of the task, `quartiles` its spread.
    """
    return {
        "task": task,
        "model": model,
        "way": way,
        "seconds": timing.seconds,
        "fastest": timing.fastest,
        "ratio": timing.ratio,
        "quartiles": [timing.low, timing.high],
        "rounds": timing.rounds,
        "calls": timing.calls,
        **more,
    }


def milliseconds(seconds: float) -> str:
    """Three digits, without a power of ten.

    Example:
      >>> milliseconds(0.01234), milliseconds(1.2345)
      ('12.3', '1,234')
    """
    return f"{1e3 * seconds:,.0f}" if seconds >= 0.1 else f"{1e3 * seconds:.3g}"


def scores(f: Callable[[jax.Array], jax.Array], xs: Any) -> np.ndarray:
    """The scores of rows one after another, as float64.

    Args:
      f: The score of word vectors `[T, D]`.
      xs: Word vectors, `[N, T, D]`.

    Returns:
      `float64[N]`.
    """
    return np.asarray(jax.jit(lambda xs: jax.lax.map(f, xs))(xs), np.float64)


def gap(values: Any, changes: np.ndarray) -> Mapping[str, float]:
    """How far attributions are from adding up, as a share of what there is to hand out.

    Args:
      values: Attributions, `[N, T, D]`.
      changes: What those of each row should sum to, `float64[N]`.

    Returns:
      "median" and "worst" over the rows, and "worst_handed_out", the worst as a share of the sum of the sizes, which
      does not blow up where the change is near 0.
    """
    values = np.asarray(values, np.float64).reshape(len(changes), -1)
    gaps = np.abs(values.sum(1) - changes)
    shares = gaps / np.abs(changes)
    handed_out = gaps / np.abs(values).sum(1)
    return {
        "median": float(np.median(shares)),
        "worst": float(shares.max()),
        "worst_handed_out": float(handed_out.max()),
    }

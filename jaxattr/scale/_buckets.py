"""Sorted length buckets: rows of about the same length together, at a bounded number of padded widths."""

import dataclasses
from collections.abc import Sequence

import numpy as np

DEFAULT_WIDTHS = 12


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows that are evaluated together.

    Attributes:
        index: which rows; copies of the last one fill it up.
        real: how many of them are no copies.
        width: what they are padded to.
    """

    index: np.ndarray
    real: int
    width: int


def groups(lengths: np.ndarray, size: int, widths: int) -> list[Group]:
    """All rows in groups of one size, the longest first, at most `widths` different widths."""
    return [Group(filled(part, size), len(part), width) for part, width in parted(lengths, size, widths)]


def parted(lengths: np.ndarray, size: int, widths: int) -> list[tuple[np.ndarray, int]]:
    """All rows, the longest first, in parts of at most a size, and what each part is padded to."""
    order = np.argsort(-lengths, kind="stable")
    parts = [order[i : i + size] for i in range(0, len(order), size)]
    most = [int(lengths[part[0]]) for part in parts]
    chosen = np.array(best_widths(most, widths))
    return [(part, int(chosen[chosen >= needed].min())) for part, needed in zip(parts, most, strict=True)]


def filled(part: np.ndarray, size: int) -> np.ndarray:
    """A part, and copies of its last entry that fill it up to a size."""
    return np.concatenate([part, np.repeat(part[-1:], size - len(part))])


def best_widths(needed: Sequence[int], number: int) -> list[int]:
    r"""The at most `number` widths with the least padding: $\min \sum_i (w(i) - n_i)$, w the next width above.

    Args:
        needed: the length of each group.
        number: how many widths.

    Returns:
        Widths in ascending order; the largest is the largest length.

    Example:
        >>> best_widths([3, 4, 4, 9, 10], 2)
        [4, 10]
    """
    lengths, counts = np.unique(np.asarray(needed), return_counts=True)
    if len(lengths) > 256:  # to multiples of a step, for the table below is quadratic
        step = -(-int(lengths[-1]) // 256)
        return best_widths(np.minimum(-(-np.asarray(needed) // step) * step, lengths[-1]).tolist(), number)
    before = np.concatenate([[0], np.cumsum(counts)])
    cost = np.full(len(lengths) + 1, np.inf)  # of the first j lengths
    cost[0] = 0
    cuts: list[np.ndarray] = []
    for _ in range(min(number, len(lengths))):
        padded = (before[1:] - before[:-1, None]) * lengths
        table = cost[:-1, None] + np.where(np.triu(np.ones(padded.shape, bool)), padded, np.inf)
        cuts.append(table.argmin(0))
        cost = np.concatenate([[np.inf], table.min(0)])
    found, j = [], len(lengths)
    for cut in reversed(cuts):
        found.append(int(lengths[j - 1]))
        j = int(cut[j - 1])
        if j == 0:
            break
    return found[::-1]

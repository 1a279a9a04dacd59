"""Slow literal twins: each formula as its paper writes it, over Python sets and a dictionary of values."""

from itertools import combinations
from math import comb, factorial

import numpy as np


def subsets(players):
    players = list(players)
    return [frozenset(c) for k in range(len(players) + 1) for c in combinations(players, k)]


def table(values):
    """The vector of all coalitions' values as a dictionary of sets."""
    n = len(values).bit_length() - 1
    return n, {frozenset(i for i in range(n) if s >> i & 1): float(v) for s, v in enumerate(values)}


def shapley(values):
    n, v = table(values)
    phi = np.zeros(n)
    for i in range(n):
        for s in subsets(set(range(n)) - {i}):
            weight = factorial(len(s)) * factorial(n - len(s) - 1) / factorial(n)
            phi[i] += weight * (v[s | {i}] - v[s])
    return phi


def banzhaf(values):
    n, v = table(values)
    return np.array([np.mean([v[s | {i}] - v[s] for s in subsets(set(range(n)) - {i})]) for i in range(n)])


def _second(v, s, i, j):
    return v[s | {i, j}] - v[s | {i}] - v[s | {j}] + v[s]


def _pairs(values, weight):
    n, v = table(values)
    result = np.zeros((n, n))
    for i, j in combinations(range(n), 2):
        rest = subsets(set(range(n)) - {i, j})
        result[i, j] = result[j, i] = sum(weight(n, len(s)) * _second(v, s, i, j) for s in rest)
    return result


def sii(values):
    pairs = _pairs(values, lambda n, s: factorial(n - s - 2) * factorial(s) / factorial(n - 1))
    return pairs + np.diag(shapley(values))


def k_sii(values):
    pairs = sii(values)
    np.fill_diagonal(pairs, 0)
    return pairs + np.diag(shapley(values) - pairs.sum(1) / 2)


def stii(values):
    _, v = table(values)
    pairs = _pairs(values, lambda n, s: 2 / n / comb(n - 1, s))
    return pairs + np.diag([v[frozenset([i])] - v[frozenset()] for i in range(len(pairs))])


def banzhaf_index(values):
    return _pairs(values, lambda n, s: 1 / 2 ** (n - 2)) + np.diag(banzhaf(values))


def arch_detect(values):
    n, v = table(values)
    result = np.zeros((n, n))
    for i, j in combinations(range(n), 2):
        rest = frozenset(range(n)) - {i, j}
        result[i, j] = result[j, i] = (_second(v, frozenset(), i, j) ** 2 + _second(v, rest, i, j) ** 2) / 2
    return result


def owen(values, tree):
    """Over all orders that keep each branch together, one by one."""
    n, v = table(values)
    orders = _orders(tree)
    phi = np.zeros(n)
    for order in orders:
        before = frozenset()
        for i in order:
            phi[i] += v[before | {i}] - v[before]
            before |= {i}
    return phi / len(orders)


def _orders(tree):
    from itertools import permutations, product

    if not isinstance(tree, tuple):
        return [(tree,)]
    found = []
    for branches in permutations(tree):
        found.extend(sum(parts, ()) for parts in product(*(_orders(b) for b in branches)))
    return found

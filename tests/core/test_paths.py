"""Gradients along paths, nodes, averages, second derivatives and differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests import oracles, test_maxima
from tests.core.same import same
from tests.test_oracles import X0, X, network, slope
from tests.test_path_methods import COSTS, TABLE, by_words, literal

KEY = jax.random.key(5)
pytestmark = pytest.mark.usefixtures("x64")


def test_paths_and_averages():
    """Gradients along paths, with noise, and over baselines, each by its formula and NumPy's complex steps."""
    f = network(jnp)
    corner = np.stack([X0, X0 + np.array([[1.0, -1.0]]), X])
    others = np.random.default_rng(3).normal(size=(5, *X.shape))
    where = np.array([True, False, True])
    rules = (ja.gauss_legendre, ja.midpoint, ja.trapezoid, ja.left_riemann, ja.right_riemann)

    def over(average, size):
        return average(lambda b: ja.integrated_gradients(f, baseline=b, steps=2), others, batch_size=size)

    def explained(x):
        noise = {"key": KEY, "std": 0.3, "samples": 5, "batch_size": 2}
        return {
            **{rule.__name__: ja.integrated_gradients(f, baseline=X0, nodes=rule, steps=5)(x) for rule in rules},
            "where": ja.integrated_gradients(f, baseline=X0, steps=5, where=where)(x),
            "corner": ja.path_integrated_gradients(f, path=corner, steps=3, batch_size=4)(x),
            "times": ja.gradient_times_input(f)(x),
            "gap": ja.completeness_gap(f, jnp.ones(7), x, X0),
            "gap, where": ja.completeness_gap(f, jnp.zeros(2), x, X0, where=where),
            "smooth": ja.smooth(ja.gradient(f), **noise)(x),
            "vargrad": ja.vargrad(ja.gradient(f), **noise)(x),
            "mean": over(ja.mean_over, 2)(x),
            "variance": over(ja.variance_over, 3)(x),
            "error": over(ja.standard_error_over, 2)(x),
        }

    def ig(x0, nodes, n, x=X):
        return oracles.integrated_gradients(slope, x, x0, *nodes(n))

    still = np.where(where[:, None], X0, X)
    noisy = oracles.noisy_slopes(slope, X, KEY, 0.3, 5)
    each = np.stack([ig(b, oracles.gauss_legendre, 2) for b in others])
    literal_rules = {rule.__name__: ig(X0, rule, 5) for rule in rules[1:]}
    same(
        jax.jit(explained)(X),
        literal_rules
        | {
            "gauss_legendre": ig(X0, oracles.gauss_legendre, 5),
            "where": ig(still, oracles.gauss_legendre, 5),
            "corner": literal(f, corner, 3, ja.midpoint),
            "times": X * slope(X),
            "gap": network(np)(X) - network(np)(X0) - 7,
            "gap, where": network(np)(X) - network(np)(still),
            "smooth": oracles.mean(noisy),
            "vargrad": oracles.variance(noisy),
            "mean": oracles.mean(each),
            "variance": oracles.variance(each),
            "error": oracles.standard_error(each),
        },
    )


def test_nodes_in_any_order():
    """A path whose nodes do not increase is not followed by its pieces."""

    def shuffled(n):
        return tuple(np.roll(a, n // 2) for a in ja.midpoint(n))

    found, plain = test_maxima.both(test_maxima.TAKEN["a product"], steps=8, nodes=shuffled)
    np.testing.assert_allclose(found, plain, rtol=1e-11, atol=1e-13)


def test_nodes():
    same(
        {"left": ja.left_riemann(4), "right": ja.right_riemann(2), "middle": ja.midpoint(2), "ends": ja.trapezoid(3)},
        {
            "left": ([0, 0.25, 0.5, 0.75], [0.25] * 4),
            "right": ([0.5, 1], [0.5, 0.5]),
            "middle": ([0.25, 0.75], [0.5, 0.5]),
            "ends": ([0, 0.5, 1], [0.25, 0.5, 0.25]),
        },
    )
    with pytest.raises(ValueError, match="steps >= 2"):
        ja.trapezoid(1)


def test_second_order_and_differences():
    """A polynomial: its interactions and slopes are known, and a rule of five nodes already knows its integral."""
    x, step = np.array([2.0, 3.0, -1.0]), np.array([0.5, 0.25, 1.0])

    def f(x):
        return x[0] * x[1] ** 2 + x[2] ** 3

    def of_leaves(leaves):
        return f(jnp.concatenate(leaves))

    def literal_difference(i):
        up, down = x.copy(), x.copy()
        up[i], down[i] = x[i] + step[i], x[i] - step[i]
        return (f(up) - f(down)) / (2 * step[i])

    def wave(x):
        return jnp.sin(9 * x).sum()

    def explained(x):
        to = {"baseline": jnp.zeros_like, "rtol": 1e-6}
        return {
            "pairs": ja.integrated_hessians(f, baseline=jnp.zeros_like)(x),
            "differences": ja.finite_differences(f, step=step, batch_size=2)(x),
            "close": ja.finite_differences(f)(x),
            "leaves": jnp.concatenate(ja.finite_differences(of_leaves, step=(step[:1], step[1:]))((x[:1], x[1:]))),
            "some": ja.finite_differences(f, step=step, where=np.array([True, False, True]))(x),
            "to": ja.integrated_gradients_to(f, **to)(x),
            "nodes": ja.nodes_used(f, **to)(x),
            "wave": ja.nodes_used(wave, baseline=jnp.zeros_like, rtol=1e-5)(x),
            "most": ja.nodes_used(lambda x: jnp.sin(400 * x).sum(), baseline=jnp.zeros_like, rtol=1e-9)(x),
            "last": ja.integrated_gradients_to(wave, baseline=jnp.zeros_like, rtol=1e-9, at_most=9)(x),
        }

    product = x[0] * x[1] ** 2
    pairs = product * np.array([[1, 2, 0], [2, 4, 0], [0, 0, 0]]) / 9 + np.diag([0, 0, x[2] ** 3])
    all_ = np.array([literal_difference(i) for i in range(3)])
    expected = {
        "pairs": pairs,
        "differences": all_,
        "leaves": all_,
        "close": [x[1] ** 2, 2 * x[0] * x[1], 3 * x[2] ** 2],
        "some": all_ * [1, 0, 1],
        "to": [product / 3, 2 * product / 3, x[2] ** 3],
        "nodes": 5,
        "wave": _literal_nodes(lambda t: 9 * x * np.cos(9 * t * x), np.sin(9 * x).sum(), 1e-5),
        "most": 129,
        "last": _clenshaw_curtis(lambda t: 9 * x * np.cos(9 * t * x), 9),
    }
    same(jax.jit(explained)(x), expected, 1e-6)


def _clenshaw_curtis(along, size):
    """The integral over [0, 1] of the polynomial through the values at so many nodes."""
    t = (1 - np.cos(np.pi * np.arange(size) / (size - 1))) / 2
    c = np.polynomial.chebyshev.chebfit(2 * t - 1, np.array([along(a) for a in t]), size - 1)
    return np.polynomial.chebyshev.chebval([1, -1], np.polynomial.chebyshev.chebint(c)) @ [1, -1] / 2


def _literal_nodes(along, change, rtol):
    """How many nodes it takes until two rules in a row are within the tolerance."""
    before, size = False, 3
    while True:
        now = abs(_clenshaw_curtis(along, size).sum() - change) <= rtol * abs(change)
        if now and before:
            return size
        before, size = now, 2 * size - 1


def test_paths_of_words():
    ids, blank = np.array([3, 17, 39]), np.zeros(3, int)
    distances = ((TABLE[:, None] - TABLE[None]) ** 2).sum(-1) + np.diag(np.full(40, np.inf))
    near = distances.argsort(1)[:, :4]

    @jax.jit
    def explained(ids, blank):
        def path(near, ours):
            return ja.word_paths.discretized(TABLE, near, steps=5, cost=ours)(ids, blank)

        paths = {name: path(near, ours) for name, (ours, _) in COSTS.items()}
        return {
            **paths,
            "few": path(near[:, :1], COSTS["closest"][0]),
            "near": ja.word_paths.neighbours_of(TABLE, 4, batch_size=7),
        }

    def by_lists(near, cost):
        return np.stack([by_words(TABLE, near, int(word), 0, 5, cost) for word in ids], 1)

    expected = {name: by_lists(near, cost) for name, (_, cost) in COSTS.items()}
    expected |= {"near": near, "few": by_lists(near[:, :1], COSTS["closest"][1])}  # no neighbour is left
    same(explained(ids, blank), expected)

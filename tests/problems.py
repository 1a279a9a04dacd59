"""Closed forms: scores whose gradient, integrated gradients and leave-one-out values are known on paper.

Every expected number comes from a formula written out here in NumPy float64, never from the code under test. `value` is
a NumPy twin of the score; leave-one-out is computed from it, one position at a time. Kinks lie at t = 1/2 of the path
(tag "half"), where a symmetric rule with an even number of nodes is still exact, or elsewhere (tag "kink").
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Problem(NamedTuple):
    """A score `f(*args)`, a NumPy twin, the path's ends (one tuple of arguments each) and what is known exactly."""

    name: str
    f: Callable[..., Any]
    value: Callable[..., Any]
    x: tuple
    x0: tuple
    gradient: tuple
    ig: tuple
    tags: frozenset = frozenset()

    @property
    def argnums(self) -> Any:
        """0 for one argument, a tuple for several."""
        return 0 if len(self.x) == 1 else tuple(range(len(self.x)))

    def pick(self, values: tuple) -> Any:
        """Values as a transform returns them: alone for one argument."""
        return values[0] if len(values) == 1 else values


def leave_one_out(problem: Problem) -> np.ndarray:
    """f(x) less f with one leading position at the baseline, by a loop over positions."""
    whole = problem.value(*problem.x)
    length = len(jax.tree.leaves(problem.x)[0])

    def without(i: int) -> tuple:
        def put(a: Any, b: Any) -> Any:
            return np.concatenate([a[:i], b[i : i + 1], a[i + 1 :]])

        return jax.tree.map(put, problem.x, problem.x0)

    return np.array([whole - problem.value(*without(i)) for i in range(length)])


def _one(name, f, value, x, x0, gradient, ig, *tags):
    arrays = (np.asarray(a, np.float64) for a in (x, x0, gradient, ig))
    return Problem(name, f, value, *((a,) for a in arrays), frozenset(tags))


def _ridge(name, g, value, slope, a, x, x0, *tags):
    """f(x) = g(a . x): all slopes are shared, so each entry gets its part of the change of a . x."""
    a, x, x0 = (np.asarray(v, np.float64) for v in (a, x, x0))
    s, s0 = (a * x).sum(), (a * x0).sum()
    ig = a * (x - x0) * (value(s) - value(s0)) / (s - s0)
    return _one(
        name,
        lambda v: g(jnp.sum(jnp.asarray(a, v.dtype) * v)),
        lambda v: value((a * v).sum()),
        x,
        x0,
        a * slope(s),
        ig,
        "ridge",
        *tags,
    )


def _separable(name, f, value, slope, x, x0, *tags):
    """f(x) = sum of g(x_i): each entry gets the change of its own term."""
    x, x0 = np.asarray(x, np.float64), np.asarray(x0, np.float64)
    return _one(
        name,
        lambda v: f(v).sum(),
        lambda v: value(v).sum(),
        x,
        x0,
        slope(x),
        value(x) - value(x0),
        "separable",
        *tags,
    )


def _sigmoid(s):
    return 1 / (1 + np.exp(-s))


def _attention(keys_move: bool, values_move: bool) -> Problem:
    """Two tokens, column 0 the key and column 1 the value: f = v1 + (v0 - v1) sigmoid(k0 - k1)."""

    def f(x):
        return jnp.sum(jax.nn.softmax(x[:, 0]) * x[:, 1])

    def value(x):
        weights = np.exp(x[:, 0]) / np.exp(x[:, 0]).sum()
        return (weights * x[:, 1]).sum()

    x, x0 = np.array([[1.5, 2.0], [-0.5, 0.5]]), np.array([[0.25, 1.0], [0.5, -1.0]])
    if not keys_move:
        x0[:, 0] = x[:, 0]
    if not values_move:
        x0[:, 1] = x[:, 1]
    move = x - x0
    s, s0 = x[0, 0] - x[1, 0], x0[0, 0] - x0[1, 0]
    v, v0 = x[0, 1] - x[1, 1], x0[0, 1] - x0[1, 1]
    p = _sigmoid(s)
    gradient = np.array([[v * p * (1 - p), p], [-v * p * (1 - p), 1 - p]])
    if keys_move:
        mean_p = (np.logaddexp(0, s) - np.logaddexp(0, s0)) / (s - s0)
        mean_slope = (p - _sigmoid(s0)) / (s - s0)
        mean_t_slope = p / (s - s0) - mean_p / (s - s0)
    else:
        mean_p, mean_slope, mean_t_slope = p, p * (1 - p), p * (1 - p) / 2
    key = v0 * mean_slope + (v - v0) * mean_t_slope
    ig = move * np.array([[key, mean_p], [-key, 1 - mean_p]])
    name = f"attention_{'keys' if keys_move else ''}{'values' if values_move else ''}"
    return _one(name, f, value, x, x0, gradient, ig, "attention")


def _max_pool_cnn() -> Problem:
    """Windows of two embeddings, ReLU, maximum, no bias: homogeneous, so from zero IG is slope times input."""
    w = np.array([[1.0, -0.5, 2.0], [0.5, 1.5, -1.0]])
    x = np.array([[0.3, 1.0, -0.2], [0.9, 0.1, 0.4], [-1.0, 0.5, 0.2], [0.2, 0.7, 0.6]])

    def f(v):
        return jax.nn.relu(jnp.sum(v[:-1] * w[:1], -1) + jnp.sum(v[1:] * w[1:], -1)).max()

    def value(v):
        return max(0.0, *((v[i : i + 2] * w).sum() for i in range(len(v) - 1)))

    best = int(np.argmax([(x[i : i + 2] * w).sum() for i in range(3)]))
    gradient = np.zeros_like(x)
    gradient[best : best + 2] = w
    return _one("max_pool_cnn", f, value, x, 0 * x, gradient, gradient * x, "homogeneous")


def _relu_network() -> Problem:
    w1, w2 = np.array([[1.0, -2.0, 0.5], [0.5, 1.0, -1.0], [-1.0, -1.0, 0.25]]), np.array([2.0, -3.0, 1.5])
    x = np.array([0.5, 1.0, 2.0])
    active = (w1 @ x) > 0
    gradient = w1.T @ (w2 * active)

    def f(v):
        return jnp.dot(w2, jax.nn.relu(jnp.dot(w1, v)))

    def value(v):
        return w2 @ np.maximum(w1 @ v, 0)

    return _one("relu_network", f, value, x, 0 * x, gradient, gradient * x, "homogeneous")


def _quadratic_form() -> Problem:
    m, x, x0 = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([2.0, -1.0]), np.array([0.5, 1.0])

    def f(v):
        return jnp.dot(v, jnp.dot(m, v))

    return _one(
        "quadratic_form",
        f,
        lambda v: v @ m @ v,
        x,
        x0,
        (m + m.T) @ x,
        (x - x0) * ((m + m.T) @ (x + x0) / 2),
        "polynomial",
    )


def _ratio() -> Problem:
    x, x0 = np.array([3.0, 2.0]), np.array([1.0, 0.5])
    first = (x - x0)[0] * np.log(x[1] / x0[1]) / (x - x0)[1]

    def f(v):
        return v[0] / v[1]

    return _one("ratio", f, f, x, x0, [1 / x[1], -x[0] / x[1] ** 2], [first, f(x) - f(x0) - first])


def _times_exp() -> Problem:
    x, x0 = np.array([3.0, 1.0]), np.array([-1.0, 0.5])
    first = (x - x0)[0] * (np.exp(x[1]) - np.exp(x0[1])) / (x - x0)[1]
    f, value = lambda v: v[0] * jnp.exp(v[1]), lambda v: v[0] * np.exp(v[1])
    return _one("times_exp", f, value, x, x0, [np.exp(x[1]), value(x)], [first, value(x) - value(x0) - first])


def _trees() -> list[Problem]:
    a, b = np.array([1.0, 2.0]), np.array([[3.0, -1.0], [0.5, 2.0]])
    zero = {"a": 0 * a, "b": (0 * b,)}
    x = {"a": a, "b": (b,)}

    def f(v):
        return v["a"].sum() * v["b"][0].sum()

    gradient = {"a": np.full(2, b.sum()), "b": (np.full((2, 2), a.sum()),)}
    ig = {"a": a * b.sum() / 2, "b": (b * a.sum() / 2,)}

    def product(u, v):
        return (u * v).sum()

    u, v, u0, v0 = np.array([2.0, 3.0]), np.array([-1.0, 4.0]), np.array([1.0, 0.0]), np.array([0.5, 2.0])
    return [
        Problem("tree", f, f, (x,), (zero,), (gradient,), (ig,), frozenset({"tree", "polynomial"})),
        Problem(
            "two_arguments_one_path",
            product,
            product,
            (u, v),
            (u0, v0),
            (v, u),
            ((u - u0) * (v + v0) / 2, (v - v0) * (u + u0) / 2),
            frozenset({"tree", "polynomial"}),
        ),
    ]


_A, _X, _X0 = [1.0, -2.0, 0.5], [0.5, -1.0, 2.0], [-0.5, 0.25, 1.0]
_V, _C = np.array([1.0, -0.5, 2.0]), np.array([0.1, 0.3, -0.2])
_SHIFTED = np.array([0.3, -1.0, 1.2])
_SOFT = np.exp(_SHIFTED) / np.exp(_SHIFTED).sum()
_N = np.array([3.0, -4.0, 12.0])


def _p(s):
    e = np.exp(_V * s + _C)
    return e / e.sum()


def _bag(name, g, value, slope):
    """The mean of [T, D] embeddings through one direction."""
    x = np.arange(12.0).reshape(4, 3) / 10 - 0.4
    return _ridge(name, g, value, slope, np.tile(_A, (4, 1)) / 4, x, np.full((4, 3), 0.05), "text")


PROBLEMS = [
    _ridge("linear", lambda s: s, lambda s: s, lambda s: 1.0, _A, _X, _X0, "polynomial"),
    _ridge("affine", lambda s: 2 * s + 3, lambda s: 2 * s + 3, lambda s: 2.0, _A, _X, _X0, "polynomial"),
    _ridge("constant", lambda s: 0 * s + 7, lambda s: 0 * s + 7, lambda s: 0.0, _A, _X, _X0, "polynomial"),
    _ridge("ridge_cubic", lambda s: s**3 - s, lambda s: s**3 - s, lambda s: 3 * s**2 - 1, _A, _X, _X0, "polynomial"),
    _ridge("sigmoid", jax.nn.sigmoid, _sigmoid, lambda s: _sigmoid(s) * (1 - _sigmoid(s)), _A, _X, _X0),
    _ridge("tanh", jnp.tanh, np.tanh, lambda s: 1 - np.tanh(s) ** 2, _A, _X, _X0),
    _ridge("exp", jnp.exp, np.exp, np.exp, _A, _X, _X0),
    _ridge("sin", jnp.sin, np.sin, np.cos, _A, _X, _X0),
    _ridge("softplus", jax.nn.softplus, lambda s: np.logaddexp(0, s), _sigmoid, _A, _X, _X0),
    _ridge("sigmoid_saturated", jax.nn.sigmoid, _sigmoid, lambda s: _sigmoid(-s) * _sigmoid(s), [8.0], [1.0], [-1.0]),
    _ridge(
        "softmax_linear",
        lambda s: jax.nn.softmax(_V * s + _C)[0],
        lambda s: _p(s)[0],
        lambda s: _p(s)[0] * (_V[0] - (_p(s) * _V).sum()),
        _A,
        _X,
        _X0,
    ),
    _ridge(
        "log_softmax_linear",
        lambda s: jax.nn.log_softmax(_V * s + _C)[1],
        lambda s: np.log(_p(s)[1]),
        lambda s: _V[1] - (_p(s) * _V).sum(),
        _A,
        _X,
        _X0,
    ),
    _ridge(
        "logsumexp_linear",
        lambda s: jax.nn.logsumexp(jnp.asarray(_V, s.dtype) * s + jnp.asarray(_C, s.dtype)),
        lambda s: np.log(np.exp(_V * s + _C).sum()),
        lambda s: (_p(s) * _V).sum(),
        _A,
        _X,
        _X0,
    ),
    _one(
        "logsumexp_shifted",
        jax.nn.logsumexp,
        lambda v: np.log(np.exp(v).sum()),
        _SHIFTED,
        _SHIFTED - 2,
        _SOFT,
        2 * _SOFT,
    ),
    _separable("square", lambda v: v**2, lambda v: v**2, lambda v: 2 * v, _X, _X0, "polynomial"),
    _separable("cube_plus", lambda v: v**3 + v, lambda v: v**3 + v, lambda v: 3 * v**2 + 1, _X, _X0, "polynomial"),
    _separable("seventh", lambda v: v**7, lambda v: v**7, lambda v: 7 * v**6, _X, _X0, "polynomial"),
    _separable("log", jnp.log, np.log, lambda v: 1 / v, [1.0, 2.5], [0.5, 1.5]),
    _separable("absolute", jnp.abs, np.abs, np.sign, [2.0, -3.0], [0.5, -1.0]),
    _separable("absolute_crossing", jnp.abs, np.abs, np.sign, [2.0, -1.0], [-2.0, 1.0], "half"),
    _separable("absolute_kink", jnp.abs, np.abs, np.sign, [2.0, -1.0], [-1.0, 2.5], "kink"),
    _separable("relu_active", jax.nn.relu, lambda v: np.maximum(v, 0), lambda v: 1.0 * (v > 0), [2.0, 1.0], [0.5, 3.0]),
    _separable("relu_dead", jax.nn.relu, lambda v: np.maximum(v, 0), lambda v: 1.0 * (v > 0), [-2.0, -1], [-0.5, -3]),
    _separable(
        "relu_half",
        lambda v: jax.nn.relu(v - 1),
        lambda v: np.maximum(v - 1, 0),
        lambda v: 1.0 * (v > 1),
        [2.0, 3.0],
        [0.0, -1.0],
        "half",
    ),
    _separable(
        "relu_saturated",
        lambda v: 1 - jax.nn.relu(1 - v),
        lambda v: 1 - np.maximum(1 - v, 0),
        lambda v: 1.0 * (v < 1),
        [2.0],
        [0.0],
        "half",
    ),
    _ridge("absolute_sum", jnp.abs, np.abs, np.sign, [1.0, 1.0], [2.0, 1.0], [-1.0, -2.0], "half"),
    _one("max", jnp.max, np.max, [3.0, 2.0], [0.0, 1.0], [1, 0], [1.5, 0.5], "half"),
    _one("min", jnp.min, np.min, [3.0, 2.0], [0.0, 1.0], [0, 1], [1.5, 0.5], "half"),
    _one(
        "nested_relu",
        lambda v: jax.nn.relu(jax.nn.relu(v[0]) - 1 - jax.nn.relu(v[1])),
        lambda v: max(max(v[0], 0) - 1 - max(v[1], 0), 0),
        [3.0, 1.0],
        [0.0, 0.0],
        [1, -1],
        [1.5, -0.5],
        "half",
    ),
    _one("product_of_two", jnp.prod, np.prod, [3.0, 2.0], [1.0, -1.0], [2, 3], [1.0, 6.0], "polynomial"),
    _one("product_of_three", jnp.prod, np.prod, [3.0, 2.0, -1.0], [0.0] * 3, [-2, -3, 6], [-2.0] * 3, "polynomial"),
    _one(
        "square_times",
        lambda v: v[0] ** 2 * v[1],
        lambda v: v[0] ** 2 * v[1],
        [3.0, 2.0],
        [0.0, 0.0],
        [12, 9],
        [12.0, 6.0],
        "polynomial",
    ),
    _one("norm", jnp.linalg.norm, np.linalg.norm, _N, 0 * _N, _N / 13, _N**2 / 13, "homogeneous"),
    _quadratic_form(),
    _ratio(),
    _times_exp(),
    _bag("bag_of_words_linear", lambda s: s, lambda s: s, lambda s: 1.0),
    _bag("bag_of_words_tanh", jnp.tanh, np.tanh, lambda s: 1 - np.tanh(s) ** 2),
    _attention(True, False),
    _attention(False, True),
    _attention(True, True),
    _max_pool_cnn(),
    _relu_network(),
    *_trees(),
]

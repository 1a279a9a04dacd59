"""For each primitive of the DeepLIFT table: small functions of two arrays `[2, 3]` whose jaxpr holds it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.sharding import Mesh, NamedSharding, PartitionSpec

SHAPE = (2, 3)
M = np.random.default_rng(0).normal(size=(3, 3))
LOWER = np.tril(M) + 3 * np.eye(3)


class Case(NamedTuple):
    """A function `f(a, b)`, and the interval that the entries of a and b are drawn from."""

    f: Callable[..., Any]
    low: float = -2.0
    high: float = 2.0


def joined(g: Callable[[Any], Any], low: float = -2.0, high: float = 2.0) -> list[Case]:
    """g of one value that both arguments move, in a product with another."""
    middle = (low + high) / 2

    def f(a, b):
        mixed = middle + ((a - middle) + (b - middle)[:, ::-1]) / 2
        return g(mixed) * b

    return [Case(f, low, high)]


def step(g: Callable[[Any], Any], low: float = -2.0, high: float = 2.0) -> list[Case]:
    """g gives booleans, which choose between functions of the same value, numbers, and other values."""
    return [
        Case(lambda a, b: jnp.where(g(a), jnp.sin(a), a**2), low, high),
        Case(lambda a, b: jnp.where(g(a), b, a * b), low, high),
        Case(lambda a, b: jnp.where(g(a), 1.0, 0.25), low, high),
        Case(lambda a, b: g(a).astype(float) * b, low, high),
    ]


def compared(g: Callable[[Any, Any], Any]) -> list[Case]:
    """g compares: a value with a number, with another, with its maximum; and two sums."""
    return [
        *step(lambda a: g(jnp.round(2 * a), 1.0))[:2],
        Case(lambda a, b: jnp.where(g(jnp.round(a), jnp.round(b)), a, b)),
        Case(lambda a, b: jnp.where(g(a, a.max(keepdims=True)), a * b, 0.5)),
        Case(lambda a, b: jnp.where(g(a.sum(), b.sum()), a, jnp.sin(b))),
    ]


def one(f: Callable[..., Any], low: float = -2.0, high: float = 2.0) -> list[Case]:
    return [Case(f, low, high)]


def _pool(a):
    return jnp.pad(a, 1)[None, ..., None]


def _window(a, init, act, **more):
    return lax.reduce_window(a, init, act, (2, 2), (1, 1), "VALID", **more)


def _scatter_max_pool(a, b):
    """The transpose of a max-pool at fixed entries is linear in what comes back."""
    _, back = jax.vjp(lambda v: lax.reduce_window(v, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME"), jnp.asarray(M[:2]))
    return back(a * jnp.sin(b))[0]


def _sharded(a):
    mesh = Mesh(np.array(jax.devices()[:2]), ("rows",))
    return lax.with_sharding_constraint(jnp.sin(a), NamedSharding(mesh, PartitionSpec("rows")))


def _gradient_inside(a, b):
    """A derivative inside the score; its transposed program adds cotangents."""
    return jax.grad(lambda v: jnp.sum(jnp.sin(v) * v * jnp.exp(v)))(a) + b


_ids = np.array([2, 0, 0])
_hit = np.array([[True, False, True], [False, True, True]])

CASES: dict[str, list[Case]] = {
    "abs": joined(jnp.abs),
    "acos": joined(jnp.arccos, -0.9, 0.9),
    "acosh": joined(jnp.arccosh, 1.2, 3),
    "add": [
        Case(lambda a, b: a + b),
        Case(lambda a, b: jax.nn.relu(a + b) + jnp.sin(a) + 1),
        Case(lambda a, b: a + jnp.sin(a)),
    ],
    "add_any": one(_gradient_inside),
    "and": step(lambda a: (a > -0.5) & (a < 0.5)),
    "argmax": one(lambda a, b: jax.nn.one_hot(jnp.argmax(a * b, -1), 3) * a)
    + one(lambda a, b: jnp.where(jnp.argmax(a, 0)[None] == 0, a * b, 1.0)),
    "argmin": one(lambda a, b: jnp.take(jnp.asarray(M), jnp.argmin(a * b, -1), axis=0) + a),
    "asin": joined(jnp.arcsin, -0.9, 0.9),
    "asinh": joined(jnp.arcsinh),
    "atan": joined(jnp.arctan),
    "atan2": joined(lambda a: jnp.arctan2(a, 1.5)) + joined(lambda a: jnp.arctan2(jnp.sin(a), 2 + a)),
    "atanh": joined(jnp.arctanh, -0.9, 0.9),
    "bessel_i0e": joined(lax.bessel_i0e),
    "bessel_i1e": joined(lax.bessel_i1e),
    "broadcast_in_dim": [
        Case(lambda a, b: jnp.broadcast_to(a[:1], (2, 3)) * b),
        Case(lambda a, b: jnp.where(jnp.broadcast_to(a[:1] > 0, (2, 3)), b, 2 * b)),
        Case(lambda a, b: jnp.where(jnp.broadcast_to(a[:1] > 0, (2, 3)), 1.0, 3.0)),
    ],
    "cbrt": joined(jnp.cbrt),
    "ceil": joined(jnp.ceil),
    "clamp": joined(lambda a: lax.clamp(-0.5, a, 0.75)),
    "concatenate": one(lambda a, b: jnp.concatenate([a, jnp.sin(b), a * b, jnp.ones(SHAPE)])),
    "conv_general_dilated": [
        Case(lambda a, b: lax.conv(_pool(a).transpose(0, 3, 1, 2), jnp.asarray(M)[None, None], (1, 1), "SAME")),
        Case(lambda a, b: lax.conv(_pool(a).transpose(0, 3, 1, 2), b[None, None], (1, 1), "SAME")),
    ],
    "convert_element_type": joined(lambda a: a.astype(jnp.int32).astype(a.dtype))
    + one(lambda a, b: (a > b).astype(float) * a),
    "copy": one(lambda a, b: jnp.copy(a * b)),
    "cos": joined(jnp.cos),
    "cosh": joined(jnp.cosh),
    "cummax": one(lambda a, b: lax.cummax(a * b, 1)) + one(lambda a, b: lax.cummax(a, 0)),
    "cummin": one(lambda a, b: lax.cummin(a * b, 1)) + one(lambda a, b: lax.cummin(a, 0)),
    "cumsum": one(lambda a, b: jnp.cumsum(a * b, 1)),
    "device_put": one(lambda a, b: jnp.dot(*jax.device_put((a * b, b.T)))),
    "digamma": joined(lax.digamma, 0.5, 3),
    "div": [
        Case(lambda a, b: a / b, 0.2, 2),
        Case(lambda a, b: a / 3),
        Case(lambda a, b: 3 / a * b, 0.2, 2),
        Case(lambda a, b: a / (1e-3 + jnp.abs(a).sum(keepdims=True))),
        Case(lambda a, b: a / (1 + a**2)),
        Case(lambda a, b: a / jnp.sqrt((a**2).sum(keepdims=True) + 1e-6)),
    ],
    "dot_general": [
        Case(lambda a, b: jnp.dot(a, M)),
        Case(lambda a, b: jnp.dot(a, b.T)),
        Case(lambda a, b: jnp.dot(M, b.T)),
        Case(lambda a, b: jnp.dot(a, jnp.sin(a).T)),
    ],
    "dynamic_slice": one(lambda a, b: lax.dynamic_slice(a * b, (0, jnp.argmin(jnp.asarray(M[0]))), (2, 1))),
    "dynamic_update_slice": one(lambda a, b: lax.dynamic_update_slice(a, jnp.sin(b[:1]), (jnp.asarray(1), 0))),
    "eq": compared(jnp.equal),
    "erf": joined(lax.erf),
    "erf_inv": joined(lax.erf_inv, -0.9, 0.9),
    "erfc": joined(lax.erfc),
    "exp": joined(jnp.exp),
    "exp2": joined(jnp.exp2),
    "expm1": joined(jnp.expm1),
    "floor": joined(jnp.floor),
    "gather": one(lambda a, b: a[:, jnp.asarray(_ids)] * b),
    "ge": compared(jnp.greater_equal),
    "gt": compared(jnp.greater),
    "imag": one(lambda a, b: lax.imag((a * b).astype(complex) * (1 + 2j))),
    "integer_pow": [*joined(lambda a: a**3), *joined(lambda a: a**-2, 0.2, 2), Case(lambda a, b: a * b**-1, 0.2, 2)],
    "is_finite": step(lambda a: jnp.isfinite(1 / jnp.maximum(a, 0.0)))[:2],
    "le": compared(jnp.less_equal),
    "lgamma": joined(lax.lgamma, 0.5, 3),
    "log": joined(jnp.log, 0.01, 2),
    "log1p": joined(jnp.log1p, -0.9, 2),
    "logistic": joined(jax.nn.sigmoid),
    "lt": compared(jnp.less),
    "max": [Case(jnp.maximum), Case(lambda a, b: jnp.maximum(a, 0.1) * b), Case(lambda a, b: jnp.maximum(a, a**2))],
    "min": [Case(jnp.minimum), Case(lambda a, b: jnp.minimum(a, 0.1) * b), Case(lambda a, b: jnp.minimum(a, a**2))],
    "mul": [
        Case(lambda a, b: a * b),
        Case(lambda a, b: a * M[:2]),
        Case(lambda a, b: a * jnp.sin(a)),
        Case(lambda a, b: a * jax.nn.sigmoid(b) * (a + b)),
        Case(lambda a, b: (a - a.mean(keepdims=True)) * lax.rsqrt(a.var(keepdims=True) + 1e-6)),
        Case(lambda a, b: lax.rsqrt(b**2 + 1e-6) * a),
    ],
    "name": one(lambda a, b: checkpoint_name(a * b, "here")),
    "ne": compared(jnp.not_equal),
    "neg": joined(jnp.negative),
    "not": step(lambda a: ~(a > 0.2)),
    "optimization_barrier": one(lambda a, b: jnp.dot(*lax.optimization_barrier((a * b, b.T)))),
    "or": step(lambda a: (a < -0.5) | (a > 0.5)),
    "pad": one(lambda a, b: jnp.pad(a * b, 1)) + one(lambda a, b: lax.pad(a, b[0, 0], [(0, 1, 0), (0, 0, 1)])),
    "pow": joined(lambda a: a**1.7, 0.2, 2)
    + joined(lambda a: lax.pow(jnp.full(SHAPE, 2.0), a))
    + joined(lambda a: lax.pow(1 + a, a), 0.2, 2),
    "real": one(lambda a, b: lax.real((a * b).astype(complex) * (1 + 2j))),
    "reduce_and": one(lambda a, b: jnp.where(jnp.all(a > b, 1, keepdims=True), a, jnp.sin(b)))
    + one(lambda a, b: jnp.all(a > -1, axis=(0, 1)) * b),
    "reduce_max": one(lambda a, b: (a * b).max(1)) + one(lambda a, b: a.max()),
    "reduce_min": one(lambda a, b: (a * b).min(1)) + one(lambda a, b: a.min()),
    "reduce_or": one(lambda a, b: jnp.where(jnp.any(a * b > 1, 1, keepdims=True), a, jnp.sin(b))),
    "reduce_precision": joined(lambda a: lax.reduce_precision(a, 8, 7)),
    "reduce_prod": one(lambda a, b: jnp.prod(a * b, axis=1))
    + one(lambda a, b: jnp.prod(jnp.concatenate([a, b], 1), axis=(0, 1)))
    + one(lambda a, b: jnp.prod(jnp.stack([jnp.sin(a), b, a, b, a]), axis=0)),
    "reduce_sum": one(lambda a, b: jnp.sum(a * b, 1)),
    "reduce_window_max": one(lambda a, b: _window(a * b, -jnp.inf, lax.max)),
    "reduce_window_min": one(lambda a, b: _window(a * b, jnp.inf, lax.min)),
    "reduce_window_sum": one(lambda a, b: _window(a * b, 0.0, lax.add)),
    "rem": joined(lambda a: a % 0.7) + joined(lambda a: lax.rem(a, 3 + jnp.sin(a))),
    "reshape": one(lambda a, b: a.astype(int).reshape(3, 2) * b.reshape(3, 2))
    + one(lambda a, b: (a * b).reshape(3, 2))
    + one(lambda a, b: (a > b).reshape(3, 2) * 1.0),
    "rev": one(lambda a, b: (a * b)[::-1]),
    "round": joined(jnp.round),
    "rsqrt": [*joined(lax.rsqrt, 0.01, 2), Case(lambda a, b: lax.rsqrt(b + 1e-5) * a, 0, 2)],
    "scatter": one(lambda a, b: a.at[:, 1].set(jnp.sin(b[:, 0]))) + one(lambda a, b: a.at[0].set(1.0)),
    "scatter-add": one(lambda a, b: a.at[:, jnp.asarray(_ids)].add(jnp.sin(b))),
    "select_and_scatter_add": one(_scatter_max_pool),
    "select_n": [
        Case(lambda a, b: jnp.where(_hit, a, b)),
        Case(lambda a, b: jnp.where(a > 0, a, 0.1 * a)),
        Case(lambda a, b: jnp.where(a > b, b, 1.0)),
        Case(lambda a, b: jnp.where(a.sum() > b.sum(), b, jnp.ones(SHAPE))),
        Case(lambda a, b: jnp.where(jnp.isfinite(a), jnp.where(b > 1, -jnp.inf, b) > 0, False) * a),
    ],
    "sharding_constraint": one(lambda a, b: _sharded(a) * b),
    "sign": joined(jnp.sign),
    "sin": joined(jnp.sin),
    "sinh": joined(jnp.sinh),
    "slice": one(lambda a, b: lax.slice(a * b, (0, 1), (2, 3))),
    "sort": one(lambda a, b: jnp.sort(a * b, axis=1) * jnp.arange(1.0, 4.0)[None])
    + one(lambda a, b: lax.sort((a, jnp.sin(b)), num_keys=1)[1] * a)
    + one(lambda a, b: jnp.argsort(a.ravel())[::-1].reshape(a.shape) * b)
    + one(lambda a, b: jnp.median(a * b, axis=1)),
    "split": one(lambda a, b: lax.split(a * b, (1, 2), 1)[1]),
    "sqrt": joined(jnp.sqrt, 0.01, 2),
    "square": joined(jnp.square),
    "squeeze": one(lambda a, b: (a * b)[:1].squeeze(0)),
    "stop_gradient": one(lambda a, b: jax.nn.softmax(a * b)) + one(lambda a, b: jax.nn.logsumexp(a * b, 1)),
    "stack": one(lambda a, b: jnp.stack([a * b, b, jnp.ones(SHAPE)], 1)),
    "sub": [Case(lambda a, b: a - b), Case(lambda a, b: jax.nn.relu(a - b) - jnp.sin(a)), Case(lambda a, b: 1 - a)],
    "tan": joined(jnp.tan, -1, 1),
    "tanh": joined(jnp.tanh),
    "top_k": one(lambda a, b: lax.top_k(a * b, 2)[0])
    + one(lambda a, b: jnp.take_along_axis(b, lax.top_k(a, 2)[1], 1) * lax.top_k(a, 2)[0])
    + one(lambda a, b: (b @ M)[jnp.arange(2)[:, None], lax.top_k(a, 2)[1]])
    + one(lambda a, b: jax.nn.one_hot(jnp.pad(lax.top_k(a, 1)[1], ((0, 0), (0, 1))), 3).sum(1) * b)
    + one(lambda a, b: lax.dynamic_slice_in_dim(b, lax.top_k(a.sum(1), 1)[1][0], 1)),
    "transpose": one(lambda a, b: (a * b).T),
    "triangular_solve": one(lambda a, b: jax.scipy.linalg.solve_triangular(jnp.asarray(LOWER), (a * b).T, lower=True)),
    "xor": step(lambda a: (a > -0.5) ^ (a > 0.5)),
}

# Primitives that only a later release of JAX writes, with that release.
LATER: dict[str, tuple[tuple[int, ...], list[Case]]] = {
    "log2": ((0, 12), joined(jnp.log2, 0.01, 2)),
    "nextafter": ((0, 12), joined(lambda a: lax.nextafter(a, jnp.full(SHAPE, jnp.inf)))),
    "unstack": ((0, 12), one(lambda a, b: jnp.stack([jnp.sin(row) for row in a * b]))),
    "one_minus_square": ((0, 12), one(lambda a, b: jax.grad(lambda v: jnp.tanh(v).sum())(a) * b)),
}

# Other spellings of primitives above, in releases before 0.10.2, and what stands in for them since.
EARLIER = {"copy_p": "copy", "expand_dims": "broadcast_in_dim", "scatter_add": "scatter-add", "pcast": "pvary"}

# Primitives of a program for several devices; test_sharded.py has functions for them.
SHARDED = ("psum", "psum_invariant", "pvary", "reshard")

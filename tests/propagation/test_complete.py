"""Completeness on common models: the sum against two independent evaluations, at 100 pairs of input and baseline."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.propagation.models import MLPS, MODELS

PAIRS = 100
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def inputs_and_baselines(shape, dtype):
    """Random pairs; baselines at zero, nearly equal to the input, equal in part, equal, and far away."""
    rng = np.random.default_rng(0)
    x, x0 = rng.normal(size=(2, PAIRS, *shape))
    x0[:5] = 0
    for i in range(5, 20):
        x0[i] = x[i] * (1 + 10.0 ** -(i // 2))
    x0[20] = x[20]
    x0[21:30, 1:] = x[21:30, 1:]
    x0[30:35] *= 10
    return jnp.asarray(x, dtype), jnp.asarray(x0, dtype)


# Compiling is most of the time, and the numbers are few.
QUICK = {"xla_backend_optimization_level": 0}


def evaluated(f, x):
    return np.asarray(jax.jit(jax.vmap(f), compiler_options=QUICK)(x), np.float64)


def rounding_of(f, shape):
    """What f itself loses, in units of eps, where numbers inside it are larger than its result: float32 against 64."""
    with jax.enable_x64(False):
        ends = [np.asarray(v) for v in inputs_and_baselines(shape, "float32")]
        single = [evaluated(f, jnp.asarray(v)) for v in ends]
    with jax.enable_x64(True):
        double = [evaluated(f, jnp.asarray(v, jnp.float64)) for v in ends]
    return np.abs(np.subtract(single, double)).max() / np.finfo(np.float32).eps


def complete(explain, f, shape, dtype):
    x, x0 = inputs_and_baselines(shape, dtype)
    phi = jax.jit(jax.vmap(explain), compiler_options=QUICK)(x, x0)
    assert phi.dtype == dtype
    assert jnp.isfinite(phi).all()
    phi = np.asarray(phi, np.float64).reshape(PAIRS, -1)
    y, y0 = evaluated(f, x), evaluated(f, x0)
    rounding = np.finfo(dtype).eps * (16 * (np.abs(y) + np.abs(y0)) + 4 * rounding_of(f, shape))
    gap = np.abs(phi.sum(-1) - (y - y0))
    excess = (gap - rounding) / np.maximum(np.abs(phi).sum(-1), np.finfo(dtype).tiny)
    assert excess.max() <= TOLERANCE[dtype], f"gap {gap[excess.argmax()]} at pair {excess.argmax()}: {excess.max()}"
    assert np.abs(y - y0).max() > 1e-2


DEAR = ("scanned_remat_transformer", "bidirectional_lstm", "post_norm_transformer", "masked_transformer")
IN_DOUBLE = ("max_pool_cnn", "lstm", "pre_norm_transformer", "mixture_of_the_top_two")  # the others with the slow tests


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, "float32") for name in [*MLPS, *(n for n in MODELS if n not in DEAR)]),
        *(pytest.param(name, "float32", marks=pytest.mark.slow) for name in DEAR),
        *((name, "float64") for name in [*MLPS, *IN_DOUBLE]),
        *(pytest.param(name, "float64", marks=pytest.mark.slow) for name in MODELS if name not in IN_DOUBLE),
    ],
)
def test_complete(name, dtype):
    f, shape = (MLPS | MODELS)[name]()
    with jax.enable_x64(dtype == "float64"):
        complete(lambda x, x0: ja.deep_lift(f, baseline=x0)(x), f, shape, dtype)


def test_fifteen_activations():
    assert len(MLPS) >= 15

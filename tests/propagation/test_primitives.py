"""A zoo of common models: every primitive that a moving value meets has a rule."""

import jax
import jax.numpy as jnp
import pytest

import jaxattr as ja
from tests.propagation.jaxprs import primitives
from tests.propagation.models import MLPS, MODELS

CONTROL = {"scan", "cond"}
CALLS = {"jit", "pjit", "closed_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call"}
FLAX = [name for name in MODELS if name not in ("equinox_mlp", "static_branch", "loop", "remat", "logsumexp")]


def met(f, x):
    """The primitives that deep_lift meets on the way of moving values: each rule notes its name."""
    seen = set()

    def noting(name, rule):
        def noted(equation, inputs, walk):
            seen.add(name)
            return rule(equation, inputs, walk)

        return noted

    def missing(equation, inputs, walk):
        seen.add(equation.primitive.name)
        return ja.propagation.refuse(equation, inputs, walk)

    rules = {name: noting(name, rule) for name, rule in ja.propagation.DEEPLIFT.items()}
    jax.eval_shape(lambda x: ja.deep_lift(f, baseline=jnp.zeros_like, rules=rules, fallback=missing)(x), x)
    return seen


QUICK = ("max_pool_cnn", "lstm", "decoder", "mixture_of_the_top_two")  # a walk through each of the others is slow


@pytest.mark.parametrize(
    "name", [*MLPS, *(pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in MODELS)]
)
def test_no_primitive_is_missing(name):
    f, shape = (MLPS | MODELS)[name]()
    x = jnp.ones(shape)
    seen = met(f, x)
    assert seen <= set(ja.propagation.DEEPLIFT)
    assert seen <= primitives(f, x)
    assert len(seen) >= 3


def test_fifteen_flax_models():
    assert len(FLAX) >= 15


@pytest.mark.slow
def test_the_zoo_meets_much_of_the_table():
    zoo = MLPS | MODELS
    seen = set().union(*(primitives(zoo[name]().f, jnp.ones(zoo[name]().shape)) for name in ("mlp_mish", *MODELS)))
    used = seen & set(ja.propagation.DEEPLIFT)
    assert {"dot_general", "conv_general_dilated", "reduce_window_max", "select_n", "stop_gradient", "rsqrt"} <= used
    assert seen >= CONTROL
    assert len(used) >= 30


def test_the_table_holds_eighty_primitives():
    assert len(ja.propagation.DEEPLIFT) >= 80

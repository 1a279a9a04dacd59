"""Published cases of relevance propagation and guided backpropagation, in double precision."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import propagation


def _weights(models, name):
    return {key: jnp.asarray(np.array(value, np.float64)) for key, value in models[name]["weights"].items()}


def lrp_eps(w, x):
    table = propagation.lrp_rules(propagation.epsilon(1e-9))
    return [ja.lrp(lambda x: jnp.dot(w["V"], jax.nn.relu(jnp.dot(w["U"], x)))[0], rules=table)(x)]


def lrp_alpha1beta0(w, x):
    return [ja.lrp(lambda x: jnp.dot(w["V"], jax.nn.relu(jnp.dot(w["U"], x)))[0], rules=propagation.LRP_Z_PLUS)(x)]


def lrp_skip(w, x):
    return [ja.lrp(lambda x: (jnp.dot(w["U"], x) + x)[1])(x)]


def lrp_two_inputs_plain_add_correct(w, a, b):
    def f(a, b):
        h = jax.nn.relu(jnp.dot(w["W1"], jnp.dot(w["W0"], a + b)) + w["b1"])
        return (jnp.dot(w["W2"], h) + w["b2"])[0]

    table = propagation.lrp_rules(propagation.epsilon(1e-12), stabiliser=1e-12)
    return list(ja.lrp(f, rules=table, argnums=(0, 1))(a, b))


def guided_backprop_conv(w, x):
    kernel = jnp.ones((2, 1, 3, 3))
    bias = jnp.asarray(w["conv_bias"])[:, None, None]

    def f(x):
        c = jax.nn.relu(jax.lax.conv(x[None], kernel, (1, 1), "VALID")[0] + bias)
        return jax.nn.relu(jnp.dot(w["F"], c.reshape(8)))[0]

    return [ja.guided_backprop(f)(x)]


CASES = {
    f.__name__: f for f in (lrp_eps, lrp_alpha1beta0, lrp_skip, lrp_two_inputs_plain_add_correct, guided_backprop_conv)
}


@pytest.mark.parametrize("name", CASES)
def test_published_cases(name, shared, x64):
    published = json.loads((shared / "conformance" / "cases.json").read_text())
    (case,) = [case for case in published["cases"] if case["id"] == name]
    models = published["models"] | {"conv_one": {"weights": {**published["models"]["conv_one"]["weights"], "K": 1.0}}}
    xs = [jnp.asarray(np.array(x, np.float64))[0] for x in case["inputs"]]
    actual = CASES[name](_weights(models, case["model"]), *xs)
    assert len(actual) == len(np.atleast_1d(case["expected"])) or len(actual) == 1
    for a, expected in zip(actual, np.array(case["expected"], np.float64).reshape(len(actual), -1), strict=True):
        np.testing.assert_allclose(np.ravel(a), expected, rtol=0, atol=case["tolerance_abs"])


def test_every_case_of_these_methods_is_here(shared):
    published = json.loads((shared / "conformance" / "cases.json").read_text())
    assert {c["id"] for c in published["cases"] if c["method"] in ("lrp", "guided_backprop")} == set(CASES)

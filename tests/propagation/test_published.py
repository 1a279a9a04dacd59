"""Published cases of DeepLIFT: Captum's own tests, with the numbers that they hold."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxattr as ja


def relu_deeplift(a, b):
    return 2 * jax.nn.relu(a[0]) + 2 * jax.nn.relu(b[0] - 1.5)


def relu_linear(a, b):
    before = jnp.stack([jnp.dot(jnp.array([3.0, 1, 0]), a), jnp.dot(jnp.array([2.0, 3, 0]), b)])
    return jax.nn.relu(checkpoint_name(before, "relu_in")).sum()


def rescale(case, f):
    x, x0 = (tuple(jnp.asarray(np.array(v, np.float64)).reshape(-1) for v in case[k]) for k in ("inputs", "baselines"))
    return ja.deep_lift(f, baseline=x0, argnums=(0, 1))(*x)


def at_layer(case, f):
    x, x0 = (tuple(jnp.asarray(np.array(v, np.float64)).reshape(-1) for v in case[k]) for k in ("inputs", "baselines"))
    embed, head = ja.cut(f, at="relu_in")
    return (ja.deep_lift(lambda h: head(h, *x), baseline=embed(*x0))(embed(*x)),)


def deep_shap(case, f):
    x = tuple(jnp.asarray(np.array(v, np.float64)).reshape(-1) for v in case["inputs"])
    backgrounds = tuple(jnp.asarray(np.array(v, np.float64)) for v in case["baselines"])
    return ja.mean_over(lambda b: ja.deep_lift(f, baseline=b, argnums=(0, 1)), backgrounds)(*x)


CASES = {
    "deeplift_relu": (rescale, relu_deeplift),
    "deeplift_relu_linear": (rescale, relu_linear),
    "layer_deeplift_relu_in": (at_layer, relu_linear),
    "deepliftshap_multi_ref": (deep_shap, relu_deeplift),
}


@pytest.mark.parametrize("name", CASES)
def test_published_case(name, shared, x64):
    published = json.loads((shared / "conformance" / "cases.json").read_text())
    (case,) = (case for case in published["cases"] if case["id"] == name)
    explain, f = CASES[name]
    actual = explain(case, f)
    assert len(actual) == len(case["expected"])
    for a, b in zip(actual, case["expected"], strict=True):
        np.testing.assert_allclose(np.ravel(a), np.ravel(b), rtol=0, atol=case["tolerance_abs"])


def test_every_published_case_of_deep_lift_is_here(shared):
    published = json.loads((shared / "conformance" / "cases.json").read_text())
    methods = ("deeplift_rescale", "layer_deeplift", "deeplift_shap")
    assert {case["id"] for case in published["cases"] if case["method"] in methods} == set(CASES)

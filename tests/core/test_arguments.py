"""What does not fit, what is taken where nothing is said, and values beside the score."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import propagation
from tests.test_path_methods import TABLE

KEY = jax.random.key(5)
pytestmark = pytest.mark.usefixtures("x64")


def test_what_does_not_fit_is_refused():
    x = jnp.ones((3, 2))
    wrong = {
        "fill": lambda: ja.replace(jnp.ones(3))(x, np.ones(3, bool)),
        "tree": lambda: ja.shapley.merges([0, 1]),
        "step": lambda: ja.finite_differences(jnp.sum, step=jnp.array([[1.0, -1.0]] * 3))(x),
        "one row": lambda: ja.metrics.standard_error(jnp.ones(1)),
        "rows": lambda: ja.metrics.standard_error([jnp.ones(3), jnp.ones(2)]),
        "attribution": lambda: ja.metrics.most_important(jnp.ones(0), [0.5]),
        "half_width": lambda: ja.shapley.until(lambda key: jnp.sum, key=KEY, half_width=0.0, at_most=900),
        "classes": lambda: ja.scores.top_k_mass(jnp.ones(3), 4),
        "score": lambda: ja.occlusion(lambda x: x, perturb=ja.replace(0.0))(x),
        "points": lambda: ja.path_integrated_gradients(jnp.sum, path=x[None])(x),
        "width": lambda: ja.cosine_kernel(0.0),
        "std": lambda: ja.with_noise(lambda x: x, key=KEY, std=jnp.ones(3))(x),
        "stds": lambda: ja.with_noise(lambda pair: pair, key=KEY, std=(0.1, jnp.ones(3)))((x, x)),
    }
    for call in wrong.values():
        with pytest.raises(ValueError, match=r"wants|explains one number"):
            call()
    with pytest.raises(TypeError, match="wants"):
        ja.pooling.max_shares(np.ones((3, 2), bool))
    with pytest.raises(TypeError, match="wants"):
        ja.metrics.most_important(np.ones(3, bool), [0.5])
    with pytest.raises(TypeError, match="wants"):
        ja.word_paths.discretized(TABLE, np.zeros((40, 1), int))(np.ones(2), np.ones(2, int))
    with pytest.raises(ValueError, match="at most 20 players"):
        jax.eval_shape(ja.shapley.exact(jnp.sum, perturb=ja.replace(0.0)), jnp.ones(21))
    assert jax.eval_shape(ja.shapley.exact(jnp.sum, perturb=ja.replace(0.0)), jnp.ones(20)).shape == (20,)
    assert len(propagation.alpha_beta().terms) == 2
    assert callable(ja.lime(jnp.sum, key=KEY, perturb=ja.replace(0.0), ridge=0.0))
    assert ja.shapley.merges([[0, 1, 0.5], [2, 3, 0.7]]) == (2, (0, 1))
    assert ja.metrics.most_important(jnp.ones(1), [0.5]).tolist() == [[True]]


DEFAULTS = {
    "steps": {
        ja.integrated_gradients: 32,
        ja.integrated_hessians: 32,
        ja.path_integrated_gradients: 1,
        ja.word_paths.discretized: 30,
    },
    "at_most": {ja.integrated_gradients_to: 129, ja.nodes_used: 129},
    "atol": {ja.integrated_gradients_to: 0, ja.nodes_used: 0},
    "samples": {
        **dict.fromkeys([ja.smooth, ja.vargrad, ja.shapley.permutation, ja.shapley.permutation_error], 16),
        **dict.fromkeys([ja.shapley.kernel, ja.shapley.kernel_error], 256),
        **dict.fromkeys([ja.lime, ja.lime_error, ja.rise, ja.rise_error], 1000),
    },
    "whole": {ja.shapley.kernel: 0, ja.shapley.kernel_error: 0},
    "at_least": {ja.shapley.until: 64, ja.shapley.until_report: 64},
    "share": {ja.rise: 0.5, ja.rise_error: 0.5},
    "ridge": {ja.lime: 1, ja.lime_error: 1},
    "width": {ja.cosine_kernel: 0.25},
    "random_rankings": {
        getattr(ja.metrics, name): 8
        for name in ("comprehensiveness_eraser", "sufficiency_eraser", "log_odds_dig", "aopc_samek")
    },
    "stabiliser": dict.fromkeys([propagation.gamma, propagation.alpha_beta, propagation.lrp_rules], 1e-6),
    "size": {propagation.epsilon: 1e-6, propagation.gamma: 0.25},
    "reuse": {ja.perturbed: True, ja.occlusion: True},
    "check": {ja.perturbed: 0, ja.occlusion: 0},
    "hoist": {ja.integrated_gradients: True},
}


@pytest.mark.parametrize("option", DEFAULTS)
def test_what_is_taken_where_nothing_is_said(option):
    """A default is a promise: another number of draws or nodes moves the values of everyone who left it out."""
    found = {f: inspect.signature(f).parameters[option].default for f in DEFAULTS[option]}
    assert found == DEFAULTS[option]


def test_aux_comes_with_the_value():
    """Of each method: what f returns beside the score, at the input as it is given."""
    ways = {"baseline": jnp.zeros_like}
    methods = {
        "gradient": ja.gradient,
        "gradient_times_input": ja.gradient_times_input,
        "integrated_gradients": functools.partial(ja.integrated_gradients, **ways),
        "integrated_gradients_to": functools.partial(ja.integrated_gradients_to, rtol=0.1, **ways),
        "integrated_hessians": functools.partial(ja.integrated_hessians, **ways),
        "path_integrated_gradients": functools.partial(
            ja.path_integrated_gradients, path=lambda x: jnp.stack([0 * x, x])
        ),
        "finite_differences": ja.finite_differences,
        "deep_lift": functools.partial(ja.deep_lift, **ways),
        "lrp": ja.lrp,
        "occlusion": functools.partial(ja.occlusion, perturb=ja.replace(0.0)),
        "exact": functools.partial(ja.shapley.exact, perturb=ja.replace(0.0)),
    }

    def f(x):
        return x.sum(), {"as given": x}

    for name, method in methods.items():
        aux = jax.eval_shape(method(f, has_aux=True), jnp.ones(3))[1]
        assert aux["as given"].shape == (3,), name

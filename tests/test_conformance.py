"""Published cases of Captum, PAIR saliency, LIT and others: each is run here, or listed with the reason why not."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.conformance_models import load

RULES = {
    "left": ja.left_riemann,
    "right": ja.right_riemann,
    "middle": ja.midpoint,
    "trapezoid": ja.trapezoid,
    "gauss_legendre on [0,1]": ja.gauss_legendre,
    "riemann_right": ja.right_riemann,
    "riemann_middle": ja.midpoint,
    "riemann_trapezoid": ja.trapezoid,
}

LATER = {
    "guided_backprop": "run in relevance/test_published.py",
    "deeplift_rescale": "run in propagation/test_published.py",
    "layer_deeplift": "run in propagation/test_published.py",
    "deeplift_shap": "run in propagation/test_published.py",
    "lrp": "run in relevance/test_published.py",
}


def _array(value):
    return jnp.asarray(np.array(value, np.float64))


def _steps(case, default=1000):
    return case["options"].get("n_steps", default)


def _rule(case):
    return RULES.get(case["options"].get("quadrature"), ja.gauss_legendre)


def _scalar(f, target):
    return f if target is None else (lambda *xs: f(*xs)[target])


def _baselines(case, xs):
    return tuple(_array(b) if np.ndim(b) else jnp.full_like(x, b) for b, x in zip(case["baselines"], xs, strict=True))


def integrated_gradients(case, f):
    """Several inputs share one path; a leading axis is the batch, unless the model takes one vector."""
    xs = tuple(_array(x) for x in case["inputs"])
    x0s = _baselines(case, xs)
    single = case["model"] in ("poly_sin", "quad_indep") or xs[0].ndim == 0
    g = _scalar(f, case["target"])
    options = {"steps": _steps(case), "nodes": _rule(case), "argnums": tuple(range(len(xs))), "batch_size": 1000}

    def explain(xs, x0s):
        return ja.integrated_gradients(g, baseline=x0s, **options)(*xs)

    return explain(xs, x0s) if single else jax.vmap(explain)(xs, x0s)


def neuron_integrated_gradients(case, f):
    embed, _ = ja.cut(lambda x: f(x)[0], at=case["options"]["layer"])

    def neuron(x):
        return embed(x)[case["options"]["neuron"]]

    explain = ja.integrated_gradients(neuron, baseline=jnp.zeros_like, steps=_steps(case))
    return [jax.vmap(explain)(_array(case["inputs"][0]))]


def quadrature_nodes_weights(case, f):
    return RULES[case["options"]["rule"]](case["inputs"][0])


def trapezoid_mean_of_samples(case, f):
    samples = np.array(case["inputs"][0], float)
    return [ja.trapezoid(len(samples))[1] @ samples]


def neuron_gradient(case, f):
    embed, _ = ja.cut(lambda x: f(x).sum(), at=case["options"]["layer"])
    return [jax.vmap(ja.gradient(lambda x: embed(x)[case["options"]["neuron"]]))(_array(case["inputs"][0]))]


def _cut(case, f):
    which = (0, 1) if case["options"]["layer"] == "multi_relu" else None  # a layer of two arrays
    return ja.cut(_scalar(f, case["target"]), at=case["options"]["layer"], which=which)


def layer_gradient_x_activation(case, f):
    embed, head = _cut(case, f)
    values = [ja.gradient_times_input(head)(embed(x), x) for x in _array(case["inputs"][0])]
    if isinstance(values[0], tuple):
        return list(values[0])
    return [jnp.stack(values)]


def layer_gradcam(case, f):
    return [layer_gradient_x_activation(case, f)[0].sum(-1, keepdims=True)]


def _along_the_layer(case, f, weigh):
    """The mean over the input's straight path of something made of the layer's gradient."""
    embed, head = _cut(case, f)
    x = _array(case["inputs"][0])[0]
    t, w = ja.gauss_legendre(_steps(case))

    def path(t):
        return t * x

    def at(t):
        return weigh(ja.gradient(head)(embed(path(t)), path(t)), jax.jvp(lambda t: embed(path(t)), (t,), (1.0,))[1])

    return [jnp.tensordot(w, jax.vmap(at)(jnp.asarray(t)), 1)[None]]


def layer_conductance(case, f):
    return _along_the_layer(case, f, lambda slope, speed: slope * speed)


def internal_influence(case, f):
    return _along_the_layer(case, f, lambda slope, speed: slope)


def _groups(case):
    """Group numbers like the inputs: those of the case, or one for each feature of its one input."""
    given = case["options"].get("feature_mask")
    if given is None:
        return [[list(range(np.shape(x)[-1]))] for x in case["inputs"]]
    return given if np.ndim(given[0]) == 2 or len(case["inputs"]) > 1 else [given]


def feature_ablation(case, f):
    """All inputs side by side as one vector, so that a group may reach over several of them."""
    if case["model"] == "sparse_lin":
        x = _array(case["inputs"][0])
        return [ja.occlusion(lambda columns: f(columns.T), perturb=ja.replace(0.0))(x.T), np.zeros(1)]
    dtype = bool if case["model"] == "mlp343_bool" else np.float64
    xs = [np.array(x, dtype) for x in case["inputs"]]
    sizes = np.cumsum([x.shape[1] for x in xs])[:-1]
    g = _scalar(f, case["target"])
    rows = []
    for row in range(len(xs[0])):
        groups = np.concatenate([np.array(m)[min(row, len(m) - 1)] for m in _groups(case)])
        flat = jnp.asarray(np.concatenate([x[row] for x in xs]))

        def score(flat):
            return g(*jnp.split(flat, sizes))

        fill = False if dtype is bool else 0.0
        drops = [
            jax.jit(ja.occlusion(score, keep=ja.spans(groups), perturb=ja.replace(fill), batch_size=n))(flat)
            for n in case["options"].get("perturbations_per_eval", [None])
        ]
        for other in drops[1:]:
            np.testing.assert_array_equal(other, drops[0])
        rows.append(np.split(drops[0], sizes))
    return [np.stack(part) for part in zip(*rows, strict=True)]


def layer_feature_ablation(case, f):
    """Ablation of the input of the first layer, which is the input."""
    g = _scalar(f, case["target"])
    x = _array(case["inputs"][0])[0]
    return [ja.occlusion(g, keep=ja.spans(case["options"]["layer_mask"][0]), perturb=ja.replace(0.0))(x)]


def occlusion(case, f):
    if case["model"] == "conv_one":
        return _occlusion_of_images(case, f)
    explain = ja.occlusion(_scalar(f, case["target"]), perturb=ja.replace(0.0))
    return [jax.vmap(explain)(_array(case["inputs"][0]))]


def _occlusion_of_images(case, f):
    """Windows over rows and columns: masks over the flat image, made from two one-dimensional ones."""
    xs = [_array(x)[0] for x in case["inputs"]]
    results = []
    for i, (x, size, stride) in enumerate(zip(xs, case["options"]["windows"], case["options"]["strides"], strict=True)):
        down, across = (~ja.windows(4, size[k], stride=stride[k]) for k in (1, 2))
        gone = (down[:, None, :, None] & across[None, :, None, :]).reshape(-1, 16)

        def score(flat, i=i):
            return f(*[flat.reshape(1, 4, 4) if j == i else v for j, v in enumerate(xs)])[case["target"]]

        explain = jax.jit(ja.occlusion(score, keep=~gone, perturb=ja.replace(0.0)))
        results.append(explain(x.reshape(16)).reshape(1, 1, 4, 4))
    return results


def _as_game(method, case, f):
    """A method over the features of one row, or over their groups, whose features all get the group's value."""
    x = jnp.asarray(np.array(case["inputs"][0])[0])
    x0 = np.reshape(np.array(case["baselines"][0], x.dtype), (-1,) if np.ndim(case["baselines"][0]) else ())
    groups = case["options"].get("feature_mask", [list(range(len(x)))])[0]
    explain = method(_scalar(f, case["target"]), perturb=ja.replace(x0), players=groups)
    return [jax.jit(explain)(x)[np.array(groups)]]


def shapley_values(case, f):
    if case["model"] == "pair_game":
        return [jax.jit(ja.shapley.exact(f, perturb=ja.replace(0.0)))(jnp.ones(5))]
    return _as_game(ja.shapley.exact, case, f)


def kernel_shap(case, f):
    return _as_game(functools.partial(ja.shapley.kernel, samples=None), case, f)


def spearman_correlation(case, f):
    return [ja.metrics.spearman(*map(_array, case["inputs"]))]


def pearson_correlation(case, f):
    return [ja.metrics.pearson(*map(_array, case["inputs"]))]


def kendall_tau_correlation(case, f):
    return [ja.metrics.kendall_tau(*map(_array, case["inputs"]))]


RUN = {
    f.__name__: f
    for f in (
        feature_ablation,
        integrated_gradients,
        internal_influence,
        kendall_tau_correlation,
        kernel_shap,
        layer_conductance,
        layer_feature_ablation,
        layer_gradcam,
        layer_gradient_x_activation,
        neuron_gradient,
        neuron_integrated_gradients,
        occlusion,
        pearson_correlation,
        quadrature_nodes_weights,
        shapley_values,
        spearman_correlation,
        trapezoid_mean_of_samples,
    )
}


@pytest.fixture(scope="module")
def published(shared):
    """The published cases."""
    return json.loads((shared / "conformance" / "cases.json").read_text())


def test_every_case_is_run_or_listed(published):
    methods = {case["method"] for case in published["cases"]}
    assert methods <= set(RUN) | set(LATER)
    assert not set(RUN) & set(LATER)
    assert len(published["cases"]) == 45


@pytest.mark.parametrize("method", RUN)
def test_published_cases(published, method, x64):
    cases = [case for case in published["cases"] if case["method"] == method]
    assert cases
    models = load(published["models"])
    for case in cases:
        actual = RUN[method](case, models.get(case["model"]))
        assert len(actual) == len(case["expected"]), case["id"]
        for a, b in zip(actual, case["expected"], strict=True):
            expected = np.array(b, np.float64)
            np.testing.assert_allclose(
                np.reshape(a, expected.shape), expected, rtol=0, atol=case["tolerance_abs"], err_msg=case["id"]
            )

"""The contract of deep_lift, its axioms, and what does not hold of it."""

import inspect

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxattr as ja

X, X0 = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)


def score(x):
    """Smooth, and all entries interact."""
    h = jnp.tanh(jnp.dot(x, jnp.asarray(W, x.dtype)))
    return (jax.nn.softmax(h) * jnp.sin(x)).sum() + h.sum() ** 2 / 7


def explain(x, x0, f=score, **options):
    return ja.deep_lift(f, baseline=x0, **options)(x)


def test_signature():
    def f(params, x, *, scale=2.0):
        """Documentation."""
        return (params * x).sum() * scale

    g = ja.deep_lift(f, baseline=jnp.zeros_like, argnums=1)
    assert inspect.signature(g) == inspect.signature(f)
    assert g.__name__ == "f"
    assert g(jnp.array([2.0]), jnp.array([3.0]), scale=5.0).tolist() == [30.0]


def test_jit_and_vmap_are_eager_and_loop():
    rows, starts = np.random.default_rng(2).normal(size=(2, 3, 4, 3)).astype(np.float32)
    loop = jnp.stack([explain(jnp.asarray(x), jnp.asarray(x0)) for x, x0 in zip(rows, starts, strict=True)])
    np.testing.assert_allclose(jax.vmap(explain)(rows, starts), loop, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(jax.jit(explain)(rows[0], starts[0]), loop[0], rtol=1e-4, atol=1e-5)


def test_aux():
    def f(x):
        return (score(x), {"label": "fine", "hidden": x + 1})

    phi, aux = ja.deep_lift(f, baseline=jnp.asarray(X0), has_aux=True)(jnp.asarray(X))
    np.testing.assert_allclose(phi, explain(X, jnp.asarray(X0)), rtol=1e-5, atol=1e-6)
    assert aux["label"] == "fine"
    np.testing.assert_array_equal(aux["hidden"], X + 1)


def test_several_arguments_move_together_and_one_leaves_the_other():
    def f(u, v):
        return u * v

    both = ja.deep_lift(f, baseline=(jnp.float32(0), jnp.float32(0)), argnums=(0, 1))(jnp.float32(2), jnp.float32(3))
    assert [float(p) for p in both] == [3.0, 3.0]
    assert ja.deep_lift(f, baseline=jnp.float32(0), argnums=1)(jnp.float32(2), jnp.float32(3)) == 6.0


def test_padding_gets_nothing_and_stays(x64):
    where = jnp.array([True, True, False, True])
    x, x0 = jnp.asarray(X, jnp.float64), jnp.asarray(X0, jnp.float64)
    phi = explain(x, x0, where=where)
    assert (phi[2] == 0).all()
    kept = x0.at[2].set(x[2])
    np.testing.assert_allclose(phi.sum(), score(x) - score(kept), rtol=1e-12)
    np.testing.assert_allclose(ja.completeness_gap(score, phi, x, x0, where=where), 0, atol=1e-12)


def test_trees_and_static_leaves():
    def f(v):
        return v["act"](v["a"] * v["b"][0]).sum() if v["on"] else v["a"].sum()

    x = {"a": jnp.array([1.0, 2.0]), "b": (jnp.array([3.0, 4.0]),), "act": jnp.tanh, "on": True, "name": "tree"}
    phi = ja.deep_lift(f, baseline=lambda v: jax.tree.map(lambda a: 0 * a if ja._checks.is_array(a) else a, v))(x)
    assert (phi["act"], phi["on"], phi["name"]) == (jnp.tanh, True, "tree")
    np.testing.assert_allclose(phi["a"] + phi["b"][0], jnp.tanh(x["a"] * x["b"][0]), rtol=1e-6)
    np.testing.assert_allclose(phi["a"], phi["b"][0], rtol=1e-6)


def test_a_half_precision_argument_gives_float32():
    x, x0 = jnp.asarray(X, jnp.bfloat16), jnp.asarray(X0, jnp.bfloat16)
    phi = explain(x, x0)
    assert phi.dtype == jnp.float32
    eps = float(jnp.finfo(jnp.bfloat16).eps)
    assert abs(phi.sum() - (score(x) - score(x0)).astype(jnp.float32)) < 16 * eps * jnp.abs(phi).sum()

    def f(x):
        return (jnp.tanh(x) * x).sum()

    wide, wide0 = x.astype(jnp.float32), x0.astype(jnp.float32)
    np.testing.assert_allclose(explain(x, x0, f).sum(), f(wide) - f(wide0), rtol=1e-5)


def test_a_half_precision_model_is_off_by_its_own_rounding():
    model = nn.Dense(3, dtype=jnp.bfloat16)
    params = model.init(jax.random.key(0), jnp.asarray(X))

    def f(x):
        return jnp.tanh(model.apply(params, x)).sum().astype(jnp.float32)

    phi = explain(jnp.asarray(X), jnp.asarray(X0), f)
    assert phi.dtype == jnp.float32
    assert abs(phi.sum() - (f(X) - f(X0))) < 4 * float(jnp.finfo(jnp.bfloat16).eps) * jnp.abs(phi).sum()


def test_second_order(x64):
    x, x0 = jnp.asarray(X[:2], jnp.float64), jnp.asarray(X0[:2], jnp.float64)
    check_grads(lambda x, x0: (explain(x, x0)[0] ** 2).sum(), (x, x0), order=1, modes=["rev"], rtol=1e-5)


def test_second_order_is_finite_at_equal_ends(x64):
    x = jnp.asarray(X, jnp.float64)

    def relu(x):
        return jax.nn.relu(x).sum() ** 2 + jax.nn.softmax(x).max()

    for f in (score, relu):
        slope = jax.jit(jax.grad(lambda x, f=f: (explain(x, jnp.zeros_like(x), f) ** 2).sum()))
        assert jnp.isfinite(slope(0 * x)).all()


def test_deep_shap_is_the_mean_and_has_an_error():
    xs = jnp.asarray(np.random.default_rng(3).normal(size=(5, 4, 3)), jnp.float32)
    alone = jax.jit(explain)
    each = jnp.stack([alone(jnp.asarray(X), b) for b in xs])

    def make(b):
        return ja.deep_lift(score, baseline=b)

    np.testing.assert_allclose(ja.mean_over(make, xs)(X), each.mean(0), rtol=1e-4, atol=1e-5)
    error = each.std(0, ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(ja.standard_error_over(make, xs)(X), error, rtol=1e-3, atol=1e-5)


def test_arrays_that_f_closes_over_may_change():
    weights = {"w": 1.0}

    def f(x):
        return (x * weights["w"]).sum()

    g = ja.deep_lift(f, baseline=jnp.zeros_like)
    assert g(jnp.ones(2)).tolist() == [1.0, 1.0]
    weights["w"] = 3.0
    assert g(jnp.ones(2)).tolist() == [3.0, 3.0]


def test_errors():
    x = jnp.asarray(X)
    with pytest.raises(ValueError, match=r"deep_lift wants baseline.*float32\[4,3\].*float32\[3\]"):
        explain(x, jnp.zeros(3))
    with pytest.raises(TypeError, match="deep_lift attributes to floating point values"):
        ja.deep_lift(lambda i: i.sum() * 1.0, baseline=jnp.zeros_like)(jnp.arange(3))
    with pytest.raises(ValueError, match="deep_lift explains one number"):
        explain(x, jnp.zeros_like, f=lambda x: x.sum(0))
    with pytest.raises(ValueError, match="where"):
        explain(x, jnp.zeros_like, where=jnp.ones(3, bool))
    with pytest.raises(TypeError, match="deep_lift wants f to be a function"):
        ja.deep_lift(3, baseline=jnp.zeros_like)


# ------------------------------------------------------------------------------------------------------------- axioms


def test_dummy():
    def f(x):
        return jnp.tanh(x[0] * x[1]) + 0 * x[2] + 0 * x[3]

    assert (explain(jnp.asarray(X), jnp.asarray(X0), lambda x: f(x).sum())[2:] == 0).all()


def test_a_constant_score_gives_zeros():
    assert (explain(jnp.asarray(X), jnp.asarray(X0), lambda x: jnp.float32(7)) == 0).all()


def test_symmetry(x64):
    def f(v):
        return jax.nn.silu(v[0] + v[1]) * jnp.exp(v[0] * v[1]) + jnp.maximum(v[0], v[1]) + v[2]

    phi = explain(jnp.array([0.7, 0.7, 2.0]), jnp.array([-0.2, -0.2, 1.0]), f)
    np.testing.assert_allclose(phi[0], phi[1], rtol=1e-12)


def test_swapped_ends_swap_the_sign(x64):
    x, x0 = jnp.asarray(X, jnp.float64), jnp.asarray(X0, jnp.float64)

    def f(x):
        return score(x) + jax.nn.relu(x).max() + (jnp.abs(x) / (1 + x**2).sum()).sum()

    np.testing.assert_allclose(explain(x, x0, f), -explain(x0, x, f), rtol=1e-9, atol=1e-13)


def test_scale(x64):
    x, x0 = jnp.asarray(X, jnp.float64), jnp.asarray(X0, jnp.float64)
    np.testing.assert_allclose(explain(x, x0, lambda x: -3 * score(x)), -3 * explain(x, x0), rtol=1e-12)


def test_implementation_invariance_fails(x64):
    """Two programs for x^2 y, (x x) y and x (x y), share the same change in two ways."""
    x, x0 = jnp.array([2.0, 3.0]), jnp.array([1.0, 1.0])
    one = explain(x, x0, lambda v: (v[0] * v[0]) * v[1])
    two = explain(x, x0, lambda v: v[0] * (v[0] * v[1]))
    np.testing.assert_allclose(one, [6.0, 5.0], rtol=1e-13)  # 3 (3 + 1) / 2 and 2 (4 + 1) / 2
    np.testing.assert_allclose(two, [6.5, 4.5], rtol=1e-13)  # 7/2 + (1)(3+1)/2 (2+1)/2, and 2 (3/2) (3/2)
    assert abs(one.sum() - two.sum()) < 1e-12


def test_the_attribution_of_a_composition_is_not_that_of_its_parts(x64):
    """Not linear through a product: f g is shared by halves, and no sum of theirs at one end is it."""
    x, x0 = jnp.array([3.0, -1.0]), jnp.array([0.0, 0.5])
    f, g = (lambda v: jnp.tanh(v[0] + v[1])), (lambda v: jnp.sin(v[0] - v[1]))
    together = explain(x, x0, lambda v: f(v) * g(v))
    apart = explain(x, x0, f) * g(x) + explain(x, x0, g) * f(x0)
    np.testing.assert_allclose(together.sum(), apart.sum(), rtol=1e-12)  # both complete
    assert jnp.abs(together - apart).max() > 1e-2


def test_sums_of_scores_are_linear_but_not_where_one_function_becomes_two(x64):
    x, x0 = jnp.asarray(X, jnp.float64), jnp.asarray(X0, jnp.float64)

    def g(x):
        return jnp.exp(x[0]).sum() * x[1].sum()

    both = explain(x, x0, lambda x: 2 * score(x) - 3 * g(x))
    np.testing.assert_allclose(both, 2 * explain(x, x0) - 3 * explain(x, x0, g), rtol=1e-10, atol=1e-12)
    joint = explain(jnp.array([2.0, 6.0]), jnp.zeros(2), lambda v: jax.nn.relu(v[0] - 2 * v[1] + 5))
    parts = explain(jnp.array([2.0, 6.0]), jnp.zeros(2), lambda v: jnp.maximum(v[0] + 5, 2 * v[1]) - 2 * v[1])
    np.testing.assert_allclose(joint.sum(), parts.sum(), rtol=1e-12)
    assert jnp.abs(joint - parts).max() > 1e-2

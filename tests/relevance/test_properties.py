"""What relevance propagation promises: conservation, its limits, refusals, and that JAX's transforms leave it alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import jaxattr as ja
from jaxattr import propagation
from tests.relevance import networks, problems

SHARP = {
    "epsilon": propagation.lrp_rules(propagation.epsilon(1e-12), stabiliser=1e-12),
    "gamma": propagation.lrp_rules(propagation.gamma(0.25, 1e-12), stabiliser=1e-12),
    "gamma(100)": propagation.lrp_rules(propagation.gamma(100.0, 1e-12), stabiliser=1e-12),
    "z+": propagation.lrp_rules(propagation.alpha_beta(1.0, 0.0, 1e-12), stabiliser=1e-12),
}
ATTENTION = propagation.attn_lrp_rules(propagation.epsilon(1e-12), stabiliser=1e-12)
TABLES = {
    "epsilon": propagation.LRP_EPSILON,
    "gamma": propagation.LRP_GAMMA,
    "z+": propagation.LRP_Z_PLUS,
    "alpha-beta": propagation.LRP_ALPHA_BETA,
    "attention": propagation.ATTN_LRP,
}
T, D = 5, 4
X = jnp.asarray(np.random.default_rng(0).normal(size=(T, D)), jnp.float32)


def total(values):
    return sum(leaf.sum() for leaf in jax.tree.leaves(values))


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "gamma(100)"])
@pytest.mark.parametrize("network", ["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", [2])
def test_without_biases_relu_networks_conserve(rule, network, seed, x64):
    w, x = getattr(problems, network)(seed, bias=False)
    more = {"size": 2} if network == "cnn" else {}

    def f(x):
        return getattr(networks, network)(w, x, **more)[1]

    np.testing.assert_allclose(total(ja.lrp(f, rules=SHARP[rule])(x)), f(x), rtol=1e-9)


def test_z_plus_conserves_where_every_output_has_a_positive_contribution(x64):
    w, x = problems.mlp(bias=False)
    w = {name: np.abs(value) for name, value in w.items()}

    def f(x):
        return networks.mlp(w, x)[1]

    np.testing.assert_allclose(total(ja.lrp(f, rules=SHARP["z+"])(np.abs(x))), f(np.abs(x)), rtol=1e-10)
    # At z = -1 with no positive contribution z+ has nothing to hand on.
    assert not np.any(ja.lrp(lambda x: -x.sum() * 2, rules=SHARP["z+"])(np.abs(x)) > 0)
    assert not np.any(ja.lrp(lambda x: jnp.dot(x, -jnp.ones(5)), rules=SHARP["z+"])(np.abs(x)))


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("bias", [True, False])
def test_epsilon_zero_is_gradient_times_input_on_relu_networks(network, bias, x64):
    w, x = getattr(problems, network)(bias=bias)
    more = {"size": 2} if network == "cnn" else {}

    def f(x):
        return getattr(networks, network)(w, x, **more)[1]

    table = propagation.lrp_rules(propagation.epsilon(0.0), stabiliser=0.0)
    np.testing.assert_allclose(ja.lrp(f, rules=table)(x), ja.gradient_times_input(f)(x), rtol=1e-10, atol=1e-14)


def test_gamma_zero_is_epsilon_and_alpha_one_is_z_plus(x64):
    w, x = problems.mlp()

    def f(x):
        return networks.mlp(w, x)[1]

    zero = propagation.lrp_rules(propagation.gamma(0.0))
    np.testing.assert_allclose(ja.lrp(f, rules=zero)(x), ja.lrp(f)(x), rtol=1e-12)
    with pytest.raises(ValueError, match=r"alpha - beta = 1, but got 2\.0 and 0\.5"):
        propagation.alpha_beta(2.0, 0.5)


@pytest.mark.parametrize(
    "cell", [linen.OptimizedLSTMCell, pytest.param(linen.GRUCell, marks=pytest.mark.slow)], ids=lambda c: c.__name__
)
def test_recurrent_networks_conserve(cell, x64):
    """Without biases: gates share in halves, sums in proportion, activations hand on what they get."""
    model = linen.RNN(cell(3, param_dtype=jnp.float64))
    x = jnp.asarray(X, jnp.float64)
    params = jax.tree.map(lambda p: 0 * p if p.ndim == 1 else p, model.init(jax.random.key(0), x[None]))

    def f(x):
        return (model.apply(params, x[None])[0, -1] * jnp.array([1.0, 2.0, 3.0])).sum()

    r = jax.jit(ja.lrp(f, rules=ATTENTION))(x)
    assert np.isfinite(r).all()
    np.testing.assert_allclose(r.sum(), f(x), rtol=1e-6)


@pytest.mark.parametrize("name", ["epsilon", "gamma", "z+", "alpha-beta"])
@pytest.mark.parametrize(
    "product", [lambda a, b: (a * b).sum(), lambda a, b: jnp.dot(a, b.T).sum()], ids=["mul", "dot"]
)
def test_the_classical_tables_refuse_products_of_two_moving_values(name, product):
    with pytest.raises(ja.NoRule, match=r"test_properties.py:\d+.*two values that both carry.*ATTN_LRP"):
        ja.lrp(lambda x: product(x, jnp.tanh(x[::-1])), rules=TABLES[name])(X)


def test_an_unknown_primitive_is_refused():
    with pytest.raises(ja.NoRule, match="no rule for the primitive 'cumprod'"):
        ja.lrp(lambda x: jnp.cumprod(x).sum())(X[0])


def score(x):
    w, _ = problems.transformer(gated=True)
    w = jax.tree.map(lambda a: jnp.asarray(a, x.dtype), w)
    return networks.llama(w, x, layers=1, heads=2)[1]


def dense_score(x):
    w, _ = problems.mlp()
    w = jax.tree.map(lambda a: jnp.asarray(a, x.dtype), w)
    return networks.mlp(w | {"0.weight": w["0.weight"][:, :D]}, x)[:, 1].sum()


CASES = [
    (dense_score, "epsilon"),
    (dense_score, "alpha-beta"),
    pytest.param(score, "attention", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("f", "name"), CASES, ids=["epsilon", "alpha-beta", "attention"])
def test_transforms_and_options(f, name):
    """jit is eager, vmap is a loop, aux, where, argnums, trees, a finite second order."""
    explain = ja.lrp(f, rules=TABLES[name])
    near = {"rtol": 1e-4, "atol": 1e-5}
    r = explain(X)
    assert np.isfinite(r).all()
    np.testing.assert_allclose(jax.jit(explain)(X), r, **near)
    rows = jnp.stack([X, X[::-1]])
    np.testing.assert_allclose(jax.jit(jax.vmap(explain))(rows), jnp.stack([r, jax.jit(explain)(X[::-1])]), **near)
    where = jnp.array([True, False, True, True, False])

    @jax.jit
    def others(x):
        joined = ja.lrp(lambda a, b: f(jnp.concatenate([a, b])), rules=TABLES[name], argnums=(0, 1))(x[:2], x[2:])
        tree = ja.lrp(lambda t: f(jnp.concatenate([t["a"], t["b"]])), rules=TABLES[name])({"a": x[:2], "b": x[2:]})
        some = ja.lrp(lambda x: (f(x), x.sum()), rules=TABLES[name], has_aux=True, where=where)(x)
        return joined, (tree["a"], tree["b"]), some

    *halves, (some, aux) = others(X)
    for both in halves:
        np.testing.assert_allclose(jnp.concatenate(both), r, **near)
    np.testing.assert_allclose(some, jnp.where(where[:, None], r, 0), **near)
    np.testing.assert_allclose(aux, X.sum(), rtol=1e-6)
    assert np.isfinite(jax.jit(jax.grad(lambda x: (explain(x) ** 2).sum()))(X)).all()


def test_through_the_cut_of_a_flax_model(x64):
    class Model(linen.Module):
        @linen.compact
        def __call__(self, ids):
            x = linen.Embed(9, 4, name="embed", param_dtype=jnp.float64)(ids)
            x = linen.relu(linen.Conv(6, (3,), param_dtype=jnp.float64)(x)).max(0)
            return linen.Dense(3, param_dtype=jnp.float64)(x)

    model, ids = Model(), jnp.array([3, 1, 4, 1, 5])
    params = model.init(jax.random.key(1), ids)
    embed, head = ja.cut(
        lambda params, ids: model.apply(params, ids)[1], at=lambda params, ids: params["params"]["embed"]["embedding"]
    )
    table = propagation.lrp_rules(propagation.epsilon(0.0))
    x = embed(params, ids)
    r = ja.lrp(head, rules=table)(x, params, ids)
    np.testing.assert_allclose(r, ja.gradient_times_input(head)(x, params, ids), rtol=1e-10, atol=1e-14)


ALLOWED = jnp.tril(jnp.ones((T, T), bool))
LOWEST = float(np.finfo(np.float32).min)
MASKS = {
    "where -inf": lambda s: jax.nn.softmax(jnp.where(ALLOWED, s, -jnp.inf)),
    "where -inf, scaled": lambda s: jax.nn.softmax(jnp.where(ALLOWED, 2 * s, -jnp.inf) / 2),
    "where -inf, shifted": lambda s: jax.nn.softmax(jnp.where(ALLOWED, s, -jnp.inf) + 1.5),
    "plus -inf": lambda s: jax.nn.softmax(s + jnp.where(ALLOWED, 0, -jnp.inf)),
    "where finfo.min": lambda s: jax.nn.softmax(jnp.where(ALLOWED, s, LOWEST)),
    "where finfo.min, overflowing": lambda s: jax.nn.softmax(jnp.where(ALLOWED, s / 2, LOWEST) * 2),
    "where=": lambda s: jax.nn.softmax(s, where=ALLOWED),
}


def masked_score(softmax):
    rng = np.random.default_rng(1)
    q, k, v = (jnp.asarray(rng.normal(size=(D, D)), jnp.float32) for _ in range(3))
    return lambda x: (jnp.dot(softmax(jnp.dot(jnp.dot(x, q), jnp.dot(x, k).T) / 2), jnp.dot(x, v))).sum()


@pytest.mark.parametrize("name", MASKS)
def test_masked_attention_is_never_nan_and_every_mask_is_the_same(name):
    explain = jax.jit(ja.lrp(masked_score(MASKS[name]), rules=propagation.ATTN_LRP))
    r = explain(X)
    assert np.isfinite(r).all()
    expected = jax.jit(ja.lrp(masked_score(MASKS["where="]), rules=propagation.ATTN_LRP))(X)
    np.testing.assert_allclose(r, expected, rtol=1e-4, atol=1e-5)
    assert np.isfinite(jax.jit(jax.grad(lambda x: (explain(x) ** 2).sum()))(X)).all()


@pytest.mark.parametrize("lowest", [-jnp.inf, LOWEST])
def test_masked_log_softmax_is_never_nan(lowest):
    explain = ja.lrp(
        masked_score(lambda s: jnp.exp(jax.nn.log_softmax(jnp.where(ALLOWED, s, lowest)))), rules=propagation.ATTN_LRP
    )
    assert np.isfinite(jax.jit(explain)(X)).all()
    assert np.isfinite(jax.jit(jax.grad(lambda x: (explain(x) ** 2).sum()))(X)).all()


def test_a_row_that_is_masked_whole():
    allowed = ALLOWED.at[1].set(False)
    for mask in (lambda s: jnp.where(allowed, s, LOWEST), lambda s: jnp.where(allowed, s, -1e9)):
        explain = ja.lrp(masked_score(lambda s, mask=mask: jax.nn.softmax(mask(s))), rules=propagation.ATTN_LRP)
        assert np.isfinite(explain(X)).all()


def test_normalisers_are_recognised_by_how_they_are_written(x64):
    """A value over the root of its variance, in four ways to write it: the normaliser is fixed, as AttnLRP wants."""
    x = jnp.array([0.5, -1.0, 2.0, 0.25])

    def v(x):
        return (x**2).mean() + 1e-6

    weights = jnp.arange(4.0)
    fixed = np.asarray(x * weights / jnp.sqrt(v(x)))
    written = (lambda v: jax.lax.rsqrt(v), lambda v: v**-0.5, lambda v: 1 / jnp.sqrt(v))
    for f in (*(lambda x, g=g: x * g(v(x)) for g in written), lambda x: x / jnp.sqrt(v(x))):
        r = ja.lrp(lambda x, f=f: (f(x) * weights).sum(), rules=ATTENTION)(x)
        np.testing.assert_allclose(r, fixed, rtol=1e-10, atol=1e-12)
    r = ja.lrp(lambda x: (x * v(x) ** -0.25 * weights).sum(), rules=ATTENTION)(x)  # another power is a factor like any
    value = np.asarray(x * weights * v(x) ** -0.25)
    np.testing.assert_allclose(r, value / 2 + value.sum() / 2 * x**2 / (x**2).sum(), rtol=1e-5)


def test_an_activation_at_exactly_zero_loses_its_value():
    """Relevance is a value times a multiplier: sigmoid(0) = 1/2 cannot be handed to a 0, next to it it is."""
    for x, expected in ((0.0, 0.0), (1e-20, 0.5), (-1e-20, 0.5)):
        np.testing.assert_allclose(ja.lrp(jax.nn.sigmoid)(jnp.float32(x)), expected, rtol=1e-6)

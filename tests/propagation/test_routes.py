"""Where the two streams take different routes: refused by name, or followed by a stated rule that is complete."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jaxattr as ja
from jaxattr.propagation import DEEPLIFT, Pair, midpoint_slope, refuse

X, X0 = np.random.default_rng(0).normal(size=(2, 3, 3))
TABLE = np.random.default_rng(1).normal(size=(3, 3))

pytestmark = pytest.mark.usefixtures("x64")  # one precision a module: JAX keeps its copy of a closed-over NumPy array

REFUSED = {
    "sort": lambda x: lax.sort((x, x.T), num_keys=2)[0].sum(),
    "top_k": lambda x: lax.top_k(jnp.outer(x, jnp.arange(1.0, 65.0)).ravel(), 2)[0].sum(),
    "approx_top_k": lambda x: lax.approx_max_k(x, 2)[0].sum(),
    "scatter": lambda x: jnp.zeros(3).at[jnp.argmax(x)].set(1.0).sum(),
    "while": lambda x: lax.while_loop(lambda c: (c < 10.0).all(), lambda c: c * 2.0, x).sum(),
    "cond": lambda x: lax.cond(x.sum() > 0, lambda: jnp.sin(x).sum(), lambda: x.sum()),
    "gather": lambda x: jnp.asarray(TABLE)[jnp.abs(x[0]).astype(int)].sum(),
    "dynamic_slice": lambda x: lax.dynamic_slice_in_dim(x, x[0, 0].astype(int), 1).sum(),
    "fft": lambda x: jnp.fft.fft(x).real.sum() + jnp.fft.fft(x).imag[0, 1],
    "lu": lambda x: jnp.linalg.solve(x, TABLE).sum(),
    "cholesky": lambda x: jnp.linalg.cholesky(jnp.dot(x, x.T) + 9 * jnp.eye(3)).sum(),
    "triangular_solve": lambda x: jax.scipy.linalg.solve_triangular(x + 5 * jnp.eye(3), TABLE, lower=True).sum(),
    "cumprod": lambda x: jnp.cumprod(x).sum(),
    "abs": lambda x: jnp.abs(jnp.dot(x.astype(complex), 1j * TABLE)).sum(),
    "pow": lambda x: lax.pow(jnp.abs(x), x.T).sum(),
    "and": lambda x: jnp.where((x > 0) & (x.T > 0), x, 0.0).sum(),
    "argmax": lambda x: jnp.argmax(jnp.argsort(x, axis=1), axis=1).astype(float).sum(),
    "concatenate": lambda x: x[jnp.argmax(x, 0), jnp.argmin(x, 1)].sum(),
    "pure_callback": lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x).sum(),
    "scan": lambda x: lax.scan(lambda c, r: (c + r, None), x[0], x[:0])[0].sum(),
}

# What the slope in the middle cannot help either: integers have no slope, and JAX has none for these.
WITHOUT_SLOPE = {
    "argmax",
    "concatenate",
    "scatter",
    "gather",
    "dynamic_slice",
    "abs",
    "pow",
    "and",
    "triangular_solve",
    "scan",
    "cond",
    "while",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_name_and_the_line(name):
    with pytest.raises(ja.NoRule, match=f"no rule for the primitive '{name}'") as error:
        ja.deep_lift(REFUSED[name], baseline=jnp.asarray(X0))(jnp.asarray(X))
    message = str(error.value)
    assert f"rules=DEEPLIFT | {{'{name}': my_rule}}" in message
    assert "midpoint_slope" in message


@pytest.mark.parametrize("name", ["top_k", "approx_top_k", "argmax", "while", "cond", "gather"])
def test_the_error_names_the_users_line(name):
    with pytest.raises(ja.NoRule, match=rf"{__name__.split('.')[-1]}\.py:\d+"):
        ja.deep_lift(REFUSED[name], baseline=jnp.asarray(X0))(jnp.asarray(X))


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - WITHOUT_SLOPE - {"pure_callback", "lu", "sort", "top_k"}))
def test_the_slope_in_the_middle_serves_what_has_a_derivative(name, x64):
    x, x0 = jnp.asarray(X), jnp.asarray(X0)
    with pytest.warns(UserWarning, match=f"the fallback served '{name}'"):
        phi = ja.deep_lift(REFUSED[name], baseline=x0, fallback=midpoint_slope)(x)
    assert phi.shape == x.shape
    assert jnp.isfinite(phi).all()
    assert jnp.abs(phi).max() > 0


def test_the_slope_in_the_middle_is_the_derivative_there(x64):
    x, x0 = jnp.asarray(X), jnp.asarray(X0)
    f = REFUSED["cumprod"]
    with pytest.warns(UserWarning, match="the fallback served 'cumprod'; what they change may be missing"):
        phi = ja.deep_lift(f, baseline=x0, fallback=midpoint_slope)(x)
    np.testing.assert_allclose(phi, (x - x0) * jax.grad(f)((x + x0) / 2), rtol=1e-13)


@pytest.mark.parametrize("name", ["while", "cond", "gather", "and", "triangular_solve"])
def test_a_route_is_refused_whatever_the_fallback(name):
    with pytest.raises(ja.NoRule, match=f"'{name}'"):
        ja.deep_lift(REFUSED[name], baseline=jnp.asarray(X0), fallback=midpoint_slope)(jnp.asarray(X))


def test_a_fallback_says_what_it_served_and_where():
    def f(x):
        return lax.cumlogsumexp(x).sum() + lax.scan(lambda c, row: (c, lax.cumprod(row)), 0.0, x)[1].sum()

    line = rf"{__name__.split('.')[-1]}\.py:\d+"
    explain = ja.deep_lift(f, baseline=jnp.asarray(X0), fallback=midpoint_slope)
    with pytest.warns(UserWarning, match=f"'cumlogsumexp' at .*{line}.*, 'cumprod' at .*{line}") as said:
        jax.jit(explain)(jnp.asarray(X))
    assert len(said) == 1
    assert str(said[0].message).count("cumprod") == 1  # the body of a scan is walked more than once


def test_a_users_rule(x64):
    """A running product as a chain of products of two."""

    def products(equation, inputs, walk):
        (pair,), axis = inputs, equation.params["axis"]

        def take(v, i):
            return lax.index_in_dim(v, i, axis, keepdims=False)

        made = [tuple(take(v, 0) for v in (pair.x, pair.x0, pair.t))]
        for i in range(1, pair.x.shape[axis]):
            (y, y0, t), (b, b0, tb) = made[-1], (take(v, i) for v in (pair.x, pair.x0, pair.t))
            made.append((y * b, y0 * b0, t * (b + b0) / 2 + (y + y0) / 2 * tb))
        return [Pair(*(jnp.stack(each, axis) for each in zip(*made, strict=True)))]

    x, x0, f = jnp.asarray(X), jnp.asarray(X0), REFUSED["cumprod"]
    phi = ja.deep_lift(f, baseline=x0, rules=DEEPLIFT | {"cumprod": products})(x)
    np.testing.assert_allclose(phi.sum(), f(x) - f(x0), rtol=1e-13)
    with pytest.raises(ja.NoRule):
        ja.deep_lift(f, baseline=x0)(x)


def test_a_rule_taken_from_the_table_is_refused():
    without = {name: rule for name, rule in DEEPLIFT.items() if name != "tanh"}
    with pytest.raises(ja.NoRule, match="'tanh'"):
        ja.deep_lift(lambda x: jnp.tanh(x).sum(), baseline=jnp.zeros_like, rules=without)(jnp.ones(2))


def test_a_users_fallback_sees_the_equation():
    seen = []

    def note(equation, inputs, walk):
        seen.append(equation.primitive.name)
        return refuse(equation, inputs, walk)

    with pytest.raises(ja.NoRule):
        ja.deep_lift(REFUSED["cumprod"], baseline=jnp.zeros_like, fallback=note)(jnp.ones(2))
    assert seen == ["cumprod"]


def test_what_the_score_does_not_need_is_not_refused():
    def f(x):
        jnp.cumprod(x)
        return jnp.tanh(x).sum(), (lax.cumprod(x), lax.top_k(x, 1)[1])

    phi, aux = ja.deep_lift(f, baseline=jnp.zeros_like, has_aux=True)(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(phi, jnp.tanh(jnp.array([1.0, 2.0])), rtol=1e-6)
    assert aux[1].tolist() == [1]


def test_what_does_not_depend_on_the_argument_is_not_refused():
    def f(x, y):
        return (x * jnp.sort(y)).sum() + lax.cond(y.sum() > 0, lambda: x.sum(), lambda: -x.sum())

    x, y = jnp.array([1.0, 2.0]), jnp.array([5.0, 3.0])
    assert ja.deep_lift(f, baseline=jnp.zeros_like)(x, y).tolist() == [4.0, 12.0]


@pytest.mark.parametrize(
    "route",
    [
        lambda p: jnp.where(p == p.max(-1, keepdims=True), p, 0),
        lambda p: jnp.where(p > p.min(-1, keepdims=True), p, 0),
        lambda p: jnp.where(p >= jnp.sort(jnp.asarray(TABLE), -1)[:, 1:2], p, 0),
        lambda p: jnp.where((p == p.max(-1, keepdims=True)).astype(p.dtype) > 0.5, 1.0, 0.0),
    ],
    ids=["the best", "all but the least", "above fixed thresholds", "the best, not weighted"],
)
def test_a_moved_route_is_a_step_and_complete(route, x64):
    """Experts chosen by comparisons: where the choice moves, the step's change is shared, and nothing is lost."""

    def f(x):
        return (route(jax.nn.softmax(x)) * jnp.tanh(jnp.dot(x, TABLE))).sum()

    x, x0 = np.random.default_rng(2).normal(size=(2, 50, 3, 3)) * 2
    moved = (jax.vmap(lambda v: jnp.argmax(v, -1))(x) != jax.vmap(lambda v: jnp.argmax(v, -1))(x0)).any(-1)
    assert moved.sum() > 10
    phi = jax.jit(jax.vmap(lambda x, x0: ja.deep_lift(f, baseline=x0)(x)))(x, x0)
    change = jax.vmap(f)(x) - jax.vmap(f)(x0)
    np.testing.assert_allclose(phi.sum((1, 2)), change, rtol=1e-11, atol=1e-12)


def test_a_step_by_hand(x64):
    """[a > b] c with a moving past b: the step gets 1 times the mean of c, c gets half of its own change.

    From (0, 1, 2) to (3, 1, 6): the step's 1 x (6 + 2) / 2 = 4 goes to a alone, since b stays; c's (6 - 2) / 2 = 2.
    """

    def f(v):
        return jnp.where(v[0] > v[1], v[2], 0.0)

    phi = ja.deep_lift(f, baseline=jnp.array([0.0, 1.0, 2.0]))(jnp.array([3.0, 1.0, 6.0]))
    np.testing.assert_allclose(phi, [4.0, 0.0, 2.0], rtol=1e-14)


def test_a_stopped_gradient_is_obeyed(x64):
    """What the user stops gets nothing, and the sum falls short by just that: x stop(x) shares x's part alone."""
    x, x0 = jnp.array([3.0]), jnp.array([1.0])
    phi = ja.deep_lift(lambda x: (x * lax.stop_gradient(x)).sum(), baseline=x0)(x)
    np.testing.assert_allclose(phi, (x - x0) * (x + x0) / 2, rtol=1e-14)

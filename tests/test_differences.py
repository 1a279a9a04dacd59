"""Central differences: against derivatives, their own error, and functions that are not JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

X = np.random.default_rng(0).normal(size=(5, 3))


def smooth(x):
    return jnp.tanh(x).sum() * x[0, 1] + jnp.cos(x[2]).prod() + (x[3] @ x[4]) ** 2


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-3), (np.float64, 1e-9)])
def test_a_smooth_score_has_its_gradient(dtype, tolerance):
    """The error is of the order eps^(2/3): 2e-5 and 4e-11, times derivatives and values that are not 1."""
    with jax.enable_x64(dtype == np.float64):
        x = jnp.asarray(X, dtype)
        found = jax.jit(ja.finite_differences(smooth))(x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, jax.grad(smooth)(x), rtol=tolerance, atol=tolerance)


def test_the_formula_entry_by_entry():
    with jax.enable_x64(True):
        step = np.random.default_rng(1).uniform(0.1, 1, X.shape)
        literal = np.zeros_like(X)
        for at in np.ndindex(X.shape):
            moved = [np.array(X), np.array(X)]
            for sign, y in zip((1, -1), moved, strict=True):
                y[at] += sign * step[at]
            literal[at] = (smooth(moved[0]) - smooth(moved[1])) / (2 * step[at])
        for batch_size in (None, 1, 4):
            found = ja.finite_differences(smooth, step=jnp.asarray(step), batch_size=batch_size)(jnp.asarray(X))
            np.testing.assert_allclose(found, literal, rtol=1e-12, atol=1e-13)


def test_the_error_falls_with_the_square_of_the_step():
    with jax.enable_x64(True):
        x, f = jnp.array([0.3, -0.7]), lambda x: jnp.exp(x).sum()
        errors = [np.abs(ja.finite_differences(f, step=h)(x) - jnp.exp(x)) for h in (0.1, 0.05)]
        np.testing.assert_allclose(errors[0] / errors[1], 4, rtol=0.01)
        np.testing.assert_allclose(errors[1], 0.05**2 / 6 * jnp.exp(x), rtol=0.01)


def test_a_quadratic_is_exact_whatever_the_step():
    found = ja.finite_differences(lambda x: (x**2).sum() + x[0] * x[1], step=0.5)
    np.testing.assert_array_equal(found(jnp.array([1.0, 2.0])), [4.0, 5.0])


def test_the_step_that_was_taken_is_divided_by():
    """1e-5 and 100 in float32: the entry moves by what the format allows, not by what was asked."""
    x = jnp.array([100.0])
    found = ja.finite_differences(lambda x: x[0] - 100, step=1e-5)(x)
    np.testing.assert_array_equal(found, 1)
    assert np.isnan(ja.finite_differences(lambda x: x[0], step=1e-7)(x)), "no move at all is not a slope of 0"


def test_trees_and_their_halves():
    """A tree sees whether a word is there; step 1 gives half of that, from either side."""

    def trees(x):
        return 2.0 * (x[0] > 0.5) - 1.0 * ((x[0] > 0.5) & (x[1] > 0.5))

    for x in ([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]):
        put_in = [trees(np.array([1, x[1]])) - trees(np.array([0, x[1]]))]
        put_in += [trees(np.array([x[0], 1])) - trees(np.array([x[0], 0]))]
        found = ja.finite_differences(lambda x: trees(x).astype(float), step=1)(jnp.array(x))
        np.testing.assert_allclose(found, np.array(put_in) / 2)
        assert not ja.finite_differences(lambda x: trees(x).astype(float))(jnp.array(x)).any()


def _outside(rows_of_calls):
    """A function in NumPy, for rows at once, that counts its rows."""

    def predict(x):
        rows_of_calls.append(int(np.prod(x.shape[:-1])))
        return (x**2).sum(-1).astype(np.float32)

    def f(x):
        return jax.pure_callback(predict, jax.ShapeDtypeStruct((), np.float32), x, vmap_method="expand_dims")

    return f


def test_a_function_that_is_not_jax_sees_whole_chunks():
    rows = []
    explained = jax.jit(jax.vmap(ja.finite_differences(_outside(rows), step=0.5, batch_size=5)))
    x = jnp.asarray(np.random.default_rng(3).integers(-4, 5, (3, 10)), jnp.float32)
    np.testing.assert_array_equal(explained(x), 2 * x)
    assert rows == [15] * 4


def test_padding_is_not_evaluated():
    rows, where = [], jnp.arange(10) < 3
    found = ja.finite_differences(_outside(rows), step=1, where=where)(jnp.ones(10))
    assert sum(rows) == 6
    np.testing.assert_array_equal(found, 2.0 * where)


def test_several_arguments_and_trees():
    def f(p, q):
        return p["a"].sum() * q[0] + (p["b"] ** 2).sum()

    p, q = {"a": jnp.array([1.0, 2.0]), "b": jnp.array([[3.0]])}, jnp.array([4.0])
    slopes, other = ja.finite_differences(f, step=1, argnums=(0, 1))(p, q)
    assert (slopes["a"].tolist(), slopes["b"].tolist(), other.tolist()) == ([4.0, 4.0], [[6.0]], [3.0])


def test_the_coarser_dtype_sets_the_step():
    with jax.enable_x64(True):
        found = ja.finite_differences(lambda x: x[0].astype(jnp.bfloat16))(jnp.array([1.0]))
        np.testing.assert_allclose(found, 1, rtol=0.05)


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (0.0, ValueError, r"wants a positive step, but got 0\.0.*step=1e-3"),
        (-1, ValueError, r"wants a positive step, but got -1"),
        (float("nan"), ValueError, "wants a positive step, but got nan"),
        (np.ones(2, np.float32), ValueError, r"wants step.*float32\[5,3\], but got float32\[2\].*Nothing broadcasts"),
        ("small", TypeError, r"wants step.*float32\[5,3\], but got str"),
    ],
)
def test_bad_steps(step, error, message):
    with pytest.raises(error, match=message):
        ja.finite_differences(smooth, step=step)(jnp.asarray(X, jnp.float32))

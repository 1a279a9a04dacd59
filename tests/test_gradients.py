"""Gradients: what they say, what they miss, and masks."""

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

import jaxattr as ja

X = jnp.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]])


def score(x):
    return jnp.sin(x[:, 0]).sum() * x[0, 1] + (x[:, 1] ** 2).sum()


def test_gradient_is_jax_grad():
    np.testing.assert_array_equal(ja.gradient(score)(X), jax.grad(score)(X))


def test_gradient_times_input_is_their_product():
    np.testing.assert_allclose(ja.gradient_times_input(score)(X), X * jax.grad(score)(X), rtol=1e-6)


@pytest.mark.parametrize("method", [ja.gradient, ja.gradient_times_input])
def test_where_gives_zero_even_where_the_slope_is_not_finite(method):
    x = X.at[2].set(0.0)

    def f(x):
        return jnp.sqrt(x[2]).sum() + x[:2].sum()

    assert not jnp.isfinite(method(f)(x)).all()
    masked = method(f, where=jnp.array([True, True, False]))(x)
    assert jnp.isfinite(masked).all()
    assert not masked[2].any()
    np.testing.assert_array_equal(masked[:2], method(f)(x)[:2])


def test_gradient_times_input_of_half_precision_is_not_rounded_twice():
    x = jnp.asarray(1.0078125, jnp.bfloat16)
    product = ja.gradient_times_input(lambda x: (x.astype(jnp.float32) * 1.0078125).astype(jnp.float32))(x)
    assert product.dtype == jnp.float32
    assert product == jnp.float32(1.0078125) * jnp.float32(1.0078125)


def test_scalars_and_python_floats():
    assert ja.gradient(lambda x: x**2)(3.0) == 6
    assert ja.gradient_times_input(lambda x: x**2)(jnp.array(3.0)) == 18


def test_only_the_attributed_leaves_need_be_floats():
    def f(x, ids, table):
        return (table[ids] * x).sum()

    table = jnp.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(ja.gradient(f)(X, jnp.array([1, 0, 3]), table), table[jnp.array([1, 0, 3])])


TABLE = jnp.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])


def lookup(table, ids, scale=1.0):
    return scale * (table[ids] ** 2).sum()


def test_grad_wrt_embedding_is_the_gradient_of_the_embedded_score():
    ids = jnp.array([2, 1, 2])
    g = ja.grad_wrt_embedding(lookup, at=lambda table, ids, scale=1.0: table)
    np.testing.assert_allclose(g(TABLE, ids), 2 * TABLE[ids])
    np.testing.assert_allclose(g(TABLE, ids, scale=3.0), 6 * TABLE[ids])
    np.testing.assert_allclose(jax.jit(g)(TABLE, ids), 2 * TABLE[ids])
    np.testing.assert_allclose(jax.vmap(g, (None, 0))(TABLE, jnp.stack([ids, ids[::-1]]))[1], 2 * TABLE[ids[::-1]])


def test_grad_wrt_embedding_with_where_and_aux():
    ids = jnp.array([2, 1, 0])
    g = ja.grad_wrt_embedding(
        lambda table, ids: (lookup(table, ids), {"n": ids.sum()}),
        at=lambda table, ids: table,
        where=ids == 2,
        has_aux=True,
    )
    value, aux = g(TABLE, ids)
    np.testing.assert_allclose(value, [[6, 8], [0, 0], [0, 0]])
    assert aux["n"] == 3


def test_grad_wrt_embedding_has_a_right_second_derivative(x64):
    ids, table = jnp.array([2, 1]), jnp.asarray(TABLE, jnp.float64)

    def f(table, ids):
        return (jnp.tanh(table[ids].sum(-1)) ** 2).sum()

    g = ja.grad_wrt_embedding(f, at=lambda table, ids: table)
    jax.test_util.check_grads(
        jax.jit(lambda table: jnp.sin(g(table, ids)).sum()), (table,), order=2, atol=1e-5, rtol=1e-5
    )


def test_grad_wrt_embedding_of_a_table_that_is_not_read():
    with pytest.raises(ja.CutError):
        ja.grad_wrt_embedding(lambda table, ids: ids.sum() * 1.0, at=lambda table, ids: table)(TABLE, jnp.array([1]))

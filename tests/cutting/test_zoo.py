"""The cut of every model of the zoo: the parts make the whole, and the gradient is the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

from . import zoo

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def their_promotion():
    """Models of other libraries add vectors to matrices."""
    with jax.numpy_rank_promotion("allow"):
        yield


def doubled(tree):
    """Arrays of JAX, floating ones in float64."""

    def leaf(a):
        if not isinstance(a, (jax.Array, np.ndarray)):
            return a
        return jnp.asarray(a, jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else jnp.asarray(a)

    return jax.tree.map(leaf, tree)


VARIANTS = "linen_bert_"  # of one model; they come with the slow tests


@pytest.fixture(params=[pytest.param(n, marks=pytest.mark.slow if n.startswith(VARIANTS) else ()) for n in zoo.CASES])
def case(request, x64):
    made = zoo.CASES[request.param]()
    return made._replace(args=doubled(made.args))


DEAR = (VARIANTS, "keras_bidirectional", "keras_conv", "nnx_split_scan")  # to compile over a batch


@pytest.fixture(params=[pytest.param(n, marks=pytest.mark.slow if n.startswith(DEAR) else ()) for n in zoo.CASES])
def case_of_rows(request, x64):
    """As `case`; the models that are dear to compile over a batch come with the slow tests."""
    made = zoo.CASES[request.param]()
    return made._replace(args=doubled(made.args))


def opened(case):
    embed, head = ja.cut(case.f, at=case.at, **case.options)
    return embed, head, embed(*case.args, **case.kwargs)


def with_ids(case, ids):
    return (*case.args[: case.ids], ids, *case.args[case.ids + 1 :])


def score(case, args=None):
    """The score of a copy of the arguments: an NNX module counts its dropout draws."""
    return case.f(*jax.tree.map(lambda a: a, case.args if args is None else args), **case.kwargs)


def arrays_and_rest(args):
    """The arrays of a pytree as a list, and the way back: so that any argument may pass through jit."""
    leaves, tree = jax.tree.flatten(args)
    moving = [isinstance(leaf, (jax.Array, np.ndarray)) for leaf in leaves]

    def back(arrays):
        rest = iter(arrays)
        return tree.unflatten([next(rest) if m else leaf for leaf, m in zip(leaves, moving, strict=True)])

    return [leaf for leaf, m in zip(leaves, moving, strict=True) if m], back


def test_parts_make_the_whole(case):
    _, head, x = opened(case)
    np.testing.assert_allclose(head(x, *case.args, **case.kwargs), score(case), rtol=1e-12)


def test_gradient_equals_finite_difference(case):
    _, head, x = opened(case)
    rest = jax.jit(lambda x: head(x, *case.args, **case.kwargs))
    slope = jax.grad(rest)(x)
    for _ in range(3):
        d = jax.tree.map(lambda a: jnp.asarray(RANDOM.normal(size=a.shape), a.dtype), x)
        step = 1e-6
        up, down = (rest(jax.tree.map(lambda a, b, s=s: a + s * step * b, x, d)) for s in (1, -1))
        along = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(slope), jax.tree.leaves(d), strict=True))
        np.testing.assert_allclose(along, (up - down) / (2 * step), rtol=1e-6, atol=1e-8)
        assert abs(along) > 1e-9  # the direction matters: a cut into nothing would give 0 = 0


def test_under_jit(case):
    embed, head, x = opened(case)
    arrays, back = arrays_and_rest(case.args)

    @jax.jit
    def both(arrays):
        args = back(arrays)
        return embed(*args, **case.kwargs), head(embed(*args, **case.kwargs), *args, **case.kwargs)

    inner, whole = both(arrays)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), inner, x)
    np.testing.assert_allclose(whole, score(case), rtol=1e-12)


def test_under_vmap_over_ids(case_of_rows):
    case = case_of_rows
    embed, head, _ = opened(case)
    rows = jnp.asarray([[3, 1, 4, 1, 6], [1, 2, 3, 4, 5], [2, 2, 2, 6, 1]], jnp.int32)

    def both(ids):
        args = with_ids(case, ids)
        x = embed(*args, **case.kwargs)
        return head(x, *args, **case.kwargs), jax.grad(head)(x, *args, **case.kwargs)

    whole, slopes = jax.jit(jax.vmap(both))(rows)
    np.testing.assert_allclose(whole, [score(case, with_ids(case, i)) for i in rows], rtol=1e-12)
    one = jax.jit(both)
    alone = [one(ids)[1] for ids in rows]
    jax.tree.map(lambda s, *a: np.testing.assert_allclose(s, jnp.stack(a), rtol=1e-10, atol=1e-14), slopes, *alone)


def test_value_is_one_row_a_position(case):
    _, _, x = opened(case)
    for leaf in jax.tree.leaves(x):
        # two texts for a nested scan; two batches of two for a batched map, whose remainder is a lookup of its own
        assert leaf.shape in [(zoo.T, zoo.D), (2, zoo.T, zoo.D), (2, 2, zoo.D)]

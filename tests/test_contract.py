"""One contract over every transform: signature, structure, and how it composes with JAX's own transforms."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxattr as ja
from tests.transforms import BATCHED, GAMES, LIKE_X, TRANSFORMS, T, Transform, W, X, close, score, traced

# One game stands for all in the fast tests, a mean for its spread and error, guided backpropagation for its sibling.
IN_DETAIL = {
    *(name for name in GAMES if name != "shapley.exact"),
    *(
        "vargrad(gradient)",
        "variance_over(integrated_gradients)",
        "standard_error_over(integrated_gradients)",
        "deconvnet",
    ),
}


def _cases(transforms):
    slow = pytest.mark.slow
    return [pytest.param(t, marks=slow if t.name in IN_DETAIL else (), id=t.name) for t in transforms]


every_transform = pytest.mark.parametrize("transform", _cases(TRANSFORMS))
ONE_OF_A_KIND = ("gradient", "integrated_gradients", "smooth(gradient)", "occlusion", "grad_wrt_embedding")
one_of_a_kind = pytest.mark.parametrize(
    "transform",
    [pytest.param(t, marks=() if t.name in ONE_OF_A_KIND else pytest.mark.slow, id=t.name) for t in TRANSFORMS],
)  # the others run with the slow tests
BLIND_TO_ADDITIVE = ("vargrad(gradient)", "shapley.arch_detect", "shapley.permutation_error")  # 0 for a part of its own
WITH_SIGNATURE = [t for t in TRANSFORMS if t.signature]


@pytest.mark.parametrize("transform", _cases(WITH_SIGNATURE))
def test_it_has_the_signature_of_f(transform):
    def named(x, label: int, *, scale: float = 1.0) -> float:
        """What is explained."""

    explained = transform(named)
    assert inspect.signature(explained) == inspect.signature(named)
    assert explained.__name__ == "named"
    assert explained.__doc__ == named.__doc__


@every_transform
def test_it_takes_other_arguments_keywords_and_static_leaves(transform):
    """Strings, functions, booleans and None beside the argument, in containers too; defaults and keywords of f."""

    def f(x, word, options, flag, nothing, *, scale=1.0):
        assert word == "word"
        assert flag is True
        assert nothing is None
        return scale * options["act"](score(x))

    others = ("word", {"act": jnp.sin, "n": 3}, True, None)
    close(transform(f)(X, *others, scale=2.0), transform(lambda x: 2 * jnp.sin(score(x)))(X), 1e-6)
    close(transform(f)(X, *others), transform(lambda x: jnp.sin(score(x)))(X), 1e-6)


@pytest.mark.parametrize("transform", _cases([t for t in TRANSFORMS if t.keeps_static]))
def test_static_leaves_inside_the_argument_come_back(transform):
    result = transform(lambda x: score(x["x"]) if x["how"] == "sum" else 0.0)({"x": X, "how": "sum", "none": None})
    expected = transform(score)(X)
    if transform.like == "argument":
        assert result["none"] is None
        assert result["how"] == "sum"
        result = result["x"]
    close(result, expected, 1e-6)


@every_transform
def test_structure_shapes_and_dtypes(transform):
    tree = {"a": X, "b": (X[:, :1], X[:, 0])}
    result = transform(lambda t: score(t["a"]) + (t["b"][0] ** 2).sum() + jnp.sin(t["b"][1]).sum())(tree)
    if transform.like == "argument":
        assert jax.tree.map(jnp.shape, result) == jax.tree.map(jnp.shape, tree)
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(result))
    else:
        assert result.shape == (T,)
        assert result.dtype == jnp.float32


@pytest.mark.parametrize("transform", _cases([t for t in TRANSFORMS if t.argnums]))
def test_argnums(transform):
    def f(a, x, b):
        return a * score(x) + jnp.sin(b).sum()

    close(transform(f, argnums=1)(2.0, X, W), transform(lambda x: f(2.0, x, W))(X), 1e-6)
    close(transform(f, argnums=-2)(2.0, X, W), transform(lambda x: f(2.0, x, W))(X), 1e-6)
    pair = transform(f, argnums=(1, 2))(2.0, X, W)
    tree = transform(lambda p: f(2.0, *p))((X, W))
    close(pair, tree, 1e-6)
    if transform.like == "argument":
        assert isinstance(pair, tuple)
        assert len(pair) == 2


@pytest.mark.parametrize("transform", _cases([t for t in TRANSFORMS if t.has_aux]))
@pytest.mark.parametrize("wrap", [lambda g: g, jax.jit], ids=["eager", "jit"])
def test_has_aux_is_aux_at_the_input_as_given(transform, wrap):
    def f(x):
        return (score(x), {"x": x, "total": x.sum()})

    value, aux = wrap(transform(f, has_aux=True))(X)
    close(value, transform(score)(X), 1e-5)
    close(aux, {"x": X, "total": X.sum()}, 1e-6)


@every_transform
def test_jit(transform):
    close(jax.jit(transform(score))(X), transform(score)(X), 1e-5)


@every_transform
def test_vmap_is_a_loop(transform):
    rows = jnp.stack([X, X + 1, 2 * X])
    alone = jax.jit(transform(score))
    loop = jax.tree.map(lambda *a: jnp.stack(a), *[alone(row) for row in rows])
    close(jax.vmap(transform(score))(rows), loop, 1e-5)
    close(jax.jit(jax.vmap(transform(score)))(rows), loop, 1e-5)


@one_of_a_kind
def test_scan_and_remat(transform):
    rows = jnp.stack([X, X + 1])
    scanned = jax.lax.scan(lambda c, row: (c, transform(score)(row)), 0, rows)[1]
    close(scanned, jax.jit(jax.vmap(transform(score)))(rows), 1e-5)

    def total(x):
        return sum((leaf**2).sum() for leaf in jax.tree.leaves(transform(score)(x)))

    close(jax.jit(jax.grad(jax.checkpoint(total)))(X), jax.jit(jax.grad(total))(X), 1e-5)


@every_transform
def test_shard_map_over_eight_devices(transform):
    mesh = jax.make_mesh((8,), ("rows",))
    rows = jnp.arange(8.0)[:, None, None] / 8 + X[None]
    spec = jax.P("rows")
    placed = jax.device_put(rows, jax.NamedSharding(mesh, spec))
    chunked = transform(score, batch_size=3) if transform in BATCHED else transform(score)
    mapped = jax.jit(jax.shard_map(jax.vmap(chunked), mesh=mesh, in_specs=spec, out_specs=spec))
    close(mapped(placed), jax.jit(jax.vmap(transform(score)))(rows), 1e-5)


@one_of_a_kind
def test_rows_sharded_by_the_compiler(transform):
    mesh = jax.make_mesh((8,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jnp.arange(8.0)[:, None, None] / 8 + X[None]
    placed = jax.device_put(rows, jax.NamedSharding(mesh, jax.P("rows")))
    close(jax.jit(jax.vmap(transform(score)))(placed), jax.jit(jax.vmap(transform(score)))(rows), 1e-5)


@every_transform
def test_it_is_twice_differentiable(transform, x64):
    """A loss of the attribution has a right gradient, by forward and reverse mode, and a right second derivative."""
    loss = jax.jit(lambda x: sum(jnp.tanh(leaf).sum() for leaf in jax.tree.leaves(transform(score)(x))))
    x = jnp.asarray(X, jnp.float64)
    check_grads(loss, (x,), order=1, modes=["fwd"], atol=1e-5, rtol=1e-5)
    check_grads(loss, (x,), order=2, modes=["rev"], atol=1e-4, rtol=1e-4)


@one_of_a_kind
def test_it_nests_in_another_transform(transform, x64):
    """An attribution of an attribution: three methods over a number taken from this one, against JAX's own grad."""
    x = jnp.asarray(X, jnp.float64)

    @jax.jit
    def number(x):
        return sum((jnp.arange(leaf.size) * leaf.reshape(-1)).sum() for leaf in jax.tree.leaves(transform(score)(x)))

    close(ja.gradient(number)(x), jax.grad(number)(x), 1e-12)
    a = jax.jit(ja.integrated_gradients(number, baseline=x / 2, steps=12))(x)
    np.testing.assert_allclose(a.sum(), number(x) - number(x / 2), rtol=1e-6)
    drops = jax.jit(ja.occlusion(number, perturb=ja.replace(0.5)))(x)
    np.testing.assert_allclose(drops[0], number(x) - number(x.at[0].set(0.5)), rtol=1e-9)


@one_of_a_kind
def test_half_precision_is_summed_in_single(transform):
    result = jax.jit(transform(lambda x: score(x.astype(jnp.float32))))(X.astype(jnp.bfloat16))
    wanted = jnp.bfloat16 if transform.keeps_dtype else jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(result)} == {jnp.dtype(wanted)}
    assert all(jnp.isfinite(leaf.astype(jnp.float32)).all() for leaf in jax.tree.leaves(result))
    if not transform.random:
        close(jax.tree.map(lambda a: a.astype(jnp.float32), result), transform(score)(X), 0.1)


@every_transform
def test_double_precision(transform, x64):
    result = jax.jit(transform(score))(jnp.asarray(X, jnp.float64))
    assert {leaf.dtype for leaf in jax.tree.leaves(result)} == {jnp.dtype(jnp.float64)}
    if not transform.random:
        close(result, jax.jit(transform(score))(jnp.asarray(X, jnp.float32)), 2e-4)


@pytest.mark.parametrize("transform", _cases(BATCHED))
@pytest.mark.parametrize("wrap", [lambda g: g, jax.jit], ids=["eager", "jit"])
def test_batch_size_changes_nothing(transform, wrap):
    """1, 3 (which does not divide the 4 or 5 evaluations), 100 and None."""
    whole = jax.jit(transform(score))(X)
    for batch_size in (1, 3, 100):
        close(wrap(transform(score, batch_size=batch_size))(X), whole, 1e-5)


@every_transform
def test_equal_shapes_are_traced_once(transform):
    f, calls = traced(score)
    explained = jax.jit(transform(f))
    explained(X)
    first = calls()
    assert 1 <= first <= transform.calls
    explained(X + 1)
    assert calls() == first
    explained(X[:-1] if transform.any_length else X.astype(jnp.float16))
    assert calls() > first


@every_transform
def test_no_tracer_leaks(transform):
    with jax.checking_leaks():
        jax.block_until_ready(jax.jit(transform(score))(X))
        jax.block_until_ready(transform(score)(X))


@every_transform
def test_it_promotes_no_dtype(transform):
    """With JAX's own promotion refused: in single and half precision, a tree of both, and each option alone."""
    half = X.astype(jnp.bfloat16)
    options = [{}, {"batch_size": 3}] if transform in BATCHED else [{}]
    if transform.where:
        options.append({"where": jnp.array([True, True, False, True])})
    with jax.numpy_dtype_promotion("strict"):  # it is refused while tracing: nothing need be compiled
        jax.eval_shape(transform(score), X)
        for more in options:
            jax.eval_shape(transform(lambda x: score(x.astype(jnp.float32)), **more), half)
        if transform.has_aux:
            jax.eval_shape(transform(lambda x: (score(x.astype(jnp.float32)), x), has_aux=True), half)
        both = transform(lambda t: score(t["half"]).astype(jnp.float32) + score(t["single"]))
        result = jax.eval_shape(both, {"half": half, "single": X})
    kept = {jnp.dtype(jnp.bfloat16)} if transform.keeps_dtype else set()
    assert {leaf.dtype for leaf in jax.tree.leaves(result)} == {jnp.dtype(jnp.float32)} | kept


@every_transform
def test_no_key_is_used_twice(transform):
    with jax.debug_key_reuse(True):
        jax.block_until_ready(jax.jit(transform(score))(X))
        jax.block_until_ready(transform(score)(X))
        if transform in BATCHED:
            jax.block_until_ready(jax.jit(transform(score, batch_size=3))(X))


@every_transform
def test_a_changed_model_is_seen(transform):
    """A closed-over array that changes: the next result outside jit is the new model's."""

    class Model:
        scale = jnp.asarray(1.0)

    def f(x):
        return Model.scale * score(x)

    explained = transform(f)
    before = explained(X)
    Model.scale = jnp.asarray(2.0)
    factor = 4 if transform.squared else 2
    close(explained(X), jax.tree.map(lambda a: factor * a, before), 1e-4)


@one_of_a_kind
def test_numpy_inputs_and_jitted_scores(transform):
    close(transform(score)(np.asarray(X)), transform(score)(X), 1e-6)
    close(transform(jax.jit(score))(X), transform(score)(X), 1e-5)


@every_transform
def test_it_is_deterministic(transform):
    first, second = transform(score)(X), transform(score)(X)
    jax.tree.map(np.testing.assert_array_equal, first, second)


@pytest.mark.parametrize("transform", _cases([t for t in TRANSFORMS if t.where]))
@pytest.mark.parametrize("wrap", [lambda g: g, jax.jit], ids=["eager", "jit"])
def test_where_marks_the_real_positions(transform: Transform, wrap):
    """Real positions get what the text without padding gives them; padding gets nothing, whatever lies there."""
    junk = jnp.concatenate([X, jnp.full((2, X.shape[1]), 9.0)])
    where = jnp.arange(T + 2) < T

    def f(x):
        return score(x[:T]) + (x[T:] ** 2).sum()

    result = wrap(transform(f, where=where))(junk)
    if transform.like == "values":
        np.testing.assert_allclose(result[T:], f(junk), rtol=1e-6)
        assert not np.allclose(result[:T], f(junk))
        return
    assert not np.any(result[T:])
    if not transform.random:
        close(result[:T], transform(score)(X), transform.tolerance)
    if transform.any_length and transform.name not in BLIND_TO_ADDITIVE:
        assert np.any(wrap(transform(f))(junk)[T:]), "the test must be able to fail"


@pytest.mark.parametrize("transform", _cases([t for t in TRANSFORMS if t.where]))
def test_where_may_be_traced(transform):
    where = jnp.array([True, True, False, True])
    jitted = jax.jit(lambda x, where: transform(score, where=where)(x))
    close(jitted(X, where), transform(score, where=where)(X), 1e-5)
    close(
        jax.vmap(lambda x, w: transform(score, where=w)(x))(X[None], where[None]),
        jax.tree.map(lambda a: a[None], transform(score, where=where)(X)),
        1e-5,
    )


def test_the_table_holds_every_transform():
    """A transform that joins the package joins the contract."""
    public = set()
    names = [*vars(ja).items(), *((f"shapley.{name}", value) for name, value in vars(ja.shapley).items())]
    for name, value in names:
        if inspect.isfunction(value) and next(iter(inspect.signature(value).parameters), "") in (
            "f",
            "explained",
            "make",
        ):
            public.add(name)
    covered = {name for t in TRANSFORMS for name in t.covers}
    drivers = {  # while_loops, which are not differentiable twice
        *("shapley.until", "shapley.until_report"),
        *("integrated_gradients_to", "nodes_used"),
    }
    assert public - {"cut", "completeness_gap", "fallbacks"} - drivers == covered
    assert {t.name for t in TRANSFORMS} >= LIKE_X

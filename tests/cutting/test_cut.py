"""What the cut promises beyond the identity: it evaluates little, follows its function, and leaves others alone."""

import collections
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name

import jaxattr as ja

TABLE = jnp.asarray(np.random.default_rng(0).normal(size=(6, 3)), jnp.float32)
IDS = jnp.asarray([2, 0, 5, 2])


def score(table, ids):
    return jnp.sum(jnp.tanh(table[ids]) ** 2)


def first(table, *_):
    return table


def count_evaluations(kind):
    """A function that counts, at run time, how often it is evaluated."""
    counter = collections.Counter()

    def tick(x):
        def note(_):
            counter[kind] += 1

        jax.debug.callback(note, jnp.sum(x))
        return x

    return counter, tick


def primitives(f, *args):
    """Names of all primitives in the jaxpr of f, bodies included."""
    found = collections.Counter()

    def walk(jaxpr):
        for eqn in jaxpr.eqns:
            found[eqn.primitive.name] += 1
            for value in eqn.params.values():
                if hasattr(getattr(value, "jaxpr", value), "eqns"):
                    walk(getattr(value, "jaxpr", value))

    walk(jax.make_jaxpr(f)(*args).jaxpr)
    return found


def test_embed_evaluates_only_what_the_value_needs():
    def heavy(table, ids):
        return jnp.sum(jnp.linalg.inv(jnp.exp(table[ids] @ table[ids].T)))

    embed, _ = ja.cut(heavy, at=first, which=0)
    found = primitives(lambda t, i: embed(t, i), TABLE, IDS)
    assert found["gather"] == 1
    assert not {"exp", "dot_general", "lu"} & set(found)


def test_embed_in_a_scan_drops_the_carry():
    def recurrent(table, ids):
        return jnp.sum(lax.scan(lambda h, i: (jnp.sin(h + table[i]), h), jnp.zeros(3), ids)[1])

    embed, _ = ja.cut(recurrent, at=first)
    assert "sin" not in primitives(lambda t, i: embed(t, i), TABLE, IDS)
    np.testing.assert_array_equal(embed(TABLE, IDS), TABLE[IDS])


def test_head_does_not_evaluate_what_comes_before():
    def deep(x):
        return jnp.sum(jnp.sin(checkpoint_name(jnp.cos(x), "middle")))

    _, head = ja.cut(deep, at="middle")
    found = primitives(lambda v, x: head(v, x), TABLE, TABLE)
    assert found["sin"] == 1
    assert "cos" not in found


def test_embed_does_not_repeat_side_effects_and_head_keeps_them():
    counter, tick = count_evaluations("f")

    def noisy(table, ids):
        return jnp.sum(tick(table[ids]))

    embed, head = ja.cut(noisy, at=first)
    x = embed(TABLE, IDS)
    jax.effects_barrier()
    assert counter["f"] == 0
    head(x, TABLE, IDS)
    jax.effects_barrier()
    assert counter["f"] == 1


def test_value_has_the_structure_and_key_order_of_at():
    Pair = collections.namedtuple("Pair", "tok pos")

    def f(p, ids):
        return jnp.sum(p["a"][ids] + p["b"][ids]) * jnp.sum(p["c"][ids])

    p = {name: TABLE * k for k, name in enumerate("abc", 1)}
    embed, head = ja.cut(f, at=lambda p, ids: {"z": p["a"], "m": [p["c"]], "a": Pair(p["b"], None)})
    x = embed(p, IDS)
    assert list(x) == ["z", "m", "a"]
    assert isinstance(x["m"], list)
    assert isinstance(x["a"], Pair)
    np.testing.assert_array_equal(x["z"], TABLE[IDS])
    np.testing.assert_array_equal(x["m"][0], 3 * TABLE[IDS])
    np.testing.assert_array_equal(x["a"].tok, 2 * TABLE[IDS])
    np.testing.assert_allclose(head(x, p, IDS), f(p, IDS), rtol=1e-6)
    moved = head({**x, "m": [2 * x["m"][0]]}, p, IDS)
    np.testing.assert_allclose(moved, 2 * f(p, IDS), rtol=1e-6)


def test_at_may_look_at_shapes():
    def biggest(p, ids):
        return max((leaf for leaf in jax.tree.leaves(p)), key=lambda leaf: leaf.size)

    p = {"small": jnp.ones(2), "table": TABLE}
    embed, _ = ja.cut(lambda p, ids: p["table"][ids].sum() * p["small"].sum(), at=biggest)
    np.testing.assert_array_equal(embed(p, IDS), TABLE[IDS])


@pytest.mark.parametrize("kind", ["array", "under jit of the caller"])
def test_follows_a_closed_over_array_that_changes(kind):
    class Model:
        scale = jnp.asarray(1.0)

    model = Model()

    def f(table, ids):
        return jnp.sum(table[ids]) * model.scale

    embed, head = ja.cut(f, at=first)
    x = embed(TABLE, IDS)
    wrap = jax.jit if kind != "array" else (lambda g: g)
    before = wrap(lambda x: head(x, TABLE, IDS))(x)
    model.scale = jnp.asarray(3.0)
    after = wrap(lambda x: head(x, TABLE, IDS))(x)
    np.testing.assert_allclose(after, 3 * before, rtol=1e-6)
    slope = ja.grad_wrt_embedding(f, at=first)
    np.testing.assert_allclose(slope(TABLE, IDS), 3.0)
    model.scale = jnp.asarray(5.0)
    np.testing.assert_allclose(slope(TABLE, IDS), 5.0)


def test_follows_a_closed_over_nnx_variable_that_changes():
    from flax import nnx

    scale = nnx.Param(jnp.asarray(2.0))
    slope = ja.grad_wrt_embedding(lambda table, ids: jnp.sum(table[ids]) * scale[...], at=first)
    np.testing.assert_allclose(slope(TABLE, IDS), 2.0)
    scale[...] = jnp.asarray(7.0)
    np.testing.assert_allclose(slope(TABLE, IDS), 7.0)


def test_leaves_the_cache_of_a_jitted_function_alone():
    import flax.linen as nn

    class Model(nn.Module):
        @nn.compact
        def __call__(self, ids):
            return nn.Dense(2)(nn.Embed(6, 3, name="embed")(ids).mean(0))

    model = Model()
    params = model.init(jax.random.key(0), IDS)
    expected = model.apply(params, IDS)
    apply = jax.jit(model.apply)
    embed, head = ja.cut(lambda p, ids: apply(p, ids)[0], at=lambda p, ids: p["params"]["embed"]["embedding"])
    x = embed(params, IDS)  # the first trace of the user's jitted function happens inside the cut
    changed = head(x + 10, params, IDS)
    np.testing.assert_allclose(apply(params, IDS), expected, rtol=1e-6)
    assert abs(changed - expected[0]) > 1
    np.testing.assert_allclose(head(x, params, IDS), expected[0], rtol=1e-6)


def test_tied_output_table_stays_the_real_one():
    def tied(table, ids):
        return jnp.sum(jnp.tanh(table[ids]) @ table.T)

    embed, head = ja.cut(tied, at=first)
    x = embed(TABLE, IDS)
    np.testing.assert_allclose(head(0 * x, TABLE, IDS), 0.0)
    np.testing.assert_allclose(head(x, 2 * TABLE, IDS), 2 * tied(TABLE, IDS), rtol=1e-5)


def test_mask_stays_that_of_the_ids_given():
    def masked(table, ids):
        return jnp.sum(table[ids] * (ids != 0)[:, None])

    embed, head = ja.cut(masked, at=first)
    x = embed(TABLE, jnp.full_like(IDS, 0))
    np.testing.assert_allclose(head(x, TABLE, IDS), jnp.sum(TABLE[0]) * 3, rtol=1e-6)


def test_half_precision_model_with_a_float32_table():
    w = jnp.asarray([1.0, -2.0, 0.5])

    def f(table, ids, dtype):
        x = table.astype(dtype)[ids]
        return jnp.sum(jnp.tanh(x @ w.astype(dtype))).astype(jnp.float32)

    half, full = (
        ja.grad_wrt_embedding(lambda t, i, d=d: f(t, i, d), at=lambda t, i: t) for d in (jnp.bfloat16, jnp.float32)
    )
    embed, head = ja.cut(lambda t, i: f(t, i, jnp.bfloat16), at=lambda t, i: t)
    x = embed(TABLE, IDS)
    assert x.dtype == jnp.bfloat16
    np.testing.assert_array_equal(x, TABLE[IDS].astype(jnp.bfloat16))
    assert head(x, TABLE, IDS) == f(TABLE, IDS, jnp.bfloat16)
    assert half(TABLE, IDS).dtype == jnp.bfloat16
    # bfloat16 keeps 8 bits: the slope 1 - tanh^2 loses a few of them
    np.testing.assert_allclose(half(TABLE, IDS).astype(jnp.float32), full(TABLE, IDS), atol=8 * 2.0**-8)


def test_aux_outputs_and_static_leaves_come_out_as_f_returns_them():
    def f(table, ids):
        x = table[ids]
        return x.sum(), {"x": x, "name": "aux", "n": 3, "flag": True, "none": None}

    embed, head = ja.cut(f, at=first)
    value, aux = head(embed(TABLE, IDS), TABLE, IDS)
    np.testing.assert_allclose(value, TABLE[IDS].sum(), rtol=1e-6)
    assert (aux["name"], int(aux["n"]), aux["flag"], aux["none"]) == ("aux", 3, True, None)
    slope, aux = ja.grad_wrt_embedding(f, at=first, has_aux=True)(TABLE, IDS)
    np.testing.assert_array_equal(slope, 1)
    np.testing.assert_array_equal(aux["x"], TABLE[IDS])


def test_python_numbers_are_static():
    def f(table, ids, k):
        return lax.top_k(table[ids].sum(-1), k)[0].sum()

    embed, head = ja.cut(f, at=first)
    np.testing.assert_allclose(head(embed(TABLE, IDS, 2), TABLE, IDS, 2), f(TABLE, IDS, 2), rtol=1e-6)


def test_signatures():
    embed, head = ja.cut(score, at=first)
    assert inspect.signature(embed) == inspect.signature(score)
    assert list(inspect.signature(head).parameters) == ["value", "table", "ids"]
    assert embed.__name__ == "score"


@pytest.mark.parametrize("axis", [0, -3])
def test_batch_axis_leaves_the_value_and_head_puts_it_back(axis):
    def batched(table, ids):
        return jnp.tanh(table[ids[None]]).sum((1, 2))[0]

    embed, head = ja.cut(batched, at=first, batch_axis=axis)
    x = embed(TABLE, IDS)
    assert x.shape == (4, 3)
    np.testing.assert_allclose(head(x, TABLE, IDS), batched(TABLE, IDS), rtol=1e-6)


def test_batch_axis_of_some_tables_only():
    def f(p, ids):
        return jnp.tanh(p["tok"][ids[None]] + p["pos"][jnp.arange(4)]).sum((1, 2))[0]

    p = {"tok": TABLE, "pos": 2 * TABLE}
    with jax.numpy_rank_promotion("allow"):
        embed, head = ja.cut(f, at=lambda p, ids: p, batch_axis={"tok": 0, "pos": None})
        x = embed(p, IDS)
        assert {k: v.shape for k, v in x.items()} == {"tok": (4, 3), "pos": (4, 3)}
        np.testing.assert_allclose(head(x, p, IDS), f(p, IDS), rtol=1e-6)


def test_under_shard_map_over_rows():
    from jax.sharding import PartitionSpec as P

    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jnp.asarray(np.random.default_rng(1).integers(0, 6, (16, 4)))
    slope = jax.vmap(ja.grad_wrt_embedding(score, at=first), in_axes=(None, 0))
    sharded = jax.shard_map(slope, mesh=mesh, in_specs=(P(), P("data")), out_specs=P("data"))
    np.testing.assert_allclose(jax.jit(sharded)(TABLE, rows), slope(TABLE, rows), rtol=1e-5)


def test_parameters_may_be_mapped_over():
    tables = jnp.stack([TABLE, 2 * TABLE])
    slopes = jax.vmap(ja.grad_wrt_embedding(score, at=first), in_axes=(0, None))(tables, IDS)
    for table, slope in zip(tables, slopes, strict=True):
        np.testing.assert_allclose(slope, jax.grad(lambda x: jnp.sum(jnp.tanh(x) ** 2))(table[IDS]), rtol=1e-5)


def test_a_lookup_kept_inside_remat_stays_rematerialised():
    def f(table, ids):
        return jnp.sum(jax.checkpoint(lambda t, i: jnp.sin(jnp.sin(t[i])))(table, ids))

    embed, head = ja.cut(f, at=first)
    found = primitives(lambda x: jax.grad(head)(x, TABLE, IDS), embed(TABLE, IDS))
    assert found["remat2"] + found["checkpoint"] + found["remat"] >= 1


# ------------------------------------------------------------------------------------------------------------- names


def layers(x, loop):
    def layer(h, _=None):
        return checkpoint_name(jnp.tanh(h * 1.5), "layer"), None

    if loop == "scan":
        x, _ = lax.scan(layer, x, None, length=3)
    else:
        for _ in range(3):
            x, _ = layer(x)
    return jnp.sum(x)


@pytest.mark.parametrize(("loop", "choose"), [("scan", "step"), ("python", "which")])
def test_one_of_several_layers(loop, choose, x64):
    x = jnp.linspace(-1.0, 1.0, 4, dtype=jnp.float64)
    hs = [x]
    for _ in range(3):
        hs.append(jnp.tanh(hs[-1] * 1.5))
    for k in range(3):
        embed, head = ja.cut(lambda x: layers(x, loop), at="layer", **{choose: k})
        np.testing.assert_allclose(embed(x), hs[k + 1], rtol=1e-12)
        np.testing.assert_allclose(head(embed(x), x), layers(x, loop), rtol=1e-12)

        def rest(h, k=k):
            return jnp.sum([h, jnp.tanh(1.5 * h), jnp.tanh(1.5 * jnp.tanh(1.5 * h))][2 - k])

        np.testing.assert_allclose(jax.grad(head)(embed(x), x), jax.grad(rest)(hs[k + 1]), rtol=1e-12)
        np.testing.assert_allclose(jax.jit(jax.grad(head))(embed(x), x), jax.grad(rest)(hs[k + 1]), rtol=1e-12)
    last = ja.cut(lambda x: layers(x, loop), at="layer", **{choose: -1})[0]
    np.testing.assert_allclose(last(x), hs[3], rtol=1e-12)


@pytest.mark.parametrize(
    ("loop", "says"), [("scan", r"Choose one of 3 steps with step=0"), ("python", r"3 times .*which=0")]
)
def test_several_layers_without_a_choice(loop, says):
    embed, head = ja.cut(lambda x: layers(x, loop), at="layer")
    for call in (embed, lambda x: head(x, x)):
        with pytest.raises(ja.CutError, match=says):
            call(jnp.ones(4))


def test_several_layers_in_series_may_not_be_chosen_together():
    with pytest.raises(ja.CutError, match="feed one another"):
        ja.cut(lambda x: layers(x, "python"), at="layer", which=(0, 2))[0](jnp.ones(4))


def test_several_values_side_by_side_may():
    def two(x):
        return jnp.sum(checkpoint_name(jnp.sin(x), "half") * checkpoint_name(jnp.cos(x), "half"))

    x = jnp.arange(3.0)
    embed, head = ja.cut(two, at="half", which=(1, 0))
    a, b = embed(x)
    np.testing.assert_allclose(a, jnp.cos(x))
    np.testing.assert_allclose(b, jnp.sin(x))
    np.testing.assert_allclose(head((a, b), x), two(x), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(head)((a, b), x)[0], jnp.sin(x), rtol=1e-6)


def test_names_in_a_map_are_side_by_side():
    def rows(x):
        return jnp.sum(lax.map(lambda r: checkpoint_name(jnp.sin(r), "row") ** 2, x))

    embed, head = ja.cut(rows, at="row")
    x = jnp.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(embed(x), jnp.sin(x), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(head)(embed(x), x), 2 * jnp.sin(x), rtol=1e-6)


def test_one_step_of_nested_scans():
    def nested(x):
        def outer(h, _):
            def inner(h, _):
                return checkpoint_name(jnp.sin(h), "inner"), None

            return lax.scan(inner, h, None, length=2)[0], None

        return jnp.sum(lax.scan(outer, x, None, length=3)[0])

    x = jnp.asarray([0.3, 0.7])
    embed, head = ja.cut(nested, at="inner", step=(1, 0))
    third = jnp.sin(jnp.sin(jnp.sin(x)))
    np.testing.assert_allclose(embed(x), third, rtol=1e-6)

    def rest(h):
        return jnp.sum(jnp.sin(jnp.sin(jnp.sin(h))))

    np.testing.assert_allclose(jax.grad(head)(embed(x), x), jax.grad(rest)(third), rtol=1e-5)
    with pytest.raises(ja.CutError, match="each of the 2 scans"):
        ja.cut(nested, at="inner", step=1)[0](x)


# ------------------------------------------------------------------------------------------------------------ errors


def in_cond(table, ids):
    return jnp.sum(lax.cond(ids[0] > 1, lambda t, i: t[i], lambda t, i: 2 * t[i], table, ids))


def in_while(table, ids):
    def body(carry):
        k, total = carry
        return k + 1, total + table[ids[k]].sum()

    return lax.while_loop(lambda c: c[0] < ids[0], body, (0, jnp.asarray(0.0, table.dtype)))[1]


@jax.custom_vjp
def own_rule(table, ids):
    return jnp.sin(table[ids])


own_rule.defvjp(lambda t, i: (own_rule(t, i), None), lambda _, g: (None, None))

ERRORS = {
    "closed over parameters": (lambda table, i: TABLE[i].sum(), first, {}, "looks nothing up in table.*closes over"),
    "several lookups": (lambda table, i: (table[i] + table[i[::-1]]).sum(), first, {}, r"reads table 2 times.*which=0"),
    "occurrence out of range": (
        lambda t, i: (t[i] + t[i[::-1]]).sum(), first, {"which": 2}, "which=2 wants one of the 2",
    ),
    "bag of counts": (
        lambda table, i: (jax.nn.one_hot(i, 6).sum(0) @ table).sum(), first, {}, "multiplies table by counts of ids",
    ),
    "inside cond": (in_cond, first, {"which": 0}, "inside cond.*lax.scan"),
    "inside while": (in_while, first, {}, "inside while"),
    "inside a custom rule": (lambda t, i: own_rule(t, i).sum(), first, {}, "derivative rule of its own"),
    "unknown name": (lambda t, i: checkpoint_name(t[i], "there").sum(), "here", {}, "no value the name 'here'.*there"),
    "no names at all": (score, "here", {}, "names nothing"),
    "wrong key": (score, lambda t, i: t["tok"], {}, "whole leaf"),
    "wrong attribute": (score, lambda t, i: t.embed, {}, r"raised AttributeError.*hold table: float32\[6,3\]"),
    "ids instead of the table": (score, lambda t, i: i, {}, "table of floating point numbers"),
    "something derived": (score, lambda t, i: jnp.zeros(3), {}, "untouched"),
    "a part of a leaf": (score, lambda t, i: t[0], {}, "whole leaf"),
    "nothing": (score, lambda t, i: None, {}, "at wants to return a leaf"),
    "not a leaf": (score, lambda t, i: 3, {}, "untouched"),
    "step outside a scan": (score, first, {"step": 0}, "lies in none"),
    "step beyond the scan": (
        lambda t, i: lax.map(lambda j: t[j], i).sum(), first, {"step": 4}, "wants a step of a scan of 4",
    ),
    "occurrence of a single lookup": (score, first, {"which": 1}, "which=1 wants one of the 1"),
}  # fmt: skip


@pytest.mark.parametrize(("f", "at", "options", "says"), ERRORS.values(), ids=ERRORS.keys())
def test_errors(f, at, options, says):
    embed, head = ja.cut(f, at=at, **options)
    with pytest.raises(ja.CutError, match=says):
        embed(TABLE, IDS)
    with pytest.raises(ja.CutError, match=says):
        jax.jit(head)(jnp.zeros((4, 3)), TABLE, IDS)


@pytest.mark.parametrize("at", [None, 3, TABLE])
def test_at_of_the_wrong_kind(at):
    with pytest.raises(TypeError, match="cut wants at to be a function"):
        ja.cut(score, at=at)


@pytest.mark.parametrize("options", [{"which": "first"}, {"which": True}, {"step": 1.5}, {"step": (0, "a")}])
def test_which_and_step_of_the_wrong_kind(options):
    with pytest.raises(TypeError, match="as an integer or a tuple"):
        ja.cut(score, at=first, **options)


def test_f_of_the_wrong_kind():
    with pytest.raises(TypeError, match="cut wants f to be a function"):
        ja.cut(TABLE, at=first)


@pytest.mark.parametrize("ids", [[0, 6], [9, 1]])
@pytest.mark.parametrize(
    "read", [lambda t, i: t[i], lambda t, i: jnp.take(t, i, axis=0), lambda t, i: lax.dynamic_index_in_dim(t, i.max())]
)
def test_ids_outside_the_vocabulary(read, ids):
    embed, _ = ja.cut(lambda t, i: read(t, i).sum(), at=first)
    with pytest.raises(ja.CutError, match="ids between 0 and 5"):
        embed(TABLE, jnp.asarray(ids))
    rows = jax.jit(embed)(TABLE, jnp.asarray(ids))
    assert jnp.isnan(rows).any(), "traced ids cannot be refused; their rows are NaN and not those of another word"
    inside = jax.jit(embed)(TABLE, jnp.asarray([5, 0]))
    np.testing.assert_array_equal(inside, embed(TABLE, jnp.asarray([5, 0])))


def test_only_the_rows_of_ids_outside_are_nan():
    embed, _ = ja.cut(lambda t, i: t[i].sum(), at=first)
    ids = jnp.asarray([[0, 5], [6, 1]])
    rows = jax.jit(jax.vmap(embed, (None, 0)))(TABLE, ids)
    np.testing.assert_array_equal(jnp.isnan(rows).any(-1), [[False, False], [True, False]])
    np.testing.assert_array_equal(rows[0], TABLE[ids[0]])


def test_ids_that_the_user_clips_are_the_users_choice():
    embed, _ = ja.cut(lambda t, i: jnp.take(t, i, axis=0, mode="clip").sum(), at=first)
    np.testing.assert_array_equal(embed(TABLE, jnp.asarray([0, 9])), TABLE[jnp.asarray([0, 5])])


def test_closed_over_nnx_module_with_dropout():
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs):
            self.embed, self.dropout = nnx.Embed(6, 3, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, ids):
            return self.dropout(self.embed(ids)).sum()

    model = Model(nnx.Rngs(0))
    with pytest.raises(ja.CutError, match="Pass the module"):
        ja.cut(lambda table, ids: model(ids) + table[ids].sum(), at=first)[0](TABLE, IDS)


BAD_VALUES = {
    "shape": (jnp.zeros((4, 2)), r"head wants the cut value as float32\[4,3\], but got float32\[4,2\]"),
    "dtype": (jnp.zeros((4, 3), jnp.bfloat16), "head wants the cut value as float32"),
    "structure": ({"x": jnp.zeros((4, 3))}, "as the pytree"),
    "kind": ("text", "head wants the cut value as float32"),
}


@pytest.mark.parametrize(("value", "says"), BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_values_that_head_refuses(value, says):
    _, head = ja.cut(score, at=first)
    with pytest.raises(ValueError, match=says):
        head(value, TABLE, IDS)


def test_batch_axis_that_is_not_of_length_one():
    with pytest.raises(ValueError, match="axis of length one"):
        ja.cut(score, at=first, batch_axis=0)[0](TABLE, IDS)
    with pytest.raises(ValueError, match="axis of length one"):
        ja.cut(score, at=first, batch_axis=5)[0](TABLE, IDS)


def test_two_tables_read_by_one_equation():
    def joined(p, ids):
        return jnp.concatenate([p["a"], p["b"]])[ids].sum()

    with pytest.raises(ja.CutError, match="each value once"):
        ja.cut(joined, at=lambda p, ids: p)[0]({"a": TABLE, "b": TABLE}, IDS)

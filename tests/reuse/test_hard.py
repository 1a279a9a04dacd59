"""What could go wrong without a word: rounding, infinities, effects, derivatives, memory, wrong rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import jaxattr as ja
from jaxattr.reuse import _rules
from jaxattr.reuse._values import Rows

from .zoo import MODELS, D

RNG = np.random.default_rng(3)
X = jnp.asarray(RNG.normal(size=(9, D)), jnp.float32)
IDS = jnp.array([3, 1, 4, 1, 5, 2, 0, 0, 0])
TABLE = jnp.asarray(RNG.normal(size=(6, D)), jnp.float32)
KERNEL = jnp.asarray(RNG.normal(size=(3, D, 5)), jnp.float32)


@pytest.fixture(autouse=True)
def their_promotion():
    with jax.numpy_rank_promotion("allow"):
        yield


def convolved(x):
    kernel = KERNEL.astype(x.dtype)
    return jax.lax.conv_general_dilated(x[None], kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"))[0]


def pooled(x):
    return jax.nn.relu(convolved(x)).max(0).sum()


def averaged(x):
    return jax.nn.relu(convolved(x) - 1).mean(0).sum()


def of_both(f, *args, **options):
    return [jax.jit(ja.occlusion(f, reuse=r, **options))(*args) for r in (True, False)]


def assert_close(ours, theirs, eps=1e-5):
    np.testing.assert_allclose(ours, theirs, rtol=eps, atol=eps * max(1.0, float(jnp.abs(theirs).max())))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 1e30])
def test_what_no_change_reaches_stays_what_it_is(bad):
    """A sum that was subtracted from would leave NaN, or lose everything beside 1e30."""
    x = X.at[4, 0].set(bad)
    explain = [
        jax.jit(
            ja.perturbed(lambda x: (jnp.tanh(x) + x).sum(0), keep=ja.leave_one_out(9), perturb=ja.replace(0.5), reuse=r)
        )
        for r in (True, False)
    ]
    ours, theirs = (f(x) for f in explain)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert np.isfinite(np.asarray(ours)[4, 0])


def test_half_precision_is_no_worse_than_in_full():
    x = X.astype(jnp.bfloat16)
    right = jax.jit(ja.occlusion(averaged, perturb=ja.replace(0.0), reuse=False))(X)
    ours, theirs = (np.asarray(v, np.float32) for v in of_both(averaged, x, perturb=ja.replace(0.0)))
    checked = jax.jit(ja.occlusion(averaged, perturb=ja.replace(0.0), check=3))(x)
    np.testing.assert_array_equal(np.asarray(checked, np.float32), ours)
    eps = float(jnp.finfo(jnp.bfloat16).eps)
    size = float(jnp.abs(averaged(X)))
    assert np.abs(theirs - right).max() < 4 * eps * size
    assert np.abs(ours - right).max() < 4 * eps * size


@pytest.mark.parametrize("f", [pooled, averaged], ids=["max", "mean"])
@pytest.mark.parametrize("perturb", [ja.delete(0), ja.replace(0)], ids=["delete", "replace"])
def test_no_effect_is_exactly_zero(f, perturb):
    """Padding at the end deleted, a token replaced by itself: 0, not what rounding leaves."""

    def score(ids):
        return f(jnp.where((ids > 0)[:, None], TABLE[ids], 0))

    found = np.asarray(jax.jit(ja.occlusion(score, perturb=perturb))(IDS))
    assert (found[6:] == 0).all()
    assert (found[:6] != 0).any()


def test_a_dead_unit_gives_exactly_zero():
    """Nothing passes the ReLU with or without a position; sums are added in another order all the same."""
    x = jnp.concatenate([X, jnp.full((3, D), -5.0)])
    found = np.asarray(
        jax.jit(ja.occlusion(lambda x: jax.nn.relu(x - 0.1).sum(0) @ jnp.arange(D) / 3.0, perturb=ja.replace(-1.0)))(x)
    )
    assert (found[9:] == 0).all()
    assert (found[:9] != 0).any()


def wrong(step, values):
    (value,) = values
    base = step.run([value.base])[0]
    return [Rows(base, jnp.broadcast_to(base, (sum(value.sizes), *base.shape)))]


def test_a_wrong_rule_is_found_by_check(monkeypatch):
    right = jax.jit(ja.occlusion(pooled, perturb=ja.replace(0.0), check=3))(X)
    assert np.isfinite(right).all()
    monkeypatch.setitem(_rules._RULES, "reduce_max", wrong)
    unchecked = jax.jit(ja.occlusion(pooled, perturb=ja.replace(0.0)))(X)
    assert (np.asarray(unchecked) == 0).all()
    assert np.isnan(jax.jit(ja.occlusion(pooled, perturb=ja.replace(0.0), check=9))(X)).all()


def test_check_also_serves_where_nothing_is_compiled(monkeypatch):
    monkeypatch.setitem(_rules._RULES, "reduce_max", wrong)
    assert np.isnan(ja.occlusion(pooled, perturb=ja.replace(0.0), check=9)(X)).all()
    assert np.isfinite(ja.occlusion(pooled, perturb=ja.replace(0.0))(X)).all()


def test_check_wants_a_number_that_can_be_nan():
    explain = ja.perturbed(lambda ids: ids.max(), keep=ja.leave_one_out(9), perturb=ja.delete(0), check=2)
    with pytest.raises(TypeError, match="floating point"):
        explain(IDS)
    with pytest.raises(ValueError, match="check"):
        ja.occlusion(pooled, perturb=ja.replace(0.0), check=-1)


def test_a_window_of_the_wrong_shape_is_refused(monkeypatch):
    from jaxattr.reuse import _positionwise

    def plan(equation, shapes, place, axis):
        return _positionwise.Plan([axis], 1 - axis)

    monkeypatch.setitem(_positionwise._PLANNERS, "tanh", plan)
    with pytest.raises(AssertionError, match="a window of"):
        jax.jit(ja.occlusion(lambda x: jnp.tanh(x).sum(), perturb=ja.replace(0.0)))(X)


def test_side_effects_are_refused():
    def talks(x):
        jax.debug.print("{}", x[0, 0])
        return pooled(x)

    with pytest.raises(ValueError, match="reuse=False"):
        jax.jit(ja.occlusion(talks, perturb=ja.replace(0.0)))(X)


@jax.custom_jvp
def steep(x):
    return x


steep.defjvp(lambda given, moves: (given[0], 3 * moves[0]))


@pytest.mark.parametrize("name", ["kinks", "its own derivative"])
def test_derivatives_are_those_of_full_evaluations(name):
    f = {"kinks": lambda x: jax.nn.relu(x).sum(), "its own derivative": lambda x: (steep(x) ** 2).sum()}[name]
    x = X.at[2].set(0.0)  # at the kink, where max(x, 0) alone would give a half
    for transform in (jax.grad, lambda g: jax.jacfwd(g), lambda g: jax.grad(lambda x: (jax.grad(g)(x) ** 2).sum())):
        ours, theirs = (
            jax.jit(transform(lambda x, r=r: (ja.occlusion(f, perturb=ja.replace(0.5), reuse=r)(x) ** 2).sum()))(x)
            for r in (True, False)
        )
        assert_close(ours, theirs)
        assert (np.asarray(theirs) != 0).any()


def test_derivatives_of_what_f_closes_over_and_of_fills():
    def loss(w, fill, r):
        drops = ja.occlusion(lambda x: jnp.tanh(x @ w).max(0).sum(), perturb=ja.replace(fill), reuse=r)(X)
        return (drops**2).sum()

    w, fill = jnp.asarray(RNG.normal(size=(D, 3)), jnp.float32), jnp.ones(D)
    ours, theirs = (jax.jit(jax.grad(lambda w, fill, r=r: loss(w, fill, r), (0, 1)))(w, fill) for r in (True, False))
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b)
        assert (np.asarray(b) != 0).any()


def text(ids):
    return {"ids": ids, "mask": ids > 0, "place": jnp.arange(9)}


def of_text(t):
    x = TABLE[t["ids"]] + jnp.sin(t["place"].astype(jnp.float32))[:, None]
    h = jnp.where(t["mask"][:, None], jnp.tanh(convolved(jnp.where(t["mask"][:, None], x, 0))), -jnp.inf)
    return h.max(0).sum() + jnp.where(t["mask"][:, None], x, 0).sum() / t["mask"].sum()


@pytest.mark.parametrize(
    "perturb",
    [
        ja.delete({"ids": 0, "mask": False, "place": 0}),
        ja.delete_left({"ids": 0, "mask": False, "place": 0}),
        ja.replace({"ids": 2, "mask": True, "place": jnp.arange(9)}),
    ],
    ids=["delete", "delete left", "replace"],
)
def test_many_leaves_rows_and_padding_that_is_traced(perturb):
    """A batch of padded texts: ids, mask and places move together, and `where` differs from row to row."""
    ids = jnp.stack([IDS, IDS[::-1].at[:3].set(1)])

    def explain(r, ids, where):
        return ja.occlusion(of_text, perturb=perturb, where=where, reuse=r)(text(ids))

    ours, theirs = (jax.jit(jax.vmap(lambda i, w, r=r: explain(r, i, w)))(ids, ids > 0) for r in (True, False))
    assert_close(ours, theirs)
    assert (np.asarray(ours)[0, 6:] == 0).all()


def test_levels_top_classes_and_aux():
    masks = {"word": ja.spans([-1, 0, 0, 1, 2, 2, 3, 3, -1], number=5), "window": ja.windows(9, 4, stride=2)}

    def f(x):
        h = jnp.tanh(convolved(x)).max(0)
        return (jax.lax.top_k(h, 2), {"name": "kept", "all": h}), h.sum()

    for perturb in (ja.replace(0.0), ja.delete(0.0)):
        ours, theirs = (
            jax.jit(
                lambda x, r=r, p=perturb: jax.tree.map(
                    jnp.asarray, ja.perturbed(lambda x: f(x)[0][0], keep=masks, perturb=p, reuse=r)(x)
                )
            )(X)
            for r in (True, False)
        )
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        value, aux = jax.jit(ja.occlusion(lambda x: (f(x)[1], f(x)[0][1]["all"]), perturb=perturb, has_aux=True))(X)
        np.testing.assert_allclose(aux, f(X)[0][1]["all"], rtol=1e-6)
        assert value.shape == (9,)


def test_sharding_constraints_are_kept_or_end_the_short_cut():
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    x = jnp.asarray(RNG.normal(size=(8, D)), jnp.float32)

    def f(spec):
        return lambda x: jnp.tanh(jax.lax.with_sharding_constraint(jnp.sin(x), NamedSharding(mesh, spec))).max(0).sum()

    for spec, alone in ((PartitionSpec(None, "model"), set()), (PartitionSpec("data", None), {"sharding_constraint"})):
        ours, theirs = of_both(f(spec), x, perturb=ja.replace(0.0))
        assert_close(ours, theirs)
        found = ja.fallbacks(f(spec), perturb=ja.replace(0.0))(x)
        assert {o.primitive for o in found.operations} == alone
    program = jax.jit(ja.occlusion(f(PartitionSpec(None, "model")), perturb=ja.replace(0.0))).lower(x).as_text()
    assert "model" in program


def test_why_nothing_is_shared_is_said():
    def reason(perturb, keep=None, where=None):
        return ja.fallbacks(pooled, perturb=perturb, keep=keep, where=where)(X).reason

    assert "neither replace" in reason(lambda x, keep: jnp.where(keep[:, None], x, x[::-1]))
    traced = []

    @jax.jit
    def inside(groups, where):
        traced.append(reason(ja.replace(0.0), keep=ja.spans(groups, number=3)))
        traced.append(reason(ja.delete(0.0), keep=ja.windows(9, 2), where=where))
        return 0

    inside(jnp.zeros(9, int), jnp.ones(9, bool))
    assert "masks are only known" in traced[0]
    assert "how many positions" in traced[1]
    lengths = jnp.arange(9)[None] > jnp.arange(9)[:, None]
    assert "different lengths" in reason(ja.delete(0.0), keep=jnp.concatenate([lengths, ja.leave_one_out(9)]))
    assert reason(ja.replace(0.0)) is None


def test_what_is_printed():
    found = ja.fallbacks(MODELS["transformer"](9), perturb=ja.replace(0.0))(X)
    assert str(found).startswith(f"{found.total - found.alone} of {found.total} operations are shared\n")
    assert "dot_general" in str(found)
    assert "every version is evaluated in full" in str(ja.fallbacks(pooled, perturb=lambda x, keep: x)(X))


def test_the_memory_of_what_goes_on_alone_is_bounded():
    """Attention over 1,024 positions: all versions of all positions would take 1 GB for each of its values."""
    length, width = 1024, 64
    w = jnp.asarray(RNG.normal(size=(width, width)), jnp.float32) / 8

    def attend(x):
        return (jax.nn.softmax(x @ w @ x.T) @ x).mean(0).sum()

    def megabytes(r, **options):
        explain = jax.jit(ja.occlusion(attend, perturb=ja.replace(0.0), reuse=r, **options))
        program = explain.lower(jnp.zeros((length, width))).compile()
        return program.memory_analysis().temp_size_in_bytes / 2**20

    ours, theirs = megabytes(True), megabytes(False)
    assert ours < 3 * theirs
    assert ours < length * length * width * 4 / 2**20 / 8
    assert megabytes(True, batch_size=64) > ours


def test_features_taken_apart_and_stacked_are_computed_once():
    """Operations counted by XLA: without a rule for both, every version has all products behind them for itself."""
    w = jnp.asarray(RNG.normal(size=(2 * D, 64)), jnp.float32)

    def f(x):
        features = jnp.unstack(x, axis=1)
        return jnp.tanh(jnp.stack([*features, *map(jnp.sin, features)], 1) @ w).max(0).sum()

    def counted(r):
        program = jax.jit(ja.occlusion(f, perturb=ja.replace(0.0), reuse=r, batch_size=64)).lower(jnp.zeros((64, D)))
        return program.compile().cost_analysis()["flops"]

    assert counted(True) < counted(False) / 8


def test_the_work_of_a_convolution_does_not_grow_with_its_square():
    """Operations counted by XLA: linear in the length, where full evaluations are quadratic."""

    def counted(length, r):
        program = jax.jit(ja.occlusion(pooled, perturb=ja.replace(0.0), reuse=r, batch_size=length)).lower(
            jnp.zeros((length, D))
        )
        return program.compile().cost_analysis()["flops"]

    assert counted(400, True) / counted(100, True) < 4.5
    assert counted(400, False) / counted(100, False) > 12

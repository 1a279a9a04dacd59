"""Many rows: every number is that of the row alone, whatever the layout; and what it says of wrong rows."""

import itertools
import re
import threading

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxattr as ja
from jaxattr.scale import _programs
from jaxattr.scale._buckets import best_widths, groups

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 3)).astype(np.float32)
XS = RNG.normal(size=(11, 5, 4)).astype(np.float32)
TEXTS = [RNG.normal(size=(n, 4)).astype(np.float32) for n in (3, 7, 1, 7, 2, 12, 5, 3, 9, 1, 4)]


def score(w, x, where=None):
    h = jnp.tanh(x @ w)
    return (h if where is None else jnp.where(where[:, None], h, 0.0)).sum(0).max()


def explain(w, x):
    return {
        "phi": ja.integrated_gradients(lambda x: score(w, x), baseline=jnp.zeros_like, steps=4)(x),
        "s": score(w, x),
    }


def explain_ragged(w, x, where):
    g = ja.gradient(lambda x: score(w, x, where), where=where)(x)
    return g, g.sum(-1), score(w, x, where)


def alone(row):
    return explain(W, jnp.asarray(row))


@pytest.mark.parametrize(("workers", "size"), [(1, 11), (2, 1), (2, 3), (1, 50), (2, None)])
def test_equal_rows(workers, size):
    found = ja.scale.map(explain, W, {"x": XS}, batch_size=size, workers=workers)
    assert found["phi"].shape == XS.shape
    for i, row in enumerate(XS):
        one = alone(row)
        np.testing.assert_allclose(found["phi"][i], one["phi"], rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(found["s"][i], one["s"], rtol=1e-5)


def test_sizes_of_groups_agree():
    found = [ja.scale.map(explain, W, {"x": XS}, batch_size=size)["phi"] for size in (1, 2, 7, 32)]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-5, atol=1e-6)


def test_the_order_of_rows_and_a_bad_neighbour_change_no_bit():
    """At one size of groups, the last of which is filled up."""
    whole = ja.scale.map(explain, W, {"x": XS}, batch_size=4)["phi"]
    order = np.random.default_rng(3).permutation(len(XS))
    np.testing.assert_array_equal(ja.scale.map(explain, W, {"x": XS[order]}, batch_size=4)["phi"], whole[order])
    bad = XS.copy()
    bad[5] = np.nan
    found = ja.scale.map(explain, W, {"x": bad}, batch_size=4)["phi"]
    assert np.isnan(found[5]).all()
    np.testing.assert_array_equal(np.delete(found, 5, 0), np.delete(whole, 5, 0))


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_any_number_of_devices(count):
    mesh = jax.make_mesh((count,), ("rows",), devices=jax.devices()[:count])
    rows = jax.device_put(XS[:8], jax.NamedSharding(mesh, jax.P("rows")))
    spread = jax.shard_map(
        jax.vmap(lambda x: explain(W, x)), mesh=mesh, in_specs=jax.P("rows"), out_specs=jax.P("rows")
    )
    phi = jax.jit(spread)(rows)["phi"]
    assert len(phi.sharding.device_set) == count
    for found, row in zip(np.asarray(phi), XS[:8], strict=True):
        np.testing.assert_allclose(found, alone(row)["phi"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("widths", "size"), [(1, 4), (3, 2), pytest.param(None, 1, marks=pytest.mark.slow), (3, None)])
def test_ragged_rows(widths, size):
    """Padding of another number than 0 shows if it leaks."""
    ways = {"batch_size": size, "widths": widths, "fill": {"x": 99.0}}
    g, sums, scores = ja.scale.map(explain_ragged, W, {"x": TEXTS}, **ways)
    for i, text in enumerate(TEXTS):
        whole = jnp.ones(len(text), bool)
        one, total, value = explain_ragged(W, jnp.asarray(text), whole)
        assert g[i].shape == text.shape
        np.testing.assert_allclose(g[i], one, rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(sums[i], total, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(scores[i], value, rtol=1e-5)


def test_a_column_of_masks_of_ones_own():
    def masked(w, x, real):
        return ja.gradient(lambda x: score(w, x, real))(x)

    rows = {"x": TEXTS, "real": [np.ones(len(t), bool) for t in TEXTS]}
    found = ja.scale.map(masked, W, rows, widths=1, fill=7.0)
    for text, g in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(g, explain_ragged(W, text, jnp.ones(len(text), bool))[0], rtol=2e-5, atol=1e-6)


def test_columns_as_pytrees_and_labels():
    def pair(w, x, label):
        return ja.gradient(lambda x: (x["a"] @ w + x["b"])[label])(x)

    rows = {"x": {"a": XS[:, 0], "b": XS[:, 1, :3]}, "label": np.arange(11) % 3}
    found = ja.scale.map(pair, W, rows, batch_size=4)
    np.testing.assert_allclose(found["a"], W.T[np.arange(11) % 3], rtol=1e-6)
    np.testing.assert_allclose(found["b"], np.eye(3)[np.arange(11) % 3])


def test_one_program_a_width_and_none_again():
    traced = []

    def counted(w, x, where):
        traced.append(x.shape)
        return explain_ragged(w, x, where)

    run = ja.scale.mapped(counted, widths=3, batch_size=2)
    first = run(W, {"x": TEXTS})
    programs = len(set(traced))
    assert len({width for width, _ in traced}) <= 2 * 3, "three widths, and one shorter of each to see what follows it"
    run(W, {"x": TEXTS})
    assert len(set(traced)) == programs
    count = len(traced)
    other = run(2 * W, {"x": TEXTS})
    assert len(traced) == count, "other parameters compile nothing"
    assert not np.allclose(first[0][1], other[0][1])


def test_what_is_enabled_here_is_enabled_in_the_threads(x64):
    del x64
    found = ja.scale.map(lambda w, x: ja.gradient(lambda x: (w * x**2).sum())(x), 1.0, {"x": XS.astype(np.float64)})
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, 2 * XS.astype(np.float64), rtol=1e-15)


def test_float64_rows_without_x64_are_float32():
    found = ja.scale.map(lambda w, x: 2 * x, None, {"x": XS.astype(np.float64)})
    assert found.dtype == np.float32


def test_linen_nnx_and_parameters_that_are_no_arrays():
    model = nn.Dense(3)
    params = model.init(jax.random.key(0), XS[0])
    linen = ja.scale.map(lambda p, x: ja.gradient(lambda x: p["act"](model.apply(p["v"], x)).sum())(x),
                         {"v": params, "act": jnp.tanh, "name": "linen"}, {"x": XS})  # fmt: skip
    module = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
    module.kernel[...], module.bias[...] = params["params"]["kernel"], params["params"]["bias"]
    other = ja.scale.map(lambda m, x: ja.gradient(lambda x: jnp.tanh(m(x)).sum())(x), module, {"x": XS})
    np.testing.assert_allclose(linen, other, rtol=1e-6)


def test_a_failure_in_a_thread_is_raised():
    def failing(item):
        if item == 3:
            raise RuntimeError("the third")
        return item

    with pytest.raises(RuntimeError, match="the third"):
        _programs.each(failing, range(8), 2)
    assert _programs.each(lambda i: (i, threading.get_ident()), range(4), 1)[3][0] == 3


def rows(**columns):
    return lambda: ja.scale.map(lambda w, x, **_: x, None, columns)


WRONG = {
    "no dictionary": (lambda: ja.scale.map(explain, W, XS), TypeError, "rows as a dictionary of columns.*rows="),
    "no column": (lambda: ja.scale.map(explain, W, {}), TypeError, "rows as a dictionary"),
    "no function": (lambda: ja.scale.map(3, W, {"x": XS}), TypeError, "explain to be a function"),
    "one number for all": (rows(x=XS, label=3), TypeError, "column 'label' as an array with a leading axis"),
    "list of numbers": (rows(x=[1, 2, 3]), TypeError, "list of one array a row.*np.asarray"),
    "lengths of columns": (rows(x=XS, y=XS[:3]), ValueError, "as many entries in every column.*x: 11, y: 3"),
    "no rows": (rows(x=XS[:0]), ValueError, "one row at least"),
    "ragged without a mask": (rows(x=TEXTS), ValueError, "different lengths, 1 to 12.*explain.params, ids, where"),
    "ragged of two lengths": (
        lambda: ja.scale.map(explain_ragged, W, {"x": TEXTS, "y": TEXTS[::-1]}),
        ValueError, "row 0 has 4 positions in 'y' and 3 in 'x'",
    ),
    "empty text": (lambda: ja.scale.map(explain_ragged, W, {"x": [XS[0], XS[0][:0]]}), ValueError, "row 1 is an empty"),
    "batch size": (lambda: ja.scale.map(explain, W, {"x": XS}, batch_size=0), ValueError, "batch_size >= 1"),
    "widths": (lambda: ja.scale.map(explain, W, {"x": XS}, widths=1.5), TypeError, "widths as a Python integer"),
    "result of another length": (
        lambda: ja.scale.map(lambda w, x, where: x[1:], W, {"x": [t for t in TEXTS if len(t) > 2]}),
        ValueError, r"one entry a position, or none.*float32.11,4.*12 positions",
    ),
    "tolerance": (lambda: ja.scale.integrate(explain, W, {"x": XS}, rtol=-1), ValueError, "rtol and atol of 0 or more"),
    "few nodes": (lambda: ja.scale.integrate(explain, W, {"x": XS}, rtol=1, at_most=3), ValueError, "at_most >= 5"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_bad_rows(name):
    call, error, message = WRONG[name]
    with pytest.raises(error, match=re.compile(message, re.DOTALL)):
        call()


def test_widths_with_the_least_padding():
    """Against every choice of widths."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        needed = rng.integers(1, 15, size=8).tolist()
        lengths = sorted(set(needed))
        for number in (1, 2, 3, 9):
            found = best_widths(needed, number)
            assert len(found) <= number
            choices = itertools.combinations(lengths, min(number, len(lengths)))
            assert padded(found, needed) == min(padded(c, needed) for c in choices if c[-1] == lengths[-1])


def padded(widths, needed):
    return sum(min(w for w in widths if w >= n) for n in needed)


def test_many_lengths_are_rounded_and_groups_hold_every_row_once():
    lengths = np.random.default_rng(2).integers(1, 3000, size=1001)
    parts = groups(lengths, 8, 6)
    real = np.concatenate([part.index[: part.real] for part in parts])
    assert sorted(real.tolist()) == list(range(1001))
    assert len({part.width for part in parts}) <= 6
    assert all(len(part.index) == 8 and (lengths[part.index] <= part.width).all() for part in parts)
    one, six = (sum(p.width for p in groups(lengths, 8, n)) for n in (1, 6))
    assert six < 0.65 * one


def test_a_plan():
    big = {"x": RNG.normal(size=(400, 5, 4)).astype(np.float32)}
    plan = ja.scale.plan(explain, W, big)
    assert plan.batch_size in (4, 16)
    assert plan.batches == -(-400 // plan.batch_size)
    assert plan.seconds == pytest.approx(plan.seconds_per_row * plan.batches * plan.batch_size)
    for figure in ("400 rows", f"groups of {plan.batch_size}", "MiB", "ms a row"):
        assert figure in str(plan)
    found = ja.scale.map(explain, W, big, plan=plan)
    np.testing.assert_allclose(found["phi"], ja.scale.map(explain, W, big, batch_size=1)["phi"], rtol=2e-5, atol=1e-6)


def test_a_plan_within_a_memory():
    rows = {"x": RNG.normal(size=(64, 256, 4)).astype(np.float32)}

    def wide(w, x):
        return ja.gradient(lambda x: jnp.tanh(jnp.sin(x @ jnp.tile(w, (1, 40))) @ jnp.ones((120, 64))).sum())(x)

    sizes = [ja.scale.plan(wide, W, rows, batch_size=b, workers=1).peak_bytes for b in (2, 4, 8)]
    assert sizes[0] < sizes[1] < sizes[2]
    middle = (sizes[0] + sizes[1]) // 2
    chosen = ja.scale.plan(wide, W, rows, memory=middle, workers=1)
    assert chosen.batch_size < 4
    assert chosen.peak_bytes <= middle
    with pytest.raises(MemoryError, match=r"1 rows at once within 1,000 bytes.*Give more memory"):
        ja.scale.plan(wide, W, rows, memory=1000, workers=1)


def test_a_plan_of_ragged_rows():
    plan = ja.scale.plan(explain_ragged, W, {"x": TEXTS}, widths=3, batch_size=2)
    assert len(plan.widths) <= 3
    assert plan.widths[-1] == 12
    assert 0 < plan.padding < ja.scale.plan(explain_ragged, W, {"x": TEXTS}, widths=1, batch_size=2).padding
    assert "padded to" in str(plan)


def problem(w, x):
    return lambda x: jnp.tanh(2 * x @ w).sum(), x, jnp.zeros_like


@pytest.mark.slow
@pytest.mark.parametrize("size", [None, 1, 7])
def test_integrate_is_the_rule_of_each_row(size):
    xs = XS * np.linspace(0.01, 2, 11, dtype=np.float32)[:, None, None]
    found = ja.scale.integrate(problem, W, {"x": xs}, rtol=1e-3, batch_size=size)
    ways = {"baseline": jnp.zeros_like, "rtol": 1e-3}
    assert len(set(found.nodes.tolist())) > 1
    for i, x in enumerate(xs):
        f = problem(W, x)[0]
        assert found.nodes[i] == ja.nodes_used(f, **ways)(x)
        one = ja.integrated_gradients_to(f, **ways)(x)
        np.testing.assert_allclose(found.values[i], one, rtol=1e-4, atol=1e-5)
        gap = float(ja.completeness_gap(f, found.values[i], x, 0 * x))
        assert found.gap[i] == pytest.approx(gap, abs=2e-5)
        assert abs(found.gap[i]) <= 1e-3 * abs(f(x) - f(0 * x)) + 2e-5


def test_integrate_takes_a_net_that_bends_at_the_baseline_for_a_line():
    def bent(w, x):
        return lambda x: jax.nn.relu(w * x).sum(), x, 0 * x

    found = ja.scale.integrate(bent, np.float32(2), {"x": XS}, rtol=1e-4)
    assert set(found.nodes.tolist()) == {5}
    np.testing.assert_allclose(found.values, np.maximum(2 * XS, 0), rtol=1e-5)


@pytest.mark.slow
def test_integrate_ragged_and_reduced():
    def ragged(w, x, where):
        return lambda x: score(w, x, where), x, jnp.zeros_like(x)

    ways = {"rtol": 1e-2, "fill": 5.0, "widths": 2}
    found = ja.scale.integrate(ragged, W, {"x": TEXTS}, **ways)
    words = ja.scale.integrate(ragged, W, {"x": TEXTS}, reduce=lambda a: a.sum(-1), **ways)
    for text, phi, total, nodes in zip(TEXTS, found.values, words.values, found.nodes, strict=True):
        assert phi.shape == text.shape
        np.testing.assert_allclose(phi.sum(-1), total, rtol=1e-5, atol=1e-6)
        one = ja.integrated_gradients_to(lambda x: score(W, x), baseline=jnp.zeros_like, rtol=1e-2)(jnp.asarray(text))
        if nodes == ja.nodes_used(lambda x: score(W, x), baseline=jnp.zeros_like, rtol=1e-2)(jnp.asarray(text)):
            np.testing.assert_allclose(phi, one, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.gap, words.gap, atol=1e-6)


def test_rows_out_of_reach_are_counted():
    def waves(w, x):
        return lambda x: jnp.sin(30 * x).sum() * w, x, jnp.zeros_like(x)

    with pytest.warns(UserWarning, match="rows of 11 are not within the tolerance after 9 nodes"):
        found = ja.scale.integrate(waves, 1.0, {"x": XS}, rtol=1e-6, at_most=9)
    assert (found.nodes == 9).any()
    assert np.abs(found.gap).max() > 1e-2


def test_integrated_keeps_its_programs():
    traced = []

    def counted(w, x):
        traced.append(1)
        return problem(w, x)

    run = ja.scale.integrated(counted, rtol=1e-2)
    first = run(W, {"x": XS})
    count = len(traced)
    second = run(0.1 * W, {"x": XS})
    assert len(traced) == count
    assert (second.nodes <= first.nodes).all()
    assert (second.nodes < first.nodes).any()

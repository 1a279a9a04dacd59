"""Effects: distances of a perturbed text's distribution from the full text's, alone and inside an occlusion."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxattr as ja

DISTANCES = (ja.effects.l1, ja.effects.hellinger, ja.effects.kl, ja.effects.js)
each_distance = pytest.mark.parametrize("distance", DISTANCES, ids=lambda d: d.__name__)
kl_and_slowly_the_others = pytest.mark.parametrize(
    "distance",
    [
        pytest.param(d, id=d.__name__, marks=() if d is ja.effects.kl else pytest.mark.slow)
        for d in (ja.effects.l1, ja.effects.hellinger, ja.effects.kl, ja.effects.js)
    ],
)
P, Q = (0.5, 0.25, 0.125, 0.125), (0.25, 0.25, 0.25, 0.25)


def terms(name, p, q):
    """The paper's formulas, one class after another, in Python floats."""
    if name == "l1":
        return [abs(a - b) for a, b in zip(p, q, strict=True)]
    if name == "hellinger":
        return [(math.sqrt(a) - math.sqrt(b)) ** 2 / 2 for a, b in zip(p, q, strict=True)]
    if name == "kl":
        return [(a * math.log(a / b) if a else 0) - a + b for a, b in zip(p, q, strict=True)]
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    own = [(a * math.log(a / c) if a else 0) for a, c in zip(p, m, strict=True)]
    other = [(b * math.log(b / c) if b else 0) for b, c in zip(q, m, strict=True)]
    return [(a + b) / 2 for a, b in zip(own, other, strict=True)]


def twin(name, p, q, k=None):
    order = sorted(range(len(p)), key=lambda c: (-p[c], c))[:k]
    total = sum(terms(name, [p[c] for c in order], [q[c] for c in order]))
    return math.sqrt(total) if name == "hellinger" else total


def softmax(z):
    z = np.exp(z - z.max())
    return list(z / z.sum())


def test_by_hand():
    p, q = jnp.log(jnp.array(P)), jnp.log(jnp.array(Q)) + 7  # logits: any constant may be added
    log2 = math.log(2)
    np.testing.assert_allclose(ja.effects.l1(p, q), 0.5, rtol=1e-6)
    np.testing.assert_allclose(ja.effects.l1(p, q, k=1), 0.25, rtol=1e-6)
    np.testing.assert_allclose(ja.effects.l1(p, q, k=3), 0.375, rtol=1e-6)
    np.testing.assert_allclose(ja.effects.kl(p, q), 0.25 * log2, rtol=1e-6)  # log 4 less an entropy of 1.75 log 2
    np.testing.assert_allclose(ja.effects.kl(q, p), 0.25 * log2, rtol=1e-6)
    np.testing.assert_allclose(ja.effects.kl(p, q, k=1), 0.5 * log2 - 0.25, rtol=1e-6)
    affinity = math.sqrt(0.125) + 0.25 + 2 * math.sqrt(0.125 * 0.25)
    np.testing.assert_allclose(ja.effects.hellinger(p, q), math.sqrt(1 - affinity), rtol=1e-5)


@each_distance
@pytest.mark.parametrize("k", [None, 1, 3])
def test_the_literal_formula(distance, k, x64):
    rng, distance = np.random.default_rng(0), functools.partial(distance, k=k)
    name, mine = distance.func.__name__, jax.jit(distance)
    for scale in (1e-3, 1.0, 10.0):
        z, moved = rng.normal(size=6), rng.normal(size=6) * scale
        expected = twin(name, softmax(z), softmax(z + moved), k)
        np.testing.assert_allclose(mine(z, z + moved), expected, rtol=1e-9, atol=1e-15)


@kl_and_slowly_the_others
def test_all_classes_are_the_top_of_as_many(distance):
    z, w = jax.random.normal(jax.random.key(0), (2, 7))
    np.testing.assert_allclose(distance(z, w, k=7), distance(z, w), rtol=1e-5)
    parts = [float(distance(z, w, k=k)) for k in (1, 2, 5, 7)]
    assert parts == sorted(parts), "each class adds 0 or more"


@each_distance
def test_nothing_changed_is_exactly_zero_with_a_zero_gradient(distance):
    z = jax.random.normal(jax.random.key(0), (9,)) * 5
    assert distance(z, z) == 0
    np.testing.assert_allclose(jax.grad(distance, argnums=1)(z, z), 0, atol=1e-6)
    assert jnp.isfinite(jax.grad(distance, argnums=0)(z, z)).all()


@each_distance
def test_small_changes_in_single_precision(distance):
    """No cancellation: a change of 1e-3 of the logits is measured to a per cent in float32, though kl is 1e-7."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=50).astype(np.float32)
    w = (z + 1e-3 * rng.normal(size=50)).astype(np.float32)
    expected = twin(distance.__name__, softmax(z.astype(np.float64)), softmax(w.astype(np.float64)))
    np.testing.assert_allclose(distance(jnp.asarray(z), jnp.asarray(w)), expected, rtol=1e-2)


@kl_and_slowly_the_others
def test_derivatives(distance, x64):
    z, w = jax.random.normal(jax.random.key(0), (2, 5), jnp.float64)
    check_grads(jax.jit(distance), (z, w), order=1, modes=["fwd"])
    check_grads(jax.jit(functools.partial(distance, k=3)), (z, w), order=2, modes=["rev"])


def test_excluded_classes():
    """A logit of minus infinity is a probability of 0; far logits underflow to 0 and stay finite."""
    p, q = jnp.array([0.0, -jnp.inf, -jnp.inf]), jnp.array([-jnp.inf, 0.0, -jnp.inf])
    assert ja.effects.l1(p, q) == 2
    assert ja.effects.hellinger(p, q) == 1
    assert ja.effects.kl(p, q) == jnp.inf
    np.testing.assert_allclose(ja.effects.js(p, q), math.log(2), rtol=1e-6)
    half = jnp.log(jnp.array([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(ja.effects.kl(p, half), math.log(2), rtol=1e-6)
    np.testing.assert_allclose(ja.effects.kl(p, p), 0)
    far = jnp.array([0.0, 500.0]), jnp.array([500.0, 0.0])
    np.testing.assert_allclose(ja.effects.kl(*far), 500, rtol=1e-5)
    np.testing.assert_allclose(ja.effects.js(*far), math.log(2), rtol=1e-6)
    assert jnp.isfinite(jax.grad(ja.effects.kl)(*far)).all()
    assert jnp.isfinite(jax.grad(ja.effects.js)(*far)).all()


@each_distance
def test_nan_logits_are_never_hidden(distance):
    z = jnp.array([0.0, 1.0, 2.0])
    assert jnp.isnan(distance(z, z.at[1].set(jnp.nan)))
    assert jnp.isnan(distance(z.at[1].set(jnp.nan), z))


def test_ties_go_to_the_lower_class():
    p, q = jnp.zeros(4), jnp.log(jnp.array([0.7, 0.1, 0.1, 0.1]))
    np.testing.assert_allclose(ja.effects.l1(p, q, k=1), 0.45, rtol=1e-6)
    np.testing.assert_allclose(ja.effects.l1(p, q, k=2), 0.45 + 0.15, rtol=1e-6)


def test_the_class_is_that_of_the_full_text():
    """Also where the perturbed text is given another."""
    full, changed = jnp.array([1.0, 3.0, 0.0]), jnp.array([5.0, 1.0, 0.0])
    assert ja.effects.predicted(ja.scores.logit)(full, changed) == 2
    drop = ja.effects.predicted(ja.scores.log_prob)(full, changed)
    np.testing.assert_allclose(drop, jax.nn.log_softmax(full)[1] - jax.nn.log_softmax(changed)[1], rtol=1e-6)
    assert ja.effects.predicted(ja.scores.logit)(changed, full) == 4


TABLE = jnp.asarray(np.random.default_rng(0).normal(size=(8, 12)), jnp.float32)
IDS = jnp.array([3, 1, 7, 2, 5])


def logits(ids):
    return jnp.tanh(TABLE[ids].sum(0)) * 3 + TABLE[ids].max(0)


def test_top_five_rule_is_that_of_real_lists():
    """Leave one word out, and add up the changes of the full text's five likeliest classes: a loop over lists."""
    table = np.asarray(TABLE, np.float64)

    def distribution(ids):
        return np.array(softmax(np.tanh(table[ids].sum(0)) * 3 + table[ids].max(0)))

    ids = [int(i) for i in IDS]
    full = distribution(ids)
    top = np.argsort(-full)[:5]
    expected = [np.abs(full[top] - distribution(ids[:i] + ids[i + 1 :])[top]).sum() for i in range(5)]

    def shorter(ids, keep):
        """Deletion without padding: the last kept word stands in its place and adds nothing to the sum."""
        return ja.delete(-1)(ids, keep)

    def padded(ids):
        rows = jnp.where((ids < 0)[:, None], 0, TABLE[ids])
        return jnp.tanh(rows.sum(0)) * 3 + jnp.where((ids < 0)[:, None], -jnp.inf, TABLE[ids]).max(0)

    explain = ja.occlusion(padded, perturb=shorter, effect=functools.partial(ja.effects.l1, k=5))
    for wrap in (lambda g: g, jax.jit):
        np.testing.assert_allclose(wrap(explain)(IDS), expected, rtol=1e-5)
    last = ja.occlusion(padded, perturb=shorter, effect=lambda a, b: ja.effects.l1(b, a, k=5))(IDS)
    assert not np.allclose(last, expected, rtol=1e-5), "the top five of the perturbed text are others"


@kl_and_slowly_the_others
def test_occlusion_compares_each_perturbed_text_with_the_full_one(distance):
    ways = {"keep": ja.windows(5, 2), "perturb": ja.replace(0)}
    changed = ja.perturbed(logits, **ways)(IDS)
    each = np.asarray(jax.vmap(lambda z: distance(logits(IDS), z))(changed))
    gone = ~np.asarray(ways["keep"])
    expected = (gone * each[:, None]).sum(0) / gone.sum(0)
    for batch_size in (2, None):
        explain = ja.occlusion(logits, effect=distance, batch_size=batch_size, **ways)
        np.testing.assert_allclose(jax.jit(jax.vmap(explain))(IDS[None])[0], expected, rtol=1e-5)


def test_all_outputs_and_several_effects_in_one_pass():
    calls = []

    def counted(ids):
        calls.append(1)
        return logits(ids)

    def effect(full, changed):
        drops = ja.effects.drop(full, changed)
        return {"kl": ja.effects.kl(full, changed), "drops": drops}

    result = jax.jit(ja.occlusion(counted, perturb=ja.replace(0), effect=effect))(IDS)
    assert len(calls) == 1
    assert result["drops"].shape == (5, 12)
    for label in (0, 11):
        alone = ja.occlusion(lambda ids, label=label: logits(ids)[label], perturb=ja.replace(0))(IDS)
        np.testing.assert_allclose(result["drops"][:, label], alone, rtol=1e-5, atol=1e-6)
    alone = ja.occlusion(logits, perturb=ja.replace(0), effect=ja.effects.kl)(IDS)
    np.testing.assert_allclose(result["kl"], alone, rtol=1e-5)


def test_nan_of_one_text_stays_with_it():
    def f(ids):
        return jnp.where((ids == 0).any() & (ids[0] == 0), jnp.nan, TABLE[ids].sum(0))

    drops = ja.occlusion(f, perturb=ja.replace(0), effect=ja.effects.drop)(IDS)
    assert jnp.isnan(drops[0]).all()
    assert jnp.isfinite(drops[1:]).all()


def test_half_precision_effects_are_averaged_in_single():
    drops = ja.occlusion(
        lambda ids: logits(ids).astype(jnp.bfloat16), perturb=ja.replace(0), effect=ja.effects.drop, keep=None
    )(IDS)
    assert drops.dtype == jnp.float32


def test_the_output_of_f_may_hold_leaves_that_are_not_arrays():
    def f(ids):
        return {"name": "logits", "z": logits(ids)}

    drops = ja.occlusion(f, perturb=ja.replace(0), effect=lambda a, b: ja.effects.l1(a["z"], b["z"]))(IDS)
    np.testing.assert_allclose(drops, ja.occlusion(logits, perturb=ja.replace(0), effect=ja.effects.l1)(IDS))

"""Sharing changes no number: every model, perturbation and kind of mask beside full evaluations, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

from .zoo import ALONE, MODELS, D

DEAR = ("both", "transformer", "lstm, two layers", "gru, pooled", "cnn, three layers", "lstm, reverse")
QUICK = ("cnn, two layers", "windows", "lstm", "attending", "halves", "masked mean", "picked", "products", "running")
models = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n.startswith(DEAR) else ()) for n in MODELS]
)


@pytest.fixture(autouse=True)
def their_promotion(x64):
    """Linen adds vectors to matrices."""
    with jax.numpy_rank_promotion("allow"):
        yield


def texts(length, rows=2):
    return jnp.asarray(np.random.default_rng(length).normal(size=(rows, length, D)))


def kinds(length):
    """Perturbations with masks of single positions, windows that overlap, and words of several lengths."""
    each = jnp.asarray(np.random.default_rng(7).normal(size=(length, D)))
    words = np.minimum(np.arange(length) * 2 // 3, length - 1)
    masks = {
        "one": ja.leave_one_out(length),
        "windows": ja.windows(length, min(3, length), stride=min(2, length)),
        "words": ja.spans(words),
    }
    return {
        "zeros": (ja.replace(0.0), masks),
        "vector": (ja.replace(each[0]), masks),
        "position": (ja.replace(each), masks),
        "mean": (ja.replace(ja.fills.text_mean()), {"one": masks["one"]}),
        "delete": (ja.delete(0.0), masks),
        "delete left": (ja.delete_left(0.5), masks),
    }


def both_ways(f, x, perturb, keep, **options):
    def explain(reuse, x):
        return ja.perturbed(f, keep=keep, perturb=perturb, reuse=reuse, **options)(x)

    return (jax.jit(jax.vmap(lambda x, r=r: explain(r, x)))(x) for r in (True, False))


def assert_same(ours, theirs):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@models
def test_one_position_replaced(name):
    perturb, masks = kinds(7)["zeros"]
    ours, theirs = both_ways(MODELS[name](7), texts(7), perturb, masks["one"])
    assert np.ptp(theirs) > 1e-3 or name == "constant"
    assert_same(ours, theirs)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in MODELS])
def test_one_position_deleted(name):
    perturb, masks = kinds(7)["delete"]
    assert_same(*both_ways(MODELS[name](7), texts(7), perturb, masks["one"]))


@models
@pytest.mark.parametrize("kind", kinds(3))
@pytest.mark.slow
def test_all_kinds_of_masks(name, kind):
    perturb, masks = kinds(8)[kind]
    assert_same(*both_ways(MODELS[name](8), texts(8), perturb, masks))


@pytest.mark.parametrize("name", ["cnn of three widths", "padded", "looped"])
@pytest.mark.parametrize("kind", kinds(3))
def test_some_kinds_of_masks(name, kind):
    perturb, masks = kinds(6)[kind]
    assert_same(*both_ways(MODELS[name](6), texts(6), perturb, masks))


@models
@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.slow
def test_short_texts(name, length):
    if (name, length) in {("grid", 1)}:
        pytest.skip("no window fits")
    f = MODELS[name](length)
    for kind in ("vector", "delete", "delete left"):
        perturb, masks = kinds(length)[kind]
        assert_same(*both_ways(f, texts(length), perturb, masks["one"]))


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("name", ["cnn", "windows", "looped"])
def test_very_short_texts(name, length):
    for kind in ("zeros", "delete"):
        perturb, masks = kinds(length)[kind]
        assert_same(*both_ways(MODELS[name](length), texts(length), perturb, masks["one"]))


@pytest.mark.parametrize("perturb", [ja.replace(0), ja.delete(0), ja.delete_left(1)], ids=["replace", "delete", "left"])
def test_a_loop_over_rows_in_python_to_the_last_bit(perturb):
    """Of whole numbers, which no order of sums rounds; nothing goes on alone but what follows a row."""
    x = jnp.round(3 * texts(6))

    def f(x):
        h = jnp.ones(3)
        for row in x @ jnp.asarray(np.arange(3 * D).reshape(D, 3) % 5 - 2.0):
            h = jnp.maximum(3 - h, row) - row[::-1]
        return h @ jnp.arange(1.0, 4.0)

    masks = kinds(6)["zeros"][1]
    for ours, theirs in zip(*map(jax.tree.leaves, both_ways(f, x, perturb, masks)), strict=True):
        assert np.ptp(theirs) > 0
        np.testing.assert_array_equal(ours, theirs)
    found = ja.fallbacks(f, perturb=perturb, keep=masks)(x[0])
    assert (found.reason, found.operations) == (None, []), str(found)


@models
def test_what_goes_on_alone(name):
    """Attention, sorting and the like; nothing else."""
    found = ja.fallbacks(MODELS[name](7), perturb=ja.replace(0.0))(texts(7)[0])
    assert found.reason is None
    assert {o.primitive for o in found.operations} == ALONE.get(name, set()), str(found)

"""The library against literal NumPy twins that loop over nodes and over really shorter lists."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests import oracles

MODEL = oracles.TextModel()
TEXTS = ([3, 1, 4, 1, 5], [7], [2, 2], [9, 8, 7, 6, 5, 4, 3])
every_text = pytest.mark.parametrize("tokens", TEXTS, ids=str)
LENGTH = 8


def padded(tokens, *, left=False):
    pad = [0] * (LENGTH - len(tokens))
    return jnp.array(pad + tokens if left else tokens + pad)


def network(xp):
    """An analytic score of x [3, 2], for NumPy or jnp."""
    w = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 1.0]])
    return lambda x: xp.tanh((w * x).sum()) + xp.sin(x[0, 0] * x[2, 1]) + xp.exp(0.3 * x[1, 0] - x[1, 1] ** 2)


X, X0 = np.array([[0.3, -1.2], [0.8, 0.4], [-0.5, 1.1]]), np.array([[0.1, 0.2], [-0.4, 0.9], [0.0, -0.3]])


def slope(x):
    return oracles.derivative(network(np), x)


def test_gradient(x64):
    np.testing.assert_allclose(ja.gradient(network(jnp))(X), slope(X), rtol=1e-12)
    np.testing.assert_allclose(ja.gradient_times_input(network(jnp))(X), X * slope(X), rtol=1e-12)


@pytest.mark.parametrize("nodes", [ja.gauss_legendre, ja.midpoint, ja.trapezoid, ja.left_riemann, ja.right_riemann])
@pytest.mark.parametrize("steps", [2, 5, 40])
def test_integrated_gradients(nodes, steps, x64):
    expected = oracles.integrated_gradients(slope, X, X0, *nodes(steps))
    actual = ja.integrated_gradients(network(jnp), baseline=jnp.asarray(X0), nodes=nodes, steps=steps)(X)
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-13)


def test_nodes_by_their_formulas():
    t, w = ja.left_riemann(4)
    assert t.tolist() == [0, 0.25, 0.5, 0.75]
    assert w.tolist() == [0.25] * 4
    t, w = ja.right_riemann(4)
    assert t.tolist() == [0.25, 0.5, 0.75, 1]
    assert w.tolist() == [0.25] * 4
    t, w = ja.midpoint(4)
    assert t.tolist() == [0.125, 0.375, 0.625, 0.875]
    assert w.tolist() == [0.25] * 4
    t, w = ja.trapezoid(5)
    assert t.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert w.tolist() == [0.125, 0.25, 0.25, 0.25, 0.125]


@pytest.mark.parametrize("samples", [1, 5, 40])
def test_smoothgrad_and_vargrad(samples, x64):
    key = jax.random.key(7)
    drawn = oracles.noisy_slopes(slope, X, key, 0.3, samples)
    options = {"key": key, "std": 0.3, "samples": samples}
    g = ja.gradient(network(jnp))
    np.testing.assert_allclose(ja.smooth(g, **options)(X), oracles.mean(drawn), rtol=1e-11)
    np.testing.assert_allclose(ja.vargrad(g, **options)(X), oracles.variance(drawn), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("count", [2, 5, 40])
def test_averages_over_baselines(count, x64):
    backgrounds = np.random.default_rng(0).normal(size=(count, 3, 2))
    each = np.stack([oracles.integrated_gradients(slope, X, b, *ja.midpoint(6)) for b in backgrounds])

    def make(b):
        return ja.integrated_gradients(network(jnp), baseline=b, nodes=ja.midpoint, steps=6)

    pairs = (
        (ja.mean_over, oracles.mean),
        (ja.variance_over, oracles.variance),
        (ja.standard_error_over, oracles.standard_error),
    )
    for ours, literal in pairs:
        np.testing.assert_allclose(ours(make, jnp.asarray(backgrounds))(X), literal(each), rtol=1e-10, atol=1e-13)


@every_text
@pytest.mark.parametrize("left", [False, True], ids=["padded_behind", "padded_in_front"])
def test_the_padded_model_is_the_model_of_the_list(tokens, left, x64):
    np.testing.assert_allclose(MODEL.of_padded(padded(tokens, left=left)), MODEL.of_list(tokens), rtol=1e-13)


@every_text
@pytest.mark.parametrize("left", [False, True], ids=["delete", "delete_left"])
def test_deletion_equals_the_shorter_text(tokens, left, x64):
    """A model with positions and a mask cannot tell a deleted token from one that was never there."""
    ids = padded(tokens, left=left)
    perturb = ja.delete_left(0) if left else ja.delete(0)
    drops = ja.occlusion(MODEL.of_padded, perturb=perturb, where=ids != 0)(ids)
    n = len(tokens)
    expected = oracles.occlusion(MODEL.of_list, tokens, ~np.eye(n, dtype=bool), oracles.deleted)
    real, rest = (drops[-n:], drops[:-n]) if left else (drops[:n], drops[n:])
    np.testing.assert_allclose(real, expected, rtol=1e-11, atol=1e-14)
    assert not np.any(rest)


@every_text
def test_deletion_really_shortens(tokens, x64):
    """A model with an unpadded input gives the same: ids of the true length, deletion pads by one."""
    drops = ja.occlusion(MODEL.of_padded, perturb=ja.delete(0))(jnp.array(tokens))
    expected = oracles.occlusion(MODEL.of_list, tokens, ~np.eye(len(tokens), dtype=bool), oracles.deleted)
    np.testing.assert_allclose(drops, expected, rtol=1e-11, atol=1e-14)


@every_text
def test_replacing(tokens, x64):
    def change(list_, keep):
        return oracles.replaced(list_, keep, 11)

    expected = oracles.occlusion(MODEL.of_list, tokens, ~np.eye(len(tokens), dtype=bool), change)
    drops = ja.occlusion(MODEL.of_padded, perturb=ja.replace(11))(jnp.array(tokens))
    np.testing.assert_allclose(drops, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 3), (9, 1), (9, 9)])
def test_windows(size, stride, x64):
    tokens = TEXTS[3]
    starts = [s for s in range(0, len(tokens) + stride, stride) if s == 0 or s - stride + size < len(tokens)]
    keep = [[not s <= i < s + size for i in range(len(tokens))] for s in starts]
    assert ja.windows(len(tokens), size, stride=stride).tolist() == keep
    expected = oracles.occlusion(MODEL.of_list, tokens, keep, oracles.deleted)
    drops = ja.occlusion(
        MODEL.of_padded, keep=ja.windows(len(tokens), size, stride=stride), perturb=ja.delete(0), batch_size=3
    )
    np.testing.assert_allclose(drops(jnp.array(tokens)), expected, rtol=1e-11, atol=1e-14)


def test_words_of_several_tokens(x64):
    tokens, words = TEXTS[0], [None, 0, 0, 1, 1]
    keep = [[word != k for word in words] for k in range(2)]
    expected = oracles.occlusion(MODEL.of_list, tokens, keep, oracles.deleted)
    drops = ja.occlusion(MODEL.of_padded, keep=ja.spans(words), perturb=ja.delete(0))(jnp.array(tokens))
    np.testing.assert_allclose(drops, expected, rtol=1e-11, atol=1e-14)
    assert drops[0] == 0
    assert drops[1] == drops[2] != 0


def test_all_subsets_of_a_text(x64):
    """The score of each of the 32 sub-lists, the empty one among them."""
    tokens = TEXTS[0]
    masks = np.array(list(itertools.product([False, True], repeat=5)))
    scores = ja.perturbed(MODEL.of_padded, keep=masks, perturb=ja.delete(0), batch_size=7)(jnp.array(tokens))
    expected = [MODEL.of_list(oracles.deleted(tokens, mask)) for mask in masks]
    np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("left", [False, True], ids=["delete", "delete_left"])
def test_all_masks_of_deletion(left):
    """Every mask of six positions: what stays keeps its order, the rest is padding."""
    tokens = [3, 1, 4, 1, 5, 9]
    masks = np.array(list(itertools.product([False, True], repeat=6)))
    perturb = ja.delete_left(-1) if left else ja.delete(-1)
    results = jax.vmap(lambda keep: perturb(jnp.array(tokens), keep))(jnp.asarray(masks))
    for mask, result in zip(masks, results.tolist(), strict=True):
        stays = oracles.deleted(tokens, mask)
        pad = [-1] * (6 - len(stays))
        assert result == (pad + stays if left else stays + pad)


def test_the_linear_occlusion_of_embeddings_is_gradient_times_input(x64):
    """Three methods that must agree where the score is linear, each by its own code."""
    w = np.random.default_rng(1).normal(size=(5, 3))
    x = np.random.default_rng(2).normal(size=(5, 3))

    def f(v):
        return (v * w).sum()

    expected = (x * w).sum(-1)
    drops = ja.occlusion(f, perturb=ja.replace(0.0))(x)
    ig = ja.integrated_gradients(f, baseline=jnp.zeros_like)(x).sum(-1)
    for values in (drops, ig, ja.gradient_times_input(f)(x).sum(-1)):
        np.testing.assert_allclose(values, expected, rtol=1e-12)

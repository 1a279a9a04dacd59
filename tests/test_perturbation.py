"""Occlusion and perturbed scores."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

IDS = jnp.array([3, 1, 4, 2])
WEIGHTS = jnp.array([0.0, 1.0, 10.0, 100.0, 1000.0])


def total(ids):
    return WEIGHTS[ids].sum()


def test_each_position_gets_its_own_drop():
    for perturb in (ja.replace(0), ja.delete(0), ja.delete_left(0)):
        np.testing.assert_allclose(ja.occlusion(total, perturb=perturb)(IDS), WEIGHTS[IDS])


def test_overlapping_masks_are_averaged_and_uncovered_positions_get_zero():
    keep = jnp.array([[False, False, True, True], [True, False, False, True]])
    drops = ja.occlusion(total, keep=keep, perturb=ja.replace(0))(IDS)
    np.testing.assert_allclose(drops, [101, (101 + 1001) / 2, 1001, 0])


def test_a_position_far_from_zero_with_little_effect_is_exact():
    """f(x) is one more row of the same batch: a mask without effect gives exactly 0, at any size of score."""

    def f(x):
        return (jnp.sin(x[0]) * 1e6).sum()

    x = jax.random.normal(jax.random.key(0), (33, 7))
    for wrap in (lambda g: g, jax.jit):
        drops = wrap(ja.occlusion(f, perturb=ja.replace(0.0), batch_size=5))(x)
        assert drops[0] != 0
        assert not drops[1:].any()


def test_where_a_word_is_said_twice_neither_drop_shows_it():
    def f(ids):
        return (ids == 3).any().astype(float)

    assert not ja.occlusion(f, perturb=ja.delete(0))(jnp.array([3, 1, 3])).any()
    assert ja.occlusion(f, perturb=ja.delete(0))(jnp.array([3, 1, 2])).tolist() == [1, 0, 0]


def test_perturbed_returns_whatever_f_returns():
    def f(ids):
        return {"top": jax.lax.top_k(WEIGHTS[ids], 2), "ids": ids}

    result = ja.perturbed(f, keep=ja.leave_one_out(4), perturb=ja.delete(0), batch_size=3)(IDS)
    assert result["ids"].tolist() == [[1, 4, 2, 0], [3, 4, 2, 0], [3, 1, 2, 0], [3, 1, 4, 0]]
    assert result["top"][0].tolist() == [[1000, 10], [1000, 100], [100, 10], [1000, 100]]


def test_ids_and_mask_together():
    def f(x):
        return jnp.where(x["mask"], WEIGHTS[x["ids"]], 0).sum() / x["mask"].sum()

    x = {"ids": IDS, "mask": jnp.ones(4, bool)}
    drops = ja.occlusion(f, perturb=ja.delete({"ids": 0, "mask": False}))(x)
    values = np.asarray(WEIGHTS[IDS])
    np.testing.assert_allclose(drops, values.mean() - (values.sum() - values) / 3, rtol=1e-5)


def test_two_arguments_perturbed_together():
    def f(ids, scale, mask):
        return jnp.where(mask, WEIGHTS[ids], 0).sum() * scale

    explain = ja.occlusion(f, perturb=ja.replace((0, False)), argnums=(0, 2))
    np.testing.assert_allclose(explain(IDS, 2.0, jnp.ones(4, bool)), 2 * WEIGHTS[IDS])


def test_a_perturbation_of_the_users_own():
    def reverse(ids, keep):
        return jnp.where(keep, ids, ids[::-1])

    drops = ja.occlusion(total, perturb=reverse)(IDS)
    np.testing.assert_allclose(drops, WEIGHTS[IDS] - WEIGHTS[IDS[::-1]])


def test_masks_may_be_numpy_or_traced():
    keep = ja.windows(4, 2)
    expected = ja.occlusion(total, keep=keep, perturb=ja.delete(0))(IDS)
    np.testing.assert_array_equal(ja.occlusion(total, keep=np.asarray(keep), perturb=ja.delete(0))(IDS), expected)
    traced = jax.jit(lambda ids, keep: ja.occlusion(total, keep=keep, perturb=ja.delete(0))(ids))
    np.testing.assert_allclose(traced(IDS, keep), expected)


def test_where_keeps_padding_in_place_under_any_mask():
    ids, where = jnp.array([3, 1, 0, 0]), jnp.array([True, True, False, False])
    seen = ja.perturbed(lambda ids: ids, keep=ja.windows(4, 3), perturb=ja.replace(4), where=where)(ids)
    assert seen.tolist() == [[4, 4, 0, 0], [3, 4, 0, 0]]
    drops = ja.occlusion(total, perturb=ja.replace(4), where=where)(ids)
    np.testing.assert_allclose(drops, [100 - 1000, 1 - 1000, 0, 0])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_drops_are_in_single_precision_at_least(dtype):
    drops = ja.occlusion(lambda x: x.sum(), perturb=ja.replace(0))(jnp.ones((3, 2), dtype))
    assert drops.dtype == jnp.float32
    np.testing.assert_allclose(drops, 2.0)


def test_an_axis_beyond_the_first_is_occluded_whole():
    x = jnp.arange(24.0).reshape(4, 3, 2)
    drops = ja.occlusion(lambda x: x.sum(), perturb=ja.replace(0.0))(x)
    np.testing.assert_allclose(drops, x.sum((1, 2)))


def test_the_whole_text_is_never_perturbed():
    """Also by a perturbation that changes what it should keep: f(x) is the score of x as given."""
    drops = ja.occlusion(total, perturb=lambda ids, keep: 0 * ids)(IDS)
    np.testing.assert_allclose(drops, total(IDS))


@pytest.mark.parametrize("wrap", [lambda g: g, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize(("masks", "batch_size"), [(7, 3), (6, 3), (5, 1), (7, None), (70, None)])
def test_no_more_than_batch_size_evaluations_at_once(wrap, masks, batch_size):
    sizes, calls = [], []

    @jax.custom_batching.custom_vmap
    def seen(ids):
        return ids

    @seen.def_vmap
    def _(size, batched, ids):
        sizes.append(size)
        return ids, batched[0]

    def f(ids):
        calls.append(1)
        return total(seen(ids))

    options = {"batch_size": batch_size, "reuse": batch_size is not None}  # what is shared may all go at once
    explain = ja.perturbed(f, keep=jnp.ones((masks, 4), bool), perturb=ja.replace(0), **options)
    assert wrap(explain)(IDS).shape == (masks,)
    assert max(sizes) <= (batch_size or 64)
    assert len(calls) == 1, "traced once, whatever the layout"


def test_aux_may_hold_leaves_that_are_not_arrays():
    def f(ids):
        return ids.sum().astype(float), {"name": "sum", "ids": ids, "none": None, "n": 3}

    drops, aux = ja.occlusion(f, perturb=ja.replace(0), has_aux=True)(jnp.array([1, 2, 3]))
    assert drops.tolist() == [1.0, 2.0, 3.0]
    assert (aux["name"], aux["ids"].tolist(), aux["none"], int(aux["n"])) == ("sum", [1, 2, 3], None, 3)
    values = ja.perturbed(
        lambda ids: {"name": "sum", "total": ids.sum()}, keep=ja.leave_one_out(3), perturb=ja.replace(0)
    )
    assert values(jnp.array([1, 2, 3]))["name"] == "sum"
    assert values(jnp.array([1, 2, 3]))["total"].tolist() == [5, 4, 3]

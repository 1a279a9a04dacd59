"""Words replaced and deleted, and versions of a text computed together."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests import oracles
from tests.core.same import same
from tests.test_oracles import MODEL, padded

IDS = np.array([3, 1, 4, 1])
pytestmark = pytest.mark.usefixtures("x64")


def test_removal():
    """Deletion, replacement, windows, words and levels of a text, beside lists that are really shorter."""
    tokens = [3, 1, 4, 1, 5]
    ids, left, words = padded(tokens), padded(tokens, left=True), [None, 0, 0, 1, 1, None, None, None]
    keep = {"windows": ja.windows(8, 3, stride=2), "words": ja.spans(words)}

    @jax.jit
    def explained(ids, left):
        f, levels = MODEL.of_padded, {"perturb": ja.delete(0), "where": ids != 0, "batch_size": 3}
        return {
            "one": ja.occlusion(f, **levels)(ids),
            "left": ja.occlusion(f, perturb=ja.delete_left(0), where=left != 0)(left),
            "replaced": ja.occlusion(f, perturb=ja.replace(11), where=ids != 0)(ids),
            **ja.occlusion(f, keep=keep, **levels)(ids),
            "scores": ja.perturbed(f, keep=keep["windows"], perturb=ja.delete(0))(ids),
        }

    def drops(keep, change=oracles.deleted):
        return [*oracles.occlusion(MODEL.of_list, tokens, keep, change), 0, 0, 0]

    each = ~np.eye(5, dtype=bool)
    three = [[not start <= i < start + 3 for i in range(5)] for start in (0, 2, 4, 6)]
    same(
        explained(ids, left),
        {
            "one": drops(each),
            "left": drops(each)[5:] + drops(each)[:5],
            "replaced": drops(each, lambda tokens, mask: oracles.replaced(tokens, mask, 11)),
            "windows": drops([mask for mask in three if not all(mask)]),
            "words": drops([[word != k for word in words[:5]] for k in (0, 1)]),
            "scores": [MODEL.of_list(oracles.deleted(tokens, mask)) for mask in three],
        },
    )


def test_all_masks_of_deletion():
    masks = np.array(list(itertools.product([False, True], repeat=4)))
    both = jax.jit(jax.vmap(lambda keep: (ja.delete(-1)(IDS, keep), ja.delete_left(-1)(IDS, keep))))
    for mask, right, left in zip(masks, *map(np.ndarray.tolist, map(np.asarray, both(masks))), strict=True):
        stays = oracles.deleted(IDS.tolist(), mask)
        gone = [-1] * (4 - len(stays))
        assert right == stays + gone
        assert left == gone + stays


def moved_about(x):
    """Reshapes that keep the positions, products that put them last or sum over those of one side, and loops."""
    pairs = jnp.tanh(x.reshape(4, 2, 2)).max(1)
    turned = jnp.tanh(x.T.reshape(2, 2, 4)).max((0, 1))
    crossed = jnp.einsum("td,st->ds", x, jnp.sin(x))
    last = jax.lax.dot_general(jnp.arange(24.0).reshape(3, 2, 4) / 9, x, (((2,), (1,)), ((), ())))
    channels = jax.lax.conv(x[None], jnp.arange(16.0).reshape(2, 4, 2) / 9, (1,), "VALID")
    loops = rounds(jnp.zeros(4), x, reverse=True) + rounds(x[0], x) + rounds(jnp.zeros(4), x.T)
    ends = (pairs[:, 0] * jnp.arange(4.0)).sum() ** 2 + (turned * jnp.arange(4.0)).sum()
    asked = jnp.tanh(x @ jnp.tanh(crossed))
    return ends + sum(a.sum() for a in (pairs, asked, jnp.cos(crossed), jnp.tanh(last), jnp.sin(channels), loops))


def rounds(start, rows, **options):
    return jax.lax.scan(lambda h, row: (jnp.tanh(h + row), h), start, rows, **options)[0]


def test_versions_of_a_text():
    """Shared or not, the score of each version is the same; what cannot be shared is named."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4)))
    keep = {"two": ja.windows(4, 2), "one": ja.leave_one_out(4)}
    shared, alone = (ja.perturbed(moved_about, keep=keep, perturb=ja.replace(0.5), reuse=r) for r in (True, False))
    found, expected = jax.jit(lambda x: (shared(x), alone(x)))(x)
    assert np.ptp(expected["two"]) > 0.1
    same(found, expected, 1e-12)
    reached = ja.fallbacks(moved_about, perturb=ja.replace(0.5))(x)
    assert {o.primitive for o in reached.operations} == {"dot_general", "conv_general_dilated", "scan"}

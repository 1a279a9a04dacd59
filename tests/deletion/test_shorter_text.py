"""Deletion is the physically shorter text: ids, mask, segments and positions move together and nothing else remains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.deletion.models import C, logits

PAD = {"ids": 0, "mask": False, "segments": 0}
IDS = np.array([[3, 7, 1, 9, 4, 11, 2, 5, 6], [8, 8, 2, 10, 5, 1, 0, 0, 0]])
REAL = IDS > 0
WORD_IDS = [None, 0, 0, 1, 2, 2, 2, 3, None]  # words of one to three sub-tokens between two special tokens
SENTENCES = ja.groups.of_positions(ja.groups.sentences(["So", "it", "is.", "Yes."]), WORD_IDS)
MASKS = {
    "sentences": ja.spans(SENTENCES),
    "tokens": ja.leave_one_out(9)[2:4],
    "windows": ja.windows(9, 4, stride=3),
    "words": ja.spans(WORD_IDS),
}
KEEP = MASKS["tokens"]
models = pytest.mark.parametrize("name", ["cnn", "lstm", "transformer"])


def text(row):
    return {"ids": IDS[row], "mask": REAL[row], "segments": (np.arange(9) > 3).astype(int)}


def rows():
    return jax.tree.map(lambda *a: jnp.stack(a), *[jax.tree.map(jnp.asarray, text(row)) for row in range(2)])


def shorter(f, whole, masks, real):
    """f of each text that is really shorter: rows taken out by NumPy, no padding anywhere."""
    values = []
    for keep in np.asarray(masks):
        stays = keep[real]
        values.append(f({name: jnp.asarray(leaf[real][stays]) for name, leaf in whole.items()}))
    return np.stack(values)


@pytest.mark.parametrize(
    "name", ["lstm", pytest.param("cnn", marks=pytest.mark.slow), pytest.param("transformer", marks=pytest.mark.slow)]
)
def test_deletion_is_the_shorter_text(name, x64):
    """Tokens, words, sentences and windows, compiled, for two rows of different length under vmap.

    The CNN and the transformer run here with the slow tests; in the others below with the fast ones.
    """
    f = jax.jit(logits(name))
    expected = [[shorter(f, text(row), masks, REAL[row]) for masks in MASKS.values()] for row in range(2)]
    assert expected[0][0].shape == (2, C)
    assert not np.allclose(expected[0][0], expected[1][0])
    for batch_size in (3, None) if name == "cnn" else (3,):
        values = ja.perturbed(f, keep=MASKS, perturb=ja.delete(PAD), batch_size=batch_size)
        together = jax.jit(jax.vmap(values))(rows())
        for row in range(2):
            ours = np.concatenate([together[level][row] for level in MASKS])
            np.testing.assert_allclose(ours, np.concatenate(expected[row]), rtol=1e-12, atol=1e-13)


def test_eager_and_one_at_a_time(x64):
    f = jax.jit(logits("cnn"))
    eager = ja.perturbed(f, keep=MASKS["tokens"], perturb=ja.delete(PAD), batch_size=1)(text(0))
    np.testing.assert_allclose(eager, shorter(f, text(0), MASKS["tokens"], REAL[0]), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["lstm"])
def test_drops_of_words_are_those_of_shorter_texts(name, x64):
    """The same through occlusion: each sub-token of a word gets the drop of the whole word."""
    f = jax.jit(logits(name))

    @jax.jit
    def score(text):
        return ja.scores.log_prob(f(text), 1)

    explain = ja.occlusion(score, keep=MASKS["words"], perturb=ja.delete(PAD), batch_size=3)
    without = shorter(score, text(0), MASKS["words"], REAL[0])
    whole = float(score(text(0)))
    expected = [0 if word is None else whole - without[word] for word in WORD_IDS]
    np.testing.assert_allclose(jax.jit(explain)(text(0)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_positions_move_along_or_are_counted_afresh(x64):
    """Two operators: kept positions in the pytree stay what they were; a model that counts sees no gap."""
    f = jax.jit(logits("transformer"))
    with_positions = text(0) | {"positions": np.arange(9)}
    kept = jax.jit(ja.perturbed(f, keep=MASKS["words"], perturb=ja.delete(PAD | {"positions": 0})))(with_positions)
    expected = shorter(f, with_positions, MASKS["words"], REAL[0])
    np.testing.assert_allclose(kept, expected, rtol=1e-12, atol=1e-13)
    counted = jax.jit(ja.perturbed(f, keep=MASKS["words"], perturb=ja.delete(PAD)))(text(0))
    assert not np.allclose(counted, kept)


@models
def test_what_is_no_deletion_is_told_apart(name, x64):
    """A pad token that counts, or ids that move without their mask; and a hole where the order is read from places."""
    f = jax.jit(logits(name))
    expected = shorter(f, text(0), KEEP, REAL[0])
    counted = jax.jit(ja.perturbed(f, keep=KEEP, perturb=ja.replace(PAD | {"mask": True})))(text(0))
    assert not np.allclose(counted, expected, rtol=1e-6)
    alone = ja.perturbed(lambda ids: f(text(0) | {"ids": ids}), keep=KEEP, perturb=ja.delete(0))
    assert not np.allclose(jax.jit(alone)(IDS[0]), expected, rtol=1e-6)
    hole = jax.jit(ja.perturbed(f, keep=KEEP, perturb=ja.replace(PAD)))(text(0))
    assert np.allclose(hole, expected, rtol=1e-12) == (name == "transformer"), "it counts positions over its mask"


def test_a_model_that_reads_padding_is_told_apart(x64):
    f = jax.jit(logits("reads_padding"))
    values = jax.jit(ja.perturbed(f, keep=KEEP, perturb=ja.delete(PAD)))(text(0))
    assert not np.allclose(values, shorter(f, text(0), KEEP, REAL[0]), rtol=1e-6)

"""Fills and groups: what stands in for a dropped position, and which positions are dropped together."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(1), (5, 3))
IDS = jnp.array([3, 1, 0, 2])
LOG_Q = jnp.log(jnp.array([0.1, 0.2, 0.3, 0.4]))
TABLE = jax.random.normal(jax.random.key(2), (4, 2))


def test_text_mean():
    keep, where = jnp.array([True, False, True, False, True]), jnp.arange(5) < 3
    filled = ja.replace(ja.fills.text_mean())(X, keep)
    np.testing.assert_allclose(filled, np.where(keep[:, None], X, np.mean(X, 0)), rtol=1e-6)
    dirty = X.at[4].set(jnp.nan)
    filled = jax.jit(ja.replace(ja.fills.text_mean(where=where)))(dirty, keep | ~where)
    np.testing.assert_allclose(filled[1], np.mean(X[:3], 0), rtol=1e-6)
    half = ja.fills.text_mean()({"x": X.astype(jnp.bfloat16), "s": jnp.arange(5.0), "how": "sum"})
    assert half["x"].dtype == jnp.bfloat16
    assert half["s"] == 2
    assert half["how"] == "sum"


def test_occlusion_by_the_mean_is_that_of_a_given_mean():
    def f(x):
        return jnp.tanh(x.sum(0)).sum()

    own = jax.jit(ja.occlusion(f, perturb=ja.replace(ja.fills.text_mean())))(X)
    given = jax.jit(ja.occlusion(f, perturb=ja.replace(X.mean(0))))(X)
    each = jax.jit(ja.occlusion(f, perturb=ja.replace(jnp.broadcast_to(X.mean(0), X.shape))))(X)
    np.testing.assert_allclose(own, given, rtol=1e-5)
    np.testing.assert_allclose(each, given, rtol=1e-6)
    assert not np.allclose(given, ja.occlusion(f, perturb=ja.replace(0.0))(X))


def prob(ids):
    return jax.nn.softmax(jnp.tanh(TABLE[ids].sum(0)) * 2)[0]


def test_input_marginalisation_meets_its_exact_expectation():
    """The mean of drops over draws is the drop of the expected probability, summed over the vocabulary by hand."""
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(2000))

    def explain(key):
        return ja.occlusion(prob, perturb=ja.replace(ja.fills.drawn(LOG_Q, key=key)))

    drops = jax.jit(ja.mean_over(explain, keys, batch_size=500))(IDS)
    errors = jax.jit(ja.standard_error_over(explain, keys, batch_size=500))(IDS)
    q = np.array([0.1, 0.2, 0.3, 0.4])
    expected = [sum(q[v] * prob(IDS.at[t].set(v)) for v in range(4)) for t in range(4)]
    assert (np.abs(drops - (prob(IDS) - np.array(expected))) < 4 * errors).all()
    assert (errors < 0.01).all()
    p = prob(IDS)
    weight = jnp.log(p / (1 - p)) - jnp.log((p - drops) / (1 - (p - drops)))  # of evidence, of Kim et al.
    wanted = np.log(p / (1 - p)) - np.log(np.array(expected) / (1 - np.array(expected)))
    np.testing.assert_allclose(weight, wanted, atol=0.05)
    np.testing.assert_allclose(jax.jit(ja.mean_over(explain, keys, batch_size=7))(IDS), drops, rtol=1e-4, atol=1e-6)


def test_drawn_tokens_follow_their_distributions():
    logits = jnp.where(jnp.eye(4, dtype=bool), 0.0, -jnp.inf)[jnp.array([2, 0, 1, 3])]
    assert ja.fills.drawn(logits, key=KEY)(IDS).tolist() == [2, 0, 1, 3]
    assert ja.fills.drawn(logits, key=KEY)(IDS.astype(jnp.int16)).dtype == jnp.int16
    draws = jax.vmap(lambda k: ja.fills.drawn(LOG_Q, key=k)(IDS))(jax.random.split(KEY, 4000))
    shares = np.stack([(draws == v).mean(0) for v in range(4)])
    np.testing.assert_allclose(shares, np.repeat([[0.1], [0.2], [0.3], [0.4]], 4, 1), atol=0.03)
    assert not np.array_equal(draws[:, 0], draws[:, 1]), "positions are drawn apart"


def test_drawn_beside_a_mask():
    def fill(x):
        return {"ids": ja.fills.drawn(LOG_Q, key=KEY)(x["ids"]), "mask": True}

    x = {"ids": IDS, "mask": jnp.ones(4, bool)}
    keep = jnp.array([True, False, True, True])
    changed = ja.replace(fill)(x, keep)
    assert changed["mask"].all()
    assert changed["ids"].tolist() == jnp.where(keep, IDS, ja.fills.drawn(LOG_Q, key=KEY)(IDS)).tolist()


SENTENCES = [
    ("Fine film . Go see it", [0, 0, 0, 1, 1, 1]),
    ("Fine film. Go see it!", [0, 0, 1, 1, 1]),
    ("Wait . . . what ?! No", [0, 0, 0, 0, 1, 1, 2]),
    ('" Fine . " he said .', [0, 0, 0, 0, 1, 1, 1]),
    ("It cost 3.5 dollars", [0, 0, 0, 0]),
    ("Ġfine Ġfilm Ġ. ##) Ġgo", [0, 0, 0, 0, 1]),
    ("好 。 好", [0, 0, 1]),
    ('"Fine." she said (really!) twice', [0, 1, 1, 1, 2]),
    (". a", [0, 1]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_sentences(text, expected):
    assert ja.groups.sentences(text.split()).tolist() == expected
    assert ja.groups.sentences([None, *text.split(), None]).tolist() == [-1, *expected, -1]


def test_end_marks_of_the_users_own():
    assert ja.groups.sentences(["a", ";", "b", "."], ends=";").tolist() == [0, 0, 1, 1]


def test_groups_of_positions():
    word_ids = [None, 0, 0, 1, 2, 2, None]
    sentences = ja.groups.sentences(["Fine.", "Go", None])
    assert ja.groups.of_positions(sentences, word_ids).tolist() == [-1, 0, 0, 1, -1, -1, -1]
    traced = jax.jit(ja.groups.of_positions)(jnp.array([4, 5, -7]), jnp.array([-1, 0, 0, 1, 2, 2, -9]))
    assert traced.tolist() == [-1, 4, 4, 5, -1, -1, -1]


def test_levels_are_occlusions_of_their_own_in_one_pass():
    """Sentences and the words inside them; f is traced once, and each level equals the occlusion alone."""
    calls = []

    def f(x):
        calls.append(1)
        return jnp.tanh(x.sum(0)).sum() + jnp.sin(x[0] * x[-1]).sum()

    keep = {"sentence": ja.spans([0, 0, 0, 1, 1]), "word": ja.spans([0, 0, 1, None, 2]), "window": ja.windows(5, 2)}
    levels = jax.jit(ja.occlusion(f, keep=keep, perturb=ja.replace(0.0), batch_size=3))(X)
    assert len(calls) == 1
    assert set(levels) == set(keep)
    for name, masks in keep.items():
        alone = jax.jit(ja.occlusion(f, keep=masks, perturb=ja.replace(0.0)))(X)
        np.testing.assert_allclose(levels[name], alone, rtol=1e-5, atol=1e-6)
    values = jax.jit(ja.perturbed(lambda x: {"sum": x.sum(), "x": x}, keep=keep, perturb=ja.replace(0.0)))(X)
    for name, masks in keep.items():
        np.testing.assert_allclose(values[name]["x"], np.where(masks[:, :, None], X[None], 0))


def test_levels_with_an_effect_aux_and_where():
    where = jnp.array([True, True, True, True, False])

    def f(x):
        return (x.sum(0), "aux")

    keep = (ja.spans([0, 0, 1, 1, 1]), ja.leave_one_out(5))
    ways = {"perturb": ja.replace(0.0), "where": where, "effect": ja.effects.drop}
    (coarse, fine), aux = ja.occlusion(f, keep=keep, has_aux=True, **ways)(X)
    assert aux == "aux"
    np.testing.assert_allclose(fine, np.where(where[:, None], X, 0), rtol=1e-4, atol=1e-6)
    sums = [np.sum(X[:2], 0)] * 2 + [np.sum(X[2:4], 0)] * 2 + [np.zeros(3)]
    np.testing.assert_allclose(coarse, sums, rtol=1e-4, atol=1e-6)


def test_several_positions_at_once_by_any_groups():
    """All pairs of positions, as groups that overlap: rows of masks written by hand."""
    pairs = list(itertools.combinations(range(4), 2))
    keep = jnp.array([[t not in pair for t in range(4)] for pair in pairs])
    values = ja.perturbed(lambda ids: ids, keep=keep, perturb=ja.delete(9))(IDS)
    for pair, row in zip(pairs, values, strict=True):
        assert row.tolist() == [int(v) for t, v in enumerate(IDS) if t not in pair] + [9, 9]

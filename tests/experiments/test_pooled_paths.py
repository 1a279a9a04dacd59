"""When both ways are the same, what deletion counts, and what the pictures of the pooled embedding show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from experiments.pooled_embedding import deletion, parts, paths, pictures
from experiments.pooled_embedding.network import Network
from tests.experiments.test_pooled_embedding import IDS, OTHER, as_users_run_it, flax, net  # noqa: F401


def plain(masked=False):
    """A network whose word vectors are its parameters, and whose score is a smooth function of their maximum."""

    def head(p, params, ids):
        del params, ids
        return jnp.sin(p).sum() * p.prod()

    def vectors(params, ids):
        return params[: len(ids)]

    def from_vectors(x, params, ids):
        real = ids != 0 if masked else jnp.ones(len(ids), bool)
        return head(jnp.max(x, 0, where=real[:, None], initial=-jnp.inf), params, ids)

    def pooled(params, ids):
        return vectors(params, ids).max(0)

    def score(params, ids):
        return from_vectors(vectors(params, ids), params, ids)

    return Network("plain", masked, score, vectors, from_vectors, pooled, head)


X = jnp.array([[2.0, 0.5], [1.0, 3.0], [2.0, 1.0]])
ROW = jnp.array([3, 4, 5])


@pytest.mark.parametrize(
    ("x0", "holds"),
    [
        (jnp.array([[1.0, -1.0]] * 3), [True, True]),
        (jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), [True, True]),
        (jnp.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), [False, True]),
        (jnp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]), [True, False]),
    ],
)
def test_the_path_is_straight_exactly_where_a_winner_wins_at_both_ends(x0, holds):
    network = plain()
    assert paths.condition(network, X, x0, ROW).tolist() == holds
    t = jnp.linspace(0, 1, 21)
    path = paths.pooled_path(network, X, x0, ROW, t)
    literal = np.array([(x0 + a * (X - x0)).max(0) for a in t])
    np.testing.assert_allclose(path, literal, rtol=1e-6)
    straight = literal[:1] + np.asarray(t)[:, None] * (literal[-1:] - literal[:1])
    assert ((straight - literal > 1e-3).any(0) == ~np.array(holds)).all()


def by_both(network, x, x0, row):
    at_vectors = ja.integrated_gradients(lambda x: network.from_vectors(x, x, row), baseline=x0, steps=64)(x)
    at_pooled = ja.integrated_gradients(lambda p: network.from_pooled(p, x, row), baseline=x0.max(0), steps=64)(
        x.max(0)
    )
    return at_vectors.sum(-1), ja.pooling.to_positions(at_pooled, ja.pooling.max_shares(x))


def test_words_are_the_same_where_all_winners_win_at_both_ends():
    for x0 in (jnp.array([[1.0, -1.0]] * 3), jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])):
        vectors, pooled = by_both(plain(), X, x0, ROW)
        np.testing.assert_allclose(vectors, pooled, rtol=1e-4)


def test_a_tie_that_the_baseline_breaks_moves_words_and_not_dimensions():
    x0 = jnp.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.0]])
    assert paths.condition(plain(), X, x0, ROW).all()
    vectors, pooled = by_both(plain(), X, x0, ROW)
    np.testing.assert_allclose(vectors.sum(), pooled.sum(), rtol=1e-4)
    np.testing.assert_allclose(vectors[0], pooled[0] + pooled[2], rtol=1e-4)
    assert vectors[2] == 0 != pooled[2]


def test_a_left_sum_at_the_vectors_differs_by_its_first_node():
    x0, network = jnp.zeros((3, 2)), plain()
    left = ja.integrated_gradients(
        lambda x: network.from_vectors(x, x, ROW), baseline=x0 + 1, steps=4, nodes=ja.left_riemann
    )(X)
    g = ja.integrated_gradients(
        lambda p: network.from_pooled(p, X, ROW), baseline=jnp.ones(2), steps=4, nodes=ja.left_riemann
    )(X.max(0))
    carried = ja.pooling.to_positions(g, ja.pooling.max_shares(X))
    assert float(jnp.abs(left.sum(-1) - carried).max()) > 1e-2


def test_masked_positions_have_no_part_in_the_condition():
    x0 = jnp.zeros((3, 2)).at[1].set(9.0)
    row = jnp.array([3, 0, 5])
    assert paths.condition(plain(masked=True), X, x0, row).tolist() == [True, True]
    assert paths.condition(plain(), X, x0, row).tolist() == [False, True]


def test_both_ways_of_both_models(net):  # noqa: F811
    network, params = net
    found = jax.jit(lambda ids, other: paths.both(network, params, ids, other, steps=64))(IDS, OTHER)
    for name in ("zeros", "padding"):
        assert found[name]["holds"].all()
        assert float(found[name]["bend"].max()) < 1e-6
        np.testing.assert_allclose(found[name]["vectors"], found[name]["pooled"], atol=1e-5)
    other = found["another review"]
    assert not other["holds"].all()
    assert ((other["bend"] > 1e-6) == ~other["holds"]).all()
    assert float(jnp.abs(other["vectors"] - other["pooled"]).max()) > 1e-2
    told = paths.agreement({name: np.asarray(value)[None] for name, value in other.items()})
    assert told["holds"] == pytest.approx(float(other["holds"].mean()))
    assert told["largest_difference"]["worst"] == pytest.approx(
        float(jnp.abs(other["vectors"] - other["pooled"]).max() / jnp.abs(other["vectors"]).max()), rel=1e-5
    )
    assert told["smallest_bend_where_not"] > 1e-6


def test_places_and_words_are_deleted():
    ids = np.array([4, 7, 4, 2, 9, 0, 0])
    values = np.array([2.0, 1.0, 1.5, -1.0, 3.0, 99.0, 99.0])
    assert (~deletion.kept_without_first(values, ids, types=False, count=2)).nonzero()[0].tolist() == [0, 4]
    assert (~deletion.kept_without_first(values, ids, types=True, count=1)).nonzero()[0].tolist() == [0, 2]
    assert (~deletion.kept_without_first(values, ids, types=True, count=9)).nonzero()[0].tolist() == [0, 1, 2, 3, 4]
    assert (~deletion.kept_without_first(values, ids, types=False, count=9)).sum() == 5
    assert deletion.first_places(ids).tolist() == [True, True, False, True, True, True, False]


def test_falls_are_those_of_shorter_texts():
    network, params = flax()
    ids = np.stack([np.asarray(IDS), np.asarray(OTHER)])
    found = deletion.falls(network, params, ids, steps=2, seed=0, count=2)
    assert set(found) == {"places", "words"}
    sign = np.where([network.score(params, row) > 0 for row in ids], 1, -1)
    falls = []
    for row, s in zip(ids, sign, strict=True):
        drops = jax.jit(deletion.methods(network, steps=2)[deletion.OCCLUSION])(params, jnp.asarray(row), s)
        first = np.argsort(-np.where(row != 0, drops, -np.inf), kind="stable")[:2]
        rest = np.delete(row, first)
        shorter = np.pad(rest, (0, 2)).astype(np.int32)
        falls.append(float(s * (network.score(params, row) - network.score(params, shorter))))
    assert found["places"][deletion.OCCLUSION]["mean"] == pytest.approx(np.mean(falls), abs=1e-5)


def test_words_of_a_review_are_added_up():
    review = {
        "tokens": ["Good", ",", "good", "film"],
        "models": {"Keras": {"words": [0.5, -0.1, 0.25, -0.9], "won": [1.0, 0.0, 1.0, 3.0]}},
    }
    found = parts.strongest_words(review, "Keras", k=2)
    assert found == [{"word": "film", "value": -0.9, "won": 3.0}, {"word": "good", "value": 0.75, "won": 2.0}]


def test_a_shown_review_keeps_its_last_words():
    found = {"Keras": {"words": np.array([[9.0] * 3, [1.0, 2.0, 0.0]]), "won": np.ones((2, 3))}}
    review = parts.shown("A<br />very good film", np.array([5, 6, 7]), found, 1, 1)
    assert review["tokens"] == ["very", "good", "film"]
    assert review["models"]["Keras"]["words"] == [1.0, 2.0, 0.0]


def test_words_in_general_are_ordered():
    ids = np.array([[2, 3, 0], [2, 3, 3], [2, 4, 0]])
    values = np.array([[1.0, -1.0, 0.0], [3.0, -1.0, -4.0], [2.0, 9.0, 0.0]])
    won = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 2.0], [4.0, 1.0, 0.0]])
    found = parts.words_in_general(ids, values, won, tuple("abcde"), reviews=2, show=1)
    assert found["of"] == 2
    assert (found["positive"][0]["word"], found["positive"][0]["mean"], found["positive"][0]["won"]) == ("c", 2.0, 2.0)
    assert (found["negative"][0]["word"], found["negative"][0]["mean"], found["negative"][0]["reviews"]) == (
        "d",
        -2.0,
        2,
    )


def test_bars_have_the_signs_of_their_words():
    part = {"words": [0.5, -0.25], "won": [1.0, 2.0]}
    review = {"tokens": ["fine", "dull"], "label": 1, "logits": {"Keras": 0.5}, "models": {"Keras": part}}
    ax = pictures.review_bars({"reviews": [review], "models": {"Keras": {}}}).axes[0]
    assert [bar.get_width() for bar in ax.patches] == [0.5, -0.25]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["fine (1)", "dull (2)"]

"""Paths of one's own, and the path through words of discretised integrated gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import path_integrated_gradients, word_paths

RNG = np.random.default_rng(0)
X, X0 = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
POINTS = np.stack([X0, *RNG.normal(size=(3, 4, 3)), X])
TABLE = RNG.normal(size=(40, 5))


def score(x):
    return jnp.tanh(x.sum()) + (x**3).sum() / 5 + x[0, 0] * x[1, 1]


def literal(f, points, steps, nodes):
    """Piece after piece, node after node."""
    total = np.zeros(points[0].shape)
    for a, b in itertools.pairwise(points):
        for t, w in zip(*nodes(steps), strict=True):
            total += w * (b - a) * np.asarray(jax.grad(f)(jnp.asarray(a + t * (b - a))))
    return total


@pytest.mark.parametrize("nodes", [ja.midpoint, ja.gauss_legendre, ja.left_riemann])
@pytest.mark.parametrize("steps", [1, 3])
def test_it_is_the_sum_over_pieces_and_nodes(x64, nodes, steps):
    found = jax.jit(path_integrated_gradients(score, path=POINTS, steps=steps, nodes=nodes, batch_size=2))(X)
    np.testing.assert_allclose(found, literal(score, POINTS, steps, nodes), atol=1e-12)


def test_two_points_are_integrated_gradients(x64):
    options = {"steps": 7, "nodes": ja.gauss_legendre}
    found = path_integrated_gradients(score, path=lambda x: jnp.stack([X0, x]), **options)(X)
    np.testing.assert_allclose(found, ja.integrated_gradients(score, baseline=X0, **options)(X), atol=1e-12)


def test_every_path_explains_the_same_change_in_shares_of_its_own(x64):
    found = path_integrated_gradients(score, path=POINTS, steps=32, nodes=ja.gauss_legendre)(X)
    assert abs(ja.completeness_gap(score, found, X, X0)) < 1e-10
    straight = ja.integrated_gradients(score, baseline=X0)(X)
    assert np.abs(found - straight).max() > 0.1


def test_symmetry_is_lost_where_the_path_goes_round_a_corner():
    corner = lambda x: jnp.stack([jnp.zeros_like(x), x.at[1].set(0.0), x])  # noqa: E731
    found = path_integrated_gradients(lambda x: x[0] * x[1], path=corner)(jnp.array([2.0, 2.0]))
    assert found.tolist() == [0.0, 4.0]


def test_several_arrays_have_a_path_each(x64):
    f = lambda t: score(jnp.concatenate([t["a"], t["b"]], 1))  # noqa: E731
    cut = lambda a: {"a": a[..., :2], "b": a[..., 2:]}  # noqa: E731
    found = path_integrated_gradients(f, path=cut(POINTS))(cut(X))
    wanted = path_integrated_gradients(score, path=POINTS)(X)
    np.testing.assert_allclose(np.concatenate([found["a"], found["b"]], 1), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        (X[None], ValueError, "two points at least"),
        (np.stack([X[:3], X[:3]]), ValueError, r"each point of path"),
        (POINTS.astype(np.float16), TypeError, r"each point of path"),
        (lambda x: x[0, 0], ValueError, "two points at least"),
    ],
)
def test_a_path_that_does_not_fit_is_refused(path, kind, message):
    given = path if callable(path) else jnp.asarray(path, np.float32 if path.dtype == np.float64 else path.dtype)
    with pytest.raises(kind, match=message):
        path_integrated_gradients(score, path=given)(jnp.asarray(X, jnp.float32))


def by_words(table, neighbours, word, last, steps, cost):
    """The path of one word as the paper tells it, with lists and loops."""

    def monotone(anchor, start):
        low, high = np.minimum(start, table[last]), np.maximum(start, table[last])
        return np.where((low <= anchor) & (anchor <= high), anchor, start - (start - table[last]) / steps)

    words = [word]
    for _ in range(steps):
        here, free = words[-1], [v for v in neighbours[words[-1]] if v != last and v not in words]
        if here == last or not free:
            words.append(last)
            continue
        costs = [cost(table[v], monotone(table[v], table[here])) for v in free]
        words.append(free[int(np.argmin(costs))])
    points = [table[word]]
    for v in words[1:]:
        points.append(monotone(table[v], points[-1]))
    return np.stack([table[last], *points[::-1]])


COSTS = {
    "closest": (word_paths.closest, lambda a, m: np.sqrt(((a - m) ** 2).sum())),
    "most_monotone": (word_paths.most_monotone, lambda a, m: (a != m).sum()),
}


@pytest.mark.parametrize("cost", COSTS)
def test_the_path_goes_by_way_of_the_words_of_the_paper(x64, cost):
    ours, theirs = COSTS[cost]
    near = word_paths.neighbours_of(TABLE, 6)
    ids, blank = np.array([3, 17, 0, 39, 0]), np.zeros(5, int)
    found = jax.jit(word_paths.discretized(TABLE, near, steps=7, cost=ours))(ids, blank)
    assert found.shape == (9, 5, 5)
    for k, word in enumerate(ids):
        wanted = by_words(TABLE, np.asarray(near), int(word), 0, 7, theirs)
        np.testing.assert_allclose(found[:, k], wanted, atol=1e-12)
    moved = np.diff(np.asarray(found), axis=0) * np.sign(TABLE[ids] - TABLE[blank])
    assert moved.min() >= -1e-12, "each entry moves one way"


def test_where_no_word_is_left_the_baseline_is_next():
    table = np.arange(4.0)[:, None].astype(np.float32)
    near = np.array([[1], [2], [1], [2]])  # from 3 to 2 to 1, whose neighbour is taken
    found = word_paths.discretized(table, near, steps=5)(np.array([3]), np.array([0]))
    assert found[:, 0, 0].tolist() == [0, 0, 0, 0, 1, 2, 3]


def test_neighbours_are_the_nearest_others():
    near = np.asarray(word_paths.neighbours_of(TABLE.astype(np.float32), 4, batch_size=7))
    distances = ((TABLE[:, None] - TABLE[None]) ** 2).sum(-1) + np.diag(np.full(40, np.inf))
    np.testing.assert_array_equal(near, distances.argsort(1)[:, :4])


def test_discretised_integrated_gradients_of_a_model(x64):
    f = lambda x: jnp.tanh(x @ jnp.arange(5.0)).sum()  # noqa: E731
    ids, blank = np.array([3, 17, 5]), np.zeros(3, int)
    path = word_paths.discretized(TABLE, word_paths.neighbours_of(TABLE, 6), steps=7)(ids, blank)
    explain = lambda nodes, steps: path_integrated_gradients(f, path=path, nodes=nodes, steps=steps)(TABLE[ids])  # noqa: E731
    fine = explain(ja.gauss_legendre, 20)
    assert abs(ja.completeness_gap(f, fine, TABLE[ids], TABLE[blank])) < 1e-8
    assert np.abs(explain(ja.left_riemann, 1) - literal(f, np.asarray(path), 1, ja.left_riemann)).max() < 1e-12


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: word_paths.neighbours_of(TABLE[0], 2), ValueError, "table of embeddings"),
        (lambda: word_paths.neighbours_of(TABLE, 40), ValueError, "less than the number of words, 40"),
        (lambda: word_paths.neighbours_of(TABLE, 0), ValueError, "k"),
        (lambda: word_paths.discretized(TABLE, np.zeros((3, 2), int)), ValueError, r"neighbours as int\[40, k\]"),
        (lambda: word_paths.discretized(TABLE, np.zeros((40, 2), int), steps=0), ValueError, "steps"),
        (
            lambda: word_paths.discretized(TABLE, np.zeros((40, 2), int))(np.zeros(2), np.zeros(2, int)),
            TypeError,
            r"ids as int\[T\]",
        ),
    ],
)
def test_bad_input_says_what_is_wanted(call, kind, message):
    with pytest.raises(kind, match=message):
        call()

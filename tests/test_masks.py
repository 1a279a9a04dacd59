"""Keep-masks and perturbations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxattr as ja

IDS = jnp.array([5, 6, 7, 8])
KEEP = jnp.array([True, False, True, False])
ROWS = jnp.arange(8.0).reshape(4, 2) + 1


def test_leave_one_out():
    masks = ja.leave_one_out(4)
    assert masks.dtype == bool
    np.testing.assert_array_equal(masks, ~np.eye(4, dtype=bool))


@settings(max_examples=40)  # each size is compiled
@given(st.integers(1, 12), st.integers(1, 14), st.data())
def test_windows_cover_every_position_and_no_more_than_needed(length, size, data):
    stride = data.draw(st.integers(1, size))
    gone = ~np.asarray(ja.windows(length, size, stride=stride))
    assert gone.any(0).all()
    assert gone.any(1).all()
    starts = [int(np.flatnonzero(row)[0]) for row in gone]
    assert starts == [k * stride for k in range(len(gone))]
    for start, row in zip(starts, gone, strict=True):
        assert row.tolist() == [start <= i < start + size for i in range(length)]
    assert len(gone) == 1 or starts[-2] + size < length, "the last window is needed"


def test_spans_of_words():
    np.testing.assert_array_equal(
        ja.spans([None, 0, 0, 1, None]), [[True, False, False, True, True], [True, True, True, False, True]]
    )
    np.testing.assert_array_equal(ja.spans(np.array([-1, 0, 0, 1, -7])), ja.spans([None, 0, 0, 1, None]))


def test_spans_of_traced_groups_and_of_empty_groups():
    groups = jnp.array([0, 2, 2])
    masks = jax.jit(lambda g: ja.spans(g, number=4))(groups)
    np.testing.assert_array_equal(masks, [[0, 1, 1], [1, 1, 1], [1, 0, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("perturb", "expected"),
    [
        (ja.replace(0), [5, 0, 7, 0]),
        (ja.replace(jnp.array([1, 2, 3, 4])), [5, 2, 7, 4]),
        (ja.delete(0), [5, 7, 0, 0]),
        (ja.delete_left(0), [0, 0, 5, 7]),
    ],
)
def test_perturbations_of_ids(perturb, expected):
    np.testing.assert_array_equal(perturb(IDS, KEEP), expected)
    np.testing.assert_array_equal(jax.jit(perturb)(IDS, KEEP), expected)
    assert perturb(IDS, KEEP).dtype == IDS.dtype


@pytest.mark.parametrize("fill", [9.0, jnp.array([9.0, 10.0]), np.float32(9)])
def test_fills_of_one_position(fill):
    row = jnp.broadcast_to(jnp.asarray(fill), (2,))
    np.testing.assert_array_equal(ja.replace(fill)(ROWS, KEEP), jnp.stack([ROWS[0], row, ROWS[2], row]))
    np.testing.assert_array_equal(ja.delete(fill)(ROWS, KEEP), jnp.stack([ROWS[0], ROWS[2], row, row]))
    np.testing.assert_array_equal(ja.delete_left(fill)(ROWS, KEEP), jnp.stack([row, row, ROWS[0], ROWS[2]]))


@pytest.mark.parametrize("make", [ja.replace, ja.delete, ja.delete_left])
def test_pytrees_move_together(make):
    """Ids, a mask and segments; and a leaf that is not an array."""
    x = {"ids": IDS, "mask": jnp.ones(4, bool), "x": ROWS, "how": "sum"}
    fill = {"ids": 0, "mask": False, "x": -1.0, "how": "sum"}
    result = make(fill)(x, KEEP)
    assert result["how"] == "sum"
    dropped = ~np.asarray(result["mask"])
    np.testing.assert_array_equal(result["ids"] == 0, dropped)
    np.testing.assert_array_equal((result["x"] == -1).all(-1), dropped)
    np.testing.assert_array_equal(result["ids"], make(0)(IDS, KEEP))


@pytest.mark.parametrize("make", [ja.replace, ja.delete, ja.delete_left])
@pytest.mark.parametrize("x", [IDS, ROWS], ids=["ids", "rows"])
def test_keeping_everything_changes_nothing_and_nothing_leaves_padding(make, x):
    np.testing.assert_array_equal(make(0)(x, jnp.ones(4, bool)), x)
    np.testing.assert_array_equal(make(0)(x, jnp.zeros(4, bool)), 0 * x)


@pytest.mark.parametrize("make", [ja.delete, ja.delete_left])
def test_deletion_is_differentiable(make):
    def f(x):
        return (make(0.0)(x, KEEP) * jnp.arange(8.0).reshape(4, 2)).sum()

    places = [0, 1] if make is ja.delete else [2, 3]
    weights = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(jax.grad(f)(ROWS), [weights[places[0]], [0, 0], weights[places[1]], [0, 0]])


@given(st.lists(st.booleans(), min_size=4, max_size=4), st.lists(st.booleans(), min_size=4, max_size=4))
def test_two_replacements_are_one(first, second):
    first, second = jnp.array(first), jnp.array(second)
    twice = ja.replace(0)(ja.replace(0)(IDS, first), second)
    np.testing.assert_array_equal(twice, ja.replace(0)(IDS, first & second))


def test_a_boolean_argument_takes_a_boolean_fill():
    mask = jnp.array([True, True, False, True])
    np.testing.assert_array_equal(ja.replace(False)(mask, KEEP), [True, False, False, False])
    np.testing.assert_array_equal(ja.delete(False)(mask, KEEP), [True, False, False, False])

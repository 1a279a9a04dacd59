"""What explain returns is looked at once, not once a chunk; results with another way to follow the width are seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja


def rows(*lengths):
    return [{"ids": np.arange(n, dtype=np.int32)} for n in lengths]


def go(tmp_path, explain, data, **options):
    out = tmp_path / "run"
    assert ja.scale.run(explain, np.float32(2), data, out=out, batch_size=2, progress=False, **options).complete
    return ja.scale.Store(out)


def test_more_chunks_are_not_more_traces(tmp_path):
    traced = []

    def explain(params, ids, where):
        traced.append(len(ids))
        return jnp.where(where, params * ids, 0)

    store = go(tmp_path, explain, rows(*range(1, 33)), chunk_rows=4, widths=1)
    assert len(traced) <= 3, "two to describe the run, and one to compile the one width"
    assert [row["values"].tolist() for row in store][2] == [0, 2, 4]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_each_width_is_compiled_once(tmp_path, dtype):
    """Also where the rows are wider than what the device computes in."""
    traced = []

    def explain(params, ids, where):
        traced.append(len(ids))
        return jnp.where(where, params * ids, 0)

    data = [{"ids": row["ids"].astype(dtype)} for row in rows(*range(1, 30))]
    go(tmp_path, explain, data, chunk_rows=8, widths=3)
    assert len(traced) <= 5, "two to describe the run, and one a width"


@pytest.mark.parametrize("lengths", [(7, 6, 3, 2), (3, 3, 2, 2, 7, 7)])
def test_results_that_stop_growing_with_the_width(tmp_path, lengths):
    def explain(params, ids, where):
        best = jax.lax.top_k(jnp.where(where, params * ids, -1), min(len(ids), 5))[0]
        return {"best": best, "values": jnp.where(where, ids, 0)}

    store = go(tmp_path, explain, rows(*lengths), chunk_rows=2, widths=4)
    for n, row in zip(lengths, store, strict=True):
        assert row["values"].tolist() == list(range(n))
        assert row["best"][: min(n, 5)].tolist() == [2 * k for k in range(n)][::-1][:5]
        assert len(row["best"]) <= 5

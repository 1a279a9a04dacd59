"""Out of memory: the batch is halved down to one row, wherever it shows, and then the row is named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr.scale.corpus import _work

HUGE = 29
FULL = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 99 bytes.\nAnd more lines."
RNG = np.random.default_rng(0)
ROWS = [{"ids": RNG.integers(1, 20, size=n).astype(np.int32), "name": f"text/{n}"} for n in range(1, 41)]
ROWS[20]["ids"][3] = HUGE


def explain(params, ids, where):
    return jnp.where(where, params * ids, 0)


def go(out, **options):
    options = {"chunk_rows": 8, "batch_size": 8, "widths": 3, "workers": 1, "id": "name", "progress": False, **options}
    return ja.scale.run(explain, np.float32(1), ROWS, out=out, **options)


def one_device():
    return jax.make_mesh((1,), ("rows",), devices=jax.devices()[:1])


def files(out):
    return {path.name: path.read_bytes() for path in sorted((out / "chunks").iterdir())}


def holds(columns):
    return (np.asarray(columns["ids"] if isinstance(columns, dict) else columns[0]) == HUGE).any()


def failing(monkeypatch, step, when, error):
    """A step of the programs raises where something holds of what it is given; gives how many rows it was each time."""
    real, tried = getattr(_work.Programs, step), []

    def tight(self, given):
        if when(given):
            tried.append(len(given["ids"] if isinstance(given, dict) else given[0]))
            raise error
        return real(self, given)

    monkeypatch.setattr(_work.Programs, step, tight)
    return tried


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("error", [jax.errors.JaxRuntimeError(FULL), MemoryError()], ids=["of XLA", "of Python"])
@pytest.mark.parametrize("step", ["run", "fetch"])
def test_the_row_that_has_no_room_is_named(tmp_path, monkeypatch, workers, error, step):
    tried = failing(monkeypatch, step, holds, error)
    with (
        pytest.warns(UserWarning, match="out of memory at . rows a device") as told,
        pytest.raises(ja.scale.RowMemoryError, match=r"one row a device.*'text/21' at .* positions") as caught,
    ):
        go(tmp_path / "run", workers=workers, mesh=one_device())
    assert tried == [8, 4, 2, 1]
    assert [str(one.message).split("with ")[1] for one in told] == ["4.", "2.", "1."]
    assert caught.value.ids == ["text/21"]
    assert caught.value.__cause__ is error
    assert isinstance(caught.value, MemoryError)
    said = str(caught.value)
    assert ("RESOURCE_EXHAUSTED" in said) == bool(str(error))
    assert "And more lines" not in said
    assert "batch_size= inside explain" in said
    monkeypatch.undo()
    kept = files(tmp_path / "run")
    assert 0 < len(kept) < 5, "the chunks before are there"
    assert go(tmp_path / "run", mesh=one_device()).complete
    assert kept.items() <= files(tmp_path / "run").items()
    assert go(tmp_path / "whole", mesh=one_device()).complete
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_one_row_on_each_device(tmp_path, monkeypatch):
    """Any of the rows that were on the devices at once may be the one."""
    split = jax.local_device_count()
    tried = failing(monkeypatch, "run", holds, jax.errors.JaxRuntimeError(FULL))
    with pytest.warns(UserWarning, match="going on with 1"), pytest.raises(ja.scale.RowMemoryError) as caught:
        go(tmp_path / "run", batch_size=2, chunk_rows=20)
    assert tried == [2 * split, split]
    assert "text/21" in caught.value.ids
    assert 1 < len(caught.value.ids) <= split


def test_the_last_batch_names_no_copies(tmp_path, monkeypatch):
    failing(monkeypatch, "run", holds, MemoryError())
    with pytest.raises(ja.scale.RowMemoryError) as caught:
        go(tmp_path / "run", batch_size=1, chunk_rows=20)
    assert len(caught.value.ids) == len(set(caught.value.ids))


@pytest.mark.parametrize("workers", [1, 3])
def test_out_of_memory_while_compiling(tmp_path, monkeypatch, workers):
    """As on devices where a program is given its memory when it is compiled."""
    tried = failing(monkeypatch, "_compiled", lambda c: len(c["ids"]) > 2, jax.errors.JaxRuntimeError(FULL))
    with pytest.warns(UserWarning, match=r"out of memory at . rows a device; going on with (4|2)\."):
        report = go(tmp_path / "run", workers=workers, mesh=one_device())
    assert (report.complete, report.batch_size) == (True, 2)
    assert set(tried) == {8, 4}


@pytest.mark.parametrize("workers", [1, 3])
def test_no_program_has_room(tmp_path, monkeypatch, workers):
    failing(monkeypatch, "_compiled", lambda _: True, jax.errors.JaxRuntimeError(FULL))
    with pytest.warns(UserWarning, match="out of memory"), pytest.raises(ja.scale.RowMemoryError) as caught:
        go(tmp_path / "run", workers=workers, mesh=one_device())
    assert caught.value.ids == ["text/40"]
    assert not (tmp_path / "run" / "chunks").exists()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_lack_of_memory_is_not_taken_for_a_bad_row(tmp_path, monkeypatch, workers):
    """Where rows are tried alone, since their batch failed for another reason."""
    errors = [jax.errors.JaxRuntimeError("INTERNAL: something else"), jax.errors.JaxRuntimeError(FULL)]
    real = _work.Programs.run

    def run(self, columns):
        if holds(columns) and errors:
            raise errors.pop(0)
        return real(self, columns)

    monkeypatch.setattr(_work.Programs, "run", run)
    with pytest.warns(UserWarning, match="going on with 4"):
        report = go(tmp_path / "run", workers=workers, mesh=one_device())
    assert errors == []
    assert (report.complete, report.quarantined) == (True, {})


def test_other_errors_halve_nothing(tmp_path, monkeypatch):
    tried = failing(monkeypatch, "run", holds, jax.errors.JaxRuntimeError("INTERNAL: something else"))
    report = go(tmp_path / "run", mesh=one_device())
    assert (report.batch_size, list(report.quarantined)) == (8, ["text/21"])
    assert set(tried) == {8}

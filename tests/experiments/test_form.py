"""What every experiment is made of: its command, its cost, its record."""

import dataclasses
import json
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments._shared import command, cost, record


@dataclasses.dataclass(frozen=True)
class Config:
    """A question."""

    out: Path = Path("runs/full")
    """The folder."""
    rows: int = 100
    """How many."""


SMALL = Config(out=Path("runs/small"), rows=3)


def given(args):
    seen = []
    command.run(lambda config, console: seen.append(config), Config, small=SMALL, args=args)
    return seen[0]


def test_small_changes_the_defaults_and_no_more():
    assert given([]) == Config()
    assert given(["--small"]) == SMALL
    assert given(["--rows", "7", "--small"]) == Config(Path("runs/small"), 7)
    assert given(["--rows", "7"]) == Config(rows=7)


def test_the_help_names_every_flag(capsys):
    with pytest.raises(SystemExit) as stopped:
        given(["--help"])
    printed = capsys.readouterr().out
    assert stopped.value.code == 0
    assert all(word in printed for word in ("A question.", "--small", "--rows", "How many."))


def test_missing_data_end_with_their_message(capsys):
    def main(config, console):
        raise FileNotFoundError("Prepare them once")

    with pytest.raises(SystemExit) as stopped:
        command.run(main, Config, small=SMALL, args=[])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "Prepare them once\n"


def test_cost_sees_time_and_a_peak_that_is_gone():
    def work():
        time.sleep(0.05)
        return float(np.ones(40_000_000).sum())

    _, before = cost.measure(1, lambda: None)
    value, found = cost.measure(20, work)
    _, after = cost.measure(1, lambda: None)
    assert value == 4e7
    assert found["rows"] == 20
    assert found["seconds"] >= 0.05
    assert found["rows_a_second"] == pytest.approx(20 / found["seconds"])
    assert found["peak_memory_mb"] - before["peak_memory_mb"] > 250
    if Path("/proc/self/clear_refs").exists():
        assert found["peak_memory_mb"] - after["peak_memory_mb"] > 250


def test_a_record_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    result = {"mean": np.float32(1 / 3), "curve": jnp.arange(2), "bad": float("inf"), "rows": [{"text": "好"}]}
    record.save(tmp_path / "mine", result, {"plot": Figure()})
    assert record.recorded("mine") == {"mean": 0.333333, "curve": [0, 1], "bad": None, "rows": [{"text": "好"}]}
    assert (tmp_path / "mine" / "plot.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileNotFoundError, match="python -m experiments other --record"):
        record.recorded("other")


def test_what_json_cannot_hold_leaves_the_old_record(tmp_path):
    record.save(tmp_path, {"a": 1})
    with pytest.raises(TypeError):
        record.save(tmp_path, {"a": object()})
    assert json.loads((tmp_path / "result.json").read_text()) == {"a": 1}


def test_a_table_keeps_its_columns():
    shown = record.table(("word", "n"), [("a|b", 1), ("c\nd", 2)])
    assert shown._repr_markdown_().splitlines()[2:] == ["| a\\|b | 1 |", "| c d | 2 |"]

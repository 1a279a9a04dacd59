"""The command that runs all experiments."""

import doctest
import importlib
import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from experiments import __main__ as everything
from experiments._shared import record

RESULT = {"models": {"Flax": {"test_accuracy": {"mean": 0.75, "standard_error": 0.1}}}, "test_accuracy": 0.5}


def runner(statuses, asked, result=RESULT):
    """Stands for the processes: writes a result where the status is 0."""

    def call(words):
        name = words[2].removeprefix("experiments.")
        asked.append(words)
        status = statuses.get(name, 0)
        out = (
            Path(words[words.index("--json") + 1]).parent
            if "--json" in words
            else Path(words[words.index("--out") + 1])
        )
        if status == 0 and result is not None:
            (out / "result.json").write_text(json.dumps(result))
        return status

    return call


def run(tmp_path, statuses=None, result=RESULT, **flags):
    asked, printed = [], io.StringIO()
    config = everything.Config(out=tmp_path, data_dir=Path("d"), **flags)
    status = everything.main(config, Console(file=printed, width=200), runner(statuses or {}, asked, result))
    return status, printed.getvalue(), asked


def test_all_run_in_turn_and_are_listed(tmp_path):
    status, printed, asked = run(tmp_path)
    assert status == 0
    assert [words[2] for words in asked] == [f"experiments.{name}" for name in everything.NAMES]
    assert asked[0] == [
        *(sys.executable, "-m", "experiments.quickstart"),
        *("--report", str(tmp_path / "quickstart" / "report.html")),
        *("--json", str(tmp_path / "quickstart" / "result.json")),
    ]
    assert asked[1][3:] == ["--out", str(tmp_path / "imdb_cnn"), "--data-dir", "d"]
    assert printed.count("models Flax: 75.00%, 50.00%") == printed.count(" ok") == len(everything.NAMES)
    kept = json.loads((tmp_path / "all.json").read_text())["experiments"]
    assert [one["name"] for one in kept] == list(everything.NAMES)
    assert kept[0]["accuracies"] == {"models Flax": 0.75, "": 0.5}
    assert not (tmp_path / "all_small.json").exists()


def test_small_runs_have_folders_of_their_own(tmp_path):
    status, _, asked = run(tmp_path, small=True, names=("imdb_bag", "quickstart"))
    assert status == 0
    assert asked[0][3:] == ["--small", "--out", str(tmp_path / "imdb_bag_small"), "--data-dir", "d"]
    assert "--small" not in asked[1], "it is small as it is"
    assert (tmp_path / "all_small.json").exists()


def test_a_failure_does_not_stop_the_others_and_is_told(tmp_path):
    names = ("imdb_bag", "imdb_cnn", "pretrained")
    status, printed, asked = run(tmp_path, {"imdb_bag": 9}, names=names)
    assert (status, len(asked)) == (1, 3)
    assert "failed with status 9" in printed
    status, printed, _ = run(tmp_path, {"imdb_cnn": 2}, names=names)
    assert status == 2
    assert "data not prepared" in printed
    assert run(tmp_path, {"imdb_cnn": 2, "imdb_bag": -9}, names=names)[0] == 1


def test_a_run_without_a_new_result_has_failed(tmp_path):
    assert run(tmp_path, names=("imdb_bag",))[0] == 0
    status, printed, _ = run(tmp_path, result=None, names=("imdb_bag",))
    assert status == 1, "the result of the run before does not count"
    assert "failed with status 1" in printed
    assert json.loads((tmp_path / "imdb_bag" / "result.json").read_text()) == RESULT, "but it is not lost either"


def test_full_runs_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(everything, "FOLDER", tmp_path / "experiments")
    for name in ("imdb_bag", "imdb_cnn"):
        (tmp_path / "experiments" / name).mkdir(parents=True)
    run(tmp_path / "runs", {"imdb_cnn": 1}, names=("imdb_bag", "imdb_cnn"), record=True)
    assert json.loads((tmp_path / "experiments" / "imdb_bag" / "result.json").read_text()) == RESULT
    assert not (tmp_path / "experiments" / "imdb_cnn" / "result.json").exists()
    with pytest.raises(ValueError, match=r"Expected full runs to record, got --small with --record\. Leave one"):
        run(tmp_path / "runs", small=True, record=True)


def test_names_are_checked_first(tmp_path):
    with pytest.raises(
        ValueError, match=r"Expected names of experiments, got nothing\. There are quickstart, imdb_cnn"
    ):
        run(tmp_path, names=("imdb_cnn", "nothing"))
    assert not list(tmp_path.iterdir())


def test_every_experiment_has_its_command_and_its_small_run():
    for name in everything.NAMES:
        assert (record.FOLDER / name / "__main__.py").is_file(), name
        if name != "quickstart":
            module = importlib.import_module(f"experiments.{name}.__main__")
            assert module.SMALL.out == Path(f"runs/{name}_small")
            assert module.Config().out == Path(f"runs/{name}")
            assert module.Config().data_dir == Path("runs/data")


def test_examples_print_what_they_say():
    for module in (everything, record):
        assert doctest.testmod(module).attempted
        assert not doctest.testmod(module).failed

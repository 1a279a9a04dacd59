"""The command that runs all experiments, on real data and as its users type it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.__main__ import NAMES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "imdb": ("--parquet", "imdb"),
    "psychexp": ("--parquet", "deepmoji"),
    "mnist": ("--archive", "mnist/mnist.npz"),
    **dict.fromkeys(("hotel", "weibo", "thucnews", "emotions"), ("--parquet", "chinese")),
}
AT_LEAST = {"imdb_cnn": 0.7, "imdb_bag": 0.75, "mnist_gradient": 0.9, "pretrained": 0.85}  # on less data


def call(*words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", *map(str, words)], check=False, cwd=ROOT, env=environment)
    return done.returncode


@pytest.mark.slow
def test_all_small_runs_from_unprepared_data(shared, tmp_path):
    places = ("--data-dir", tmp_path / "data", "--out", tmp_path / "runs")
    assert call("experiments", "--small", "imdb_bag", *places) == 2, "nothing is prepared yet"
    for name, (flag, source) in SOURCES.items():
        assert call("experiments.datasets", name, flag, shared / "data" / source, *places[:2]) == 0
    models = shared / "data" / "models"
    files = ("--weights", models / "tflite_avgword_imdb.npz", "--vocabulary", models / "tflite_avgword_imdb_vocab.txt")
    assert call("experiments.pretrained", "--small", *files, *places[:2], "--out", tmp_path / "first") == 0
    assert call("experiments", "--small", *places) == 0
    told = json.loads((tmp_path / "runs" / "all_small.json").read_text())["experiments"]
    assert [one["name"] for one in told] == list(NAMES)
    for one in told:
        assert one["said"] == "ok"
        for accuracy in one["accuracies"].values():
            assert AT_LEAST.get(one["name"], 0) <= accuracy <= 1

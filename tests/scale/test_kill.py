"""A run that is killed, at any moment and at every step of a publication, goes on and ends with the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def killed(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.scale.killed", *map(str, arguments)],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_killed_at_random_moments(tmp_path):
    assert killed(tmp_path, "random", 0, 6)["killed"] >= 6


@pytest.mark.parametrize(
    "counts", [(1, 2, 4), *(pytest.param(c, marks=pytest.mark.slow) for c in ((4, 2, 1), (3, 1, 5)))]
)
def test_going_on_with_other_numbers_of_processes(tmp_path, counts):
    found = killed(tmp_path, "counts", *counts)
    assert found["complete"]
    one, two, three = found["stages"]
    assert 0 < len(one) < len(two) < len(three)
    assert set(one) < set(two) < set(three)
    assert three == list(range(96)), "no row is lost, and none is there twice"


@pytest.mark.slow
def test_killed_a_hundred_times(tmp_path):
    assert killed(tmp_path, "random", 1, 100)["killed"] >= 100


@pytest.mark.slow
def test_killed_at_every_site(tmp_path):
    found = killed(tmp_path, "sites")
    assert len(found) == 21
    assert max(found.values()) >= 5

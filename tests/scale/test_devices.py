"""One device, eight, and several processes give the same numbers."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import jaxattr as ja

ROOT = Path(__file__).resolve().parents[2]


def start(out, devices, mode, *rest, **environment):
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.scale.spread",
        str(out),
        str(devices),
        mode,
        *map(str, rest),
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environment}
    )


def end(process, seconds=240):
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err[-3000:]
    return out.split()[-2:]  # what comes before is the chatter of collectives


def free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def files(out):
    return {path.name: path.read_bytes() for path in sorted((Path(out) / "chunks").iterdir())}


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "run"
    assert end(start(out, 1, "apart")) == ["True", "200"]
    return out


def assert_same_numbers(a, b, of=64):
    a, b = ja.scale.Store(a), ja.scale.Store(b)
    assert b.verify().complete
    for one, two in zip(a, b, strict=True):
        assert one["id"] == two["id"]
        np.testing.assert_allclose(two["values"], one["values"], rtol=1e-6, atol=of * np.finfo(np.float32).eps)


def test_eight_devices_give_the_same_bits(one_device, tmp_path):
    assert end(start(tmp_path / "run", 8, "apart")) == ["True", "200"]
    assert files(tmp_path / "run") == files(one_device)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["apart", "together"])
def test_two_processes_of_four_devices_give_the_same_bits(one_device, tmp_path, mode):
    port = free_port()
    both = [start(tmp_path / "run", 4, mode, i, 2, port) for i in range(2)]
    assert [end(process)[0] for process in both] == ["True", "True"]
    assert files(tmp_path / "run") == files(one_device)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["model", "fsdp"])
def test_sharded_parameters_stay_sharded(one_device, tmp_path, mode):
    assert end(start(tmp_path / "run", 8, mode)) == ["True", "200"]
    assert_same_numbers(one_device, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["apart", "together"])
def test_one_process_then_two_then_four_give_the_same_bits(one_device, tmp_path, mode):
    """The first ones are killed in the midst; no row is lost and none is there twice."""
    out, wanted, before = tmp_path / "run", files(one_device), {}
    for count in (1, 2):
        port = free_port()
        several = [start(out, 8 // count, mode, i, count, port, DIES_AT="1") for i in range(count)]
        for process in several:
            process.communicate(timeout=240)
        assert all(process.returncode for process in several), "killed, or stopped since another was"
        kept = files(out)
        assert before.items() < kept.items() < wanted.items()
        before = kept
    port = free_port()
    several = [start(out, 2, mode, i, 4, port) for i in range(4)]
    assert [end(process)[0] for process in several] == ["True"] * 4
    assert files(out) == wanted
    rows = [row for columns in ja.scale.Store(out).chunks() for row in columns["row"]]
    assert sorted(rows) == list(range(200))


@pytest.mark.slow
def test_a_lost_process_is_told_and_the_others_stop(one_device, tmp_path):
    port = free_port()
    lost = start(tmp_path / "run", 4, "together", 1, 2, port, DIES_AT="1")
    other = start(tmp_path / "run", 4, "together", 0, 2, port)
    lost.communicate(timeout=240)
    assert lost.returncode == -9
    begin = time.monotonic()
    _, err = other.communicate(timeout=60)
    assert time.monotonic() - begin < 30
    assert other.returncode == 75, err[-3000:]
    assert "lost touch with another" in err
    kept = files(tmp_path / "run")
    assert end(start(tmp_path / "run", 8, "together"))[0] == "True"  # one process goes on where two stopped
    assert files(tmp_path / "run") == files(one_device)
    assert kept.items() <= files(tmp_path / "run").items()

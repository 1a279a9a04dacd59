"""Peak memory of one call in a process of its own: ``python -m experiments.benchmarks.memory JOB SETTINGS``.

A job is `module:function`; the function takes the settings and returns a call, whose peak is measured. What the
function itself prepares (imports, weights, compiled programs) counts as there before.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

_STATUS = Path("/proc/self/status")


def _status(field: str) -> int | None:
    """A figure of the process in bytes, where the system tells it."""
    if not _STATUS.exists():
        return None
    lines = (line.split() for line in _STATUS.read_text().splitlines())
    return next((1024 * int(words[1]) for words in lines if words[0] == f"{field}:"), None)


def _highest() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _forget_peak() -> None:
    """Gives freed memory back to the system and starts the peak afresh, where the system allows it."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def measured(call: Callable[[], Any]) -> dict[str, int]:
    """What a call takes at its peak, in bytes.

    Args:
      call: What is measured; it runs once.

    Returns:
      "before", what the process held before; "peak", what it held at most; "device", the peak of the accelerator's own
      memory, where there is one, and "device_before", what was in use there before.
    """
    _forget_peak()
    before, device = _status("VmRSS") or _highest(), jax.devices()[0]
    there = device.memory_stats()
    jax.block_until_ready(call())
    found = {"before": before, "peak": _highest()}
    if there:
        found |= {"device": device.memory_stats()["peak_bytes_in_use"], "device_before": there["bytes_in_use"]}
    return found


def taken(memory: Mapping[str, int]) -> int:
    """The bytes that a call took beyond what was there before: of the accelerator, where there is one.

    Args:
      memory: What `measured` returns.

    Returns:
      Bytes.
    """
    if "device" in memory:
        return memory["device"] - memory.get("device_before", 0)
    return memory["peak"] - memory["before"]


def peak_memory(job: str, settings: Mapping[str, Any]) -> dict[str, int]:
    """Runs a job in a new process.

    Args:
      job: `module:function`.
      settings: What the function takes, as JSON can hold it.

    Returns:
      What `measured` returns there.

    Raises:
      RuntimeError: When the process fails; the end of its error is quoted.
    """
    command = [sys.executable, "-W", "ignore", "-m", "experiments.benchmarks.memory", job, json.dumps(dict(settings))]
    shared = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # this process may hold most of the accelerator
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=shared)
    if done.returncode:
        raise RuntimeError(f"Expected {job} to run in a process of its own, but it ended with:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    module, function = sys.argv[1].split(":")
    sys.stdout.write(
        "\n" + json.dumps(measured(getattr(importlib.import_module(module), function)(**json.loads(sys.argv[2]))))
    )

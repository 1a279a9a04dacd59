"""What a run over many rows costs: time, rows a second, memory."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import jax

Value = TypeVar("Value")
_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def measure(rows: int, work: Callable[[], Value]) -> tuple[Value, dict[str, float]]:
    """Does the work and measures it.

    Time includes what `work` compiles, as a user waits for that too. The peak is the largest resident memory of the
    process while `work` ran, with the data and parameters that were there before; where the system cannot tell that,
    the largest since the process began.

    Args:
      rows: How many rows the work explains.
      work: A function without arguments; its arrays are waited for.

    Returns:
      Its value, and `rows`, `seconds`, `rows_a_second`, `peak_memory_mb` (10^6 bytes).
    """
    _forget_peak()
    begin = time.perf_counter()
    value = jax.block_until_ready(work())
    seconds = time.perf_counter() - begin
    figures = {"rows": rows, "seconds": seconds, "rows_a_second": rows / seconds, "peak_memory_mb": _peak() / 1e6}
    return value, figures


def _forget_peak() -> None:
    """Asks Linux to count the peak of this process from now on."""
    try:
        _RESET.write_text("5")
    except OSError:
        return


def _peak() -> float:
    """The peak of the resident memory, in bytes."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(largest if sys.platform == "darwin" else largest * 1024)

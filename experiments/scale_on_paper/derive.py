"""From rates to hours: what a corpus costs on one device and on many, and which stage holds it up."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments.scale_on_paper.work import Work, methods, row_bytes


@dataclasses.dataclass(frozen=True)
class Assumed:
    """What is assumed and not measured; the peaks are those that the maker of an H100 or H200 states."""

    texts: float = 100e6
    """How many texts."""
    tokens: int = 512
    """Positions of each."""
    nodes: int = 50
    """Nodes of integrated gradients."""
    devices: int = 256
    """Devices of the pod, each with a process of its own."""
    peak_float32: float = 67e12
    """Operations a second of one device in float32, outside of its matrix units."""
    peak_bfloat16: float = 989e12
    """Operations a second of one device in bfloat16, dense."""
    memory_bytes_a_second: float = 3.35e12
    """Bytes a second to the memory of one device."""
    share_of_float32: float = 0.3
    """The share of the peak that a CNN in float32 reaches."""
    share_of_bfloat16: float = 0.35
    """The share of the peak that a transformer in bfloat16 reaches."""
    share_of_memory: float = 0.6
    """The share of the bytes a second that are reached."""
    chunk_rows: int = 10_000
    """Texts of one file."""
    reader: str = "list"
    """The measured source that texts are read from: "list" or "parquet"."""
    network_bytes_a_second: float = 1.25e9
    """Bytes a second between one process and what holds the texts."""
    store_bytes_a_second: float = 2e8
    """Bytes a second that one process writes to the store."""
    store_total_bytes_a_second: float = 2e10
    """Bytes a second that the store takes from all processes."""
    store_wait_seconds: float = 0.1
    """What one file costs beside its bytes."""


class Measured(NamedTuple):
    """What was measured, as the derivation needs it: one process on one core.

    Attributes:
      survey_rows_a_second: Rows of the pass before the run.
      survey_bytes_a_row: Memory that this pass holds for a row.
      read_rows_a_second: Rows that are read to be explained.
      store_seconds_a_row: Time to encode and to publish a row.
      store_bytes_a_row: Bytes of a stored row.
    """

    survey_rows_a_second: float
    survey_bytes_a_row: float
    read_rows_a_second: float
    store_seconds_a_row: float
    store_bytes_a_row: float


def rates(found: Mapping[str, Any], assumed: Assumed) -> Measured:
    """The measured rates for texts of the assumed length; what was measured at two lengths is drawn as a line.

    Args:
      found: What `measure.measured` gave.
      assumed: The number of tokens, and the source.

    Returns:
      Rates.
    """
    reading, surveyed, stored = (
        found[name][assumed.reader] if name != "store" else found[name] for name in ("read", "survey", "store")
    )

    def at(entries: list[Mapping[str, float]], name: str) -> float:
        low, high = entries[0], entries[-1]
        slope = max(high[name] - low[name], 0.0) / (high["tokens"] - low["tokens"])
        return high[name] + slope * (assumed.tokens - high["tokens"])

    return Measured(
        survey_rows_a_second=1 / at(surveyed, "seconds_a_row"),
        survey_bytes_a_row=surveyed[-1]["memory_bytes_a_row"],
        read_rows_a_second=1 / at(reading, "seconds_a_row"),
        store_seconds_a_row=at(stored, "encode_seconds_a_row") + at(stored, "publish_seconds_a_row"),
        store_bytes_a_row=at(stored, "bytes_a_row"),
    )


def seconds_a_row(work: Work, assumed: Assumed) -> float:
    """Time of one text on one device: operations or traffic, whichever takes longer."""
    peak, share = {
        "cnn": (assumed.peak_float32, assumed.share_of_float32),
        "transformer": (assumed.peak_bfloat16, assumed.share_of_bfloat16),
    }[work.kind]
    memory = work.traffic / (assumed.memory_bytes_a_second * assumed.share_of_memory)
    return max(work.flops / (peak * share), memory)


def stages(work: Work, measured: Measured, assumed: Assumed, devices: int) -> dict[str, float]:
    """Hours of each stage; reading, computing and writing go on at the same time, the survey comes before.

    Args:
      work: One text.
      measured: Rates.
      assumed: The rest.
      devices: How many devices, and processes.

    Returns:
      Hours of "survey", "input", "device" and "store".
    """
    rows = assumed.texts / devices
    files = math.ceil(assumed.texts / assumed.chunk_rows) / devices
    volume = assumed.texts * measured.store_bytes_a_row
    write = max(volume / devices / assumed.store_bytes_a_second, volume / assumed.store_total_bytes_a_second)
    carried = rows * row_bytes(assumed.tokens) / assumed.network_bytes_a_second
    seconds = {
        "survey": max(assumed.texts / measured.survey_rows_a_second, carried * devices),
        "input": max(rows / measured.read_rows_a_second, carried),
        "device": rows * seconds_a_row(work, assumed),
        "store": max(rows * measured.store_seconds_a_row, write) + files * assumed.store_wait_seconds,
    }
    return {name: value / 3600 for name, value in seconds.items()}


def cost(work: Work, measured: Measured, assumed: Assumed, devices: int) -> dict[str, Any]:
    """What the whole corpus costs on so many devices.

    Args:
      work: One text.
      measured: Rates.
      assumed: The rest.
      devices: How many devices.

    Returns:
      "stages", "hours" with the survey, "device_hours", the "bottleneck", and the share of the hours in which a device
      is at work.
    """
    found = stages(work, measured, assumed, devices)
    running = {name: hours for name, hours in found.items() if name != "survey"}
    bottleneck = max(running, key=lambda name: running[name])
    hours = found["survey"] + running[bottleneck]
    return {
        "devices": devices,
        "stages": found,
        "hours": hours,
        "device_hours": hours * devices,
        "bottleneck": "survey" if found["survey"] > running[bottleneck] else bottleneck,
        "device_busy": found["device"] / hours,
    }


def derived(found: Mapping[str, Any], assumed: Assumed) -> dict[str, Any]:
    """The whole table.

    Args:
      found: What was measured.
      assumed: What was not.

    Returns:
      "rates" as they were used, "store" in bytes and files, "survey" in hours and memory, and for each method "one"
      device and the "pod".
    """
    measured = rates(found, assumed)
    return {
        "rates": measured._asdict(),
        "store": {
            "bytes": assumed.texts * measured.store_bytes_a_row,
            "files": math.ceil(assumed.texts / assumed.chunk_rows),
        },
        "survey": {
            "hours_of_each_process": assumed.texts / measured.survey_rows_a_second / 3600,
            "memory_bytes_of_each_process": assumed.texts * measured.survey_bytes_a_row,
        },
        "methods": {
            name: {
                "flops_a_row": work.flops,
                "device_rows_a_second": 1 / seconds_a_row(work, assumed),
                "one": cost(work, measured, assumed, 1),
                "pod": cost(work, measured, assumed, assumed.devices),
            }
            for name, work in methods(assumed.tokens, assumed.nodes).items()
        },
    }

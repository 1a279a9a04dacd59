"""Exit codes, and how messages are written."""

import enum
import itertools
import json
import logging
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from jaxattr.scale.corpus._peers import EXIT

_TOLD = 10  # rows without numbers that are named


class Status(enum.IntEnum):
    """How a command ended."""

    DONE = 0
    """All is well."""
    FAILED = 1
    """An error that no other code tells."""
    USAGE = 2
    """A flag or a line of the configuration that does not fit."""
    QUARANTINED = 3
    """Everything is done, but some rows have no numbers."""
    STOPPED = 4
    """The run was asked to stop; the same command goes on."""
    CHANGED = 5
    """The folder holds a run with other parameters, code, data, options or versions."""
    DAMAGED = 6
    """The folder is incomplete, damaged, or no run."""
    LOST = EXIT
    """Another process was lost; the same command goes on."""


class UsageError(Exception):
    """What the user asked for does not fit; the message says what does."""


def log_as_json() -> None:
    """One JSON object a line on standard error, for the messages of this package."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    logger = logging.getLogger("jaxattr")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        own = {k: v for k, v in vars(record).items() if k in ("step", "rows", "programs", "of", "rows_per_second")}
        line = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"), "level": record.levelname.lower()}
        return json.dumps({**line, "message": record.getMessage(), **own}, ensure_ascii=False)


def say(lines: str, values: dict[str, Any], as_json: bool) -> None:
    """The answer on standard output: for people, or as one JSON object."""
    sys.stdout.write((json.dumps(values, ensure_ascii=False, default=str) if as_json else lines) + "\n")


def folded(line: str) -> str:
    """A line, broken between words where the terminal is narrower."""
    width = shutil.get_terminal_size().columns
    return textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def counted(count: int, unit: str) -> str:
    """A count with its unit, such as 1 row, or 6,000 rows."""
    return f"{count:,} {unit}{'s' * (count != 1)}"


def without(bad: Mapping[Any, str]) -> list[str]:
    """Lines that tell which rows have no numbers, the first of them with the reason."""
    if not bad:
        return []
    lines = [f"  {name}: {why}" for name, why in itertools.islice(bad.items(), _TOLD)]
    more = [f"  and {len(bad) - _TOLD:,} more, which Store.quarantined() lists"] if len(bad) > _TOLD else []
    return [f"{counted(len(bad), 'row')} without numbers:", *lines, *more]

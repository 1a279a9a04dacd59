"""A request to stop: the chunk at hand is finished where that takes seconds, and given up where it takes longer."""

import signal
import threading
import time
from types import FrameType
from typing import Any

from jaxattr.scale.corpus._work import StoppedError

_PATIENCE = 20.0  # seconds that the chunk at hand may still take


class Stopping:
    """While it is open, SIGTERM (and a first interrupt) asks for a stop."""

    def __init__(self) -> None:
        self.since: float | None = None
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether a stop was asked for."""
        return self.since is not None

    def check(self) -> None:
        """Give the chunk up where its time is over."""
        if self.since is not None and time.monotonic() - self.since > _PATIENCE:
            raise StoppedError

    def __enter__(self) -> "Stopping":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.asked:
            raise KeyboardInterrupt
        self.since = self.since or time.monotonic()

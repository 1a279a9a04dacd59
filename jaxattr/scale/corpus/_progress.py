"""How far a run is, step after step: a bar each in a terminal, now and then a line elsewhere."""

import logging
import sys
import threading
import time
from typing import Any

LOG = logging.getLogger("jaxattr.scale")
_EVERY = 10.0  # seconds between two lines


class Progress:
    """Counts what is done in each step and says how fast it goes and how long it will take."""

    def __init__(self, show: bool) -> None:
        self.show, self.bars, self.task = show, None, None
        self.lock = threading.Lock()  # programs are compiled by several threads
        self._set("", "", 0, 0)

    def _set(self, name: str, unit: str, total: int, done: int) -> None:
        self.name, self.unit, self.total, self.done, self.before = name, unit, total, done, done
        self.begin = self.last = time.monotonic()

    def __enter__(self) -> "Progress":
        if self.show and sys.stderr.isatty():
            self.bars = _bars()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        if self.bars is not None:
            self.bars.stop()

    def step(self, name: str, unit: str, total: int, done: int = 0) -> None:
        """The step before is over, and the next begins.

        Args:
            name: what is done.
            unit: what is counted.
            total: how many there are.
            done: how many of them were done before.
        """
        self._finish()
        self._set(name, unit, total, done)
        if self.bars is not None:
            self.task = self.bars.add_task(name, total=total, completed=done, **self._texts())
        elif total > done:
            self._tell(f"{name} {_counted(total - done, unit)}")

    def add(self, count: int) -> None:
        """Some more are done."""
        with self.lock:
            self.done += count
            if self.bars is not None:
                self.bars.update(self.task, completed=self.done, **self._texts())
            elif time.monotonic() - self.last > _EVERY:
                self._tell(_line(self.name, self._texts()))

    def rate(self) -> float:
        """How many a second since this step began."""
        return (self.done - self.before) / max(time.monotonic() - self.begin, 1e-9)

    def _finish(self) -> None:
        """The last word on a step: how long it took."""
        if not self.name:
            return
        took = {"time": _span(time.monotonic() - self.begin)}
        if self.bars is not None:
            self.bars.update(self.task, **{**self._texts(), **took})
        elif self.done > self.before:
            self._tell(_line(self.name, {**self._texts(), **took}))

    def _texts(self) -> dict[str, str]:
        moved = self.done > self.before
        left = (self.total - self.done) / self.rate() if moved else 0.0
        return {
            "count": f"{self.done:,} of {_counted(self.total, self.unit)}",
            "rate": f"{self.rate():,.1f} {self.unit}/s" if moved and self.unit == "rows" else "",
            "time": f"{_span(left)} left" if moved else "",
        }

    def _tell(self, text: str) -> None:
        self.last = time.monotonic()
        about = {"step": self.name, self.unit: self.done, "of": self.total}
        if self.unit == "rows":
            about["rows_per_second"] = round(self.rate(), 3)
        LOG.info(text, extra=about)
        if self.show:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - where there is no terminal, a plain line


def _line(name: str, texts: dict[str, str]) -> str:
    return f"{name}: {', '.join(text for text in texts.values() if text)}"


def _counted(count: int, units: str) -> str:
    return f"{count:,} {units if count != 1 else units.removesuffix('s')}"


def _span(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"


def _bars() -> Any:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        return None
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}", justify="right"),
        TextColumn("{task.fields[rate]}", justify="right"), TextColumn("{task.fields[time]}", justify="right"),
    )  # fmt: skip
    bars = Progress(*columns, console=Console(stderr=True))
    bars.start()
    return bars

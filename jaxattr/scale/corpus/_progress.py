"""How far a run is: a bar in a terminal, now and then a line elsewhere."""

import logging
import sys
import time
from typing import Any

LOG = logging.getLogger("jaxattr.scale")
_EVERY = 10.0  # seconds between two lines


class Progress:
    """Counts rows and says how fast they go and how long it will take."""

    def __init__(self, total: int, done: int, show: bool) -> None:
        self.total, self.done, self.before = total, done, done
        self.begin = self.last = time.monotonic()
        self.show, self.bar, self.task = show, None, None

    def __enter__(self) -> "Progress":
        if self.show and sys.stderr.isatty():
            self.bar, self.task = _bar(self.total, self.done)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
        self._line()

    def add(self, rows: int) -> None:
        """Some more rows are done."""
        self.done += rows
        if self.bar is not None:
            self.bar.update(self.task, advance=rows, rate=f"{self.rate():,.1f} rows/s")
        elif time.monotonic() - self.last > _EVERY:
            self._line()

    def rate(self) -> float:
        """Rows a second since this process began."""
        return (self.done - self.before) / max(time.monotonic() - self.begin, 1e-9)

    def _line(self) -> None:
        self.last = time.monotonic()
        left = (self.total - self.done) / max(self.rate(), 1e-9) if self.done > self.before else float("nan")
        text = f"{self.done:,} of {self.total:,} rows, {self.rate():,.1f} rows/s, {_span(left)} left"
        LOG.info(text, extra={"rows": self.done, "of": self.total, "rows_per_second": round(self.rate(), 3)})
        if self.show and self.bar is None:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - where there is no terminal, a plain line


def _span(seconds: float) -> str:
    if seconds != seconds:
        return "some time"
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"


def _bar(total: int, done: int) -> tuple[Any, Any]:
    try:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        return None, None
    from rich.console import Console

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=Console(stderr=True))
    bar.start()
    return bar, bar.add_task("rows", total=total, completed=done, rate="")

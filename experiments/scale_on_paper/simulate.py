"""Workers that fail at random, on a simulated clock; chunks are chosen and published by the real code."""

import dataclasses
import heapq
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments.scale_on_paper.memory import Listings, Memory, Tiny, columns
from experiments.scale_on_paper.rules import Rules, chosen
from jaxattr.scale.store import _shards

_LONGEST = 200
"""A run that takes this many times the ideal is given up."""


@dataclasses.dataclass(frozen=True)
class Size:
    """A simulated run; its durations are assumptions."""

    chunks: int = 10_000
    """How many chunks."""
    workers: int = 256
    """How many workers."""
    chunk_minutes: float = 10.0
    """The mean duration of a chunk."""
    by_length: float = 0.5
    """The spread (sigma of the lognormal) of durations between chunks; the longest come first, as in a run."""
    noise: float = 0.2
    """The spread of durations of one chunk, from time to time."""
    speed: float = 0.1
    """The spread of the speed of workers."""
    write_seconds: float = 5.0
    """How long it takes to write a chunk, while the next is computed."""


@dataclasses.dataclass(frozen=True)
class Failures:
    """How workers fail.

    Attributes:
      hours: The mean time between failures of one worker; None is never.
      restarts: Whether a worker comes back.
      minutes: How long that takes, with everything it does before its first chunk.
      for_ever: The share of failures after which it does not come back all the same.
      by_hand: Minutes until all are started again once none is left.
    """

    hours: float | None = None
    restarts: bool = True
    minutes: float = 5.0
    for_ever: float = 0.0
    by_hand: float = 30.0


class Outcome(NamedTuple):
    """How a simulated run went; times in hours.

    Attributes:
      makespan: When the last chunk was published.
      ideal: When it would have been, had every worker always been at work, and nothing been done twice.
      alive: The same for the workers that were there.
      ended: When the last worker stopped.
      twice: Work done for chunks that were there already, as a share of all chunks.
      cut: Work that was lost since a worker failed in the middle of a chunk, as a share of all chunks.
      missing: Chunks that were never published though a worker went through its whole order.
      double: Chunks that have more than one file.
      failures: How often a worker failed before the last chunk was there.
      starts: How often all had to be started by hand, beside the first time.
      listings: How often the folder was listed.
      requests: Requests of these listings to an object store.
      published: The times of publications, in order.
    """

    makespan: float
    ideal: float
    alive: float
    ended: float
    twice: float
    cut: float
    missing: int
    double: int
    failures: int
    starts: int
    listings: int
    requests: int
    published: list[float]


@dataclasses.dataclass
class _Worker:
    """A process; `life` counts its starts, and what belongs to an earlier life is void."""

    number: int
    slowness: float
    noise: np.random.Generator
    luck: np.random.Generator
    life: int = 0
    up: bool = False
    chunks: Iterator[int] = dataclasses.field(default_factory=lambda: iter(()))
    following: int | None = None
    chunk: int | None = None
    begun: float = 0.0
    taken: float = 0.0
    written: float = 0.0
    writing: dict[int, float] = dataclasses.field(default_factory=dict)


class _Run:
    """One simulated run."""

    def __init__(self, size: Size, failures: Failures, rules: Rules, seed: int) -> None:
        self.size, self.failures, self.rules = size, failures, rules
        self.folder, self.kind = Memory(), Tiny()
        self.listed = Listings(self.folder, self.kind.suffix, rules.published)
        rng = np.random.default_rng([seed, 0])
        self.durations = np.sort(_lognormal(rng, size.by_length, size.chunks))[::-1]
        self.durations *= size.chunk_minutes / 60 / self.durations.mean()
        slowness = _lognormal(rng, size.speed, size.workers)
        self.workers = [
            _Worker(w, float(slowness[w]), np.random.default_rng([seed, 1, w]), np.random.default_rng([seed, 2, w]))
            for w in range(size.workers)
        ]
        self.queue: list[Any] = []
        self.order = itertools.count()
        self.there: set[int] = set()
        self.times: list[float] = []
        self.rates: list[tuple[float, float]] = []
        self.useful = self.twice = self.cut = self.ended = 0.0
        self.failed = self.starts = self.through = 0

    def later(self, time: float, what: str, worker: _Worker, chunk: int | None = None) -> None:
        heapq.heappush(self.queue, (time, next(self.order), what, worker, worker.life, chunk))

    def start(self, now: float, worker: _Worker) -> None:
        worker.life, worker.up, worker.written = worker.life + 1, True, now
        self.rates.append((now, 1 / worker.slowness))
        worker.chunks = chosen(self.rules, self.listed, self.size.chunks, worker.number, self.size.workers)
        if self.failures.hours is not None:
            self.later(now + worker.luck.exponential(self.failures.hours), "fail", worker)
        worker.following = next(worker.chunks, None) if self.rules.ahead else None
        self.begin(now, worker)

    def begin(self, now: float, worker: _Worker) -> None:
        """The loop of `scale.run`: a chunk is computed, and the next one chosen at the same moment, or only later."""
        worker.chunk = worker.following if self.rules.ahead else next(worker.chunks, None)
        if worker.chunk is None:
            self.later(max(now, worker.written), "end", worker)
            return
        if self.rules.ahead:
            worker.following = next(worker.chunks, None)
        worker.begun = now
        noise = float(_lognormal(worker.noise, self.size.noise, 1)[0])
        worker.taken = float(self.durations[worker.chunk]) * worker.slowness * noise
        self.later(now + worker.taken, "computed", worker, worker.chunk)

    def computed(self, now: float, worker: _Worker, chunk: int) -> None:
        if worker.written > now:  # one writes at a time
            self.later(worker.written, "computed", worker, chunk)
            return
        worker.written = now + self.size.write_seconds / 3600
        worker.writing[chunk], worker.chunk = worker.taken, None
        self.later(worker.written, "written", worker, chunk)
        self.begin(now, worker)

    def written(self, now: float, worker: _Worker, chunk: int) -> None:
        self.rules.publish(self.folder, chunk, columns(chunk), self.kind)
        spent = worker.writing.pop(chunk)
        if chunk in self.there:
            self.twice += spent
            return
        self.there.add(chunk)
        self.times.append(now)
        self.useful += spent

    def fail(self, now: float, worker: _Worker) -> None:
        self.failed += len(self.there) < self.size.chunks
        self.cut += sum(worker.writing.values())
        if worker.chunk is not None:
            self.cut += min(now - worker.begun, worker.taken)
        self.stop(now, worker)
        back = self.failures.restarts and worker.luck.random() >= self.failures.for_ever
        if back:
            self.later(now + self.failures.minutes / 60, "start", worker)

    def stop(self, now: float, worker: _Worker) -> None:
        worker.up, worker.chunk, worker.writing = False, None, {}
        worker.life += 1
        self.ended = now
        self.rates.append((now, -1 / worker.slowness))

    def end(self, now: float, worker: _Worker) -> None:
        self.listed()  # whether all is there
        self.stop(now, worker)
        self.rates.pop()  # it could have worked on
        self.through += 1

    def go(self) -> Outcome:
        for worker in self.workers:
            self.later(0.0, "start", worker)
        ideal = float(self.durations.sum()) / sum(1 / worker.slowness for worker in self.workers)
        now = 0.0
        while self.queue:
            now, _, what, worker, life, chunk = heapq.heappop(self.queue)
            if now > _LONGEST * ideal:
                raise RuntimeError(f"Expected a run of some {ideal:.1f} hours to end, but it has not after {now:.1f}.")
            if worker.life == life:
                getattr(self, what)(now, worker, *(() if chunk is None else (chunk,)))
            if not self.queue and len(self.there) < self.size.chunks and not self.through:
                self.starts += 1
                for each in self.workers:
                    self.later(self.ended + self.failures.by_hand / 60, "start", each)
        total = float(self.durations.sum())
        there = self.rules.published(self.folder, self.kind.suffix)
        return Outcome(
            makespan=self.times[-1],
            ideal=ideal,
            alive=_reached(self.rates, total),
            ended=self.ended,
            twice=self.twice / self.useful,
            cut=self.cut / self.useful,
            missing=self.size.chunks - len(there),
            double=len(self.folder.names(_shards.FOLDER)) - len(there),
            failures=self.failed,
            starts=self.starts,
            listings=self.listed.count,
            requests=self.listed.requests,
            published=self.times,
        )


def run(size: Size, failures: Failures, rules: Rules, seed: int) -> Outcome:
    """Simulates a run until every worker has gone through its order, or is lost.

    Durations, speeds and failures of a worker follow from the seed and from how many chunks it has begun, so that two
    rules see the same ones as far as they do the same.

    Args:
      size: How much there is to do.
      failures: How workers fail.
      rules: How chunks are chosen.
      seed: The seed.

    Returns:
      How it went.

    Raises:
      RuntimeError: When workers fail so often that the run gets nowhere.
    """
    return _Run(size, failures, rules, seed).go()


def _lognormal(rng: np.random.Generator, sigma: float, count: int) -> np.ndarray:
    """Numbers with mean 1."""
    return rng.lognormal(-(sigma**2) / 2, sigma, count)


def _reached(changes: list[tuple[float, float]], work: float) -> float:
    """When workers that come and go have done some work, all of it being of use."""
    rate = done = last = 0.0
    for time, change in sorted(changes):
        more = rate * (time - last)
        if done + more >= work:
            break
        done, last, rate = done + more, time, rate + change
    return last + (work - done) / rate if rate > 0 else math.nan

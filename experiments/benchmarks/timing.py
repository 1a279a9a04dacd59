"""Run times of several ways to do one thing, measured in turn so that a busy machine is busy for all of them."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Timing:
    """Run times of one way.

    Attributes:
      seconds: The median over the rounds.
      fastest: The fastest round.
      ratio: The median over the rounds of its time over the time of the base way in the same round.
      low: The lower quartile of these ratios.
      high: The upper quartile.
      rounds: How many rounds.
      calls: Calls a round.
      times: Its time in each round.
    """

    seconds: float
    fastest: float
    ratio: float
    low: float
    high: float
    rounds: int
    calls: int
    times: tuple[float, ...] = dataclasses.field(default=(), compare=False, repr=False)


def in_turn(
    ways: Mapping[str, Callable[[], Any]],
    *,
    base: str,
    repeats: int,
    least: float = 0.02,
    clock: Clock = time.perf_counter,
) -> dict[str, Timing]:
    """Times each way once a round; every second round in the opposite order.

    Args:
      ways: By name, a call that returns only when its work is done. Each runs once before the rounds.
      base: The way that the ratios refer to.
      repeats: How many rounds.
      least: Seconds that one measurement lasts at least; shorter calls are repeated within it.
      clock: Tells the time in seconds.

    Returns:
      The timing of each way.
    """
    calls = {name: _calls(way, least, clock) for name, way in ways.items()}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(repeats):
        for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
            begin = clock()
            for _ in range(calls[name]):
                ways[name]()
            found[name].append((clock() - begin) / calls[name])
    ratios = {name: np.array(times) / np.array(found[base]) for name, times in found.items()}
    return {
        name: Timing(
            seconds=float(np.median(times)),
            fastest=min(times),
            ratio=float(np.median(ratios[name])),
            low=float(np.quantile(ratios[name], 0.25)),
            high=float(np.quantile(ratios[name], 0.75)),
            rounds=repeats,
            calls=calls[name],
            times=tuple(times),
        )
        for name, times in found.items()
    }


def speedups(timings: Mapping[str, Timing], over: Sequence[str]) -> dict[str, dict[str, float]]:
    """How many times faster each way is than the fastest of some others in the same round.

    Args:
      timings: What `in_turn` returns.
      over: The names of those others.

    Returns:
      By name "median", "low" and "high": the median over the rounds with its quartiles.
    """
    best = np.min([timings[name].times for name in over], axis=0)
    found = {name: best / np.array(timing.times) for name, timing in timings.items()}
    levels = {"median": 0.5, "low": 0.25, "high": 0.75}
    return {
        name: {word: float(np.quantile(ratios, level)) for word, level in levels.items()}
        for name, ratios in found.items()
    }


def tried(
    ways: Mapping[str, Callable[[], Any]], *, least: float = 0.3, clock: Clock = time.perf_counter
) -> dict[str, float]:
    """Seconds of one call of each way, for a first look; a short first call is taken as a warm-up.

    Args:
      ways: By name, a call that returns only when its work is done.
      least: Below this the faster of two more calls counts.
      clock: Tells the time in seconds.

    Returns:
      Seconds by name.
    """

    def once(way: Callable[[], Any]) -> float:
        begin = clock()
        way()
        return clock() - begin

    first = {name: once(way) for name, way in ways.items()}
    return {name: first[name] if first[name] > least else min(once(way), once(way)) for name, way in ways.items()}


def _calls(way: Callable[[], Any], least: float, clock: Clock) -> int:
    """How many calls fill the least time, found after a first call that may still compile something."""
    begin = clock()
    way()
    if clock() - begin > 50 * least:
        return 1
    begin = clock()
    way()
    return max(1, math.ceil(least / max(clock() - begin, 1e-9)))


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled function with its arguments.

    Attributes:
      run: Calls it and waits for the result.
      trace_seconds: Time to trace and lower it.
      compile_seconds: Time to compile it.
      call: The program itself, for other arguments of the same shapes.
    """

    run: Callable[[], Any]
    trace_seconds: float
    compile_seconds: float
    call: Any


def compiled(f: Callable[..., Any], *args: Any) -> Program:
    """Compiles a function for its arguments, ahead of the first call.

    Args:
      f: A function of arrays.
      *args: Its arguments.

    Returns:
      The program with the seconds that it took.
    """
    begin = time.perf_counter()
    lowered = jax.jit(f).lower(*args)
    middle = time.perf_counter()
    program = lowered.compile()
    end = time.perf_counter()
    return Program(lambda: jax.block_until_ready(program(*args)), middle - begin, end - middle, program)

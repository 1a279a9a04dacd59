"""Which runs are simulated, several times each, and what is kept of them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.scale_on_paper.rules import NOW, RULES
from experiments.scale_on_paper.simulate import Failures, Outcome, Size, run

CURVE_POINTS = 80


class Scenario(NamedTuple):
    """A kind of failures and the rules that are tried under it.

    Attributes:
      name: What it is called.
      failures: How workers fail.
      rules: Names of `rules.RULES`.
    """

    name: str
    failures: Failures
    rules: Sequence[str] = (NOW,)


def scenarios(hours: Sequence[float], minutes: float, for_ever: float) -> list[Scenario]:
    """All of them.

    Args:
      hours: Mean times between failures of one worker.
      minutes: How long a restart takes.
      for_ever: In scenarios with lost workers, the share of failures after which one does not come back.

    Returns:
      No failures; for each time all come back, some are lost for ever, or none comes back. The rules are compared
      without failures and at the middle time.
    """
    hours = sorted(hours, reverse=True)
    all_rules, middle = tuple(RULES), hours[len(hours) // 2]
    found = [Scenario("no failures", Failures(), all_rules)]
    for mean in hours:
        rules = all_rules if mean == middle else (NOW,)
        back = Failures(mean, minutes=minutes)
        some = Failures(mean, minutes=minutes, for_ever=for_ever)
        found.append(Scenario("all come back", back, rules))
        found.append(Scenario(f"{for_ever:.0%} are lost for ever", some))
        found.append(Scenario("none comes back", Failures(mean, restarts=False), rules))
    return found


def summary(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Means over repetitions with their standard errors; of what must not happen the sum.

    Args:
      outcomes: One of each repetition.

    Returns:
      A dictionary for JSON.
    """
    all_of = list(outcomes)
    figures: Mapping[str, Callable[[Outcome], float]] = {
        "makespan_hours": lambda o: o.makespan,
        "over_ideal": lambda o: o.makespan / o.ideal,
        "over_alive": lambda o: o.makespan / o.alive,
        "ended_over_ideal": lambda o: o.ended / o.ideal,
        "twice": lambda o: o.twice,
        "cut": lambda o: o.cut,
        "vain": lambda o: o.twice + o.cut,
        "failures": lambda o: o.failures,
        "starts_by_hand": lambda o: o.starts,
        "listings": lambda o: o.listings,
        "requests": lambda o: o.requests,
    }
    return {name: _mean([of(outcome) for outcome in all_of]) for name, of in figures.items()} | {
        "chunks_lost": sum(outcome.missing for outcome in all_of),
        "published_twice": sum(outcome.double for outcome in all_of),
    }


def _mean(values: Sequence[float]) -> dict[str, float]:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return {"mean": float(np.mean(values)), "standard_error": spread / math.sqrt(len(values))}


def left(outcome: Outcome, chunks: int) -> dict[str, Any]:
    """How many chunks were missing at some moments of the last quarter of the ideal time and after it.

    Args:
      outcome: A run.
      chunks: How many there are.

    Returns:
      "over_ideal", the moments as shares of the ideal time, and "missing".
    """
    moments = np.linspace(0.75, max(outcome.makespan / outcome.ideal, 1.0), CURVE_POINTS)
    done = np.searchsorted(np.array(outcome.published) / outcome.ideal, moments, side="right")
    return {"over_ideal": moments, "missing": chunks - done}


def simulated(
    size: Size, listed: Sequence[Scenario], repetitions: int, seed: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Runs every scenario under each of its rules.

    Args:
      size: How much there is to do.
      listed: The scenarios.
      repetitions: How many seeds, the same for all.
      seed: The first seed.
      tell: Called with the name of what is simulated next.

    Returns:
      "runs", a line each, and "curves" of the first repetition of the first scenario by rule.
    """
    lines, curves = [], {}
    for place, scenario in enumerate(listed):
        for name in scenario.rules:
            tell(f"{scenario.name}, {scenario.failures.hours} h, {name}")
            outcomes = [run(size, scenario.failures, RULES[name], seed + k) for k in range(repetitions)]
            about = {"scenario": scenario.name, "hours_between_failures": scenario.failures.hours, "rules": name}
            lines.append(about | summary(outcomes))
            if place == 0:
                curves[name] = left(outcomes[0], size.chunks)
    return {"runs": lines, "curves": curves}


def by(result: Mapping[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    """The lines of a result with these fields."""
    return [line for line in result["runs"] if all(line[name] == value for name, value in wanted.items())]


def compared(result: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """The scenarios of a result, and the hours between failures, under which several rules were tried."""
    kinds = [(line["scenario"], line["hours_between_failures"]) for line in result["runs"]]
    return [kind for kind in dict.fromkeys(kinds) if kinds.count(kind) > 1]

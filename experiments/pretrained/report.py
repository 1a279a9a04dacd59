"""What was found as tables, for the page of the documentation."""

from collections.abc import Mapping
from typing import Any

from experiments._shared.record import plus_minus

Line = tuple[str, ...]

PARTS = ("baseline", "score there", "start", "words", "padding", "padding, of the sum of sizes")
COSTS = ("baseline", "reviews", "seconds", "reviews a second", "peak memory, MB", "gap: median", "99 %", "worst")
SAME = ("baseline", "median", "90 %", "99 %", "worst")
METHODS = ("first words by", "fall of the score", "rank correlation with occlusion")


def _small(number: float) -> str:
    """In powers of ten, with a hyphen at which no line breaks."""
    return f"{number:.1e}".replace("-", "\N{NON-BREAKING HYPHEN}")


def _mean(figure: Mapping[str, Any], form: str) -> str:
    return plus_minus(figure["mean"], figure["standard_error"] or 0.0, form).replace("± +", "± ")


def parts(result: Mapping[str, Any]) -> list[Line]:
    """A line a baseline, under `PARTS`."""
    return [
        (
            name,
            f"{found['baseline']['mean']:+.3f}",
            *(_mean(found[part], "+.4f") for part in ("start", "words", "padding")),
            _mean(found["share_at_padding"], ".2%"),
        )
        for name, found in result["whole_test_set"].items()
    ]


def costs(result: Mapping[str, Any]) -> list[Line]:
    """A line a baseline, under `COSTS`."""
    return [
        (
            name,
            f"{found['cost']['rows']:,}",
            f"{found['cost']['seconds']:.1f}",
            f"{found['cost']['rows_a_second']:,.0f}",
            f"{found['cost']['peak_memory_mb']:,.0f}",
            *(_small(found["gap"][level]) for level in ("0.5", "0.99", "1.0")),
        )
        for name, found in result["whole_test_set"].items()
    ]


def same(result: Mapping[str, Any]) -> list[Line]:
    """A line a baseline, under `SAME`."""
    return [
        (name, *(_small(found[level]) for level in ("0.5", "0.9", "0.99", "1.0")))
        for name, found in result["compared"]["difference_of_both_ways"].items()
    ]


def methods(result: Mapping[str, Any]) -> list[Line]:
    """A line a method, under `METHODS`, the largest fall first."""
    found = result["compared"]["methods"]
    order = sorted(found, key=lambda name: -found[name]["fall"]["mean"])
    ranked = {name: found[name].get("rank_correlation_with_occlusion") for name in order}
    return [
        (name, _mean(found[name]["fall"], ".3f"), _mean(rank, ".4f") if rank else "all words tie")
        for name, rank in ranked.items()
    ]

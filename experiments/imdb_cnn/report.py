"""The tables of the result, for the terminal and for the page."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments._shared.record import plus_minus

METHODS = ("method", "score falls without its first words", "reviews a second", "peak memory, MB")
EXPRESSIONS = ("most positive reviews", "score", "norm", "most negative reviews", "score", "norm")
WORDS = ("predicted positive", "reviews", "predicted negative", "reviews")


def trained(console: Console, about: Mapping[str, Any]) -> None:
    """Says how good the model is and how long it took."""
    how = "read from the last run" if about["reused"] else "trained now"
    console.print(
        f"Test accuracy: [bold]{about['test_accuracy']:.2%}[/] (training reviews {about['train_accuracy']:.2%}), "
        f"{about['train_seconds']:.0f} s of training, {how}.\n"
    )


def methods(result: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """A line a method."""
    rows = []
    for name, found in result["fall_without_first_words"].items():
        if name == "deleted":
            continue
        spent = result["cost"].get(name)
        more = (f"{spent['rows_a_second']:,.1f}", f"{spent['peak_memory_mb']:,.0f}") if spent else ("", "")
        rows.append((name, plus_minus(found["mean"], found["standard_error"], ".2f"), *more))
    return rows


def expressions(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line an expression of a most positive and of a most negative review, by the largest gradient norm."""

    def cells(entry: Mapping[str, Any]) -> tuple[str, str, str]:
        return entry["expression"], f"{entry['score']:+.2f}", f"{entry['norm']:.2f}"

    found = result["whole_test_set"]["expressions"]
    return [cells(a) + cells(b) for a, b in zip(found["positive"], found["negative"], strict=True)]


def integrated(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line an expression of each side, by integrated gradients."""
    found = result["expressions_by_integrated_gradients"]
    both = zip(found["positive"], found["negative"], strict=False)
    return [(good, f"{a:.2f}", bad, f"{b:.2f}") for (good, a), (bad, b) in both]


def first_words(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a word of each predicted class that most often has the largest norm."""

    def cells(entry: Mapping[str, Any]) -> tuple[str, str]:
        return entry["word"], plus_minus(entry["share"]["mean"], entry["share"]["standard_error"], ".2%")

    found = result["whole_test_set"]["first_words"]
    return [cells(a) + cells(b) for a, b in zip(found["positive"], found["negative"], strict=False)]


def tell(console: Console, result: Mapping[str, Any]) -> None:
    """Prints the tables."""
    for head, rows in ((METHODS, methods(result)), (EXPRESSIONS, expressions(result)), (WORDS, first_words(result))):
        table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="dim")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    gap, spent = result["completeness_gap"], result["cost"]["gradient norm, test set"]
    console.print(
        f"Completeness gap: median {gap['median']:.2g}, 90 % below {gap['ninety_percent']:.2g}, worst "
        f"{gap['worst']:.2g}. Gradient norm: {spent['rows_a_second']:,.0f} reviews a second, peak "
        f"{spent['peak_memory_mb']:,.0f} MB."
    )

"""What was found, as said in the terminal and on the page of the documentation."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments._shared.record import plus_minus

MODELS = ("model", "test accuracy", "training, s", "expected value", "worst gap's share", "s a review")
COSTS = ("all test reviews", "reviews", "seconds", "reviews a second", "peak memory, MB", "worst gap's share")


def trained(console: Console, name: str, about: Mapping[str, Any]) -> None:
    """Says how good a model is and how long it took."""
    how = "read from the last run" if about["reused"] else "trained now"
    console.print(
        f"{name}: test accuracy [bold]{about['test_accuracy']:.2%}[/] (training reviews {about['train_accuracy']:.2%}),"
        f" {about['train_seconds']:.0f} s of training, {how}."
    )


def models(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a model, under `MODELS`."""
    return [
        (
            name,
            plus_minus(*found["test_accuracy"].values(), form=".2%"),
            f"{found['train_seconds']:.0f}",
            f"{found['expected_value']:.4f}",
            f"{found['worst_relative_gap']:.1e}",
            f"{found['seconds_a_review']:.2f}",
        )
        for name, found in result["models"].items()
    ]


def costs(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a model, under `COSTS`."""
    return [
        (
            name,
            f"{spent['rows']:,}",
            f"{spent['seconds']:.0f}",
            f"{spent['rows_a_second']:.0f}",
            f"{spent['peak_memory_mb']:,.0f}",
            f"{result['models'][name]['relative_gap_of_many']['worst']:.1e}",
        )
        for name, spent in result["cost"].items()
    ]


def word_head(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The head of `words`."""
    return ("word", "occurrences", "reviews", *result["models"])


def words(result: Mapping[str, Any], count: int) -> list[tuple[str, ...]]:
    """The words at the ends of the first model's list, with the means of both models and their 95 % intervals."""
    listed = {name: {one["word"]: one for one in found["words"]["ends"]} for name, found in result["models"].items()}
    first, *_ = listed.values()
    order = list(first)
    chosen = [*order[:count], *order[-count:]] if len(order) > 2 * count else order
    return [
        (
            word,
            f"{first[word]['occurrences']:,}",
            f"{first[word]['reviews']:,}",
            *(f"{found[word]['mean']:+.4f} ± {found[word]['half_interval']:.4f}" for found in listed.values()),
        )
        for word in chosen
    ]


def _print_table(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()


def figures(console: Console, result: Mapping[str, Any]) -> None:
    """Prints the tables."""
    settings, same = result["settings"], result["agreement"]
    console.print(
        f"DeepSHAP: DeepLIFT averaged over {settings['backgrounds']} training reviews; the {settings['score']} of a "
        "positive review is explained. The gap is f(x) - expected value - sum of the words, its share that of the sum "
        "of their sizes.",
        style="dim",
    )
    _print_table(console, MODELS, models(result))
    _print_table(console, COSTS, costs(result))
    _print_table(console, word_head(result), words(result, 10))
    console.print(
        f"Over {same['words']:,} words the means of the models correlate with {same['correlation_of_means']:.3f}; in a "
        f"review the rank correlation is {plus_minus(*same['rank_correlation_in_a_review'].values(), form='.4f')}."
    )

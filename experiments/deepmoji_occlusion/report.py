"""What was found, as tables for the terminal and for the page of the documentation."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments._shared.record import plus_minus
from experiments.deepmoji_occlusion import pictures

ACCURACY = ("on the test texts", "accuracy")
COST = ("words", "texts", "evaluations", "deletion, s", "attention, s", "largest change, median")
RUNS = ("all test texts", "texts", "seconds", "texts a second", "peak memory, MB")
STEPS = (1, 2, 3, 5, 10)


def trained(console: Console, about: Mapping[str, Any]) -> None:
    """Says how good the network is and how long it took."""
    how = "read from the last run" if about["reused"] else "trained now"
    console.print(
        f"Test accuracy [bold]{about['test_accuracy']:.2%}[/] (validation {about['validation_accuracy']:.2%}, training "
        f"texts {about['train_accuracy']:.2%}), {about['train_seconds']:.0f} s of training, {how}."
    )


def said(figure: Mapping[str, float], form: str = ".3f") -> str:
    """A mean with its standard error."""
    return plus_minus(figure["mean"], figure["standard_error"], form)


def accuracies(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A line a classifier, under `ACCURACY`."""
    return [
        ("this network", said(result["test_accuracy"], ".1%")),
        ("logistic regression on a bag of words", said(result["bag_of_words"]["test_accuracy"], ".1%")),
        ("the network less the bag, on the same texts", said(result["ahead_of_bag_of_words"], ".1%")),
        ("the most frequent class", said(result["majority"]["test_accuracy"], ".1%")),
    ]


def lengths(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What a text costs, a line a length, under `COST`."""
    return [
        (
            str(one["words"]),
            f"{one['texts']} {one['name']}",
            str(one["evaluations_a_text"]),
            f"{one['deletion_seconds_a_text']:.3f}",
            f"{one['attention_seconds_a_text']:.4f}",
            f"{one['largest_change']['median']:.2f}",
        )
        for one in result["lengths"]
    ]


def costs(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a run over all test texts, under `RUNS`."""
    return [
        (
            name,
            f"{one['rows']:,}",
            f"{one['seconds']:.0f}",
            f"{one['rows_a_second']:.1f}",
            f"{one['peak_memory_mb']:,.0f}",
        )
        for name, one in result["cost"].items()
    ]


def curves(result: Mapping[str, Any], side: str) -> tuple[list[str], list[list[str]]]:
    """The head and a line a ranking of "top_change" or "probability"."""
    found = result["curves"][side]
    steps = [step for step in STEPS if step < len(next(iter(found.values())))]
    head = ["first words by", *(f"{step} deleted" for step in steps)]
    return head, [[name, *(said(each[step]) for step in steps)] for name, each in found.items()]


def strongest(example: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """What happens without the strongest words of a text: the head, and a line a word, in percentage points."""
    head = ["without", "change", "attention", *example["likeliest"], "then"]
    return head, [
        [
            f"{one['word']} [{one['place']}]",
            f"{one['change']:.2f}",
            f"{one['attention']:.2f}",
            *(f"{100 * change:+.1f}" for change in one["moved"].values()),
            one["then"],
        ]
        for one in example["strongest"]
    ]


def _print_table(console: Console, name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(f"\n[bold]{name}[/]")
    console.print(table)


def figures(console: Console, result: Mapping[str, Any]) -> None:
    """Prints the tables and a text."""
    agreed, top = result["agreement"], result["classes_watched"]
    _print_table(console, "Accuracy", ACCURACY, accuracies(result))
    _print_table(console, "Cost of a text", COST, lengths(result))
    _print_table(console, "Cost of all test texts", RUNS, costs(result))
    _print_table(console, f"Top-{top} change without the first words", *curves(result, "top_change"))
    _print_table(console, "Probability of the full text's class without them", *curves(result, "probability"))
    console.print(
        f"\nRank correlation of deletion and attention: {said(agreed['rank_correlation'])} over "
        f"{agreed['rank_correlation']['texts']} texts. The same first word: {said(agreed['same_first_word'], '.1%')}, "
        f"by chance {agreed['same_first_word_by_chance']:.1%}.\n"
    )
    pictures.texts(result, result["lengths"][0]["words"], 1).print()

"""What the newcomer sees: the terminal, the HTML page, the JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments._shared import page
from experiments._shared.methods import INTEGRATED
from experiments._shared.pictures import compared
from experiments.quickstart import phrases
from experiments.quickstart.data import LABELS, Review
from experiments.quickstart.explain import Outcome, Run
from jaxattr.display import gallery

HEAD = ("method", "first word planted", "median gap", "worst gap", "ms a text")
PLANTED = (
    "The words that decide each label were planted: a word that affirms or negates, and a word of sentiment. "
    "How often is a method's first word one of them?"
)
READING = (
    "Each method is divided by its strongest word in the text. The gradient norm has no sign: it can only say where. "
    "The other two say for (orange, +) or against (purple, -) the predicted class."
)


def opening(console: Console, known: int, held_out: int, vocabulary: int) -> None:
    """Says what the data are."""
    console.rule("[bold]jaxattr: which words made the model say so?")
    console.print(
        f"\n{known + held_out:,} generated reviews whose deciding words are known: {known:,} to train on, "
        f"{held_out:,} held out, {vocabulary:,} words."
    )


def trained(console: Console, accuracy: float, held_out: int) -> None:
    """Says how good the model is."""
    console.print(f"Held-out accuracy: [bold]{accuracy:.1%}[/] of {held_out:,} reviews.\n")


def chosen(reviews: Sequence[Review], count: int) -> list[int]:
    """Picks texts of three kinds by turns: with one clause negated, with one affirmed, with two clauses."""
    kinds: list[list[int]] = [[], [], []]
    for place, review in enumerate(reviews):
        negated = review.words[review.causes[0]] in phrases.NEGATING
        kinds[2 if len(review.causes) > 2 else 0 if negated else 1].append(place)
    turns = range(max(map(len, kinds)))
    return [places[turn] for turn in turns for places in kinds if turn < len(places)][:count]


def _pictures(run: Run, count: int) -> Any:
    def title(review: Review, predicted: int) -> str:
        planted = ", ".join(review.words[cause] for cause in review.causes)
        verdict = "" if predicted == review.label else f", predicted {LABELS[predicted]}"
        return f"{LABELS[review.label]}{verdict} (planted: {planted})"

    return gallery(
        [
            compared(
                run.reviews[place].text,
                {name: outcome.values[place] for name, outcome in run.outcomes.items()},
                title(run.reviews[place], int(run.predicted[place])),
            )
            for place in chosen(run.reviews, count)
        ],
        scale=1.0,
    )


def texts(console: Console, run: Run, count: int) -> None:
    """Prints some texts in colour."""
    console.print(f"{READING}\n", style="dim")
    _pictures(run, count).print()
    console.print()


def _rows(run: Run) -> list[tuple[str, ...]]:
    def row(name: str, outcome: Outcome) -> tuple[str, ...]:
        gaps = ("", "")
        if outcome.gaps is not None:
            sizes = np.abs(outcome.gaps)
            gaps = (f"{np.median(sizes):.2g}", f"{sizes.max():.2g}")
        rate = f"{outcome.hit_rate:.1%} ± {outcome.standard_error:.1%}"
        return (name, rate, *gaps, f"{outcome.milliseconds:.2f}")

    methods = [row(name, outcome) for name, outcome in run.outcomes.items()]
    return [*methods, ("a word at random", f"{run.random_rate:.1%}", "", "", "")]


def _gap(run: Run) -> str:
    """Says what the gap is and how large it is beside what there is to hand out."""
    outcome = run.outcomes[INTEGRATED]
    gaps = np.zeros(len(outcome.values)) if outcome.gaps is None else outcome.gaps
    share = np.median(np.abs(gaps) / np.maximum(np.abs(outcome.values.sum(1) + gaps), 1e-6))
    return (
        "Gap: what integrated gradients fail to hand out, |f(x) - f(baseline) - sum|, in logits; "
        f"its median is {share:.1%} of |f(x) - f(baseline)|."
    )


def warnings(run: Run) -> list[str]:
    """Says which methods do badly, and how badly."""
    said = []
    for name, outcome in run.outcomes.items():
        if outcome.hit_rate - 2 * outcome.standard_error <= run.random_rate:
            said.append(f"{name} finds planted words no better than a word picked at random.")
        elif outcome.hit_rate < 0.95:
            said.append(f"in {1 - outcome.hit_rate:.0%} of the texts the first word of {name} was not planted.")
    return said


def figures(console: Console, run: Run) -> None:
    """Prints the table and what is to be warned of."""
    console.print(PLANTED)
    table = Table(*HEAD, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in _rows(run):
        table.add_row(*row, style="dim" if row[0] not in run.outcomes else None)
    console.print(table)
    console.print(_gap(run), style="dim")
    for warning in warnings(run):
        console.print(f"Note: {warning}", style="yellow")


def closing(console: Console, run: Run, report: Path) -> None:
    """Says where the report is and what to do next."""
    console.print(f"\nDone in {run.seconds:.0f} s. The report, one file without script: [bold]{report}[/]")
    console.print("How the three methods are written: experiments/_shared/methods.py", style="dim")


def as_html(run: Run, count: int) -> str:
    """The report as one page.

    Args:
      run: What was found.
      count: How many texts are shown.

    Returns:
      One HTML document.
    """
    return page.page(
        "Which words made the model say so?",
        [
            page.text(
                f"A small convolutional classifier of generated reviews, right on {run.accuracy:.1%} of "
                f"{len(run.reviews):,} held-out texts, explained by jaxattr in three ways."
            ),
            page.heading("Do the methods find the planted words?"),
            page.text(PLANTED),
            page.table(HEAD, _rows(run)),
            page.text(_gap(run), soft=True),
            *(page.text(f"Note: {warning}") for warning in warnings(run)),
            page.heading("Some held-out texts"),
            page.text(READING, soft=True),
            page.Html(_pictures(run, count)._repr_html_()),
        ],
    )


def as_json(run: Run, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The figures for a result file.

    Args:
      run: What was found.
      settings: The flags.

    Returns:
      A dictionary for JSON.
    """

    def gaps(outcome: Outcome) -> dict[str, float] | None:
        if outcome.gaps is None:
            return None
        sizes = np.abs(outcome.gaps)
        return {"median": float(np.median(sizes)), "worst": float(sizes.max())}

    return {
        "experiment": "quickstart",
        "settings": {name: value for name, value in settings.items() if not isinstance(value, Path | None)},
        "held_out": len(run.reviews),
        "accuracy": run.accuracy,
        "random_rate": run.random_rate,
        "methods": {
            name: {
                "hit_rate": outcome.hit_rate,
                "standard_error": outcome.standard_error,
                "milliseconds_a_text": outcome.milliseconds,
                "absolute_gap": gaps(outcome),
            }
            for name, outcome in run.outcomes.items()
        },
        "notes": warnings(run),
        "seconds": run.seconds,
    }

"""What was found: the terminal, the HTML page, the JSON."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments._shared import page
from experiments._shared.pictures import compared
from experiments.imdb_cnn.data import LABELS
from experiments.imdb_cnn.explain import DELETED, Outcome

HEAD = ("method", "reviews", "ms a review", f"score falls without its first {DELETED} words")
READING = (
    "Each method is divided by its strongest word in the review. The gradient norm has no sign: it can only say where. "
    "The other two say for (orange, +) or against (purple, -) the predicted class."
)


@dataclasses.dataclass(frozen=True)
class Run:
    """All that the report needs.

    Attributes:
      about: What is known of the model: settings, accuracies, seconds.
      labels: The labels of the reviews that all methods explained.
      predicted: Their predicted classes, which are explained.
      texts: Those reviews as written.
      length: How many words from their end the model reads.
      outcomes: What each method gave.
      deletion: For each method the mean fall of the score and its standard error.
      expressions: The expressions that speak most for each class, by integrated gradients.
      frequent: The words that are most often first by the gradient norm, for each predicted class.
      gaps: Figures of the completeness gaps.
    """

    about: Mapping[str, Any]
    labels: np.ndarray
    predicted: np.ndarray
    texts: list[str]
    length: int
    outcomes: Mapping[str, Outcome]
    deletion: Mapping[str, tuple[float, float]]
    expressions: Mapping[str, list[tuple[str, float]]]
    frequent: Mapping[str, list[tuple[str, int]]]
    gaps: Mapping[str, float]


def trained(console: Console, about: Mapping[str, Any]) -> None:
    """Says how good the model is and how long it took."""
    how = "read from the last run" if about["reused"] else "trained now"
    console.print(
        f"Test accuracy: [bold]{about['test_accuracy']:.2%}[/] (training reviews {about['train_accuracy']:.2%}), "
        f"{about['train_seconds']:.0f} s of training, {how}.\n"
    )


def _rows(run: Run) -> list[tuple[str, str, str, str]]:
    def fall(name: str) -> str:
        mean, error = run.deletion[name]
        return f"{mean:.2f} ± {error:.2f}"

    methods = [
        (name, f"{len(outcome.values):,}", f"{1e3 * outcome.seconds:.1f}", fall(name))
        for name, outcome in run.outcomes.items()
    ]
    return [*methods, ("random words", "", "", fall("random words"))]


def _fall(run: Run) -> str:
    return (
        f"The fall is the mean over the {len(run.texts)} reviews that every method explained. The words are truly "
        "deleted, the rest closes up. The score is the logit of the predicted class less the other."
    )


def _gaps(run: Run) -> str:
    gaps = run.gaps
    return (
        f"Completeness gap of integrated gradients, |f(x) - f(baseline) - sum|, in logits: "
        f"median {gaps['median']:.2g}, 90 % below {gaps['ninety_percent']:.2g}, worst {gaps['worst']:.2g}; "
        f"the median is {gaps['median_relative']:.1%} of what there is to hand out."
    )


def figures(console: Console, run: Run) -> None:
    """Prints the tables."""
    table = Table(*HEAD, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in _rows(run):
        table.add_row(*row, style=None if row[0] in run.outcomes else "dim")
    console.print()
    console.print(table)
    console.print(_fall(run), style="dim")
    console.print(_gaps(run))
    for name, found in run.expressions.items():
        said = ", ".join(f"“{words}” {value:+.1f}" for words, value in found[:6])
        console.print(f"Most {name} expressions: {said}", markup=False)
    for name, found in run.frequent.items():
        said = ", ".join(f"{word} ({count})" for word, count in found[:10])
        console.print(f"First by gradient norm where {name} is predicted: {said}", markup=False)


def as_html(run: Run, count: int) -> str:
    """The report as one page.

    Args:
      run: What was found.
      count: How many reviews are shown.

    Returns:
      One HTML document.
    """

    def title(place: int) -> str:
        label, predicted = LABELS[run.labels[place]], LABELS[run.predicted[place]]
        return f"Review {place + 1}: {label}, predicted {predicted}"

    def card(place: int, text: str) -> page.Html:
        values = {name: outcome.values[place] for name, outcome in run.outcomes.items()}
        return page.card(title(place), page.Html(compared(text, values, "", last=run.length)._repr_html_()))

    both = zip(run.expressions["positive"], run.expressions["negative"], strict=False)
    often = zip(run.frequent["positive"], run.frequent["negative"], strict=False)
    return page.page(
        "What a convolutional network reads in film reviews",
        [
            page.text(
                "Embedding, windows of three words, the best place for each filter, dense: the model of Hechtlinger "
                f"(arXiv 1611.07634), trained on 25,000 IMDB reviews, right on {run.about['test_accuracy']:.2%} of the "
                "25,000 test reviews, explained by jaxattr in three ways."
            ),
            page.heading("The methods"),
            page.table(HEAD, _rows(run)),
            page.text(_fall(run), soft=True),
            page.text(_gaps(run)),
            page.heading("The strongest expressions, by integrated gradients"),
            page.table(
                ("for positive", "logits", "for negative", "logits"),
                [(good, f"{a:.2f}", bad, f"{b:.2f}") for (good, a), (bad, b) in both],
            ),
            page.text("Sums over three neighbouring words; at most one expression a review.", soft=True),
            page.heading("The words that are first most often, by the gradient norm"),
            page.table(
                ("positive predicted", "reviews", "negative predicted", "reviews"),
                [(good, str(a), bad, str(b)) for (good, a), (bad, b) in often],
            ),
            page.heading("Some test reviews"),
            page.text(READING, soft=True),
            *(card(place, text) for place, text in enumerate(run.texts[:count])),
        ],
    )


def as_json(run: Run, settings: Mapping[str, Any], seconds: Mapping[str, float]) -> dict[str, Any]:
    """The figures for a result file.

    Args:
      run: What was found.
      settings: The flags.
      seconds: Time of each part of this run.

    Returns:
      A dictionary for JSON.
    """
    return {
        "experiment": "imdb_cnn",
        "settings": dict(settings),
        "model": dict(run.about["settings"]),
        "train_accuracy": run.about["train_accuracy"],
        "test_accuracy": run.about["test_accuracy"],
        "train_seconds": run.about["train_seconds"],
        "parameters_reused": run.about["reused"],
        "seconds": dict(seconds),
        "seconds_a_review": {name: outcome.seconds for name, outcome in run.outcomes.items()},
        "absolute_gap": dict(run.gaps),
        f"fall_without_first_{DELETED}_words": {
            name: {"mean": mean, "standard_error": error} for name, (mean, error) in run.deletion.items()
        },
        "top_expressions": {name: [list(pair) for pair in found] for name, found in run.expressions.items()},
        "first_by_gradient_norm": {name: [list(pair) for pair in found] for name, found in run.frequent.items()},
    }

"""Tables of the result: for the terminal while it runs, for the page afterwards."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console

from experiments.chinese_gradients.explain import POOLED_CLAIMS
from experiments.chinese_gradients.faithful import (
    CLAIMS,
    COMPREHENSIVENESS,
    MEASURES,
    RANDOM,
    SUFFICIENCY,
    ends,
    verdict,
)
from experiments.chinese_gradients.rankings import GRADIENT, INTEGRATED, METHODS, POOLING

Rows = list[tuple[str, ...]]


def bracketed(figure: Mapping[str, float], form: str = "+.3f") -> str:
    """A mean with the ends of its 95 % interval.

    Example:
      >>> bracketed({"mean": 0.5, "standard_error": 0.1})
      '+0.500 [+0.304, +0.696]'
    """
    low, high = ends(figure)
    return f"{figure['mean']:{form}} [{low:{form}}, {high:{form}}]"


def each(result: Mapping[str, Any]) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Set, pooling and figures of each classifier."""
    for name, found in result["sets"].items():
        for pooling, model in found["models"].items():
            yield name, pooling, model


def accuracies(result: Mapping[str, Any]) -> Rows:
    """Set, texts, most frequent class, and the test accuracy of each pooling."""
    return [
        (
            name,
            f"{found['train_texts']:,}",
            f"{found['test_texts']:,}",
            f"{found['most_frequent_class']:.1%}",
            *(f"{model['test_accuracy']:.2%}" for model in found["models"].values()),
        )
        for name, found in result["sets"].items()
    ]


def claims(result: Mapping[str, Any], claim: str, score: str = "probability", part: str = "gains") -> Rows:
    """Set, model, and for both measures the gain of a claim and its verdict."""
    rows = []
    for name, pooling, model in each(result):
        figures = [model[part][claim][f"{measure}, {score}"] for measure in MEASURES]
        rows.append((f"{name}, {pooling}", *(cell for f in figures for cell in (bracketed(f), verdict(f)))))
    return rows


def tally(result: Mapping[str, Any], score: str = "probability", part: str = "gains") -> Rows:
    """Claim, and how often each verdict falls, by measure."""
    rows = []
    for claim in CLAIMS:
        cells = []
        for measure in MEASURES:
            found = [verdict(model[part][claim][f"{measure}, {score}"]) for _, _, model in each(result)]
            cells += [str(found.count(said)) for said in ("better", "no difference seen", "worse")]
        rows.append((claim, *cells))
    return rows


def methods(result: Mapping[str, Any], name: str, pooling: str) -> Rows:
    """Method, and for both measures its mean and that of the reversed ranking; the random ranking last."""
    measures = result["sets"][name]["models"][pooling]["measures"]
    rows = [
        (
            method,
            *(
                bracketed(measures[measure][way][method], ".3f")
                for measure in MEASURES
                for way in ("given", "reversed")
            ),
        )
        for method in METHODS
        if method in measures[COMPREHENSIVENESS]["given"]
    ]
    random = [bracketed(measures[measure][RANDOM], ".3f") for measure in MEASURES]
    return [*rows, (RANDOM, random[0], "", random[1], "")]


def pooled(result: Mapping[str, Any], measure: str = COMPREHENSIVENESS) -> Rows:
    """Set and model, and the gains of the claims on pooling, a dash where the source has no weights of its own."""
    rows = []
    for name, pooling, model in each(result):
        cells = [model["pooling_gains"].get(claim) for claim in POOLED_CLAIMS]
        rows.append((f"{name}, {pooling}", *(bracketed(c[f"{measure}, probability"]) if c else "-" for c in cells)))
    return rows


def concentrated(result: Mapping[str, Any]) -> Rows:
    """Set and model, and how concentrated the pooling shares and integrated gradients are."""
    return [
        (
            f"{name}, {pooling}",
            *(
                bracketed(model["concentration"][method][figure], ".3f")
                for figure in ("top_tenth", "effective")
                for method in (POOLING, INTEGRATED)
            ),
        )
        for name, pooling, model in each(result)
    ]


def costs(result: Mapping[str, Any]) -> Rows:
    """Set, and what integrated gradients of its whole test cost and lack."""
    rows = []
    for name, found in result["sets"].items():
        cost, gap = found["cost"], found["gap_of_all_test_texts"]
        rows.append(
            (
                name,
                f"{cost['rows']:,}",
                str(found["length"]),
                f"{cost['seconds']:.1f} s",
                f"{cost['rows_a_second']:.0f}",
                f"{cost['peak_memory_mb']:,.0f} MB",
                *(f"{gap[part]:.2g}" for part in ("median", "ninety_percent", "ninety_nine_percent", "worst")),
                f"{gap['median_relative']:.2%}",
            )
        )
    return rows


def model(console: Console, name: str, pooling: str, found: Mapping[str, Any]) -> None:
    """Prints one line on a classifier."""
    falls = ", ".join(
        f"{method} {found['measures'][COMPREHENSIVENESS]['given'][method]['mean']:.3f}"
        for method in (GRADIENT, INTEGRATED, POOLING)
    )
    console.print(
        f"{name}, {pooling}: test accuracy {found['test_accuracy']:.2%}; comprehensiveness ({found['texts']} texts): "
        f"{falls}, random {found['measures'][COMPREHENSIVENESS][RANDOM]['mean']:.3f}"
    )


def verdicts(console: Console, result: Mapping[str, Any]) -> None:
    """Prints what the intervals say of each claim."""
    for claim in CLAIMS:
        console.print(f"[bold]{claim}[/]: {CLAIMS[claim][0]} less {CLAIMS[claim][1]}")
        for place, *cells in claims(result, claim):
            console.print(
                f"  {place:22} {COMPREHENSIVENESS} {cells[0]} {cells[1]}; {SUFFICIENCY} {cells[2]} {cells[3]}"
            )

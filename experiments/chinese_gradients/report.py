"""Tables of the result: for the terminal while it runs, for the page afterwards."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments.chinese_gradients.explain import POOLED_CLAIMS
from experiments.chinese_gradients.faithful import (
    CLAIMS,
    COMPREHENSIVENESS,
    MEASURES,
    RANDOM,
    Z,
    verdict,
)
from experiments.chinese_gradients.rankings import GRADIENT, INTEGRATED, METHODS, POOLING

Rows = list[tuple[str, ...]]


def interval(figure: Mapping[str, float], form: str = ".3f") -> str:
    """A mean with half the width of its 95 % interval.

    Example:
      >>> interval({"mean": 0.5, "standard_error": 0.1})
      '0.500 ± 0.196'
    """
    return f"{figure['mean']:{form}} ± {Z * figure['standard_error']:.3f}"


def marked(figure: Mapping[str, float]) -> str:
    """A gain with its interval and a mark: up where it is better, down where it is worse.

    Example:
      >>> marked({"mean": 0.5, "standard_error": 0.1}), marked({"mean": -0.1, "standard_error": 0.1})
      ('+0.500 ± 0.196 ▲', '-0.100 ± 0.196')
    """
    return interval(figure, "+.3f") + {"better": " ▲", "worse": " ▼"}.get(verdict(figure), "")


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


def claims(result: Mapping[str, Any], measure: str, score: str = "probability", part: str = "gains") -> Rows:
    """Set and model, and the gain of each claim in a measure."""
    return [
        (f"{name}, {pooling}", *(marked(model[part][claim][f"{measure}, {score}"]) for claim in CLAIMS))
        for name, pooling, model in each(result)
    ]


def tally(result: Mapping[str, Any], score: str = "probability", part: str = "gains") -> Rows:
    """Claim, and for each measure in how many models the first is better, no difference is seen, and it is worse."""
    rows = []
    for claim in CLAIMS:
        cells = []
        for measure in MEASURES:
            found = [verdict(model[part][claim][f"{measure}, {score}"]) for _, _, model in each(result)]
            cells.append(" / ".join(str(found.count(said)) for said in ("better", "no difference seen", "worse")))
        rows.append((claim, *cells))
    return rows


def methods(result: Mapping[str, Any], name: str, pooling: str) -> Rows:
    """Method, and for both measures its mean and that of the reversed ranking; the random ranking last."""
    measures = result["sets"][name]["models"][pooling]["measures"]
    rows = [
        (
            method,
            *(interval(measures[measure][way][method]) for measure in MEASURES for way in ("given", "reversed")),
        )
        for method in METHODS
        if method in measures[COMPREHENSIVENESS]["given"]
    ]
    random = [interval(measures[measure][RANDOM]) for measure in MEASURES]
    return [*rows, (RANDOM, random[0], "", random[1], "")]


def pooled(result: Mapping[str, Any]) -> Rows:
    """Set and model, and what the pooling gains in comprehensiveness; a dash where the source has no weights."""
    rows = []
    for name, pooling, model in each(result):
        cells = [model["pooling_gains"].get(claim) for claim in POOLED_CLAIMS]
        rows.append(
            (f"{name}, {pooling}", *(marked(c[f"{COMPREHENSIVENESS}, probability"]) if c else "-" for c in cells))
        )
    return rows


def concentrated(result: Mapping[str, Any]) -> Rows:
    """Set and model, and how concentrated the pooling shares and integrated gradients are."""
    return [
        (
            f"{name}, {pooling}",
            *(
                interval(model["concentration"][method][figure])
                for figure in ("top_tenth", "effective")
                for method in (POOLING, INTEGRATED)
            ),
        )
        for name, pooling, model in each(result)
    ]


def emoticons(result: Mapping[str, Any]) -> Rows:
    """Method, and for each model of the sets that emoticons decide, how often its first character is one of them."""
    found = [model["emoticons"] for _, _, model in each(result) if "emoticons" in model]
    rows = [
        (method, *(interval(one["first"][method]) if method in one["first"] else "-" for one in found))
        for method in METHODS
    ]
    return [*rows, ("a random character", *(interval(one["chance"]) for one in found))] if found else []


def emoticon_claims(result: Mapping[str, Any]) -> Rows:
    """Claim, and its gain in that share for each model."""
    found = [model["emoticons"] for _, _, model in each(result) if "emoticons" in model]
    return [(claim, *(marked(one["gains"][claim]) for one in found)) for claim in CLAIMS] if found else []


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
    """Prints the gains of each claim."""
    for measure in MEASURES:
        table = Table("set, model", *CLAIMS, title=f"gain in {measure}, probability, ± half a 95 % interval")
        for row in claims(result, measure):
            table.add_row(*row)
        console.print(table)

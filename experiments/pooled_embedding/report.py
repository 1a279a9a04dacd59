"""What was found as tables, for the page of the documentation."""

from collections.abc import Iterator, Mapping
from typing import Any

from experiments._shared.record import plus_minus

Line = tuple[str, ...]

MODELS = ("model", "padding in the maximum", "test accuracy", "training, s")
COSTS = ("whole test set", "reviews", "seconds", "reviews a second", "peak memory, MB", "gap: median", "99 %", "worst")
FEW = ("model", "reviews", "at the word vectors, a second", "at the pooled vector, a second", "times as fast")
WINNERS = ("mean over reviews", "Flax", "Keras")
RULES = ("model", "score", "rule", "gap: median", "90 %", "99 %", "worst", "size of the change")
SAME = (
    "model", "baseline", "condition holds", "bend where it holds", "mean bend where not",
    "difference of the words: median", "worst", "correlation",
)  # fmt: skip
DELETION = ("first words by", "Flax: 5 places", "Flax: 5 words", "Keras: 5 places", "Keras: 5 words")

_WINNERS = {
    "dimensions won by several positions": ("winners", "tied"),
    "dimensions won by several positions, all of one word": ("winners", "one_word"),
    "dimensions won by padding": ("winners", "padding"),
    "dimensions without a positive word, for which the source has no name": ("winners", "nameless"),
    "positions that win anything, of the real ones": ("winners", "reach"),
}
_RULES = {"left_riemann_50": "left Riemann, 50", "gauss_legendre_32": "Gauss-Legendre, 32"}


def _small(number: float) -> str:
    """In powers of ten, with a hyphen at which no line breaks."""
    return f"{number:.1e}".replace("-", "\N{NON-BREAKING HYPHEN}")


def _mean(figure: Mapping[str, Any], form: str) -> str:
    return plus_minus(figure["mean"], figure["standard_error"] or 0.0, form)


def models(result: Mapping[str, Any]) -> list[Line]:
    """A line a model, under `MODELS`."""
    said = {"Flax": "left out", "Keras": "takes part"}
    return [
        (name, said[name], _mean(found["test_accuracy"], ".2%"), f"{found['train_seconds']:.0f}")
        for name, found in result["models"].items()
    ]


def costs(result: Mapping[str, Any]) -> Iterator[Line]:
    """A line a model and baseline, under `COSTS`."""
    for name, found in result["models"].items():
        for baseline, whole in found["whole_test_set"].items():
            spent, gap = whole["cost"], whole["gap"]
            yield (
                f"{name}, from {baseline}", f"{spent['rows']:,}", f"{spent['seconds']:.1f}",
                f"{spent['rows_a_second']:,.0f}", f"{spent['peak_memory_mb']:,.0f}",
                *(_small(gap[level]) for level in ("0.5", "0.99", "1.0")),
            )  # fmt: skip


def few(result: Mapping[str, Any]) -> list[Line]:
    """A line a model, under `FEW`."""
    return [
        (
            name,
            f"{found['few']['vectors']['rows']:,}",
            f"{found['few']['vectors']['rows_a_second']:,.0f}",
            f"{found['few']['pooled']['rows_a_second']:,.0f}",
            f"{found['few']['times_as_long']:.0f}",
        )
        for name, found in result["models"].items()
    ]


def winners(result: Mapping[str, Any]) -> list[Line]:
    """A line a count, under `WINNERS`."""
    lines = [
        (said, *(_mean(found[group][name], ".3%") for found in result["models"].values()))
        for said, (group, name) in _WINNERS.items()
    ]
    at = (found["whole_test_set"]["zeros"]["attribution_at_padding"] for found in result["models"].values())
    return [*lines, ("attribution at padding from zeros, of the sum of sizes", *(_mean(one, ".4%") for one in at))]


def rules(result: Mapping[str, Any]) -> Iterator[Line]:
    """A line a model, score and rule, under `RULES`."""
    for model, found in result["models"].items():
        for score, by_rule in found["rules"].items():
            for rule, said in _RULES.items():
                levels = (_small(by_rule[rule][level]) for level in ("0.5", "0.9", "0.99", "1.0"))
                yield model, score, said, *levels, f"{by_rule['change']['mean']:.2f}"


def same(result: Mapping[str, Any]) -> Iterator[Line]:
    """A line a model and baseline, under `SAME`."""
    for model, found in result["models"].items():
        for baseline, one in found["compared"]["baselines"].items():
            bends = (one["largest_bend_where_it_holds"], one["mean_bend_where_not"])
            yield (
                model, baseline, f"{one['holds']:.1%}", *("none" if b is None else _small(b) for b in bends),
                _small(one['largest_difference']['median']), _small(one['largest_difference']['worst']),
                "none" if one["median_correlation"] is None else f"{one['median_correlation']:.3f}",
            )  # fmt: skip


def deletion(result: Mapping[str, Any]) -> list[Line]:
    """A line a method, under `DELETION`."""
    columns = [found["deletion"][kind] for found in result["models"].values() for kind in ("places", "words")]
    order = sorted(columns[0], key=lambda name: -columns[0][name]["mean"])
    return [(name, *(_mean(column[name], ".2f") for column in columns)) for name in order]

"""Tables that several pages of the documentation show, made from recorded results."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments._shared.record import Markdown, plus_minus, table


def figure(entry: Mapping[str, float], form: str = ".2%") -> str:
    """A mean with its standard error.

    Example:
      >>> figure({"mean": 0.5, "standard_error": 0.01}, ".2f")
      '0.50 ± 0.01'
    """
    return plus_minus(entry["mean"], entry["standard_error"], form)


def classifiers(result: Mapping[str, Any], names: Sequence[str], model: str) -> Markdown:
    """Linear classifiers beside a model: agreement, accuracy, and the difference of the accuracies.

    Args:
      result: A result with "classifiers".
      names: The entries that name a classifier.
      model: What the model is called.

    Returns:
      A table.
    """
    head = (*names, f"agrees with the {model}", "accuracy", f"less that of the {model}")
    return table(
        head,
        [
            (
                *(entry[name] for name in names),
                figure(entry["agreement"]),
                figure(entry["accuracy"]),
                figure(entry["accuracy_difference"], "+.2%").replace("± +", "± "),
            )
            for entry in result["classifiers"]
        ],
    )


def differences(result: Mapping[str, Any]) -> Markdown:
    """Central differences beside the gradient: a line a step."""
    head = ("step", "rows", "entries", "median deviation", "largest", "entries beyond rounding")
    return table(
        head,
        [
            (
                "default" if entry["step"] is None else f"{entry['step']:g}",
                entry["rows"],
                f"{entry['entries']:,}",
                f"{entry['median']:.1g}",
                f"{entry['largest']:.1g}",
                f"{entry['beyond']:.2%}",
            )
            for entry in result["finite_differences"]
        ],
    )


def costs(result: Mapping[str, Any]) -> Markdown:
    """What each run over many rows cost."""
    head = ("run", "rows", "seconds", "rows a second", "peak memory, MB")
    return table(
        head,
        [
            (
                name,
                f"{spent['rows']:,}",
                f"{spent['seconds']:.1f}",
                f"{spent['rows_a_second']:,.1f}",
                f"{spent['peak_memory_mb']:,.0f}",
            )
            for name, spent in result["cost"].items()
        ],
    )


def made_with(result: Mapping[str, Any]) -> Markdown:
    """The line that says how the recorded result came about."""
    versions = result["versions"]
    return Markdown(
        f"Recorded with jaxattr {versions['jaxattr']}, JAX {versions['jax']}, on {result['device']} with "
        f"{result['cores']} cores, seed {result['seed']}; data SHA-256 `{result['data_sha256'][:16]}…`."
    )

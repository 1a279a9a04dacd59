"""Whether a ranking of the characters is right: what the prediction loses without, or with only, the first of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared.words import PAD
from experiments.chinese_gradients.rankings import (
    GRADIENT,
    INTEGRATED,
    INTEGRATED_NORM,
    SOURCE_PATH,
    TIMES,
    TIMES_NORM,
)

FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)
COMPREHENSIVENESS, SUFFICIENCY = "comprehensiveness", "sufficiency"
MEASURES = (COMPREHENSIVENESS, SUFFICIENCY)
SCORES = ("probability", "log_odds")
RANDOM = "random"
Z = 1.959964  # 95 % of a normal distribution lie within so many standard errors
CLAIMS = {
    "as the source": (SOURCE_PATH, TIMES_NORM),
    "both with signs": (INTEGRATED, TIMES),
    "both as norms": (INTEGRATED_NORM, GRADIENT),
    "signs against norms": (INTEGRATED, GRADIENT),
}


def effect(full: jax.Array, changed: jax.Array) -> dict[str, jax.Array]:
    """The falls of the probability and of the log odds of the class that the full text is given."""
    return {
        "probability": ja.effects.predicted(ja.scores.prob)(full, changed),
        "log_odds": ja.effects.predicted(ja.scores.log_odds)(full, changed),
    }


def measure(logits: Callable[[Any, jax.Array], jax.Array], key: jax.Array) -> Callable[..., Any]:
    """The two measures of ERASER of rankings of one text, each the mean over FRACTIONS of the text.

    Args:
      logits: From parameters and ids `int32[T]` to logits.
      key: The key of the random rankings.

    Returns:
      `measured(params, ids, row, values)` for the rankings `values`, `[T]` by name, of the text with number `row`. By
      measure and score, "given" and "reversed" by name, and "random", one random ranking of each text.
    """

    def measured(params: Any, ids: jax.Array, row: jax.Array, values: Mapping[str, jax.Array]) -> dict[str, Any]:
        ways: dict[str, Any] = {
            "perturb": ja.delete(PAD),
            "key": jax.random.fold_in(key, row),
            "fractions": FRACTIONS,
            "effect": effect,
            "where": ids != PAD,
            "random_rankings": 1,
        }
        names, stacked = list(values), jnp.stack(list(values.values()))
        found = {}
        for name, of in (
            (COMPREHENSIVENESS, ja.metrics.comprehensiveness_eraser),
            (SUFFICIENCY, ja.metrics.sufficiency_eraser),
        ):
            ranked = jax.vmap(lambda a, of=of: of(lambda ids: logits(params, ids), a, ids, **ways))(stacked)
            ranked = ja.metrics.aopc_eraser(ranked)
            for score in SCORES:
                found[f"{name}, {score}"] = {
                    "given": dict(zip(names, ranked.given[score], strict=True)),
                    "reversed": dict(zip(names, ranked.reversed[score], strict=True)),
                    "random": ranked.random[score][0],
                }
        return found

    return measured


def interval(values: np.ndarray) -> dict[str, float]:
    """The mean over texts and its standard error.

    Example:
      >>> interval(np.array([1.0, 3.0]))
      {'mean': 2.0, 'standard_error': 1.0}
    """
    values = np.asarray(values, np.float64)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return {"mean": float(values.mean()) if len(values) else np.nan, "standard_error": float(error)}


def ends(figure: Mapping[str, float]) -> tuple[float, float]:
    """The ends of the 95 % interval of a mean."""
    return figure["mean"] - Z * figure["standard_error"], figure["mean"] + Z * figure["standard_error"]


def verdict(figure: Mapping[str, float]) -> str:
    """What the 95 % interval of a gain says.

    Example:
      >>> verdict({"mean": 0.02, "standard_error": 0.005}), verdict({"mean": 0.01, "standard_error": 0.02})
      ('better', 'no difference seen')
    """
    low, high = ends(figure)
    return "better" if low > 0 else "worse" if high < 0 else "no difference seen"


def gain(found: Mapping[str, Any], measure: str, score: str, method: str, other: str) -> np.ndarray:
    """How much better a ranking is than another, text by text; above 0 where it is, for either measure.

    Args:
      found: What `measure` gave for N texts.
      measure: COMPREHENSIVENESS, where more is better, or SUFFICIENCY, where less is.
      score: One of SCORES.
      method: A method.
      other: Another one, or RANDOM.

    Returns:
      `float[N]`.
    """
    part = found[f"{measure}, {score}"]
    first, second = (part[RANDOM] if name == RANDOM else part["given"][name] for name in (method, other))
    better = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return better if measure == COMPREHENSIVENESS else -better


def summary(found: Mapping[str, Any], texts: np.ndarray) -> dict[str, Any]:
    """The probability's measures over some texts.

    Args:
      found: What `measure` gave for N texts.
      texts: Booleans `[N]`, the texts that count.

    Returns:
      By measure, for each method the mean of the given and of the reversed ranking, and that of the random one.
    """
    figures: dict[str, Any] = {}
    for measure in MEASURES:
        part = found[f"{measure}, probability"]
        figures[measure] = {
            "given": {name: interval(value[texts]) for name, value in part["given"].items()},
            "reversed": {name: interval(value[texts]) for name, value in part["reversed"].items()},
            RANDOM: interval(part[RANDOM][texts]),
        }
    return figures


def gains(
    found: Mapping[str, Any],
    texts: np.ndarray,
    pairs: Mapping[str, Sequence[str]],
    scores: Sequence[str] = SCORES,
    measures: Sequence[str] = MEASURES,
) -> dict[str, dict[str, Any]]:
    """The paired differences of methods over some texts.

    Args:
      found: What `measure` gave for N texts.
      texts: Booleans `[N]`, the texts that count.
      pairs: By name, a method and the one it is compared to.
      scores: Those of SCORES whose falls are compared.
      measures: Those of MEASURES that are compared.

    Returns:
      By pair, then by measure and score, the mean gain and its standard error.
    """
    return {
        name: {
            f"{measure}, {score}": interval(gain(found, measure, score, method, other)[texts])
            for measure in measures
            for score in scores
        }
        for name, (method, other) in pairs.items()
    }

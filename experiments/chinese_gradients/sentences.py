"""What the result says, in sentences; every figure and verdict in them is counted from it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.chinese_gradients.faithful import CLAIMS, COMPREHENSIVENESS, MEASURES, RANDOM, verdict
from experiments.chinese_gradients.model import AVERAGE, MAXIMUM
from experiments.chinese_gradients.rankings import INTEGRATED, POOLING, TIMES
from experiments.chinese_gradients.report import each

BEYOND = "pooling, beyond random", "pooling of the source, beyond random"


def _count(result: Mapping[str, Any], claim: str, measure: str, said: str, part: str = "gains") -> int:
    """In how many models a verdict falls."""
    return sum(verdict(found[part][claim][f"{measure}, probability"]) == said for _, _, found in each(result))


def of_settings(result: Mapping[str, Any]) -> str:
    """The sizes of the run in a sentence."""
    settings = result["settings"]
    texts = sorted({found["texts"] for _, _, found in each(result)})
    right = [found["correct"] / found["texts"] for _, _, found in each(result)]
    return (
        f"{' or '.join(map(str, texts))} test texts of each set are explained, with {settings['steps']} nodes; "
        f"{min(right):.0%} to {max(right):.0%} of them are rightly predicted."
    )


def of_claims(result: Mapping[str, Any]) -> str:
    """What the intervals say of the source's claim, in sentences; every figure is counted from the result."""
    models = len(list(each(result)))
    lines = []
    for claim, (first, second) in CLAIMS.items():
        sizes = [found["gains"][claim][f"{COMPREHENSIVENESS}, probability"]["mean"] for _, _, found in each(result)]
        both = " and ".join(
            f"in {measure} better in {_count(result, claim, measure, 'better')} of {models} models "
            f"({_count(result, claim, measure, 'better', 'gains_where_correct')} over the rightly predicted texts "
            f"alone) and worse in {_count(result, claim, measure, 'worse')}"
            for measure in MEASURES
        )
        lines.append(
            f"- *{claim}*: {first} is, beside {second}, {both}. The gains in comprehensiveness lie between "
            f"{min(sizes):+.3f} and {max(sizes):+.3f}, {np.median(sizes):+.3f} in the middle."
        )
    return "\n".join(lines)


def of_pooling(result: Mapping[str, Any]) -> str:
    """What the intervals say of the three poolings, in sentences."""
    lines = []
    for pooling in dict.fromkeys(pooling for _, pooling, _ in each(result)):
        found = [model for _, one, model in each(result) if one == pooling]
        gains = [
            [model["pooling_gains"][claim][f"{COMPREHENSIVENESS}, probability"] for model in found]
            for claim in ("pooling, beyond random", "IG, beyond random")
        ]
        better = sum(verdict(gain) == "better" for gain in gains[0])
        parts = [own["mean"] / path["mean"] for own, path in zip(*gains, strict=True)]
        tops = [model["concentration"][POOLING]["top_tenth"]["mean"] for model in found]
        lines.append(
            f"- {pooling}: the ranking by pooling shares is better than a random one on {better} of {len(found)} sets, "
            f"and reaches {min(parts):.0%} to {max(parts):.0%} of what integrated gradients of the same model reach "
            f"beyond random. The first tenth of the characters hold {min(tops):.0%} to {max(tops):.0%} of the shares."
        )
    return "\n".join(lines)


def of_keras(result: Mapping[str, Any]) -> str:
    """What was found on the Keras model, in sentences; empty where it was left out."""
    found = result["keras"]
    if found is None:
        return ""
    gap, padding = found["gap"], found["on_padding_from_zeros"]
    return (
        f"The Keras model is right on {found['test_accuracy']:.2%} of the test texts after "
        f"{found['train_seconds']:.0f} s of training. {found['texts']} of them were explained. Its largest attribution "
        f"is {found['largest']:.2f}; the completeness gap is {gap['median']:.1e} in the median and {gap['worst']:.1e} "
        f"at worst. From zero vectors, padding gets {padding['mean']:.1%} ± {padding['standard_error']:.1%} "
        "of the sizes."
    )


def reached(result: Mapping[str, Any]) -> list[float]:
    """For each model what gradient × input reaches beyond random of what integrated gradients reach."""
    parts = []
    for _, _, model in each(result):
        found = model["measures"][COMPREHENSIVENESS]
        cheap, dear = (found["given"][name]["mean"] - found[RANDOM]["mean"] for name in (TIMES, INTEGRATED))
        parts.append(cheap / dear)
    return parts


def by_set(result: Mapping[str, Any], claim: str = "as the source") -> str:
    """The verdict on a claim for each set, on the source's own model."""
    lines = []
    for name, found in result["sets"].items():
        gains = found["models"][MAXIMUM]["gains"][claim]
        said = " and ".join(f"{verdict(gains[f'{measure}, probability'])} in {measure}" for measure in MEASURES)
        lines.append(f"{name}: {said}")
    return "; ".join(lines)


def in_short(result: Mapping[str, Any]) -> str:
    """The answers, one a line."""
    models = len(list(each(result)))

    def median(claim: str) -> float:
        found = (model["gains"][claim][f"{COMPREHENSIVENESS}, probability"]["mean"] for _, _, model in each(result))
        return float(np.median(list(found)))

    def better(claim: str) -> str:
        return " and ".join(f"{_count(result, claim, measure, 'better')} by {measure}" for measure in MEASURES)

    average = [model["pooling_gains"] for _, pooling, model in each(result) if pooling == AVERAGE]
    own, source = (
        [verdict(gains[claim][f"{COMPREHENSIVENESS}, probability"]) for gains in average] for claim in BEYOND
    )
    low, high = min(reached(result)), max(reached(result))
    lines = [
        f"The source's comparison: of {models} models its path is better than its gradient in "
        f"{better('as the source')}, by {median('as the source'):+.3f} of the probability in the middle. "
        f"On the source's own model, {by_set(result)}.",
        f"Integrated gradients with their signs beside the norm of the gradient: better in "
        f"{better('signs against norms')}, by {median('signs against norms'):+.3f} in the middle. Like against like, "
        f"that is {median('both as norms'):+.3f} for norms and {median('both with signs'):+.3f} for signs.",
        f"Gradient × input with its sign, for the price of one gradient, reaches {low:.0%} to {high:.0%} of what "
        f"integrated gradients reach beyond random. What it lacks is completeness.",
    ]
    if average:
        lines.append(
            f"Average pooling: the ranking by its shares is better than random on {own.count('better')} of {len(own)} "
            f"sets. The weights by which the source judges it are better on {source.count('better')} and worse on "
            f"{source.count('worse')}: they favour the characters that are most like the mean."
        )
    return "\n".join(f"- {line}" for line in lines)


def of_emoticons(result: Mapping[str, Any]) -> str:
    """How well emoticons tell the class, in a sentence for each set that they decide."""
    return " ".join(
        f"Emoticons alone, by a vote of their counts in training, are right on {found['emoticon_vote']:.2%} of the "
        f"test texts of {name}."
        for name, found in result["sets"].items()
        if "emoticon_vote" in found
    )

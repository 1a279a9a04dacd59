"""The pictures, from the result alone: words coloured by both methods, and three panels over many texts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.figures import plain
from experiments._shared.words import places
from experiments.deepmoji_occlusion.compare import RANDOM
from experiments.deepmoji_occlusion.explain import ATTENDED, DELETION
from jaxattr.display import Picture, gallery, picture

SCALE = "share of the method's strongest word"
_COLOURS = {DELETION: "#b35806", ATTENDED: "#542788", RANDOM: "#777777"}
_HOW = {DELETION: "by deletion", ATTENDED: "by attention", RANDOM: "at random"}
_DASHES = {DELETION: "-", ATTENDED: "--", RANDOM: ":"}


def likeliest(probabilities: Mapping[str, float]) -> str:
    """Classes with their probabilities in words.

    Example:
      >>> likeliest({"fear": 0.7, "joy": 0.204, "anger": 0.001})
      'fear 70 %, joy 20 %, anger <1 %'
    """
    shares = {name: f"{100 * share:.0f}" if share >= 0.005 else "<1" for name, share in probabilities.items()}
    return ", ".join(f"{name} {share} %" for name, share in shares.items())


def both(example: Mapping[str, Any], top: int) -> Picture:
    """Draws deletion and attention under one another, each divided by its largest number, since their units differ.

    Args:
      example: A text of the result.
      top: How many classes the rule watches.

    Returns:
      A picture on the scale from 0 to 1.
    """
    text, shares = example["text"], {}
    where = places(text)
    for name, said in ((DELETION, f"{DELETION}, top-{top} change"), (ATTENDED, f"{ATTENDED} weight")):
        numbers = np.asarray(example[name], np.float64)
        largest = max(numbers.max(initial=0.0), np.finfo(np.float32).tiny)
        shares[f"{said} (strongest {largest:.2g})"] = numbers / largest
    tokens = [text[a:b] for a, b in where.offsets]
    title = f"Labelled {example['label']}. The network: {likeliest(example['likeliest'])}"
    return picture(tokens, shares, words=where, text=text, scale=1.0, signed=False, name=SCALE, title=title)


def texts(result: Mapping[str, Any], words: int, count: int | None = None) -> Picture:
    """The examples of one length under both methods.

    Args:
      result: The result.
      words: The length.
      count: How many; None is all that the result holds.
    """
    (group,) = (one for one in result["lengths"] if one["words"] == words)
    return gallery([both(example, result["classes_watched"]) for example in group["examples"][:count]])


def comparison(result: Mapping[str, Any]) -> Figure:
    """Draws the deletion curves and how the rank correlations of the texts are spread.

    Args:
      result: The result.

    Returns:
      A figure that knows nothing of pyplot.
    """
    figure = Figure(figsize=(11.5, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    sides = (
        ("top_change", f"top-{result['classes_watched']} change"),
        ("probability", "probability of the full text's class"),
    )
    for ax, (side, name) in zip(panels, sides, strict=False):
        for ranking, steps in result["curves"][side].items():
            mean, error = (np.array([step[key] for step in steps]) for key in ("mean", "standard_error"))
            ax.plot(mean, _DASHES[ranking], color=_COLOURS[ranking], label=f"first {_HOW[ranking]}")
            places_of = np.arange(len(mean))
            ax.fill_between(places_of, mean - error, mean + error, color=_COLOURS[ranking], alpha=0.2, linewidth=0)
        ax.set_xlabel("words deleted")
        ax.set_ylabel(name)
        ax.set_ylim(0)
    panels[0].legend(frameon=False, fontsize=9)
    agreed = result["agreement"]
    spread, mean = agreed["histogram"], agreed["rank_correlation"]["mean"]
    edges = np.linspace(spread["from"], spread["to"], len(spread["texts"]) + 1)
    panels[2].stairs(spread["texts"], edges, fill=True, color="#888")
    panels[2].axvline(mean, color=_COLOURS[DELETION], label=f"mean {mean:.2f}")
    panels[2].legend(frameon=False, fontsize=9)
    panels[2].set_xlabel("rank correlation of deletion and attention")
    panels[2].set_ylabel("texts")
    for ax in panels:
        plain(ax)
    return figure


def figures(result: Mapping[str, Any]) -> dict[str, Figure]:
    """All figures of the run by file name."""
    return {"comparison": comparison(result)}

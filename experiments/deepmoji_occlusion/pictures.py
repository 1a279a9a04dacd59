"""The words coloured by both methods, and the two figures over many texts."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.words import PAD, Places, places, unbroken
from experiments.deepmoji_occlusion.compare import RANDOM, Agreement, Curves
from experiments.deepmoji_occlusion.explain import ATTENDED, DELETION, Explained, likeliest, top_count
from jaxattr.display import Picture, picture

SCALE = "share of the method's strongest word"
_COLOURS = {DELETION: "#b35806", ATTENDED: "#542788", RANDOM: "#777777"}
_HOW = {DELETION: "by deletion", ATTENDED: "by attention", RANDOM: "at random"}
_DASHES = {DELETION: "-", ATTENDED: "--", RANDOM: ":"}


def both(text: str, found: Explained, row: int, title: str) -> Picture:
    """Draws deletion and attention under one another, each divided by its largest number, since their units differ.

    Args:
      text: The text as written.
      found: What was found.
      row: The row of the text in what was found.
      title: What stands above it.

    Returns:
      A picture on the scale from 0 to 1. Of a longer text only the last words that the network read are shown.
    """
    count = int((found.ids[row] != PAD).sum())
    offsets = places(text).offsets[-count:] if count else []
    start = offsets[0][0] if offsets else 0
    moved = Places(list(range(len(offsets))), [(a - start, b - start) for a, b in offsets])
    text = unbroken(text)[start:]
    shares = {}
    for name, numbers in (
        (f"{DELETION}, top-{top_count(found.full.shape[1])} change", found.effects[row]),
        (f"{ATTENDED} weight", found.attention[row]),
    ):
        real = numbers[: len(offsets)].astype(np.float64)
        largest = max(real.max(initial=0.0), np.finfo(np.float32).tiny)
        shares[f"{name} (strongest {largest:.2g})"] = real / largest
    tokens = [text[a:b] for a, b in moved.offsets]
    return picture(tokens, shares, words=moved, text=text, scale=1.0, signed=False, name=SCALE, title=title)


def title(found: Explained, row: int, names: Sequence[str], label: int) -> str:
    """What stands above a text: its label and what the network says."""
    said = likeliest(found.full[row], names, top_count(len(names)))
    return f"Labelled {names[label]}. The network: {said}"


def strongest(tokens: Sequence[str], found: Explained, row: int, names: Sequence[str], count: int) -> list[list[str]]:
    """A table of the words with the largest effects: what happens to each of the top classes without the word.

    Args:
      tokens: The words of the text.
      found: What was found.
      row: The row of the text.
      names: The classes.
      count: How many words.

    Returns:
      The head, then one line a word: word, top-five change, attention, and the change of each class in points.
    """
    top = found.top(row)
    head = ["without", "change", "attention", *(names[c] for c in top), "then"]
    lines = [head]
    for place in np.argsort(-found.effects[row][: len(tokens)], kind="stable")[:count]:
        without = found.without[row, place]
        moved = [f"{100 * (without[c] - found.full[row, c]):+.2g}" for c in top]
        numbers = [f"{found.effects[row, place]:.2g}", f"{found.attention[row, place]:.2g}"]
        lines.append([f"{tokens[place]} [{place + 1}]", *numbers, *moved, names[int(without.argmax())]])
    return lines


def comparison(found: Curves, agreed: Agreement, *, top: int) -> Figure:
    """Draws the deletion curves and how the rank correlations of the texts are spread.

    Args:
      found: The curves.
      agreed: The agreement of the texts.
      top: How many classes the rule watches.

    Returns:
      A figure that knows nothing of pyplot.
    """
    figure = Figure(figsize=(11.5, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    sides = ((found.change, f"top-{top} change"), (found.kept, "probability of the full text's class"))
    for ax, (values, name) in zip(panels, sides, strict=False):
        for ranking, each in values.items():
            mean, error = each.mean(0), each.std(0) / np.sqrt(len(each))
            ax.plot(mean, _DASHES[ranking], color=_COLOURS[ranking], label=f"first {_HOW[ranking]}")
            steps = np.arange(len(mean))
            ax.fill_between(steps, mean - error, mean + error, color=_COLOURS[ranking], alpha=0.2, linewidth=0)
        ax.set_xlabel("words deleted")
        ax.set_ylabel(name)
        ax.set_ylim(0)
    panels[0].legend(frameon=False, fontsize=9)
    real = agreed.correlation[np.isfinite(agreed.correlation)]
    panels[2].hist(real, bins=np.linspace(-1, 1, 21).tolist(), color="#888")
    if len(real):
        panels[2].axvline(float(real.mean()), color="#b35806", label=f"mean {real.mean():.2f}")
        panels[2].legend(frameon=False, fontsize=9)
    panels[2].set_xlabel("rank correlation of deletion and attention")
    panels[2].set_ylabel("texts")
    for ax in panels:
        ax.spines[["top", "right"]].set_visible(False)
    return figure

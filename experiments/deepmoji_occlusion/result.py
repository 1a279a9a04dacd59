"""What was found, as one dictionary for the result file; everything shown is read from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments._shared.words import PAD, places, unbroken
from experiments.deepmoji_occlusion.compare import Agreement, Curves, Mean, agreement, mean_of
from experiments.deepmoji_occlusion.explain import ATTENDED, DELETION, Explained, top_count

STRONGEST = 5
BINS = 20


def figure(values: np.ndarray) -> dict[str, float | int]:
    """The mean of one number a text with its standard error, and how many texts had a number."""
    return of_mean(mean_of(values))


def of_mean(found: Mean) -> dict[str, float | int]:
    """A mean as the result file holds it."""
    return {"mean": found.mean, "standard_error": found.error, "texts": found.texts}


def share(value: float, texts: int) -> dict[str, float | int]:
    """A share of texts with its standard error."""
    return {"mean": value, "standard_error": float(np.sqrt(value * (1 - value) / texts)), "texts": texts}


def trained(about: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """What is known of the network and of the bag of words beside it.

    Args:
      about: What `train.trained` says.
      counts: How many texts each part has.
    """
    bag, ahead = about["bag_of_words"], about["ahead_of_bag_of_words"]
    return {
        "model": about["settings"],
        "parameters": about["parameters"],
        "parameters_reused": about["reused"],
        "train_seconds": about["train_seconds"],
        **{
            f"{part}_accuracy": share(about[f"{part}_accuracy"], counts[part])
            for part in ("train", "validation", "test")
        },
        "majority": {"test_accuracy": share(about["majority_accuracy"], counts["test"])},
        "bag_of_words": {"test_accuracy": share(bag["test_accuracy"], counts["test"]), "penalty": bag["penalty"]},
        "ahead_of_bag_of_words": {"mean": ahead["mean"], "standard_error": ahead["error"], "texts": ahead["texts"]},
    }


def example(text: str, label: int, found: Explained, row: int, names: Sequence[str]) -> dict[str, Any]:
    """One text with both numbers of each word, and what happens without its strongest words.

    Args:
      text: The text as written; of a longer one only the last words that the network read are kept.
      label: Its class.
      found: What was found.
      row: The row of the text in what was found.
      names: The classes.

    Returns:
      A dictionary; "strongest" are the words with the largest effects, with the change of the probability of each of
      the watched classes and the likeliest class without the word.
    """
    count = int((found.ids[row] != PAD).sum())
    offsets = places(text).offsets[-count:] if count else []
    text, start = unbroken(text), offsets[0][0] if offsets else 0
    top, full = found.top(row), found.full[row]
    strongest = []
    for place in np.argsort(-found.effects[row][: len(offsets)], kind="stable")[:STRONGEST]:
        without = found.without[row, place]
        strongest.append(
            {
                "word": text[slice(*offsets[place])],
                "place": int(place) + 1,
                "change": found.effects[row, place],
                "attention": found.attention[row, place],
                "moved": {names[c]: without[c] - full[c] for c in top},
                "then": names[int(without.argmax())],
            }
        )
    return {
        "text": text[start:],
        "label": names[label],
        "likeliest": {names[c]: full[c] for c in top},
        DELETION: found.effects[row, : len(offsets)],
        ATTENDED: found.attention[row, : len(offsets)],
        "strongest": strongest,
    }


def group(
    name: str, texts: Sequence[str], labels: np.ndarray, found: Explained, names: Sequence[str], *, show: int
) -> dict[str, Any]:
    """Texts of one length: what they cost, how sure the figures are, and the first ones as examples.

    Args:
      name: What they are called.
      texts: As written.
      labels: Their classes.
      found: What was found.
      names: The classes.
      show: How many examples.
    """
    largest = found.effects.max(1)
    return {
        "name": name,
        "words": found.ids.shape[1],
        "texts": len(texts),
        "right": share(float((found.full.argmax(1) == labels).mean()), len(texts)),
        "evaluations_a_text": found.evaluations,
        "deletion_seconds_a_text": found.seconds,
        "attention_seconds_a_text": found.attention_seconds,
        "largest_change": {"median": np.median(largest), "smallest": largest.min(), "largest": largest.max()},
        "rank_correlation": figure(agreement(found).correlation),
        "examples": [example(texts[n], int(labels[n]), found, n, names) for n in range(min(show, len(texts)))],
    }


def agreeing(found: Agreement) -> dict[str, Any]:
    """How far attention and deletion agree: figures, and how the rank correlations of the texts are spread."""
    real = found.correlation[np.isfinite(found.correlation)]
    return {
        "rank_correlation": figure(found.correlation),
        "median_rank_correlation": np.median(real),
        "same_first_word": figure(found.same_first),
        "same_first_word_by_chance": found.by_chance.mean(),
        "histogram": {"from": -1, "to": 1, "texts": np.histogram(real, BINS, (-1, 1))[0]},
    }


def lead(values: Mapping[str, np.ndarray]) -> Mean:
    """Deletion less attention, in the mean over all numbers of deleted words: differences within a text."""
    return mean_of((values[DELETION] - values[ATTENDED])[:, 1:].mean(1))


def curves(found: Curves) -> dict[str, Any]:
    """The curves of each ranking, step by step, and the lead of deletion over attention."""
    sides = {"top_change": found.change, "probability": found.kept}
    return {
        "curves": {
            side: {name: [figure(each[:, step]) for step in range(each.shape[1])] for name, each in values.items()}
            for side, values in sides.items()
        },
        "deletion_less_attention": {side: of_mean(lead(values)) for side, values in sides.items()},
    }


def watched(names: Sequence[str]) -> dict[str, Any]:
    """The classes, and how many of them the rule watches."""
    return {"classes": list(names), "classes_watched": top_count(len(names))}

"""What was found, and each review of it as words with numbers."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments._shared.words import PAD_WORD, UNKNOWN_WORD
from experiments.imdb_cnn.data import LABELS
from experiments.imdb_lstm.by_word import Words, common
from experiments.imdb_lstm.data import written
from experiments.imdb_lstm.explain import Explained
from experiments.imdb_lstm.force import Row
from jaxattr.display import Picture, gallery, picture

SPECIAL = (PAD_WORD, UNKNOWN_WORD)


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found for one model.

    Attributes:
      about: What is known of the model: settings, accuracies, seconds.
      explained: DeepSHAP of a few reviews.
      words: Attributions of many reviews by word.
      seconds: Time a review of those many.
    """

    about: Mapping[str, Any]
    explained: Explained
    words: Words
    seconds: float


@dataclasses.dataclass(frozen=True)
class Run:
    """All that the report needs.

    Attributes:
      models: What was found, by model.
      texts: The explained reviews as written.
      labels: Their labels.
      length: How many words from their end the models read.
      score: "probability" or "logit".
      vocabulary: The word of each id.
      backgrounds: How many backgrounds the few and the many reviews had.
      many: How many reviews were explained for the words in general.
      at_least: In how many places and in how many reviews a word must occur to be listed.
    """

    models: Mapping[str, Found]
    texts: Sequence[str]
    labels: np.ndarray
    length: int
    score: str
    vocabulary: Sequence[str]
    backgrounds: tuple[int, int]
    many: int
    at_least: tuple[int, int]

    def listed(self, name: str) -> Words:
        """The common words of a model, in falling order of their means."""
        occurrences, reviews = self.at_least
        return common(self.models[name].words, occurrences=occurrences, reviews=reviews, special=len(SPECIAL))


def shown(text: str, values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The words of a review as written, with their numbers; the padding in front is one word.

    Args:
      text: The review.
      values: One number a word, `float[T]`, padding in front included.

    Returns:
      Words and numbers, equally many, with the same sum.

    Example:
      >>> tokens, numbers = shown("So good", np.array([0.25, 0.25, 1.0, 2.0]))
      >>> tokens, numbers.tolist()
      (['padding × 2', 'So', 'good'], [0.5, 1.0, 2.0])
    """
    tokens = written(text)[-len(values) :]
    padding = len(values) - len(tokens)
    if not padding:
        return tokens, values
    return [f"padding × {padding}", *tokens], np.concatenate([values[:padding].sum(keepdims=True), values[padding:]])


def title(run: Run, place: int) -> str:
    """What stands above a review."""
    scores = ", ".join(f"{name} {found.explained.scores[place]:.3f}" for name, found in run.models.items())
    return f"Review {place + 1}, {LABELS[run.labels[place]]}. {run.score.capitalize()} of positive: {scores}"


def pictures(run: Run) -> Picture:
    """The reviews with their words coloured under both models, on one scale."""
    drawn = []
    for place, text in enumerate(run.texts):
        pairs = {name: shown(text, found.explained.values[place]) for name, found in run.models.items()}
        tokens = next(iter(pairs.values()))[0]
        numbers = {name: pair[1] for name, pair in pairs.items()}
        drawn.append(picture(tokens, numbers, signed=True, name=f"DeepSHAP, {run.score}", title=title(run, place)))
    return gallery(drawn)


def rows(run: Run, name: str) -> list[Row]:
    """The reviews for the force plot of a model."""
    found = run.models[name].explained
    return [
        Row(f"Review {n + 1}, {LABELS[run.labels[n]]}", *shown(text, found.values[n]), found.expected, found.scores[n])
        for n, text in enumerate(run.texts)
    ]

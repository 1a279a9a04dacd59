"""A corpus of short reviews whose cause words are known, since they were planted."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from experiments._shared.words import words
from experiments.quickstart import phrases

LABELS = ("negative", "positive")
LENGTH = 32
_SHORTEST, _LONGEST = 8, 25
_WORDLIKE = re.compile(r"\w")


@dataclasses.dataclass(frozen=True)
class Review:
    """One review.

    Attributes:
      text: The review as written.
      words: Its lower-case words and punctuation marks.
      label: 1 for positive, 0 for negative.
      causes: The places in `words` of the planted words: pairs of one that affirms or negates and one of sentiment.
    """

    text: str
    words: tuple[str, ...]
    label: int
    causes: tuple[int, ...]


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _neutral(rng: np.random.Generator, clause: str) -> str:
    slots = {"who": phrases.WHO, "when": phrases.WHEN, "number": phrases.NUMBER}
    return clause.format(**{name: _pick(rng, choices) for name, choices in slots.items()})


def _planted(rng: np.random.Generator, subject: str, label: int) -> str:
    """A clause that carries the label; planted words are marked with a star.

    Two words carry it: one that affirms or negates, and one of sentiment. Whether it is
    negated does not depend on the label, and every clause has both words: with an optional negation, the neutral words
    beside it would tell that it is missing, and they too would be causes.
    """
    negated = rng.random() < 0.3
    good = bool(label) != negated
    verdict = _pick(rng, phrases.NEGATING if negated else phrases.AFFIRMING)
    if rng.random() < 0.3:
        return f"i would *{verdict} *{_pick(rng, phrases.PRAISE if good else phrases.BLAME)} the {subject}"
    return f"the {subject} was *{verdict} *{_pick(rng, phrases.POSITIVE if good else phrases.NEGATIVE)}"


def _compose(rng: np.random.Generator, label: int) -> str:
    """One review as marked text: neutral clauses around one or two planted ones."""
    topic = _pick(rng, list(phrases.SUBJECTS))
    first, second = rng.choice(phrases.SUBJECTS[topic], size=2, replace=False)
    verdict = _planted(rng, first, label)
    if rng.random() < 0.35:
        verdict = f"{verdict} and {_planted(rng, second, label)}"
    opening = _neutral(rng, _pick(rng, phrases.OPENINGS[topic]))
    closing = _neutral(rng, _pick(rng, phrases.CLOSINGS))
    shapes = (
        f"{opening}. {verdict}. {closing}.",
        f"{opening}, {closing}, and {verdict}.",
        f"{verdict}. {opening}, and {closing}.",
        f"{opening}. {closing}. {verdict}!",
        f"{verdict}! {closing}.",
        f"{opening}; {verdict}.",
    )
    return re.sub(r" +", " ", _pick(rng, shapes))


def _review(marked: str, label: int) -> Review:
    pieces = re.findall(r"\*?\w+|[^\w\s]", marked)
    causes = tuple(place for place, piece in enumerate(pieces) if piece.startswith("*"))
    text = marked.replace("*", "")
    text = re.sub(r"(^|[.!] )(\w)", lambda match: match[1] + match[2].upper(), text)
    text = re.sub(r"\bi\b", "I", text)
    return Review(text, tuple(words(text)), label, causes)


def corpus(size: int, *, seed: int) -> list[Review]:
    """Makes a balanced corpus of different reviews of 8 to 25 words.

    The label follows from the planted words alone. Topic, subject, neutral clauses, their order, the kind of sentence
    and whether it is negated are drawn without regard to the label.

    Args:
      size: How many reviews, an even number.
      seed: The same seed gives the same corpus.

    Returns:
      The reviews, in random order.

    Example:
      >>> review = corpus(10, seed=0)[1]
      >>> [review.words[place] for place in review.causes], LABELS[review.label]
      (['clearly', 'brilliant'], 'positive')
    """
    if size % 2:
        raise ValueError(f"Expected an even size, so that labels are balanced, got {size}. Pass {size + 1}.")
    rng = np.random.default_rng(seed)
    found: dict[str, Review] = {}
    for label in (0, 1):
        while len(found) < (label + 1) * size // 2:
            review = _review(_compose(rng, label), label)
            if _SHORTEST <= sum(bool(_WORDLIKE.match(word)) for word in review.words) <= _LONGEST:
                found[review.text] = review
    reviews = list(found.values())
    return [reviews[place] for place in rng.permutation(size)]

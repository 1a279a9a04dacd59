"""Microblogs whose decisive characters are known: an emoticon, a word in brackets, tells nearly every class.

So a ranking can be checked without deleting anything: is its first character one of an emoticon?
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from experiments._shared.words import PAD, UNKNOWN
from experiments.chinese_gradients.data import Corpus
from experiments.chinese_gradients.faithful import CLAIMS, interval

DECIDED = ("weibo",)
"""The sets that emoticons decide, see `vote`."""

_EMOTICON = re.compile(r"\[[^\[\]]{1,8}\]")
_STRANGE = "\ufffd"


def inside(text: str) -> np.ndarray:
    """Which characters belong to an emoticon, brackets and all.

    Example:
      >>> inside("好[泪]").tolist()
      [False, True, True, True]
    """
    marks = np.zeros(len(text), bool)
    for found in _EMOTICON.finditer(text):
        marks[found.start() : found.end()] = True
    return marks


def texts(corpus: Corpus, ids: np.ndarray) -> list[str]:
    """The texts that rows of ids `int32[N, T]` stand for, with one character a place."""
    characters = [*(_STRANGE for _ in range(UNKNOWN + 1)), *corpus.characters[UNKNOWN + 1 :]]
    return ["".join(characters[i] for i in row[row != PAD]) for row in ids]


def vote(train: Iterable[tuple[str, int]], test: Iterable[tuple[str, int]]) -> float:
    """How well the emoticons of a text tell its class, each with the log of its counts in training plus one.

    Args:
      train: Texts with their labels.
      test: The same of the test.

    Returns:
      The share of test texts whose label has the largest sum; a text without known emoticons has the first label.
    """
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    labels = set()
    for text, label in train:
        labels.add(label)
        for found in set(_EMOTICON.findall(text)):
            counts[found][label] += 1
    right = total = 0
    for text, label in test:
        known = [counts[found] for found in set(_EMOTICON.findall(text)) if found in counts]
        sums = {one: sum(float(np.log1p(count[one])) for count in known) for one in sorted(labels)}
        right += max(sums, key=lambda one: sums[one]) == label
        total += 1
    return right / total


def vote_of(corpus: Corpus) -> float:
    """`vote` on a corpus."""
    train, test = (
        list(zip(texts(corpus, ids), labels.tolist(), strict=True)) for ids, labels in (corpus.train, corpus.test)
    )
    return vote(train, test)


def figures(written: list[str], values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How often the first character of each ranking is one of an emoticon.

    Args:
      written: N texts.
      values: By method, `float[N, T]`.

    Returns:
      "texts", how many hold an emoticon and something else, which are those that count; "first", the share of them by
      method; "chance", that of a random character; "gains", the paired differences of the claims.
    """
    marks = [inside(text) for text in written]
    counted = [i for i, mark in enumerate(marks) if mark.any() and not mark.all()]
    first = {
        name: np.array([marks[i][value[i, : len(marks[i])].argmax()] for i in counted], np.float64)
        for name, value in values.items()
    }
    return {
        "texts": len(counted),
        "first": {name: interval(hits) for name, hits in first.items()},
        "chance": interval(np.array([marks[i].mean() for i in counted])),
        "gains": {claim: interval(first[one] - first[other]) for claim, (one, other) in CLAIMS.items()},
    }

"""The corpus with planted causes."""

import numpy as np
import pytest

from experiments.quickstart import phrases
from experiments.quickstart.data import LENGTH, corpus

SIZE = 4000
SENTIMENT = {*phrases.POSITIVE, *phrases.NEGATIVE, *phrases.PRAISE, *phrases.BLAME}
GOOD = {*phrases.POSITIVE, *phrases.PRAISE}


@pytest.fixture(scope="module")
def reviews():
    return corpus(SIZE, seed=0)


def test_balanced_different_and_of_the_promised_length(reviews):
    assert sum(review.label for review in reviews) == SIZE // 2
    assert len({review.text for review in reviews}) == SIZE
    lengths = [sum(word[0].isalnum() for word in review.words) for review in reviews]
    assert min(lengths) >= 8
    assert max(lengths) <= 25
    assert max(len(review.words) for review in reviews) <= LENGTH


def test_the_label_follows_from_the_planted_words_alone(reviews):
    for review in reviews:
        planted = [review.words[place] for place in review.causes]
        pairs = list(zip(planted[::2], planted[1::2], strict=True))
        assert pairs
        for verdict, word in pairs:
            assert verdict in phrases.NEGATING + phrases.AFFIRMING
            assert word in SENTIMENT
            assert review.label == ((word in GOOD) != (verdict in phrases.NEGATING))


def test_sentiment_words_are_nowhere_else(reviews):
    for review in reviews:
        others = set(np.delete(np.array(review.words), list(review.causes)))
        assert not others & (SENTIMENT | {*phrases.AFFIRMING})


def test_negation_does_not_depend_on_the_label(reviews):
    negated = np.array([review.words[review.causes[0]] in phrases.NEGATING for review in reviews])
    labels = np.array([review.label for review in reviews])
    assert abs(negated.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / SIZE)
    assert abs(labels[negated].mean() - 0.5) < 4 * 0.5 / np.sqrt(negated.sum())


def held_out_accuracy_of_naive_bayes(reviews, visible):
    texts = [[word for place, word in enumerate(review.words) if visible(review, place)] for review in reviews]
    labels = np.array([review.label for review in reviews])
    index = {word: number for number, word in enumerate(sorted({word for text in texts for word in text}))}
    counts = np.zeros((len(reviews), len(index)))
    for row, text in zip(counts, texts, strict=True):
        np.add.at(row, [index[word] for word in text], 1)
    train, test = slice(0, 3000), slice(3000, None)
    logs = [np.log1p(counts[train][labels[train] == y].sum(0)) for y in (0, 1)]
    totals = [np.log(np.expm1(log).sum() + len(index)) for log in logs]
    scores = counts[test] @ (logs[1] - logs[0]) - counts[test].sum(1) * (totals[1] - totals[0])
    return ((scores > 0) == labels[test]).mean()


def test_nothing_but_the_planted_words_predicts_the_label(reviews):
    error = 0.5 / np.sqrt(1000)
    neutral = held_out_accuracy_of_naive_bayes(reviews, lambda review, place: place not in review.causes)
    assert abs(neutral - 0.5) < 4 * error
    everything = held_out_accuracy_of_naive_bayes(reviews, lambda review, place: True)
    assert everything > 0.6, "the same classifier does learn from the planted words"


def test_one_seed_one_corpus():
    assert corpus(50, seed=3) == corpus(50, seed=3)
    assert corpus(50, seed=3) != corpus(50, seed=4)


def test_an_odd_size_is_refused():
    with pytest.raises(ValueError, match=r"even size.*got 5\. Pass 6"):
        corpus(5, seed=0)

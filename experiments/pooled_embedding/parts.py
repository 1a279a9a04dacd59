"""The parts of the result that the pictures and the page show."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared.by_word import by_word, common
from experiments._shared.words import places, unbroken
from experiments.pooled_embedding import paths
from experiments.pooled_embedding.explain import of_all
from experiments.pooled_embedding.train import Trained


def words_in_general(
    ids: np.ndarray, values: np.ndarray, won: np.ndarray, vocabulary: tuple[str, ...], *, reviews: int, show: int
) -> dict[str, Any]:
    """What each word gets in the mean over its occurrences, and how many dimensions it wins.

    Args:
      ids: `int32[N, T]`.
      values: What each position got, `[N, T]`.
      won: How many dimensions it has won, `[N, T]`.
      vocabulary: The words.
      reviews: In how many reviews a word must occur.
      show: How many words a side.

    Returns:
      For "positive" and "negative" the words, strongest first, with mean, half of the 95 % interval that counts
      reviews, number of reviews, and dimensions won an occurrence; and of how many words they are.
    """
    found, wins = by_word(ids, values), by_word(ids, won)
    listed = common(found, occurrences=reviews, reviews=reviews, special=2)
    won_by = dict(zip(wins.ids.tolist(), wins.means.tolist(), strict=True))
    entries = [
        {"word": vocabulary[i], "mean": m, "half": h, "reviews": n, "won": won_by[i]}
        for i, m, h, n in zip(
            listed.ids.tolist(), listed.means.tolist(), listed.halves.tolist(), listed.reviews.tolist(), strict=True
        )
    ]
    return {"positive": entries[:show], "negative": entries[::-1][:show], "of": len(entries)}


def shown(text: str, ids: np.ndarray, found: dict[str, dict[str, np.ndarray]], row: int, label: int) -> dict[str, Any]:
    """One review with its words by each model, for coloured text and bars.

    Args:
      text: The review as written.
      ids: Its encoding, `int32[T]`; a longer review keeps its last words.
      found: For each model what `explain.at_pooled` gave for all reviews.
      row: Which of them this one is.
      label: 1 for a positive review.

    Returns:
      Tokens, one number a token for each model, and how many dimensions each has won.
    """
    text = unbroken(text)
    tokens = [text[start:end] for start, end in places(text).offsets[-len(ids) :]]
    parts = {
        name: {key: one[key][row][: len(tokens)].tolist() for key in ("words", "won")} for name, one in found.items()
    }
    return {"tokens": tokens, "label": int(label), "models": parts}


def strongest_words(review: dict[str, Any], model: str, k: int = 10) -> list[dict[str, Any]]:
    """The k strongest words of a review, each wherever it stands, in any case of letters.

    Args:
      review: What `shown` gave.
      model: Which model.
      k: How many.

    Returns:
      Words with the sum of what their places got and the number of dimensions they won, strongest first.
    """
    sums: dict[str, list[float]] = {}
    part = review["models"][model]
    for token, value, won in zip(review["tokens"], part["words"], part["won"], strict=True):
        entry = sums.setdefault(token.lower(), [0.0, 0.0])
        entry[0] += value
        entry[1] += won
    ranked = sorted(sums.items(), key=lambda pair: -abs(pair[1][0]))[:k]
    return [{"word": word, "value": value, "won": won} for word, (value, won) in ranked]


def compared(model: Trained, ids: np.ndarray, *, steps: int, points: int = 120) -> dict[str, Any]:
    """Both ways on some reviews, each with the next review as the third baseline, and what the figure shows of it.

    Args:
      model: The trained model.
      ids: `int32[N, T]`, at least two reviews.
      steps: Nodes of the integrals.
      points: How many words the figure shows.

    Returns:
      By baseline the figures of `paths.agreement`, the quantile of the gaps, and some words by both ways, "pairs"; and
      the path of the dimension of the first review that bends most, for two baselines.
    """
    others = np.roll(ids, -1, axis=0)
    both_rows = np.stack([ids, others], 1)

    def explain(params: Any, rows: Any) -> Any:
        return paths.both(model.network, params, rows[0], rows[1], steps=steps)

    found = of_all(explain, model.params, both_rows, batch=2)
    result: dict[str, Any] = {}
    for name, part in found.items():
        at = np.flatnonzero(part["vectors"].ravel() != 0)[:: max(1, int((part["vectors"] != 0).sum()) // points)]
        result[name] = paths.agreement(part) | {
            "worst_gap": {way: float(np.abs(part[f"gap_{way}"]).max()) for way in ("vectors", "pooled")},
            "pairs": [part["vectors"].ravel()[at][:points].tolist(), part["pooled"].ravel()[at][:points].tolist()],
        }
    return {"baselines": result, "path": _path(model, jnp.asarray(ids[0]), jnp.asarray(others[0]))}


def _path(model: Trained, ids: jax.Array, other: jax.Array) -> dict[str, Any]:
    network, params = model.network, model.params
    x = network.vectors(params, ids)
    t = jnp.linspace(0, 1, 2 * paths.POINTS - 1)
    starts = paths.starts(network, params, ids, other)
    drawn = {name: np.asarray(paths.pooled_path(network, x, starts[name], ids, t)) for name in starts}
    bent = drawn["another review"]
    sag = (bent[:1] + np.asarray(t)[:, None] * (bent[-1:] - bent[:1]) - bent).max(0)
    dimension = int(sag.argmax())
    wins = ja.pooling.max_shares(x, where=network.where(ids))[:, dimension].argmax()
    return {
        "t": t.tolist(),
        "dimension": dimension,
        "winner": int(wins),
        "values": {name: curve[:, dimension].tolist() for name, curve in drawn.items()},
    }

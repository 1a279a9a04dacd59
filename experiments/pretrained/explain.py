"""The published classifier explained by its words: at the pooled mean, at the word vectors, by slope, by deletion."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared import agreement
from experiments._shared.linen import logits
from experiments._shared.training import in_batches
from experiments.pretrained.model import PAD, START, AverageClassifier

Function = Callable[..., jax.Array]
LEVELS = (0.5, 0.9, 0.99, 1.0)
DELETED = 5


@dataclasses.dataclass(frozen=True)
class Explained:
    """The classifier as functions of its parameters and of the ids `int32[T]` of one review.

    Attributes:
      score: `(params, ids)` to the logit of "positive" less that of "negative".
      vectors: `(params, ids)` to word vectors `[T, D]`.
      from_vectors: `(x, params, ids)` to the score.
      pooled: `(params, ids)` to the mean vector `[D]`.
      from_pooled: `(p, params, ids)` to the score.
    """

    score: Function
    vectors: Function
    from_vectors: Function
    pooled: Function
    from_pooled: Function


def explained(model: AverageClassifier) -> Explained:
    """Cuts the score at its table and at its pooled vector."""

    def score(params: Any, ids: jax.Array) -> jax.Array:
        return ja.scores.margin(logits(model, params, ids), 1)

    def table(params: Any, ids: jax.Array) -> jax.Array:
        del ids
        return params["params"]["embed"]["embedding"]

    return Explained(score, *ja.cut(score, at=table), *ja.cut(score, at="pooled"))


def empty(ids: jax.Array) -> jax.Array:
    """The ids of an empty text: a start and padding."""
    return jnp.full_like(ids, PAD).at[0].set(START)


BASELINES: dict[str, Callable[[Explained, Any, jax.Array], jax.Array]] = {
    "empty text": lambda net, params, ids: net.vectors(params, empty(ids)),
    "padding": lambda net, params, ids: net.vectors(params, jnp.full_like(ids, PAD)),
    "zeros": lambda net, params, ids: jnp.zeros_like(net.vectors(params, ids)),
}


def at_pooled(net: Explained, baseline: str, *, steps: int) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """Integrated gradients at the mean vector, carried to the positions by their parts in its change.

    Args:
      net: The classifier.
      baseline: A name in `BASELINES`.
      steps: Nodes of the integral.

    Returns:
      A function of parameters and ids that gives `words`, `[T]`, the completeness `gap`, and the score at the
      `baseline`.
    """

    def explain(params: Any, ids: jax.Array) -> dict[str, jax.Array]:
        x, x0 = net.vectors(params, ids), BASELINES[baseline](net, params, ids)
        p, p0 = net.pooled(params, ids), x0.mean(0)

        def f(p: jax.Array) -> jax.Array:
            return net.from_pooled(p, params, ids)

        values = ja.integrated_gradients(f, baseline=p0, steps=steps)(p)
        words = ja.pooling.to_positions(values, ja.pooling.mean_shares(x, x0=x0))
        return {"words": words, "gap": ja.completeness_gap(f, words, p, p0), "baseline": f(p0)}

    return explain


def at_vectors(net: Explained, baseline: str, *, steps: int) -> Callable[[Any, jax.Array], jax.Array]:
    """Integrated gradients at the word vectors: a function of parameters and ids to `[T]`."""

    def explain(params: Any, ids: jax.Array) -> jax.Array:
        def f(x: jax.Array) -> jax.Array:
            return net.from_vectors(x, params, ids)

        start = BASELINES[baseline](net, params, ids)
        return ja.integrated_gradients(f, baseline=start, steps=steps)(net.vectors(params, ids)).sum(-1)

    return explain


def gradient_norm(net: Explained) -> Callable[[Any, jax.Array], jax.Array]:
    """The norm of the gradient at each word vector, which a mean makes the same everywhere."""

    def explain(params: Any, ids: jax.Array) -> jax.Array:
        x = net.vectors(params, ids)
        return jnp.linalg.norm(ja.gradient(lambda x: net.from_vectors(x, params, ids))(x), axis=-1)

    return explain


def gradient_times_change(net: Explained) -> Callable[[Any, jax.Array], jax.Array]:
    """The gradient at each word vector times its change from the empty text: one node where the integral has many."""

    def explain(params: Any, ids: jax.Array) -> jax.Array:
        x, x0 = net.vectors(params, ids), net.vectors(params, empty(ids))
        return (ja.gradient(lambda x: net.from_vectors(x, params, ids))(x) * (x - x0)).sum(-1)

    return explain


def occlusion(net: Explained) -> Callable[[Any, jax.Array], jax.Array]:
    """The drop of the score without each word, by true deletion; the start and padding stay and get 0."""

    def explain(params: Any, ids: jax.Array) -> jax.Array:
        ways = {"keep": ja.leave_one_out(len(ids)), "perturb": ja.delete(PAD), "where": ids > START}
        return ja.occlusion(lambda ids: net.score(params, ids), **ways)(ids)

    return explain


def of_all(explain: Callable[..., Any], params: Any, ids: np.ndarray, *, batch: int = 64) -> Any:
    """Applies a function of the parameters and one review to all reviews, compiled once."""
    compiled = jax.jit(jax.vmap(explain, in_axes=(None, 0)))
    return in_batches(lambda ids: compiled(params, ids), (ids,), batch=min(batch, len(ids)))


def quantiles(sizes: np.ndarray) -> dict[str, float]:
    """Quantiles of magnitudes; "1.0" is the worst."""
    return {str(level): float(np.quantile(np.abs(sizes), level)) for level in LEVELS}


def who_gets_what(found: dict[str, np.ndarray], ids: np.ndarray) -> dict[str, Any]:
    """What the start, the words and the padding get of the score, each summed over a review.

    Args:
      found: What `at_pooled` gave, with a leading axis of reviews.
      ids: `int32[N, T]` of these reviews.

    Returns:
      Means over the reviews with standard errors, also of the score at the baseline and of the share of the sum of
      sizes that stands at padding; and quantiles of the gap.
    """
    words, sizes = found["words"], np.abs(found["words"]).sum(1)
    parts = {"start": ids == START, "words": ids > START, "padding": ids == PAD}
    sums = {name: agreement.mean((words * where).sum(1)) for name, where in parts.items()}
    share = (np.abs(words) * parts["padding"]).sum(1) / np.maximum(sizes, 1e-12)
    return sums | {
        "baseline": agreement.mean(found["baseline"]),
        "share_at_padding": agreement.mean(share),
        "gap": quantiles(found["gap"]),
    }


def by_length(found: dict[str, np.ndarray], ids: np.ndarray, *, groups: int = 8) -> list[dict[str, float]]:
    """What padding gets in reviews of similar length, from the shortest eighth to the longest.

    Args:
      found: What `at_pooled` gave from zeros.
      ids: `int32[N, T]`.
      groups: How many groups of about equal size.

    Returns:
      For each group the mean number of padding positions and the mean sum at padding, with its standard error.
    """
    padded = (ids == PAD).sum(1)
    sums = (found["words"] * (ids == PAD)).sum(1)
    parts = np.array_split(np.argsort(-padded, kind="stable"), groups)
    return [{"padding": float(padded[rows].mean())} | agreement.mean(sums[rows]) for rows in parts if len(rows)]


def first_words(values: np.ndarray, ids: np.ndarray, count: int = DELETED) -> np.ndarray:
    """What stays without the words of the largest values: booleans `[N, T]`; start and padding stay."""
    real = ids > START
    order = np.argsort(-np.where(real, values, -np.inf), axis=1, kind="stable")[:, :count]
    keep = np.ones(ids.shape, bool)
    np.put_along_axis(keep, order, False, axis=1)
    return keep | ~real


def compared(net: Explained, params: Any, ids: np.ndarray, *, steps: int, seed: int) -> dict[str, Any]:
    """The methods beside each other on some reviews, toward the predicted class.

    Args:
      net: The classifier.
      params: Its variables.
      ids: `int32[N, T]`.
      steps: Nodes of integrated gradients.
      seed: The seed of the random ranking.

    Returns:
      By method the mean fall of the score without its first words, and the mean rank correlation over the words of a
      review with occlusion; by baseline the worst difference of the two ways of integrated gradients, as a share of the
      review's strongest word.
    """
    score = of_all(net.score, params, ids)
    sign = np.where(score > 0, 1.0, -1.0).astype(np.float32)[:, None]
    values = {
        "at the pooled vector": sign * of_all(at_pooled(net, "empty text", steps=steps), params, ids)["words"],
        "gradient times change": sign * of_all(gradient_times_change(net), params, ids),
        "gradient norm": of_all(gradient_norm(net), params, ids),
        "occlusion": sign * of_all(occlusion(net), params, ids, batch=8),
        "random": np.random.default_rng(seed).random(ids.shape),
    }
    keep = np.stack([first_words(v, ids) for v in values.values()], 1)

    def fall(ids: jax.Array, sign: jax.Array, keep: jax.Array) -> jax.Array:
        def f(ids: jax.Array) -> jax.Array:
            return sign[0] * net.score(params, ids)

        return f(ids) - ja.perturbed(f, keep=keep, perturb=ja.delete(PAD))(ids)

    falls = in_batches(jax.jit(jax.vmap(fall)), (ids, sign, keep), batch=min(16, len(ids)))
    several = [n for n in range(len(ids)) if (ids[n] > START).sum() > 2]

    def with_occlusion(name: str) -> dict[str, float]:
        pairs = [(values[name][n], values["occlusion"][n], ids[n] > START) for n in several]
        return agreement.mean(np.array([agreement.rank_correlation(a[real], b[real]) for a, b, real in pairs]))

    methods: dict[str, dict[str, Any]] = {
        name: {"fall": agreement.mean(falls[:, n]), "rank_correlation_with_occlusion": with_occlusion(name)}
        for n, name in enumerate(values)
        if name != "gradient norm"
    }
    n = list(values).index("gradient norm")
    methods["gradient norm"] = {"fall": agreement.mean(falls[:, n]), "spread": _spread(values["gradient norm"])}
    return {"methods": methods, "difference_of_both_ways": _differences(net, params, ids, steps)}


def _spread(norms: np.ndarray) -> float:
    """How far the norms of a review lie apart, at worst, as a share of the largest."""
    return float(((norms.max(1) - norms.min(1)) / norms.max(1)).max())


def _differences(net: Explained, params: Any, ids: np.ndarray, steps: int) -> dict[str, dict[str, float]]:
    found = {}
    for name in BASELINES:
        dear = of_all(at_vectors(net, name, steps=steps), params, ids, batch=8)
        cheap = of_all(at_pooled(net, name, steps=steps), params, ids)["words"]
        found[name] = quantiles(np.abs(dear - cheap).max(1) / np.abs(dear).max(1))
    return found

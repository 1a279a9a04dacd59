"""Texts of different lengths: sorted into a few widths, beside all of them padded to the longest."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments._shared.linen import logits
from experiments.benchmarks.models import VOCABULARY
from experiments.benchmarks.records import Record, record
from experiments.benchmarks.speed.checks import difference
from experiments.benchmarks.speed.compare import beside
from experiments.benchmarks.timing import in_turn
from experiments.benchmarks.weights import texts

SORTED, PADDED = "jaxattr.scale.map, sorted", "jaxattr.scale.map, widths=1"
ROUNDING = 1e-5
SHORTEST = 8


class Masked(nn.Module):
    """Model A for texts with padding: a window that reaches beyond the text cannot win."""

    features: int = 128
    filters: int = 100

    @nn.compact
    def __call__(self, ids: jax.Array, where: jax.Array) -> jax.Array:
        """Gives the logits `[2]` of ids `[T]`, of which `where` marks the words; they stand first."""
        x = nn.Embed(VOCABULARY, self.features, name="embed")(ids)
        pooled = []
        for width in (3, 4, 5):
            windows = nn.relu(nn.Conv(self.filters, (width,), padding="VALID", name=f"conv{width}")(x))
            pooled.append(jnp.max(jnp.where(where[width - 1 :, None], windows, 0.0), axis=-2))
        return nn.Dense(2, name="dense")(jnp.concatenate(pooled, -1))


def lengths(count: int, cap: int, *, seed: int) -> np.ndarray:
    """How long texts are: lognormal, like reviews, with a mean of 0.575 of the cap before the cut and about 0.52 after.

    Args:
      count: How many texts.
      cap: The longest that a text may be; longer ones are cut.
      seed: The seed.

    Returns:
      `int[N]`.
    """
    spread = 0.65
    mean = np.log(230 / 400 * cap) - spread**2 / 2
    return np.clip(np.random.default_rng(seed).lognormal(mean, spread, count).astype(int), SHORTEST, cap)


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A masked network and texts of different lengths.

    Attributes:
      params: The variables of the network, with random weights.
      ids: The words of each text.
      explain: The gradient at the word vectors of one text, `[T, D]`.
    """

    params: Any
    ids: list[np.ndarray]
    explain: Callable[..., jax.Array]


def corpus(*, count: int, cap: int, seed: int, module: Masked | None = None) -> Corpus:
    """Makes the network and its texts.

    Args:
      count: How many texts.
      cap: The length of the longest.
      seed: The seed of weights, lengths and words.
      module: The network.

    Returns:
      The corpus.
    """
    network = module or Masked()
    params = jax.jit(network.init)(jax.random.key(seed), jnp.zeros(cap, jnp.int32), jnp.ones(cap, bool))
    words = texts(count, cap, seed=seed)[0]
    ids = [row[:length] for row, length in zip(words, lengths(count, cap, seed=seed), strict=True)]

    def score(params: Any, ids: jax.Array, where: jax.Array) -> jax.Array:
        return logits(network, params, ids, where=where)[1]

    def table(params: Any, ids: jax.Array, where: jax.Array) -> jax.Array:
        del ids, where
        return params["params"]["embed"]["embedding"]

    return Corpus(params, ids, ja.grad_wrt_embedding(score, at=table))


def check_same(found: list[Any], other: list[Any], *, limit: float = ROUNDING) -> float:
    """Refuses numbers that depend on the padding.

    Args:
      found: The numbers of each text.
      other: The same, padded in another way.
      limit: The largest difference allowed, as a share of the largest number of its text.

    Returns:
      The largest difference.

    Raises:
      ValueError: When one differs by more, or is not a number.
    """
    worst = max(difference(a, b) for a, b in zip(found, other, strict=True))
    if not worst <= limit:
        raise ValueError(f"Expected the same numbers with more and with less padding, but they differ by {worst:.1e}.")
    return worst


def padding(made: Corpus, *, repeats: int, target: float) -> list[Record]:
    """Times the saliency of all texts with the default widths and with one.

    Args:
      made: The texts and their network.
      repeats: Rounds.
      target: How many times as fast as one width the default is to be.

    Returns:
      Two records; the shares of words are those of what was computed.
    """
    rows = {"ids": made.ids}
    plans = {
        SORTED: ja.scale.plan(made.explain, made.params, rows),
        PADDED: ja.scale.plan(made.explain, made.params, rows, widths=1),
    }

    drivers = {name: ja.scale.mapped(made.explain, plan=plan) for name, plan in plans.items()}

    def run(name: str) -> list[Any]:
        return drivers[name](made.params, rows)

    differs = check_same(run(SORTED), run(PADDED))
    timings = in_turn({name: lambda name=name: run(name) for name in plans}, base=SORTED, repeats=repeats)
    long = np.array([len(row) for row in made.ids])
    about = {"mean": float(long.mean()), "shortest": int(long.min()), "longest": int(long.max())}
    records = [
        record(
            "saliency of texts of different lengths, a masked CNN",
            "A",
            name,
            timings[name],
            kind="corpus",
            texts=len(long),
            lengths=about,
            layout=f"{len(plan.widths)} widths, {plan.batch_size} texts at once",
            widths=[int(width) for width in plan.widths],
            differs=differs,
        )
        for name, plan in plans.items()
    ]
    beside(records, timings, over=[PADDED], target=target)
    return records

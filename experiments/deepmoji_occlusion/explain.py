"""What each text loses without each of its words, and where the network's attention lies."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import jaxattr as ja
from experiments._shared.linen import logits
from experiments._shared.words import PAD
from experiments.deepmoji_occlusion.model import ATTENTION, DeepMoji

TOP = 5
DELETION, ATTENDED = "deletion", "attention"
Function = Callable[[Any, jax.Array], Any]


def top_count(classes: int) -> int:
    """How many of the likeliest classes the rule watches: five, or all where there are fewer."""
    return min(TOP, classes)


def by_deletion(model: DeepMoji, *, batch_size: int | None = None) -> Function:
    r"""The rule of DeepMoji's demonstration, by true deletion.

    $$\phi_t = \sum_{c \in \mathrm{top}_5(p(x))} |p_c(x) - p_c(x \setminus x_t)|$$

    The five classes are those of the full text and stay the same for every deletion. A text of T words costs T + 1
    evaluations, and one pass over them gives all outputs.

    Args:
      model: The network.
      batch_size: Evaluations at once; None lets the library choose.

    Returns:
      `explain(params, ids)` for one text `int32[T]`: a dictionary with "effect", `float32[T]`, 0 at padding, "without",
      the probabilities without each word, `float32[T, C]`, and "full", those of the text, `float32[C]`.
    """
    k = top_count(model.classes)

    def effect(full: jax.Array, changed: jax.Array) -> dict[str, jax.Array]:
        return {"effect": ja.effects.l1(full, changed, k=k), "without": jax.nn.softmax(changed)}

    def explain(params: Any, ids: jax.Array) -> dict[str, jax.Array]:
        def outputs(ids: jax.Array) -> tuple[jax.Array, jax.Array]:
            found = logits(model, params, ids)
            return found, found

        ways: dict[str, Any] = {"perturb": ja.delete(PAD), "where": ids != PAD, "batch_size": batch_size}
        found, full = ja.occlusion(outputs, effect=effect, has_aux=True, **ways)(ids)
        return {**found, "full": jax.nn.softmax(full)}

    return explain


def attention(model: DeepMoji) -> Function:
    """The pooling weights of one text, `float32[T]`, read out of the network at their name; they sum to 1."""
    return ja.cut(lambda params, ids: logits(model, params, ids)[0], at=ATTENTION)[0]


@dataclasses.dataclass(frozen=True)
class Explained:
    """Both answers for texts that were padded to one length.

    Attributes:
      ids: `int32[N, T]`.
      full: The probabilities of each text, `float32[N, C]`.
      without: Those without each word, `float32[N, T, C]`.
      effects: The top-five changes, `float32[N, T]`; 0 at padding.
      attention: The pooling weights, `float32[N, T]`; 0 at padding.
      seconds: The median time a text for the deletions, compilation left out.
      attention_seconds: The same for the attention.
      evaluations: How often the network ran for the deletions of a text, padding included.
    """

    ids: np.ndarray
    full: np.ndarray
    without: np.ndarray
    effects: np.ndarray
    attention: np.ndarray
    seconds: float
    attention_seconds: float
    evaluations: int

    def top(self, row: int) -> np.ndarray:
        """The classes that the rule watches in a text, the likeliest first."""
        return np.argsort(-self.full[row], kind="stable")[: top_count(self.full.shape[1])]

    def where(self, chosen: np.ndarray) -> "Explained":
        """Some of the texts, by a mask or by places."""
        arrays = {name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return dataclasses.replace(self, **arrays)


def compiled(model: DeepMoji, *, batch_size: int | None = None) -> tuple[Function, Function]:
    """`by_deletion` and `attention`, compiled once a length."""
    return jax.jit(by_deletion(model, batch_size=batch_size)), jax.jit(attention(model))


def _timed(f: Function, params: Any, rows: np.ndarray) -> tuple[list[Any], float]:
    jax.block_until_ready(f(params, rows[0]))
    found, seconds = [], []
    for row in rows:
        begin = time.perf_counter()
        found.append(jax.block_until_ready(f(params, row)))
        seconds.append(time.perf_counter() - begin)
    return found, statistics.median(seconds)


def only(function: Function, params: Any, ids: np.ndarray) -> np.ndarray:
    """One of the two functions, text by text: what `attention` or `by_deletion` gives, stacked."""
    found = [jax.block_until_ready(function(params, row)) for row in ids]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def explain(functions: tuple[Function, Function], params: Any, ids: np.ndarray) -> Explained:
    """Explains texts one after another.

    Args:
      functions: What `compiled` gave.
      params: The variables of the network.
      ids: `int32[N, T]`.

    Returns:
      Deletion effects, attention and times.
    """
    deleting, attending = functions
    found, seconds = _timed(deleting, params, ids)
    weights, attention_seconds = _timed(attending, params, ids)

    def stacked(name: str) -> np.ndarray:
        return np.stack([np.asarray(one[name]) for one in found])

    return Explained(
        ids=ids,
        full=stacked("full"),
        without=stacked("without"),
        effects=stacked("effect"),
        attention=np.stack([np.asarray(one) for one in weights]),
        seconds=seconds,
        attention_seconds=attention_seconds,
        evaluations=ids.shape[1] + 1,
    )

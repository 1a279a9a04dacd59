"""The four models once more as Flax NNX modules, with the parameters of the Linen ones."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.benchmarks.models import VOCABULARY, Subject

_WIDTHS = (3, 4, 5)


class Convolutions(nnx.Module):
    """Model A: for each width and filter the best place, then a dense layer."""

    def __init__(self, like: Any, rngs: nnx.Rngs) -> None:
        self.embed = nnx.Embed(VOCABULARY, like.features, rngs=rngs)
        for width in _WIDTHS:
            conv = nnx.Conv(like.features, like.filters, (width,), padding="VALID", rngs=rngs)
            setattr(self, f"conv{width}", conv)
        self.dense = nnx.Linear(len(_WIDTHS) * like.filters, 2, rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits `[..., 2]` of ids `[..., T]`."""
        x = self.embed(ids)
        pooled = [jnp.max(nnx.relu(getattr(self, f"conv{width}")(x)), axis=-2) for width in _WIDTHS]
        return self.dense(jnp.concatenate(pooled, -1))


class Lstm(nnx.Module):
    """Model B: the last state of an LSTM, then a dense layer."""

    def __init__(self, like: Any, rngs: nnx.Rngs) -> None:
        self.embed = nnx.Embed(VOCABULARY, like.features, rngs=rngs)
        self.units = like.units
        self.rnn = nnx.RNN(nnx.OptimizedLSTMCell(like.features, like.units, rngs=rngs))
        self.dense = nnx.Linear(like.units, 1, rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logit `[..., 1]` of ids `[..., T]`."""
        x = self.embed(ids)
        zeros = jnp.zeros((*x.shape[:-2], self.units), x.dtype)
        return self.dense(jnp.asarray(self.rnn(x, initial_carry=(zeros, zeros)))[..., -1, :])


class Transformer(nnx.Module):
    """Model C: post-norm layers with the exact GELU, the mean over positions, then a dense layer."""

    def __init__(self, like: Any, rngs: nnx.Rngs) -> None:
        self.layers, width = like.layers, like.features
        self.embed = nnx.Embed(VOCABULARY, width, rngs=rngs)
        self.positions = nnx.Param(jnp.zeros((like.length, width)))
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        for i in range(self.layers):
            setattr(self, f"attention{i}", nnx.MultiHeadAttention(like.heads, width, decode=False, rngs=rngs))
            setattr(self, f"norm_attention{i}", nnx.LayerNorm(width, rngs=rngs))
            setattr(self, f"up{i}", nnx.Linear(width, 4 * width, rngs=rngs))
            setattr(self, f"down{i}", nnx.Linear(4 * width, width, rngs=rngs))
            setattr(self, f"norm_dense{i}", nnx.LayerNorm(width, rngs=rngs))
        self.dense = nnx.Linear(width, 2, rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits `[..., 2]` of ids `[..., T]`."""
        x = self.embed(ids)
        x = self.norm(x + jnp.broadcast_to(self.positions[...], x.shape))
        for i in range(self.layers):
            x = getattr(self, f"norm_attention{i}")(x + getattr(self, f"attention{i}")(x))
            hidden = nnx.gelu(getattr(self, f"up{i}")(x), approximate=False)
            x = getattr(self, f"norm_dense{i}")(x + getattr(self, f"down{i}")(hidden))
        return self.dense(x.mean(-2))


class Pooled(nnx.Module):
    """Model D: the maximum over positions, one hidden layer, a dense layer."""

    def __init__(self, like: Any, rngs: nnx.Rngs) -> None:
        self.embed = nnx.Embed(VOCABULARY, like.features, rngs=rngs)
        self.hidden = nnx.Linear(like.features, like.hidden, rngs=rngs)
        self.dense = nnx.Linear(like.hidden, 2, rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits `[..., 2]` of ids `[..., T]`."""
        return self.dense(nnx.relu(self.hidden(self.embed(ids).max(-2))))


_MODULES = {"A": Convolutions, "B": Lstm, "C": Transformer, "D": Pooled}


@dataclasses.dataclass(frozen=True)
class NnxSubject(Subject):
    """A model like any other `Subject`, whose parameters are the state of an NNX module.

    Attributes:
      graph: What `nnx.split` leaves beside the parameters; the score merges both.
    """

    graph: Any = None

    def logit(self, params: Any, ids: jax.Array) -> jax.Array:
        """The logit that is explained, of the ids of one text."""
        return nnx.merge(*self.graph, params)(ids)[self.target]

    @staticmethod
    def table(params: Any, ids: jax.Array) -> Any:
        """The parameter that the ids look up."""
        del ids
        return params["embed"]["embedding"]


def in_nnx(subject: Subject, *, tolerance: float = 1e-5) -> NnxSubject:
    """The NNX module with the parameters of a Linen one.

    Args:
      subject: The Linen model.
      tolerance: The largest difference of the logits of some made-up texts that is allowed, relative where they
        exceed 1.

    Returns:
      What is explained in its place.

    Raises:
      ValueError: When the logits differ by more.
    """
    graph, params, rest = nnx.split(_MODULES[subject.key](subject.module, nnx.Rngs(0)), nnx.Param, ...)
    nnx.replace_by_pure_dict(params, _renamed(subject))
    found = NnxSubject(subject.key, subject.module, params, subject.target, (graph, rest))
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (4, subject.length))
    ours, theirs = (jax.jit(jax.vmap(s.logit, in_axes=(None, 0)))(s.params, ids) for s in (found, subject))
    worst = float(jnp.abs(ours - theirs).max())
    if not worst <= tolerance * max(1.0, float(jnp.abs(theirs).max())):
        raise ValueError(f"Expected equal logits of model {subject.key} in Linen and NNX, but they differ by {worst}.")
    return found


def _renamed(subject: Subject) -> dict[str, Any]:
    """The parameters under the names of NNX: only the LSTM has others."""
    params = dict(subject.params["params"])
    if subject.key == "B":
        cell = params.pop("lstm")
        inputs = {"kernel": jnp.concatenate([cell[f"i{gate}"]["kernel"] for gate in "ifgo"], 1)}
        states = {
            "kernel": jnp.concatenate([cell[f"h{gate}"]["kernel"] for gate in "ifgo"], 1),
            "bias": jnp.concatenate([cell[f"h{gate}"]["bias"] for gate in "ifgo"]),
        }
        params["rnn"] = {"cell": {"dense_i": inputs, "dense_h": states}}
    return params

"""DeepSHAP of some texts over many backgrounds: jaxattr, SHAP and Captum, their batches laid out in some way."""

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments.benchmarks.models import Subject
from experiments.benchmarks.peers import peer, placed
from experiments.benchmarks.weights import subject, texts

Library = Literal["jaxattr", "shap", "captum"]
Call = Callable[[], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Way:
    """A library and how its work is laid out.

    Attributes:
      library: Whose DeepSHAP.
      backgrounds: How many of them at once.
      together: Whether all texts run at once, else one after another.
      loop: Whether Python drives the chunks of backgrounds, or a loop inside the compiled program.
    """

    library: Library
    backgrounds: int
    together: bool = False
    loop: Literal["python", "compiled"] = "python"

    @property
    def name(self) -> str:
        """What it is called in tables."""
        rows = "all texts" if self.together else "one text"
        inside = ", compiled loop" if self.loop == "compiled" else ""
        return f"{self.library}: {rows} x {self.backgrounds} backgrounds{inside}"


def ways(library: Library, backgrounds: int) -> list[Way]:
    """The layouts among which the best is looked for.

    Args:
      library: Whose.
      backgrounds: How many backgrounds there are.

    Returns:
      Ways whose chunks divide the backgrounds.
    """
    if library != "jaxattr":
        return [Way(library, n) for n in _divisors(backgrounds, (25, 50, 100))]
    alone = _divisors(backgrounds, (5, 10, 25, 50, 100))
    return [
        *(Way(library, n) for n in alone),
        *(Way(library, n, loop="compiled") for n in alone if n < backgrounds),
        *(Way(library, n, together=True) for n in _divisors(backgrounds, (1, 2, 5, 10))),
    ]


def _divisors(count: int, sizes: tuple[int, ...]) -> list[int]:
    return [n for n in sizes if count % n == 0] or [count]


def rows(model: Subject, *, count: int, backgrounds: int, seed: int) -> tuple[jax.Array, jax.Array]:
    """The word vectors of the texts that are explained, `[N, T, D]`, and of the backgrounds, `[B, T, D]`."""
    embed, _ = model.opened()
    vectors = jax.jit(jax.vmap(embed))(texts(count + backgrounds, model.length, seed=seed)[0])
    return vectors[:count], vectors[count:]


def call(model: Subject, way: Way, xs: jax.Array, backgrounds: jax.Array) -> Call:
    """DeepSHAP as a call without arguments.

    Args:
      model: The model.
      way: The library and its layout.
      xs: The texts, `[N, T, D]`.
      backgrounds: The backgrounds, `[B, T, D]`.

    Returns:
      A call that gives the attributions, `float32[N, T, D]`.
    """
    if way.library == "jaxattr":
        return _ours(model, way, xs, backgrounds)
    torch = peer("torch")
    module, device = placed(model)
    tensors = (torch.tensor(np.asarray(a), device=device) for a in (xs, backgrounds))
    return (_shap if way.library == "shap" else _captum)(module, way, *tensors)


def _ours(model: Subject, way: Way, xs: jax.Array, backgrounds: jax.Array) -> Call:
    _, f = model.opened()

    def explain(x: jax.Array, backgrounds: jax.Array) -> jax.Array:
        make = ja.mean_over(lambda b: ja.deep_lift(f, baseline=b), backgrounds, batch_size=way.backgrounds)
        return make(x)

    step = jax.jit(jax.vmap(explain, in_axes=(0, None)) if way.together else explain)
    size = len(backgrounds) if way.loop == "compiled" else way.backgrounds
    chunks = [backgrounds[i : i + size] for i in range(0, len(backgrounds), size)]

    def over_chunks(x: jax.Array) -> jax.Array:
        total = step(x, chunks[0])
        for chunk in chunks[1:]:
            total = total + step(x, chunk)
        return total / len(chunks)

    if way.together:
        return lambda: np.asarray(over_chunks(xs))
    return lambda: np.asarray(jnp.stack([over_chunks(x) for x in xs]))


def _shap(module: Any, way: Way, xs: Any, backgrounds: Any) -> Call:
    shap = peer("shap")

    def values(chunk: Any) -> np.ndarray:
        found = shap.DeepExplainer(module, chunk).shap_values(xs, check_additivity=False)
        return np.asarray(found).reshape(tuple(xs.shape))

    return _mean_over_chunks(values, way, backgrounds)


def _captum(module: Any, way: Way, xs: Any, backgrounds: Any) -> Call:
    method = peer("captum.attr").DeepLiftShap(module)

    def values(chunk: Any) -> np.ndarray:
        return np.concatenate([method.attribute(x[None], chunk).detach().cpu().numpy() for x in xs])

    return _mean_over_chunks(values, way, backgrounds)


def _mean_over_chunks(values: Callable[[Any], np.ndarray], way: Way, backgrounds: Any) -> Call:
    def run() -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.mean([values(chunk) for chunk in backgrounds.split(way.backgrounds)], axis=0)

    return run


def prepared(
    *, key: str, seed: int, steps: int, folder: str, count: int, backgrounds: int, way: dict[str, Any]
) -> Call:
    """The job whose memory is measured: everything is made and compiled, and one call is left.

    Args:
      key: The model.
      seed: The seed of weights and texts.
      steps: Steps of training of the weights.
      folder: Where trained weights are kept.
      count: How many texts.
      backgrounds: How many backgrounds.
      way: The fields of a `Way`.

    Returns:
      The call.
    """
    model = subject(key, seed=seed, steps=steps, folder=Path(folder), console=Console(stderr=True))
    xs, x0s = rows(model, count=count, backgrounds=backgrounds, seed=seed)
    chosen = Way(**way)
    if chosen.library == "jaxattr":
        few = xs if chosen.together else xs[:1]
        ready = call(model, chosen, few, x0s)
        ready()
        return ready
    return call(model, chosen, xs, x0s)

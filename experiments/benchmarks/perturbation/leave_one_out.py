"""Leave-one-out: each position's word vector becomes zeros.

By jaxattr, which computes anew what a change reaches; by jaxattr with every version in full; by two methods of Captum.
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxattr as ja
from experiments.benchmarks.models import Subject
from experiments.benchmarks.peers import peer, placed
from experiments.benchmarks.weights import subject, texts

Call = Callable[[], np.ndarray]
Run = tuple[Callable[[Any], np.ndarray], Callable[[jax.Array], Any]]  # drops of a group, and what makes it ready

OURS = "jaxattr.occlusion"
IN_FULL = "jaxattr.occlusion, in full"
THEIRS = ("captum.FeatureAblation", "captum.Occlusion")


@dataclasses.dataclass(frozen=True)
class Way:
    """A method and how its work is laid out.

    Attributes:
      method: The name of the method.
      size: How many perturbed texts are evaluated at once; 0 leaves that to the library.
      together: Whether several texts share these, else one text comes after another.
    """

    method: str
    size: int
    together: bool = False

    @property
    def name(self) -> str:
        """What it is called in tables."""
        size = f"{self.size} at once" if self.size else "as the library chooses"
        return size + (", texts together" if self.together else "")


def ways(method: str, length: int, sizes: tuple[int, ...]) -> list[Way]:
    """The layouts of one text among which the best is looked for.

    Args:
      method: Whose.
      length: Words of a text.
      sizes: Perturbed texts at once.

    Returns:
      Ways whose size is at most the length; the length is always among them, and of ours what the library chooses.
    """
    own = {0} if method in (OURS, IN_FULL) else set()
    return [Way(method, size) for size in sorted({*own, *(size for size in sizes if size < length), length})]


def vectors(model: Subject, *, count: int, seed: int) -> jax.Array:
    """The word vectors of the texts that are explained, `[N, T, D]`."""
    embed, _ = model.opened()
    return jax.jit(jax.vmap(embed))(texts(count, model.length, seed=seed)[0])


def call(model: Subject, way: Way, xs: jax.Array) -> Call:
    """Leave-one-out as a call without arguments; what compiles is compiled here.

    Args:
      model: The model.
      way: The method and its layout.
      xs: The texts, `[N, T, D]`.

    Returns:
      A call that gives for each position the drop of the score, `float32[N, T]`.
    """
    each = max(1, way.size // len(xs)) if way.together and way.size else way.size
    groups = [xs] if way.together else [xs[i : i + 1] for i in range(len(xs))]
    ours = way.method in (OURS, IN_FULL)
    values, ready = _ours(model, way.method, each, groups[0]) if ours else _captum(model, way.method, each)
    inputs = [ready(group) for group in groups]
    return lambda: np.concatenate([values(x) for x in inputs])


def compile_seconds(model: Subject, method: str, xs: jax.Array) -> float:
    """How long it takes to trace and compile one of ours for all texts, at the layout that the library chooses."""
    _, f = model.opened()
    explain = ja.occlusion(f, perturb=ja.replace(0.0), reuse=method == OURS)
    begin = time.perf_counter()
    jax.jit(jax.vmap(explain)).lower(xs).compile()
    return time.perf_counter() - begin


def _ours(model: Subject, method: str, each: int, like: jax.Array) -> Run:
    _, f = model.opened()
    explain = ja.occlusion(f, perturb=ja.replace(0.0), batch_size=each or None, reuse=method == OURS)
    alone = len(like) == 1
    program = jax.jit(explain if alone else jax.vmap(explain)).lower(like[0] if alone else like).compile()
    return (lambda x: np.asarray(program(x)).reshape(len(like), -1)), lambda group: group[0] if alone else group


def _captum(model: Subject, method: str, each: int) -> Run:
    torch, attr = peer("torch"), peer("captum.attr")
    module, device = placed(model, propagated=False)
    if method == "captum.Occlusion":
        window = {"sliding_window_shapes": (1, model.module.features), "strides": (1, model.module.features)}
        ablation, options = attr.Occlusion(module), window
    else:
        mask = torch.arange(model.length, device=device)[None, :, None]
        ablation, options = attr.FeatureAblation(module), {"feature_mask": mask}

    def values(x: Any) -> np.ndarray:
        with torch.no_grad():
            found = ablation.attribute(x, baselines=0, perturbations_per_eval=each, **options)
        return found[..., 0].cpu().numpy()

    return values, lambda group: torch.tensor(np.asarray(group), device=device)


def evaluations(count: int, length: int) -> int:
    """How often the score is asked: once as it is and once for each position, of each text."""
    return count * (length + 1)


def check_same(found: dict[str, np.ndarray], f: Callable[[jax.Array], jax.Array], xs: jax.Array) -> dict[str, float]:
    """Refuses numbers that differ between the methods.

    Args:
      found: The drops of each method, `[N, T]`; the first ones are what the others are compared with.
      f: The score.
      xs: The texts.

    Returns:
      "worst", the largest difference, and "largest", the largest drop.

    Raises:
      ValueError: When they differ by more than 1e-5, relative where a score exceeds 1.
    """
    first, *others = found.values()
    worst = max((float(np.abs(other - first).max()) for other in others), default=0.0)
    size = max(1.0, float(np.abs(jax.jit(jax.vmap(f))(jnp.asarray(xs))).max()))
    if not worst <= 1e-5 * size:
        raise ValueError(f"Expected the same drops of {', '.join(found)}, but they differ by {worst}.")
    return {"worst": worst, "largest": float(np.abs(first).max())}


def prepared(*, key: str, seed: int, steps: int, folder: str, count: int, way: dict[str, Any]) -> Call:
    """The job whose memory is measured: everything is made and compiled, and one call is left.

    Args:
      key: The model.
      seed: The seed of weights and texts.
      steps: Steps of training of the weights.
      folder: Where trained weights are kept.
      count: How many texts.
      way: The fields of a `Way`.

    Returns:
      The call.
    """
    model = subject(key, seed=seed, steps=steps, folder=Path(folder), console=Console(stderr=True))
    return call(model, Way(**way), vectors(model, count=count, seed=seed))

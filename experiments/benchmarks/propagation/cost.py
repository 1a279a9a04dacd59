"""What one DeepLIFT costs beside one gradient."""

from collections.abc import Callable
from typing import Any

import jax

import jaxattr as ja
from experiments.benchmarks.models import Subject
from experiments.benchmarks.records import Record, gap, record, scores
from experiments.benchmarks.timing import compiled, in_turn
from experiments.benchmarks.weights import texts

GRADIENT, DEEP_LIFT = "jax.grad", "jaxattr.deep_lift"

Way = Callable[[jax.Array, jax.Array], jax.Array]


def _ways(f: Callable[[jax.Array], jax.Array]) -> dict[str, Way]:
    def gradient(x: jax.Array, x0: jax.Array) -> jax.Array:
        del x0
        return jax.grad(f)(x)

    return {GRADIENT: gradient, DEEP_LIFT: lambda x, x0: ja.deep_lift(f, baseline=x0)(x)}


def _layouts(xs: jax.Array, x0s: jax.Array) -> dict[str, tuple[Any, tuple[jax.Array, jax.Array]]]:
    """How rows are laid out: by name, the axes of `vmap` (None is one row without it) and the arguments."""
    return {
        "1 row": (None, (xs[0], x0s[0])),
        f"{len(xs)} rows, one baseline": ((0, None), (xs, x0s[0])),
        f"{len(xs)} rows, a baseline each": ((0, 0), (xs, x0s)),
    }


def cost(subject: Subject, *, repeats: int, seed: int, batch: int = 16) -> list[Record]:
    """Times a gradient and a DeepLIFT of the same rows in turn.

    Args:
      subject: The model.
      repeats: Rounds.
      seed: The seed of the texts.
      batch: Rows of a batch.

    Returns:
      Two records a layout; the ratios refer to the gradient.
    """
    embed, f = subject.opened()
    vectors = jax.jit(jax.vmap(embed))(texts(2 * batch, subject.length, seed=seed)[0])
    found = []
    for layout, (axes, args) in _layouts(vectors[:batch], vectors[batch:]).items():
        ways = {name: way if axes is None else jax.vmap(way, in_axes=axes) for name, way in _ways(f).items()}
        programs = {name: compiled(way, *args) for name, way in ways.items()}
        timings = in_turn({name: p.run for name, p in programs.items()}, base=GRADIENT, repeats=repeats)
        xs, x0s = (a.reshape(-1, *vectors.shape[1:]) for a in args)
        gaps = {DEEP_LIFT: {"gap": gap(programs[DEEP_LIFT].run(), scores(f, xs) - scores(f, x0s))}}
        found += [
            record(
                f"cost: {layout}",
                subject.key,
                name,
                timings[name],
                trace_seconds=program.trace_seconds,
                compile_seconds=program.compile_seconds,
                **gaps.get(name, {}),
            )
            for name, program in programs.items()
        ]
    return found

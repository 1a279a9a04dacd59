"""What the transforms add to the program that one would write by hand: operations, and time."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments.benchmarks.records import Record, record
from experiments.benchmarks.speed.opcodes import counted, other
from experiments.benchmarks.speed.problem import Problem
from experiments.benchmarks.timing import compiled, in_turn

Score = Callable[[jax.Array], jax.Array]
Pair = dict[str, Callable[..., jax.Array]]

HAND = "by hand"


def gradients(f: Score) -> Pair:
    """The gradient by hand and by jaxattr, for one text."""
    return {HAND: jax.grad(f), "jaxattr.gradient": ja.gradient(f)}


def integrals(f: Score, *, steps: int, inside: int) -> Pair:
    """Integrated gradients from zeros by hand and by jaxattr with the same arithmetic, for one text.

    Args:
      f: The score.
      steps: Nodes.
      inside: Nodes at once; divides them.

    Returns:
      Two functions of `[T, D]`.
    """
    t, w = np.polynomial.legendre.leggauss(steps)
    nodes = tuple(np.reshape([(t + 1) / 2, w / 2], (2, -1, inside)))

    def by_hand(x: jax.Array) -> jax.Array:
        wide = jnp.promote_types(x.dtype, jnp.float32)
        start = jnp.zeros_like(x).astype(wide)
        way = x.astype(wide) - start

        def total(chunk: tuple[jax.Array, jax.Array]) -> jax.Array:
            slopes = jax.vmap(lambda t: jax.grad(f)((start + t * way).astype(x.dtype)))(chunk[0])
            return jnp.tensordot(chunk[1], slopes.astype(wide), 1, precision=jax.lax.Precision.HIGHEST)

        return way * jax.lax.map(total, tuple(jnp.asarray(a, wide) for a in nodes)).sum(0)

    library = ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=steps, batch_size=inside, hoist=False)
    return {HAND: by_hand, "jaxattr.integrated_gradients": library}


def overhead(problem: Problem, *, count: int, pairs: int, steps: int, inside: int) -> list[Record]:
    """Compiles both programs of each pair and times them in turn.

    Args:
      problem: The model and its texts.
      count: How many texts at once.
      pairs: How often both are timed.
      steps: Nodes of integrated gradients.
      inside: Of them at once.

    Returns:
      Two records a pair: operations, which of them are more or fewer than by hand, time over that by hand.
    """
    tasks = {
        "overhead: gradient": gradients(problem.f),
        f"overhead: integrated gradients, {steps} nodes, {inside} at once": integrals(
            problem.f, steps=steps, inside=inside
        ),
    }
    xs, found = jnp.asarray(problem.xs[:count]), []
    for task, pair in tasks.items():
        programs = {name: compiled(jax.vmap(f), xs) for name, f in pair.items()}
        counts = {name: counted(program.call.as_text()) for name, program in programs.items()}
        timings = in_turn({name: program.run for name, program in programs.items()}, base=HAND, repeats=pairs)
        for name, program in programs.items():
            more = {"kind": "overhead", "texts": count, "operations": counts[name].total()}
            more |= {"trace_seconds": program.trace_seconds, "compile_seconds": program.compile_seconds}
            if name != HAND:
                changed = other(counts[name], counts[HAND])
                more |= {"same_operations": not changed, "operations_differ": changed}
            found.append(record(task, problem.linen.key, name, timings[name], **more))
    return found

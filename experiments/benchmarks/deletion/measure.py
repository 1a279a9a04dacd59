"""Leave-one-out that shares, beside every version in full: of each model, by the length of a text, of one attention."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from experiments.benchmarks.models import Subject
from experiments.benchmarks.perturbation.leave_one_out import IN_FULL, OURS, check_same, vectors
from experiments.benchmarks.records import Record, record
from experiments.benchmarks.timing import Program, compiled, in_turn, speedups

TARGETS = {"E": 20.0, "F": 2.0}
"""How many times as fast as full evaluations a model is to be; the others are held against Captum elsewhere."""


def _program(f: Any, xs: jax.Array, *, shared: bool) -> Program:
    """Leave-one-out of the texts `[N, T, D]`, with as many versions at once as the library chooses."""
    return compiled(jax.vmap(ja.occlusion(f, perturb=ja.replace(0.0), reuse=shared)), xs)


def _costs(program: Program) -> dict[str, Any]:
    memory: Any = program.call.memory_analysis()
    return {
        "trace_seconds": program.trace_seconds,
        "compile_seconds": program.compile_seconds,
        "temporary_bytes": memory.temp_size_in_bytes,
    }


def beside_full(model: Subject, *, count: int, repeats: int, seed: int) -> tuple[list[Record], dict[str, float]]:
    """Times leave-one-out with and without sharing, in turn.

    Args:
      model: The model.
      count: How many texts, explained together.
      repeats: Rounds.
      seed: The seed of the texts.

    Returns:
      A record each, and how far their numbers differ.
    """
    _, f = model.opened()
    xs = vectors(model, count=count, seed=seed)
    programs = {name: _program(f, xs, shared=name == OURS) for name in (OURS, IN_FULL)}
    differ = check_same({name: np.asarray(program.call(xs)) for name, program in programs.items()}, f, xs)
    timings = in_turn({name: program.run for name, program in programs.items()}, base=OURS, repeats=repeats)
    faster = speedups(timings, [IN_FULL])
    task, found = f"leave-one-out: {count} texts", []
    for name, program in programs.items():
        more: dict[str, Any] = _costs(program)
        if name == OURS:
            target = TARGETS.get(model.key)
            more["speedup"] = faster[OURS]
            if target is not None:
                more |= {"target": target, "reached": faster[OURS]["median"] >= target}
        found.append(record(task, model.key, name, timings[name], **more))
    return found, differ


def by_length(model: Subject, lengths: tuple[int, ...], *, repeats: int, seed: int) -> list[Record]:
    """Times leave-one-out of one text of each length, in turn.

    Args:
      model: The model, of which any length is taken.
      lengths: Words of a text, ascending.
      repeats: Rounds.
      seed: The seed of the texts.

    Returns:
      A record each; ratios refer to the shortest text. "operations" is what XLA counts.
    """
    programs = {}
    for length in lengths:
        longer = dataclasses.replace(model, module=model.module.clone(length=length))
        programs[f"{length:,} words"] = _program(longer.opened()[1], vectors(longer, count=1, seed=seed), shared=True)
    first, *_ = programs
    timings = in_turn({name: program.run for name, program in programs.items()}, base=first, repeats=repeats)
    return [
        record(
            "leave-one-out of one text, by its length",
            model.key,
            name,
            timings[name],
            operations=round(program.call.cost_analysis()["flops"]),
            **_costs(program),
        )
        for name, program in programs.items()
    ]


def attention(positions: int, features: int) -> dict[str, int]:
    """The memory that leave-one-out plans for the mean of what all positions attend to.

    Args:
      positions: Words of the text.
      features: Entries of a vector.

    Returns:
      "temporary_bytes", as XLA plans them, and "all_versions_bytes": one value of every version at once.
    """
    weights = jnp.eye(features)

    def f(x: jax.Array) -> jax.Array:
        return (jax.nn.softmax((x @ weights) @ x.T / features**0.5) @ x).mean(0).sum()

    program = compiled(ja.occlusion(f, perturb=ja.replace(0.0)), jnp.zeros((positions, features)))
    return {
        "positions": positions,
        "features": features,
        "all_versions_bytes": positions * positions * features * 4,
        "temporary_bytes": _costs(program)["temporary_bytes"],
    }

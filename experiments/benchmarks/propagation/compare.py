"""Each library's best layout is looked for, then the best ones run in turn."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from experiments.benchmarks.memory import peak_memory
from experiments.benchmarks.models import Subject
from experiments.benchmarks.peers import check_equal, twin
from experiments.benchmarks.propagation.deep_shap import Library, call, rows, ways
from experiments.benchmarks.records import Record, gap, record, scores
from experiments.benchmarks.timing import in_turn

JOB = "experiments.benchmarks.propagation.deep_shap:prepared"


@dataclasses.dataclass(frozen=True)
class Compared:
    """What was found for one model.

    Attributes:
      records: One a library, at its best layout; the ratios refer to jaxattr.
      sweep: For each library the seconds of each layout, one round.
      logits_differ: The largest difference between the logits in JAX and in torch; None without peers.
    """

    records: list[Record]
    sweep: dict[str, dict[str, float]]
    logits_differ: float | None


def compare(
    model: Subject,
    libraries: Sequence[Library],
    *,
    count: int,
    backgrounds: int,
    repeats: int,
    seed: int,
    memory: dict[str, Any] | None,
    tell: Callable[[str], None],
) -> Compared:
    """Times DeepSHAP of the same texts and backgrounds, with weights that are checked to be equal.

    Args:
      model: The model.
      libraries: jaxattr first, then the peers.
      count: How many texts.
      backgrounds: How many backgrounds.
      repeats: Rounds.
      seed: The seed of the texts.
      memory: What a new process needs to make the model again; None leaves the memory out.
      tell: Is told what runs.

    Returns:
      Records, the sweep and the check.
    """
    _, f = model.opened()
    xs, x0s = rows(model, count=count, backgrounds=backgrounds, seed=seed)
    differ = check_equal(model, twin(model), xs) if len(libraries) > 1 else None
    changes = scores(f, xs) - scores(f, x0s).mean()
    best, sweep = {}, {}
    for library in libraries:
        tried = {}
        for way in ways(library, backgrounds):
            tell(way.name)
            tried[way] = in_turn({"": call(model, way, xs, x0s)}, base="", repeats=1)[""].seconds
        best[library] = min(tried, key=lambda way: tried[way])
        sweep[library] = {way.name: seconds for way, seconds in tried.items()}
    tell("the best in turn")
    calls = {library: call(model, way, xs, x0s) for library, way in best.items()}
    timings = in_turn(calls, base=libraries[0], repeats=repeats)
    found = []
    for library, way in best.items():
        tell(f"gap and memory, {library}")
        more: dict[str, Any] = {"gap": gap(calls[library](), changes)}
        if memory is not None:
            settings = {"count": count, "backgrounds": backgrounds, "way": dataclasses.asdict(way)}
            more["memory"] = peak_memory(JOB, memory | settings)
        task = f"DeepSHAP: {count} texts x {backgrounds} backgrounds"
        found.append(record(task, model.key, library, timings[library], layout=way.name, **more))
    return Compared(found, sweep, differ)

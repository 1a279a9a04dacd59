"""The benchmark of speed as one run."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from rich.console import Console

from experiments.benchmarks import report
from experiments.benchmarks.models import Subject
from experiments.benchmarks.peers import check_equal, peer, twin
from experiments.benchmarks.speed.compare import Limit, compare, quadrature
from experiments.benchmarks.speed.corpus import corpus, padding
from experiments.benchmarks.speed.floor import flops, peak
from experiments.benchmarks.speed.overhead import overhead
from experiments.benchmarks.speed.peaks import Peaks
from experiments.benchmarks.speed.problem import Dtype, Flax, Kind, Problem, Task, problem
from experiments.benchmarks.speed.to_gap import to_gap
from experiments.benchmarks.speed.way import CAPTUM, PLAIN, Way
from experiments.benchmarks.weights import subject

Key = Literal["A", "B", "C", "D"]

TARGETS: dict[str, dict[str, float]] = {
    "saliency": {"A": 1.2, "B": 1.0, "C": 0.8, "D": 1.0},
    "constant": {"A": 40.0, "B": 2.5, "C": 0.8, "D": 6.0},
    "any": {"A": 15.0, "B": 2.5, "C": 0.8, "D": 6.0},
    "to 0.01": {"B": 10.0, "C": 6.0},
    "to 0.001": {"C": 3.0},
    "corpus": {"A": 1.7},
}
"""How many times as fast as the best peer the library is to be on two cores, by kind of task and model."""

BATCHES = {"A": (16, 64), "B": (80, 160), "C": (16, 32), "D": (16, 64)}
"""Evaluations at once at which Captum's integrated gradients are fast."""

_DEAR = ("C",)


@dataclasses.dataclass(frozen=True)
class Speed:
    """Saliency and integrated gradients beside torch and Captum, with memory, accuracy and the limit of the device.

    A: convolutions, B: LSTM, C: transformer, D: pooled MLP.
    """

    out: Path = Path("runs/benchmarks/speed")
    """The folder for result.json and ratios.png, and for trained weights."""
    models: tuple[Key, ...] = ("A", "B", "C", "D")
    """The models."""
    peers: bool = True
    """Whether torch and Captum are timed too."""
    flax: Flax = "linen"
    """Whether the Linen modules are explained or the same as NNX modules."""
    dtype: Dtype = "float32"
    """The precision of parameters and word vectors."""
    rows: int = 16
    """Texts of integrated gradients."""
    dear_rows: int = 4
    """The same for model C, which takes far longer."""
    saliency_rows: int = 64
    """Texts of the gradient."""
    nodes: int = 50
    """Nodes of integrated gradients."""
    few_nodes: int = 12
    """Nodes that a user might set by hand, beside those to a tolerance."""
    truth: int = 2000
    """Nodes that the error of the others is measured against; with 0 it is not."""
    dear_truth: int = 200
    """The same for model C."""
    tolerances: tuple[float, ...] = (0.01, 0.001)
    """Completeness gaps, as a share of the change of the score."""
    texts: int = 512
    """Texts of different lengths; with 0 they are left out."""
    cap: int = 400
    """The longest of them."""
    pairs: int = 20
    """How often the programs by hand and by jaxattr are timed; with 0 they are left out."""
    sizes: tuple[int, ...] = (2, 4, 16)
    """Texts at once that are tried, beside all of them."""
    inside: tuple[int, ...] = (1, 5, 25)
    """Nodes at once that are tried in plain JAX."""
    batches: tuple[int, ...] = ()
    """Evaluations at once that are tried in Captum; empty: two that are good for the model."""
    repeats: int = 3
    """Rounds in which all ways run in turn."""
    steps: int = 200
    """Steps of training of the weights; with 0 they are random."""
    dear_steps: int = 0
    """The same for model C."""
    memory: bool = True
    """Whether peak memory is measured, in processes of their own; some minutes of the run."""
    resume: bool = True
    """Whether models that an earlier run with the same settings finished are left as they are."""
    seed: int = 0
    """The seed of weights and texts."""


def run(config: Speed, console: Console) -> None:
    """Runs the benchmark; saves its figures after each model and prints its tables.

    Args:
      config: What to run.
      console: Where progress and table are shown.

    Raises:
      ImportError: When peers are wanted and absent.
    """
    for name in ("torch", "captum.attr") if config.peers else ():
        peer(name)
    console.rule("[bold]jaxattr: speed")
    with _full_precision(), console.status("") as status:
        result = _begun(config)
        if config.resume:
            result = report.resumed(config.out, result)
        if not result["peak"]:
            status.update("the peak of the device")
            result["peak"] = {dtype: peak(dtype) for dtype in ("float32", "bfloat16")}
        for part in (*config.models, *(["corpus"] if config.texts else [])):
            if part in result["finished"]:
                console.print(f"{_named(part)}: kept from an earlier run")
                continue
            _measure(part, config, result, status.update, console)
            report.save(config.out, result, targets={})
    report.show(config.out, result["records"], console)


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    """On an accelerator float32 means float32, in JAX as in torch; on a CPU it does anyway."""
    before: Any = getattr(jax.config, "jax_default_matmul_precision", None)
    if jax.default_backend() != "cpu":
        jax.config.update("jax_default_matmul_precision", "highest")
    try:
        yield
    finally:
        jax.config.update("jax_default_matmul_precision", before)


def _named(part: str) -> str:
    return part if part == "corpus" else f"model {part}"


def _begun(config: Speed) -> dict[str, Any]:
    weights = f"{config.steps} steps of training, {config.dear_steps} of model {', '.join(_DEAR)}; 0 is random"
    empty: dict[str, Any] = {name: {} for name in ("peak", "gradient_flops", "logits_differ", "quadrature")}
    begun = report.begun("speed", config, weights=weights, left_out=("models", "resume"))
    return begun | empty | {"records": [], "sweep_seconds": {}, "finished": []}


def _measure(part: str, config: Speed, result: dict[str, Any], tell: Callable[[str], None], console: Console) -> None:
    """Adds the figures of one model, or of the corpus, to the result."""
    tell(_named(part))
    if part == "corpus":
        made = corpus(count=config.texts, cap=config.cap, seed=config.seed)
        records = padding(made, repeats=config.repeats, target=TARGETS["corpus"]["A"])
    else:
        steps = config.dear_steps if part in _DEAR else config.steps
        model = subject(part, seed=config.seed, steps=steps, folder=config.out, console=console)
        records = _of_model(model, steps, config, result, lambda what: tell(f"model {part}: {what}"))
    result["records"] = sorted([*result["records"], *records], key=lambda r: r["task"])
    result["finished"].append(part)
    result["load"][f"after {part}"] = report.load()


def _of_model(
    model: Subject, steps: int, config: Speed, result: dict[str, Any], tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    key, dear = model.key, model.key in _DEAR
    rows = config.dear_rows if dear else config.rows
    explained = problem(
        model, count=max(rows, config.saliency_rows), flax=config.flax, dtype=config.dtype, seed=config.seed
    )
    if config.peers:
        vectors = np.asarray(explained.xs[:2], np.float32)
        result["logits_differ"][key] = check_equal(model, twin(model, propagated=False), vectors)
    tell("floating point operations")
    cost = flops(jax.grad(explained.score, argnums=1), explained.params, explained.xs[0])
    result["gradient_flops"][key] = cost
    limit = Limit(cost, result["peak"], config.dtype)
    kept = {"seed": config.seed, "steps": steps, "folder": str(config.out), "flax": config.flax, "dtype": config.dtype}
    same: dict[str, Any] = {
        "tries": {"sizes": config.sizes, "nodes": config.inside, "batches": config.batches or BATCHES[key]},
        "peers": config.peers,
        "repeats": config.repeats,
        "limit": limit,
        "tell": tell,
    }
    records, known = [], {}
    kinds: tuple[Kind, ...] = ("saliency", "constant", "any")
    for kind in kinds:
        task = Task(kind, config.saliency_rows) if kind == "saliency" else Task(kind, rows, config.nodes)
        peaks = Peaks({"key": key, **kept}) if config.memory and kind != "any" else None  # "any" takes no more
        found = compare(explained, task, known=known, target=TARGETS[kind].get(key), peaks=peaks, **same)
        records += found.records
        result["sweep_seconds"].setdefault(key, {})[task.title] = found.sweep
        if kind == "constant":  # the baseline changes what jaxattr does, but not what the others do
            known = {method: found.best[method] for method in (PLAIN, CAPTUM) if method in found.best}
    return records + _beyond(explained, Task("any", rows, config.nodes), config, result, limit, known.get(CAPTUM), tell)


def _beyond(
    explained: Problem,
    task: Task,
    config: Speed,
    result: dict[str, Any],
    limit: Limit,
    captum: Way | None,
    tell: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Accuracy, tolerances and overhead of one model."""
    key = explained.linen.key
    records = []
    truth = config.dear_truth if key in _DEAR else config.truth
    if truth:
        tell(f"{truth} nodes")
        result["quadrature"][key] = quadrature(explained, task, steps=truth)
    for tolerance in config.tolerances:
        tell(f"to a gap of {tolerance:g}")
        target = TARGETS.get(f"to {tolerance:g}", {}).get(key)
        records += to_gap(
            explained, task, tolerance=tolerance, few=config.few_nodes, captum=captum, repeats=config.repeats,
            limit=limit, target=target,
        )  # fmt: skip
    if config.pairs:
        tell("overhead")
        records += overhead(explained, count=min(task.count, 4), pairs=config.pairs, steps=8, inside=8)
    return records

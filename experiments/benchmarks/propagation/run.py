"""The benchmark of propagation as one run."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from experiments.benchmarks import report
from experiments.benchmarks.peers import peer
from experiments.benchmarks.propagation.compare import compare
from experiments.benchmarks.propagation.cost import cost
from experiments.benchmarks.propagation.deep_shap import Library
from experiments.benchmarks.weights import subject

TARGETS = {"cost": 2.5}
"""Of one DeepLIFT over one gradient. The targets over the peers differ by model: 4 on A, 5 on D."""

Key = Literal["A", "B", "C", "D"]


@dataclasses.dataclass(frozen=True)
class Propagation:
    """What a DeepLIFT costs beside a gradient, and DeepSHAP beside SHAP and Captum.

    A: convolutions, B: LSTM, C: transformer, D: pooled MLP.
    """

    out: Path = Path("runs/benchmarks/propagation")
    """The folder for result.json and ratios.png, and for trained weights."""
    models: tuple[Key, ...] = ("A", "B", "C", "D")
    """The models on which DeepLIFT is timed beside the gradient."""
    shap_models: tuple[Key, ...] = ("A", "B", "D")
    """The models on which DeepSHAP is timed."""
    peers: bool = True
    """Whether SHAP and Captum are timed too; they need torch."""
    batch: int = 16
    """Rows of a batch, for DeepLIFT beside the gradient."""
    rows: int = 10
    """Texts explained by DeepSHAP."""
    backgrounds: int = 100
    """Backgrounds of DeepSHAP."""
    repeats: int = 5
    """Rounds in which all ways run in turn."""
    steps: int = 0
    """Steps of training of the weights; with 0 they are random."""
    memory: bool = True
    """Whether the peak memory of DeepSHAP is measured, in processes of their own."""
    seed: int = 0
    """The seed of weights and texts."""


def run(config: Propagation, console: Console) -> None:
    """Runs the benchmark; saves its figures after each model and prints its tables.

    Args:
      config: What to run.
      console: Where progress and table are shown.

    Raises:
      ImportError: When peers are wanted and absent.
    """
    libraries: list[Library] = ["jaxattr", "shap", "captum"] if config.peers else ["jaxattr"]
    for name in ("torch", "captum.attr", "shap") if config.peers else ():
        peer(name)
    console.rule("[bold]jaxattr: the cost of propagation")
    weights = f"{config.steps} steps of training" if config.steps else "random"
    result = report.begun("propagation", config, weights=weights)
    result |= {"logits_differ": {}, "records": [], "sweep_seconds": {}}
    with console.status("") as status:
        for key in dict.fromkeys((*config.models, *config.shap_models)):
            _measure(key, config, libraries, result, status.update, console)
            report.save(config.out, result, targets=TARGETS)
    report.show(config.out, result["records"], console)


def _measure(
    key: Key,
    config: Propagation,
    libraries: list[Library],
    result: dict[str, Any],
    tell: Callable[[str], None],
    console: Console,
) -> None:
    """Adds the figures of one model to the result."""
    tell(f"model {key}: weights")
    model = subject(key, seed=config.seed, steps=config.steps, folder=config.out, console=console)
    records = []
    if key in config.models:
        tell(f"model {key}: DeepLIFT beside the gradient")
        records += cost(model, repeats=config.repeats, seed=config.seed, batch=config.batch)
    if key in config.shap_models:
        again = {"key": key, "seed": config.seed, "steps": config.steps, "folder": str(config.out)}
        found = compare(
            model,
            libraries,
            count=config.rows,
            backgrounds=config.backgrounds,
            repeats=config.repeats,
            seed=config.seed,
            memory=again if config.memory else None,
            tell=lambda what: tell(f"model {key}: {what}"),
        )
        records += found.records
        result["sweep_seconds"][key], result["logits_differ"][key] = found.sweep, found.logits_differ
    result["records"] = sorted([*result["records"], *records], key=lambda r: r["task"])
    result["load"][f"after {key}"] = report.load()

"""The benchmark of perturbation as one run."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from experiments.benchmarks import report
from experiments.benchmarks.peers import check_equal, peer, twin
from experiments.benchmarks.perturbation import compare
from experiments.benchmarks.perturbation.leave_one_out import vectors
from experiments.benchmarks.weights import subject

Key = Literal["A", "B", "C", "D"]

_DEAR = ("C",)


@dataclasses.dataclass(frozen=True)
class Perturbation:
    """Leave-one-out beside Captum, and Shapley values beside SHAP and Captum, with their error.

    A: convolutions, B: LSTM, C: transformer, D: pooled MLP.
    """

    out: Path = Path("runs/benchmarks/perturbation")
    """The folder for result.json and ratios.png, and for trained weights."""
    models: tuple[Key, ...] = ("A", "B", "C", "D")
    """The models."""
    peers: bool = True
    """Whether SHAP and Captum are timed too; they need torch."""
    rows: int = 8
    """Texts of leave-one-out; one text alone is timed as well."""
    dear_rows: int = 2
    """The same for model C, which takes far longer."""
    sizes: tuple[int, ...] = (8, 32)
    """Evaluations at once that are tried, beside all of a text."""
    players: int = 10
    """Players of the Shapley values: neighbouring spans of the text."""
    budget: int = 200
    """Evaluations that an estimate of Shapley values may use."""
    game_rows: int = 2
    """Texts with exact Shapley values."""
    draws: int = 8
    """Estimates over which the error is taken."""
    dear_draws: int = 2
    """The same for model C."""
    repeats: int = 3
    """Rounds in which all ways run in turn."""
    steps: int = 200
    """Steps of training of the weights; with 0 they are random, and then the LSTM reads no player but the last."""
    dear_steps: int = 0
    """The same for model C."""
    memory: bool = True
    """Whether the peak memory of leave-one-out is measured, in processes of their own."""
    resume: bool = True
    """Whether models that an earlier run with the same settings finished are left as they are."""
    seed: int = 0
    """The seed of weights and texts."""


def run(config: Perturbation, console: Console) -> None:
    """Runs the benchmark; saves its figures after each model and prints its tables.

    Args:
      config: What to run.
      console: Where progress and table are shown.

    Raises:
      ImportError: When peers are wanted and absent.
    """
    for name in ("torch", "captum.attr", "shap") if config.peers else ():
        peer(name)
    console.rule("[bold]jaxattr: the cost and the error of perturbation")
    weights = f"{config.steps} steps of training, {config.dear_steps} of model {', '.join(_DEAR)}; 0 is random"
    result = report.begun("perturbation", config, weights=weights, left_out=("models", "resume"))
    result |= {"logits_differ": {}, "values_differ": {}, "records": [], "sweep_seconds": {}}
    if config.resume:
        result = report.resumed(config.out, result)
    with console.status("") as status:
        for key in config.models:
            if key in result["sweep_seconds"]:
                console.print(f"model {key}: kept from an earlier run")
                continue
            _measure(key, config, result, status.update, console)
            report.save(config.out, result, targets={})
    report.show(config.out, result["records"], console)


def _measure(
    key: Key, config: Perturbation, result: dict[str, Any], tell: Callable[[str], None], console: Console
) -> None:
    """Adds the figures of one model to the result."""
    tell(f"model {key}: weights")
    dear = key in _DEAR
    steps = config.dear_steps if dear else config.steps
    model = subject(key, seed=config.seed, steps=steps, folder=config.out, console=console)
    again = {"key": key, "seed": config.seed, "steps": steps, "folder": str(config.out)}
    same: dict[str, Any] = {"peers": config.peers, "repeats": config.repeats, "seed": config.seed}
    same["tell"] = lambda what: tell(f"model {key}: {what}")
    if config.peers:
        rows = vectors(model, count=2, seed=config.seed)
        result["logits_differ"][key] = check_equal(model, twin(model, propagated=False), rows)
    removed = compare.leave_one_out(
        model,
        count=config.dear_rows if dear else config.rows,
        sizes=config.sizes,
        memory=again if config.memory else None,
        **same,
    )
    games = compare.shapley(
        model,
        count=config.game_rows,
        players=config.players,
        budget=config.budget,
        sizes=removed.sizes,
        draws=config.dear_draws if dear else config.draws,
        **same,
    )
    records = [*result["records"], *removed.records, *games.records]
    result["records"] = sorted(records, key=lambda r: (r["task"], r["model"]))
    result["values_differ"][key] = removed.checks | games.checks
    result["sweep_seconds"][key] = removed.sweep
    result["load"][f"after {key}"] = report.load()

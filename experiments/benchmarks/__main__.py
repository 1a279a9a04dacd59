"""Run with ``python -m experiments.benchmarks NAME``; ``--help`` lists names and flags."""

import sys
from typing import Any

import tyro
from rich.console import Console

from experiments.benchmarks.deletion import run as deletion
from experiments.benchmarks.perturbation import run as perturbation
from experiments.benchmarks.propagation import run as propagation
from experiments.benchmarks.speed import run as speed

_RUNS = {
    "propagation": (propagation.Propagation, propagation.run),
    "perturbation": (perturbation.Perturbation, perturbation.run),
    "deletion": (deletion.Deletion, deletion.run),
    "speed": (speed.Speed, speed.run),
}

if __name__ == "__main__":
    config: Any = tyro.extras.subcommand_cli_from_dict({name: kind for name, (kind, _) in _RUNS.items()})
    try:
        next(run for kind, run in _RUNS.values() if isinstance(config, kind))(config, Console(highlight=False))
    except ImportError as error:
        sys.exit(str(error))

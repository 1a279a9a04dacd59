"""Run with ``python -m experiments.benchmarks NAME``; ``--help`` lists names and flags."""

import sys

import tyro
from rich.console import Console

from experiments.benchmarks.propagation.run import Propagation, run

if __name__ == "__main__":
    try:
        run(tyro.extras.subcommand_cli_from_dict({"propagation": Propagation}), Console(highlight=False))
    except ImportError as error:
        sys.exit(str(error))

"""Run with ``python -m experiments.peer_defects``; ``--help`` lists the flags."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments._shared import command, record
from experiments._shared.provenance import provenance

PEERS = ("captum", "shap", "torch")


@dataclasses.dataclass(frozen=True)
class Config:
    """What Captum and SHAP give for small inputs whose exact attribution is known."""

    out: Path = Path("runs/peer_defects")
    """The folder for result.json."""
    record: bool = False
    """Keep the result as the one from which the documentation is made."""
    draws: int = 5_000
    """Draws of the estimated infidelity."""
    seed: int = 0
    """The seed of these draws."""


SMALL = Config(out=Path("runs/peer_defects_small"), draws=500)


def measured(config: Config) -> dict[str, Any]:
    """Calls the peers.

    Args:
      config: The flags.

    Returns:
      The result.

    Raises:
      ImportError: When they are not installed; the message says what to install.
    """
    try:
        from experiments.peer_defects import captum_cases, shap_cases
    except ImportError as error:
        raise ImportError(
            f'Expected torch, captum and shap, got "{error}". Install them: pip install "jaxattr[benchmarks]"'
        ) from error
    return {
        "experiment": "peer_defects",
        "settings": {"draws": config.draws},
        "cases": captum_cases.cases(config.draws, config.seed) | shap_cases.cases(),
    }


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: numbers of the peers beside exact ones")
    found = provenance(seed=config.seed, data="", packages=PEERS)
    result = record.rounded(measured(config) | {name: found[name] for name in found if name != "data_sha256"})
    record.save(config.out, result)
    if config.record:
        shutil.copyfile(config.out / "result.json", record.FOLDER / "peer_defects" / "result.json")
    lines = [
        (name, where, numbers, case.get("exact") or f"sum {case['exact_sum']}")
        for name, case in result["cases"].items()
        for where, numbers in case["gives"].items()
    ]
    console.print(record.table(("case", "setting", "gives", "exact"), lines).source, markup=False)
    console.print(f"\nFigures: [bold]{config.out / 'result.json'}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

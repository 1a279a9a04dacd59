"""Run with ``python -m experiments.scale_on_paper``; ``--help`` lists the flags."""

import dataclasses
import os
import shutil
from pathlib import Path

from rich.console import Console

from experiments._shared import command, cost, record
from experiments._shared.provenance import provenance
from experiments.scale_on_paper import pictures, report
from experiments.scale_on_paper.derive import Assumed, derived
from experiments.scale_on_paper.measure import Counts, measured
from experiments.scale_on_paper.scenarios import scenarios, simulated
from experiments.scale_on_paper.simulate import Size


@dataclasses.dataclass(frozen=True)
class Config:
    """What a hundred million texts cost, from rates measured here, and whether 256 failing workers lose a chunk."""

    out: Path = Path("runs/scale_on_paper")
    """The folder for pictures and result.json."""
    record: bool = False
    """Keep the result as the one from which the documentation is made."""
    repetitions: int = 4
    """How many seeds of each simulated run, two at least."""
    hours: tuple[float, ...] = (48.0, 12.0, 3.0)
    """Mean times between failures of one worker; under the middle one the rules are compared."""
    restart_minutes: float = 5.0
    """How long a worker takes to come back."""
    for_ever: float = 0.1
    """Where workers are lost for ever, the share of failures that do it."""
    seed: int = 0
    """The first seed."""
    counts: Counts = dataclasses.field(default_factory=Counts)
    """How much is measured."""
    assumed: Assumed = dataclasses.field(default_factory=Assumed)
    """What is assumed."""
    size: Size = dataclasses.field(default_factory=Size)
    """The simulated run."""


SMALL = Config(
    out=Path("runs/scale_on_paper_small"),
    repetitions=2,
    counts=Counts(tokens=(16, 32), rows=64, saliency_rows=16, integrated_rows=8, repeats=1),
    size=Size(chunks=400, workers=16),
)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    if config.repetitions < 2:
        raise ValueError(f"Expected two repetitions at least, for standard errors, got {config.repetitions}.")
    console.rule("[bold]jaxattr: a hundred million texts, on paper")
    with console.status("measuring") as status:
        found = measured(config.counts, config.assumed.nodes, config.seed, status.update)
    costs = derived(found, config.assumed)
    listed = scenarios(config.hours, config.restart_minutes, config.for_ever)
    runs = sum(len(scenario.rules) for scenario in listed) * config.repetitions
    with console.status("simulating") as status:
        simulation, spent = cost.measure(
            runs, lambda: simulated(config.size, listed, config.repetitions, config.seed, status.update)
        )
    settings = dataclasses.asdict(config)
    result = {
        "experiment": "scale_on_paper",
        "settings": {name: settings[name] for name in ("repetitions", "hours", "restart_minutes", "for_ever", "size")},
        "assumed": settings["assumed"],
        "counts": config.counts._asdict(),
        "measured": found,
        "load": os.getloadavg()[0],
        "derived": costs,
        "simulation": simulation,
        "cost": {"simulated runs": spent},
    }
    result |= {name: value for name, value in provenance(seed=config.seed, data="").items() if name != "data_sha256"}
    result = record.rounded(result, 4)
    record.save(config.out, result, pictures.figures(result))
    if config.record:
        shutil.copyfile(config.out / "result.json", record.FOLDER / "scale_on_paper" / "result.json")
    for shown in (report.costs(result), report.simulated(result)):
        console.print(shown.source, markup=False)
    console.print(f"Figures: [bold]{config.out / 'result.json'}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

"""Prepares data sets: ``python -m experiments.datasets NAME --download``; without arguments it lists them."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from experiments.datasets import chinese, deepmoji, imdb, mnist, store

SETS = {given.name: given for given in (imdb.SET, mnist.SET, *deepmoji.SETS.values(), *chinese.SETS.values())}


@dataclasses.dataclass(frozen=True)
class Config:
    """Prepares a data set for the experiments, once; without a source it says which there are."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """The data set; without one all are listed."""
    download: bool = False
    """Fetch the published files."""
    archive: Path | None = None
    """Prepare it from this published file."""
    parquet: Path | None = None
    """Prepare it from the parquet files in this folder."""
    clone: Path | None = None
    """Prepare it from the folder data of this clone of the source."""
    data_dir: Path = store.DEFAULT
    """The folder for prepared data sets."""


def main(config: Config, console: Console) -> None:
    """Lists the sets, describes one or prepares one.

    Raises:
      ValueError: When there is no such set, when several sources are given, or one that the set does not have.
    """
    given = [flag for flag in ("download", "archive", "parquet", "clone") if getattr(config, flag)]
    if not config.name and not given:
        console.print(listing(config.data_dir))
        console.print("python -m experiments.datasets NAME says how to prepare one.", markup=False)
        return
    if config.name not in SETS:
        raise ValueError(
            f"Expected the name of a data set, got {config.name!r}. Choose one of {', '.join(SETS)}: "
            "python -m experiments.datasets NAME"
        )
    chosen = SETS[config.name]
    if not given:
        console.print(description(chosen, config.data_dir), markup=False, soft_wrap=True)
        return
    if len(given) > 1 or given[0] not in chosen.ways:
        raise ValueError(
            f"Expected one source of {chosen.name}, got {', '.join(f'--{flag}' for flag in given)}. Use one of\n"
            f"{store.commands(chosen, config.data_dir)}"
        )
    place = store.location(config.data_dir, chosen)
    if store.prepared(config.data_dir, chosen):
        console.print(f"{chosen.name} is prepared already; delete {place} to prepare it again.", soft_wrap=True)
        return
    read = chosen.ways[given[0]].source
    store.prepare(config.data_dir, chosen, read and read(getattr(config, given[0])))
    console.print(description(chosen, config.data_dir), markup=False, soft_wrap=True)


def listing(folder: Path) -> Table:
    """All sets as a table.

    Args:
      folder: The folder for prepared data sets.
    """
    table = Table("name", "prepared", "what it is", box=None)
    for given in SETS.values():
        table.add_row(given.name, "yes" if store.prepared(folder, given) else "no", given.about)
    return table


def description(given: store.Dataset, folder: Path) -> str:
    """What a set is, and either its rows or the commands that prepare it.

    Args:
      given: The set.
      folder: The folder for prepared data sets.
    """
    lines = [f"{given.name}: {given.about}", f"Terms: {given.terms}", f"Source: {given.official}"]
    lines += ["Prepare it in one of these ways:", store.commands(given, folder)]
    if not store.prepared(folder, given):
        return "\n".join([*lines, f"It is not prepared in {folder}."])
    rows = ", ".join(f"{split} {len(found):,}" for split, found in store.load(folder, given).items())
    lines.append(f"Prepared in {store.location(folder, given)}: {rows} rows.")
    if given.name in chinese.SETS:
        left = chinese.left_out(folder, given.name)
        lines.append("Rows left out: " + (", ".join(f"{why} {count:,}" for why, count in left.items()) or "none") + ".")
    return "\n".join(lines)


def run(args: Sequence[str] | None = None) -> None:
    """Reads the command line; bad data end with their message and status 1, missing files with status 2."""
    try:
        main(tyro.cli(Config, args=args, description=Config.__doc__), Console(highlight=False))
    except (ValueError, TypeError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    run()

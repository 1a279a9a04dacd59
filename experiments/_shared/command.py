"""How an experiment is started from a terminal."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro
from rich.console import Console


def run(main: Callable[[Any, Console], None], config: type, *, small: Any, args: Sequence[str] | None = None) -> None:
    """Reads the flags of an experiment and runs it; a missing data set ends with its message and status 2.

    `--small` asks the same question of less data: the defaults are then those of `small`, and every other flag still
    counts.

    Args:
      main: The experiment.
      config: Its dataclass of flags; the docstrings of the attributes are the help.
      small: An instance of `config`.
      args: What stands after the name of the program; None takes it from the command line.
    """
    given = list(sys.argv[1:] if args is None else args)
    less = "--small" in given
    flags = [arg for arg in given if arg != "--small"]
    about = f"{config.__doc__} --small runs it on less data, in {small.out}."
    defaults = {"default": small} if less else {}
    try:
        main(tyro.cli(config, args=flags, description=about, **defaults), Console(highlight=False))
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(2)

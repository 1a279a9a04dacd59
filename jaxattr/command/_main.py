"""The four commands."""

import contextlib
import dataclasses
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxattr.command import _config
from jaxattr.command._status import Status, UsageError, counted, folded, log_as_json, say, without
from jaxattr.scale import ChangedError, Store, StoreError
from jaxattr.scale.corpus import Preview, run

_LONG = 300  # characters of a text beside a picture
_FIELD = re.compile(r", (?=\w+=\{)")


@dataclasses.dataclass(frozen=True)
class Run:
    """Explain a corpus as a configuration says; the same command goes on where it was killed."""

    config: Path
    """A TOML file: explain, params, dataset (each module:name, or a parquet file), out, and options of scale.run."""
    set: tuple[str, ...] = ()
    """A value that replaces one of the file, KEY=VALUE; as often as needed."""
    dry_run: bool = False
    """Only say what the run will take."""
    process: tuple[int, int] | None = None
    """Number of this process and how many there are, where several work without jax.distributed."""
    json: bool = False
    """Answer and messages as JSON."""

    def __call__(self) -> Status:
        config = _config.load(self.config, self.set)
        found: Any = run(
            **_config.arguments(config, self.config.parent), process=self.process, progress=not self.json,
            dry_run=self.dry_run,
        )  # fmt: skip
        if isinstance(found, Preview):
            say(str(found), found._asdict(), self.json)
            return Status.DONE
        bad = found.quarantined
        if found.complete and found.explained < found.rows:  # the others are of a run before, or of another process
            bad = Store(config["out"]).quarantined()
        there = "all rows are there" if found.complete else "not all rows are there yet: run it again"
        lines = [f"explained {counted(found.explained, 'row')} in {found.seconds:,.1f} s; {there}", *without(bad)]
        say(
            "\n".join(lines),
            {**found._asdict(), "quarantined": {str(k): v for k, v in found.quarantined.items()}},
            self.json,
        )
        if not found.complete:
            return Status.STOPPED
        return Status.QUARANTINED if bad else Status.DONE


@dataclasses.dataclass(frozen=True)
class Verify:
    """Read every file of a run and compare it with its checksum."""

    out: str
    """The folder of the run."""
    json: bool = False
    """The answer as JSON."""

    def __call__(self) -> Status:
        found = Store(self.out).verify()
        missing = f"{counted(len(found.missing), 'chunk')} missing" if found.missing else "no chunk is missing"
        lines = [f"{counted(found.rows, 'row')} with numbers; {missing}", *without(found.quarantined)]
        lines += found.damaged or ["every file fits its checksum"]
        say("\n".join(lines), {**dataclasses.asdict(found), "complete": found.complete}, self.json)
        if not found.complete:
            return Status.DAMAGED
        return Status.QUARANTINED if found.quarantined else Status.DONE


@dataclasses.dataclass(frozen=True)
class Show:
    """Show a row of a run: its words in colour where it has words and numbers for them."""

    out: str
    """The folder of the run."""
    row: str
    """The id of a row, or its number."""
    tokens: str | None = None
    """The column with the words; by default the first with one text, or one number, for each value."""
    values: str = "values"
    """The column with the numbers; further axes are summed."""
    json: bool = False
    """The whole row as JSON."""

    def __call__(self) -> Status:
        row = self._found(Store(self.out))
        plain = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}
        numbers = row.get(self.values)
        if self.json or not isinstance(numbers, np.ndarray) or not numbers.ndim:
            lines = [f"{name}: {_short(value)}" for name, value in plain.items() if value is not None]
            say("\n".join(folded(line) for line in lines), plain, self.json)
            return Status.DONE
        from jaxattr.display import picture

        summed = numbers.astype(float).reshape(len(numbers), -1).sum(1)
        words = self._words(row, len(summed))
        scalars = [
            f"{name} {_short(value)}"
            for name, value in plain.items()
            if not isinstance(value, list) and value is not None
        ]
        say(folded(", ".join(scalars)), {}, False)
        picture(words, summed).print()
        return Status.DONE

    def _found(self, store: Store) -> dict[str, Any]:
        with contextlib.suppress(KeyError):
            return store.by_id(self.row)
        number = self.row.removeprefix("-")
        if not number.isdecimal():
            raise UsageError(f"no row that is there has the id {self.row!r}, and it is no number of a row.")
        try:
            with contextlib.suppress(KeyError):
                return store.by_id(int(self.row))
            return store[int(self.row)]
        except IndexError as error:
            raise UsageError(str(error)) from error

    def _words(self, row: dict[str, Any], length: int) -> list[str]:
        if self.tokens is not None and self.tokens not in row:
            raise UsageError(f"--tokens wants one of {sorted(row)}, but got {self.tokens!r}.")
        names = [self.tokens] if self.tokens else [n for n in row if n != self.values]
        fitting = [row[n] for n in names if isinstance(row[n], (list, np.ndarray)) and len(row[n]) == length]
        texts = [column for column in fitting if isinstance(column, list)]
        return [str(word) for word in (texts or fitting or [range(length)])[0]]


@dataclasses.dataclass(frozen=True)
class Cite:
    """What to cite for a run, as BibTeX: the papers behind the methods that it applied."""

    out: str
    """The folder of the run."""

    def __call__(self) -> Status:
        from jaxattr.citations import cite, keys_of

        methods = [name for name in Store(self.out).manifest["methods"] if keys_of(name)]
        say(_FIELD.sub(",\n  ", cite(*methods, "scale.run")), {}, False)
        return Status.DONE


def _short(value: Any) -> str:
    """A number with the digits that matter, a text as far as it fits a heading."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return textwrap.shorten(value, _LONG, placeholder=" ...") if isinstance(value, str) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit code."""
    try:
        import tyro
    except ImportError:
        return _said(ImportError("the command line needs an extra: pip install 'jaxattr[scale]'"), Status.FAILED)
    commands: Any = {"run": Run, "verify": Verify, "show": Show, "cite": Cite}
    markers = (tyro.conf.PositionalRequiredArgs, tyro.conf.UseAppendAction)
    command: Any = tyro.extras.subcommand_cli_from_dict(commands, prog="jaxattr", args=arguments, config=markers)
    if getattr(command, "json", False):
        log_as_json()
    try:
        return int(command())
    except UsageError as error:
        return _said(error, Status.USAGE)
    except ChangedError as error:
        return _said(error, Status.CHANGED)
    except StoreError as error:
        return _said(error, Status.DAMAGED)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - nobody reads any more
        return Status.DONE
    except (OSError, TypeError, ValueError, KeyError, ImportError) as error:
        return _said(error, Status.FAILED)


def _said(error: Exception, status: Status) -> int:
    sys.stderr.write("\n".join(map(folded, f"jaxattr: {error}".splitlines())) + "\n")
    return int(status)

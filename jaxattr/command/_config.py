"""The configuration of a run: a TOML file, with values that a flag may replace."""

import importlib
import inspect
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxattr.command._status import UsageError
from jaxattr.scale.corpus import run

OBJECTS = ("explain", "params", "dataset", "prepare")
"""What is named as `module:name`."""
OWN = ("mesh", "distributed")
OPTIONS = tuple(
    name for name in inspect.signature(run).parameters
    if name not in (*OBJECTS, *OWN, "format", "process", "progress", "dry_run")
)  # fmt: skip
_NEEDED = ("explain", "dataset", "out")


def load(path: Path, replaced: Sequence[str]) -> dict[str, Any]:
    """The keys of a file, some of them replaced by `KEY=VALUE` (a TOML value, or a text as it stands)."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration {path} cannot be read: {error}") from error
    for pair in replaced:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set wants KEY=VALUE, but got {pair!r}.")
        found[key.strip()] = _value(value.strip())
    unknown = [key for key in found if key not in (*OBJECTS, *OWN, *OPTIONS)]
    lacking = [key for key in _NEEDED if key not in found]
    if unknown or lacking:
        raise UsageError(
            f"{path} has unknown keys {unknown} and lacks {lacking}. There are {', '.join((*OBJECTS, *OPTIONS, *OWN))}."
        )
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def arguments(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The arguments of :func:`jaxattr.scale.run`; names are looked up beside the configuration first."""
    sys.path.insert(0, str(folder.resolve()))
    if config.get("distributed"):
        import jax

        jax.distributed.initialize()
    made = {key: config[key] for key in OPTIONS if key in config}
    made["explain"] = named(config["explain"])
    made["params"] = _made(named(config["params"])) if "params" in config else None
    data = config["dataset"]
    made["dataset"] = _made(named(data)) if ":" in data and not data.endswith(".parquet") else data
    if "prepare" in config:
        made["prepare"] = named(config["prepare"])
    if "mesh" in config:
        import jax

        made["mesh"] = jax.make_mesh(tuple(config["mesh"].values()), tuple(config["mesh"]))
    return made


def named(text: Any) -> Any:
    """The object of `module:name`."""
    module, colon, name = str(text).partition(":")
    if not colon:
        raise UsageError(f"wanted module:name, but got {text!r}. For example my_model:explain, from my_model.py.")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"the module of {text!r} cannot be imported: {error}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{module} has no {part!r}, which {text!r} names.")
        found = getattr(found, part)
    return found


def _made(found: Any) -> Any:
    """A value, or what a function without arguments returns."""
    return found() if inspect.isfunction(found) else found

"""What a compiled program consists of, by operation."""

import collections
import re
from collections.abc import Callable
from typing import Any

import jax

_NAME = re.compile(r"^\s*(?:ROOT\s+)?%?[\w.\-]+\s*=\s*")
_OPCODE = re.compile(r"\s*([a-z][a-z0-9\-]*)\(")


def opcodes(f: Callable[..., Any], *args: Any) -> collections.Counter[str]:
    """How often each operation stands in the optimised program of a function.

    Args:
      f: A function of arrays.
      *args: Its arguments.

    Returns:
      Counts by the name of the operation in HLO, of all its computations; a loop's body counts once.
    """
    return counted(jax.jit(f).lower(*args).compile().as_text() or "")


def counted(text: str) -> collections.Counter[str]:
    """Counts the operations in the text of an HLO program.

    Args:
      text: The program, one instruction a line.

    Returns:
      Counts by name.
    """
    found: collections.Counter[str] = collections.Counter()
    for line in text.splitlines():
        name = _NAME.match(line)
        opcode = _OPCODE.match(line, _after_shape(line, name.end())) if name else None
        if opcode:
            found[opcode.group(1)] += 1
    return found


def _after_shape(line: str, start: int) -> int:
    """Where the shape ends: at its closing parenthesis if it is a tuple, else at the next space."""
    if not line.startswith("(", start):
        return max(line.find(" ", start), start)
    depth = 0
    for place in range(start, len(line)):
        depth += (line[place] == "(") - (line[place] == ")")
        if depth == 0:
            return place + 1
    return len(line)


def other(ours: collections.Counter[str], theirs: collections.Counter[str]) -> dict[str, list[int]]:
    """The operations whose counts differ.

    Args:
      ours: Counts of one program.
      theirs: Counts of another.

    Returns:
      By operation both counts, in the order of the arguments; empty where the programs have the same operations.
    """
    return {name: [ours[name], theirs[name]] for name in sorted({*ours, *theirs}) if ours[name] != theirs[name]}

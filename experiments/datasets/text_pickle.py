r"""Reads the values of an old text pickle, and never runs what it says.

A pickle is a program; Python's reader runs it and so may run anything. This one knows numbers, strings, lists, tuples
and dictionaries. Where the program would call a function, the call is kept as a record and nothing is called.
"""

import ast
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

_KINDS = "biuf"


@dataclasses.dataclass
class Call:
    """A call that the pickle asks for and that was not made.

    Attributes:
      name: The module and the name of what it would call; where the pickle only names it, the rest is empty.
      arguments: The arguments.
      state: What would be put into the object made.
    """

    name: tuple[str, str]
    arguments: tuple[Any, ...] = ()
    state: Any = None


_MARK: Any = object()


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0
        self.stack: list[Any] = []
        self.memo: dict[bytes, Any] = {}

    def line(self) -> bytes:
        end = self.content.index(b"\n", self.at)
        found, self.at = self.content[self.at : end], end + 1
        return found

    def since_mark(self) -> list[Any]:
        start = len(self.stack) - 1 - next(i for i, item in enumerate(reversed(self.stack)) if item is _MARK)
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items

    def value(self) -> Any:
        while True:
            code = self.content[self.at : self.at + 1]
            self.at += 1
            if code == b".":
                return self.stack.pop()
            self.CODES[code](self)

    def put(self) -> None:
        self.memo[self.line()] = self.stack[-1]

    def whole_number(self) -> None:
        line = self.line()
        self.stack.append(line == b"01" if line in (b"00", b"01") else int(line))

    def dictionary(self) -> None:
        items = self.since_mark()
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def set_item(self) -> None:
        key, item = self.stack[-2:]
        del self.stack[-2:]
        self.stack[-1][key] = item

    def append(self) -> None:
        item = self.stack.pop()
        self.stack[-1].append(item)

    def name(self) -> None:
        self.stack.append(Call((self.line().decode("ascii"), self.line().decode("ascii"))))

    def call(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = Call(self.stack[-1].name, arguments)

    def build(self) -> None:
        state = self.stack.pop()
        self.stack[-1].state = state

    CODES: ClassVar[dict[bytes, Callable[["_Reader"], None]]] = {
        b"(": lambda self: self.stack.append(_MARK),
        b"N": lambda self: self.stack.append(None),
        b"S": lambda self: self.stack.append(ast.literal_eval("b" + self.line().decode("latin-1"))),
        b"V": lambda self: self.stack.append(self.line().decode("raw-unicode-escape")),
        b"I": whole_number,
        b"p": put,
        b"g": lambda self: self.stack.append(self.memo[self.line()]),
        b"l": lambda self: self.stack.append(self.since_mark()),
        b"t": lambda self: self.stack.append(tuple(self.since_mark())),
        b"d": dictionary,
        b"s": set_item,
        b"a": append,
        b"c": name,
        b"R": call,
        b"b": build,
    }


def read(content: bytes) -> Any:
    r"""Reads a pickle of protocol 0.

    Args:
      content: The bytes of the file.

    Returns:
      Its value: strings of Python 2 are bytes, unicode is str, and calls are `Call` records.

    Raises:
      ValueError: When the bytes are cut short, damaged, or use what a file of plain values does not need.

    Example:
      >>> read(b"(dp0\nS'label'\np1\n(lp2\nI1\naI0\nas.")
      {b'label': [1, 0]}
      >>> read(b"cos\nsystem\n(S'echo'\ntR.")
      Call(name=('os', 'system'), arguments=(b'echo',), state=None)
    """
    reader = _Reader(content)
    try:
        return reader.value()
    except (KeyError, IndexError, ValueError, SyntaxError, AttributeError, TypeError, StopIteration) as error:
        raise ValueError(
            f"Expected a text pickle (protocol 0) of plain values, got one that stops making sense at byte {reader.at} "
            f"({error!r}). Fetch the file again."
        ) from error


def number_or_array(value: Any) -> Any:
    r"""The numbers of a `Call` that would have made a NumPy array or scalar; other values are given back.

    Args:
      value: What `read` gave.

    Returns:
      An array or a NumPy scalar.

    Raises:
      ValueError: When the call would have made anything else.
    """
    if not isinstance(value, Call):
        return value
    try:
        if value.name == ("numpy.core.multiarray", "scalar"):
            kind, content = value.arguments
            return np.frombuffer(content, _dtype(kind))[0]
        if value.name == ("numpy.core.multiarray", "_reconstruct"):
            _, shape, kind, columns_first, content = value.state
            return np.frombuffer(content, _dtype(kind)).reshape(shape, order="F" if columns_first else "C")
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"Expected the numbers of an array, got {value} ({error!r}). Fetch the file again.") from error
    raise ValueError(
        f"Expected numbers, got a call of {'.'.join(value.name)}, which is not made. Fetch the file again."
    )


def _dtype(kind: Call) -> np.dtype:
    """The dtype of a record; only numbers and booleans."""
    found = np.dtype(kind.arguments[0].decode("ascii"))
    if found.kind not in _KINDS:
        raise ValueError(f"not numbers but {found}")
    return found.newbyteorder(kind.state[1].decode("ascii"))

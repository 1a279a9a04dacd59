"""The public names of the library, which its documentation, its examples and its citations must all cover."""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jaxattr

_EXPORT = re.compile(r"^from \S+ import \w+ as ([a-zA-Z]\w*)", re.MULTILINE)


def public_names(module: ModuleType = jaxattr) -> Iterator[tuple[str, Any]]:
    """Every name that `jaxattr` or one of its public modules exports, by its full path, with what it stands for.

    Args:
      module: The module to begin with.

    Yields:
      The path and the object; an object that two paths lead to comes twice.

    Example:
      >>> names = dict(public_names())
      >>> "jaxattr.gradient" in names, "jaxattr.masks.windows" in names, "jaxattr.masks" in names
      (True, True, False)
    """
    for name in _exported(module):
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield from public_names(value)
        else:
            yield f"{module.__name__}.{name}", value


def _exported(module: ModuleType) -> list[str]:
    """What the source of a module exports: `import x as X`, or else its own functions and classes."""
    if exported := _EXPORT.findall(inspect.getsource(module)):
        return exported
    own = {n: v for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__}
    return [name for name in own if not name.startswith("_")]

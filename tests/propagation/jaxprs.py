"""Which primitives a function's jaxpr holds."""

from collections.abc import Callable
from typing import Any

import jax

from jaxattr import _jaxpr


def primitives(f: Callable[..., Any], *args: Any) -> set[str]:
    """The names of all primitives of `f(*args)`, in inner bodies too."""
    return _names(jax.make_jaxpr(lambda *a: f(*a))(*args).jaxpr)


def _names(jaxpr: Any) -> set[str]:
    found = {equation.primitive.name for equation in jaxpr.eqns}
    return found.union(*(_names(body) for equation in jaxpr.eqns for body, _ in _jaxpr.bodies(equation)))

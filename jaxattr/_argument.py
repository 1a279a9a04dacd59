"""A function of many arguments seen as a function of the one that is attributed to.

Transforms are written over `Argument`: the arrays of `args[argnums]` as a flat list, the score as a function of that
list, and the way back to the user's structure. Leaves that are not arrays (functions, strings, booleans) ride along.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._leaves import Rebuild, apart
from jaxattr._positions import column

Score = Callable[..., Any]
Leaves = list[Any]
_METHODS: ContextVar[set[str] | None] = ContextVar("methods", default=None)


class Argument(NamedTuple):
    """What a method needs of a function and its argument.

    Attributes:
        score: `leaves -> (number, aux)`.
        leaves: the arrays as given.
        rebuild: from arrays back to the user's structure.
        paths: where each array stands, for errors.
        has_aux: whether f returns something beside its score.
    """

    score: Callable[[Leaves], tuple[Any, Any]]
    leaves: Leaves
    rebuild: Rebuild
    paths: list[str]
    has_aux: bool

    @property
    def value(self) -> Any:
        """The argument in the user's structure."""
        return self.rebuild(self.leaves)

    @property
    def aux(self) -> Any:
        """What f returns beside its score at the input as given; f is evaluated for it where there is any."""
        return self.score(self.leaves)[1] if self.has_aux else None


def attributing(
    method: Callable[[Argument], tuple[Any, Any]],
    f: Score,
    *,
    name: str,
    argnums: int | Sequence[int],
    has_aux: bool,
    integers: bool = False,
    scalar: bool = True,
) -> Callable[..., Any]:
    """Turn `method(argument) -> (attribution, aux)` into a function with the signature of `f`."""
    _checks.check_function(name, "f", f, f"{name}(lambda x: x.sum())")

    def explained(*args: Any, **kwargs: Any) -> Any:
        argument = _select(f, name, argnums, has_aux, scalar, args, kwargs)
        _check_leaves(name, argument, integers)
        attribution, aux = method(argument)
        return (attribution, aux) if has_aux else attribution

    return like(f, explained)


@contextlib.contextmanager
def methods() -> Iterator[set[str]]:
    """Collects the names of the transforms that are applied meanwhile."""
    token = _METHODS.set(found := set())
    try:
        yield found
    finally:
        _METHODS.reset(token)


def like(f: Callable[..., Any], g: Callable[..., Any]) -> Callable[..., Any]:
    """Give g the name, the documentation and the signature of f."""
    return functools.wraps(f, updated=())(g)


def of(f: Score, x: Any, name: str) -> Argument:
    """A function of one argument at an input."""
    argument = _select(f, name, 0, False, True, (x,), {})
    _check_leaves(name, argument, False)
    return argument


def _select(
    f: Score, name: str, argnums: int | Sequence[int], has_aux: bool, scalar: bool, args: tuple, kwargs: dict
) -> Argument:
    if (seen := _METHODS.get()) is not None:
        seen.add(name)
    many = isinstance(argnums, Sequence)
    numbers = list(argnums) if isinstance(argnums, Sequence) else [argnums]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise TypeError(f"{name} wants argnums as an integer, but got {_checks.describe(number)}. Write argnums=0.")
        if not -len(args) <= number < len(args):
            raise ValueError(
                f"{name} wants argument {number} of f, but {len(args)} positional arguments came. "
                "Pass the attributed argument by position, or change argnums."
            )
    x = tuple(args[i] for i in numbers) if many else args[numbers[0]]
    leaves, rebuild = apart(x, _checks.is_array)
    label = "the arguments" if many else f"argument {numbers[0]}"
    paths = [label + jax.tree_util.keystr(p) for p, leaf in jax.tree.leaves_with_path(x) if _checks.is_array(leaf)]

    def score(leaves: Sequence[Any]) -> tuple[Any, Any]:
        new, values = list(args), rebuild(leaves)
        for i, value in zip(numbers, values if many else (values,), strict=True):
            new[i] = value
        return checked_score(name, f(*new, **kwargs), has_aux, scalar)

    return Argument(score, [jnp.asarray(leaf) for leaf in leaves], rebuild, paths, has_aux)


def checked_score(name: str, result: Any, has_aux: bool, scalar: bool = True) -> tuple[Any, Any]:
    """What f returned as (score, aux), after a look at its kind and shape."""
    aux = None
    if has_aux:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise TypeError(
                f"{name} with has_aux=True wants f to return (score, aux), but it returned "
                f"{_checks.describe(result)}. Return a pair, or drop has_aux."
            )
        result, aux = result
    if not scalar:
        return result, aux
    pick = "Pick one, for example jaxattr.scores.log_prob(logits, label)."
    if not _checks.is_array(result):
        raise TypeError(f"{name} explains one number, but f returned {_checks.describe(result)}. {pick}")
    if np.shape(result) != ():
        raise ValueError(f"{name} explains one number, but f returned {_checks.describe(result)}. {pick}")
    if not _checks.is_floating(result):
        raise TypeError(
            f"{name} explains a floating point number, but f returned {_checks.describe(result)}. "
            "Return a logit or a probability, or cast the score with .astype(float)."
        )
    return result, aux


def _check_leaves(name: str, argument: Argument, integers: bool) -> None:
    if not argument.leaves:
        raise TypeError(
            f"{name} attributes to arrays, but the argument holds none. Choose the argument with argnums=, "
            "and pass arrays."
        )
    for leaf, path in zip(argument.leaves, argument.paths, strict=True):
        if leaf.size == 0:
            raise ValueError(
                f"{name} wants at least one position, but {path} is {_checks.describe(leaf)}, an empty text. "
                "Leave empty texts out."
            )
        if not integers and not _checks.is_floating(leaf):
            raise TypeError(
                f"{name} attributes to floating point values, but {path} is {_checks.describe(leaf)}. "
                "Token ids have no gradient: cut the score at its embedding first, with jaxattr.cut."
            )


def marked(name: str, argument: Argument, where: Any) -> list[Any] | None:
    """`where` shaped to multiply each leaf, or None where all positions are real."""
    if where is None:
        return None
    length = _checks.leading_length(name, argument.leaves, argument.paths)
    _checks.check_where(name, where, length)
    return [column(where, leaf.ndim) for leaf in argument.leaves]


def arrays(tree: Any) -> Leaves:
    """The arrays of a pytree, in the order of the leaves of an `Argument`."""
    return [jnp.asarray(leaf) for leaf in apart(tree, _checks.is_array)[0]]


def masked(leaves: Leaves, marks: list[Any] | None) -> Leaves:
    """Zero at the positions that are not marked."""
    if marks is None:
        return leaves
    return [jnp.where(mark, leaf, jnp.zeros((), leaf.dtype)) for mark, leaf in zip(marks, leaves, strict=True)]

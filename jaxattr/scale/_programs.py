"""Compiled programs for groups of rows, one for each width, and the threads that run them."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxattr import _checks
from jaxattr._leaves import Rebuild, apart


def default_workers() -> int:
    """One thread a core on CPU, where loops run on one core each; two elsewhere, so that copies overlap with work."""
    return (os.cpu_count() or 1) if jax.default_backend() == "cpu" else 2


def default_batch_size(count: int, workers: int) -> int:
    """Rows at once: few on CPU, where more are no faster and take more memory."""
    most = 4 if jax.default_backend() == "cpu" else 64
    return max(1, min(most, -(-count // workers)))


class Shared(NamedTuple):
    """Parameters: their arrays, placed on the device once, and the way back to the user's structure."""

    arrays: list[Any]
    rebuild: Rebuild
    static: Any


def shared(params: Any) -> Shared:
    """Parameters as the programs take them; leaves that are not arrays are static."""
    arrays, rebuild = apart(params, _checks.is_array)
    leaves, structure = jax.tree.flatten(params)
    still = tuple(_kept(leaf) for leaf in leaves if not _checks.is_array(leaf))
    return Shared([jnp.asarray(a) for a in arrays], rebuild, (structure, still))


def _kept(leaf: Any) -> Any:
    """A static leaf as a key: by its value where it has one, else by which object it is."""
    try:
        hash(leaf)
    except TypeError:
        return id(leaf)
    return leaf


def abstract(
    explain: Callable[..., Any], params: Any, row: dict[str, Any]
) -> tuple[Callable[..., Any], list[Any], Any]:
    """`f(arrays, row)`, the shapes of the arrays of the parameters, and those of a row: what can be traced."""
    arrays, rebuild = apart(params, _checks.is_array)
    shapes = [jax.ShapeDtypeStruct(np.shape(a), getattr(a, "dtype", None) or jnp.result_type(a)) for a in arrays]
    canonical = [jax.ShapeDtypeStruct(a.shape, jax.dtypes.canonicalize_dtype(a.dtype)) for a in shapes]
    return (lambda arrays, row: explain(rebuild(arrays), **row)), canonical, row


def lowered(explain: Callable[..., Any], params: Shared, columns: dict[str, Any]) -> Any:
    """The program for a group of rows of these shapes, not compiled yet; it is traced where the caller is."""

    def of_rows(arrays: list[Any], columns: dict[str, Any]) -> Any:
        return jax.vmap(lambda row: explain(params.rebuild(arrays), **row))(columns)

    return jax.jit(of_rows).lower(params.arrays, columns)


class Kept:
    """Programs by what they depend on, made and compiled when they are first asked for.

    Args:
        make: from parameters and the shapes of the columns of a group to something with a method `compile`.
        threads: how many are compiled at once.
    """

    def __init__(self, make: Callable[[Shared, dict[str, Any]], Any], threads: int) -> None:
        self.make, self.threads, self.known = make, threads, {}

    def of(self, params: Shared, columns: dict[int, dict[str, Any]]) -> dict[int, Any]:
        """The programs for columns of these shapes, by width."""
        keys = {width: key(params, shapes) for width, shapes in columns.items()}
        new = {keys[w]: self.make(params, columns[w]) for w in columns if keys[w] not in self.known}
        each(lambda program: program.compile(), new.values(), self.threads)
        self.known.update(new)
        return {width: self.known[k] for width, k in keys.items()}


def key(params: Shared, columns: dict[str, Any]) -> Any:
    """What a program depends on: the structures, shapes and dtypes of its arguments."""
    leaves, structure = jax.tree.flatten((params.arrays, columns))
    return (
        structure,
        tuple((a.shape, a.dtype, getattr(a, "weak_type", False)) for a in leaves),
        params.static,
        _is_double(),
    )


def each(run: Callable[[Any], Any], items: Iterable[Any], workers: int) -> list[Any]:
    """`run` of every item, on several threads, in order; the first failure is raised."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(as_here(run), item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def as_here(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`run` for another thread, where float64 is enabled if it is in this one: contexts hold for one thread alone."""
    double = _is_double()

    def there(item: Any) -> Any:
        with jax.enable_x64(double):
            return run(item)

    return there


def _is_double() -> bool:
    """Whether float64 is enabled in this thread."""
    return jax.dtypes.canonicalize_dtype(np.float64) == np.float64


def to_numpy(values: Any, real: int) -> Sequence[np.ndarray]:
    """The arrays of a result on the host, without the copies that filled the group."""
    return [np.asarray(a)[:real] for a in jax.tree.leaves(values)]

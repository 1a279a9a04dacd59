"""Compiled programs of a run, one for each width and number of rows, and the numbers that they give."""

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from jaxattr import _checks
from jaxattr._leaves import apart
from jaxattr.scale import _programs
from jaxattr.scale._map import follow_width
from jaxattr.scale._rows import Rows
from jaxattr.scale.corpus._mesh import Layout
from jaxattr.scale.corpus._source import NAME
from jaxattr.scale.corpus._survey import KEY

BITS = " bits of the id"  # no parameter has a blank in its name


class Results(NamedTuple):
    """What the programs return for one row.

    Attributes:
        names: a name for each array.
        axes: the axis of each that has one entry a position; None where none has.
        shapes: the shape of each at the width at which this was found.
    """

    names: list[str]
    axes: list[int | None]
    shapes: list[tuple[int, ...]]

    def fit(self, values: list[np.ndarray], width: int) -> bool:
        """Whether values, with a leading axis of rows, are such results at another width."""
        found = zip(self.shapes, self.axes, strict=True)
        expected = [tuple(width if k == axis else size for k, size in enumerate(shape)) for shape, axis in found]
        return [value.shape[1:] for value in values] == expected


class Programs:
    """The programs of one `explain` on one mesh."""

    def __init__(self, explain: Callable[..., Any], params: Any, layout: Layout, seed: int, keyed: bool) -> None:
        arrays, rebuild = apart(params, _checks.is_array)
        self.layout, self.arrays, self.seed = layout, layout.placed(arrays), seed

        def one(arrays: list[Any], row: dict[str, Any]) -> list[Any]:
            given = {name: value for name, value in row.items() if name != BITS}
            if keyed:
                base = jax.random.key(self.seed)
                given[KEY] = jax.random.fold_in(jax.random.fold_in(base, row[BITS][0]), row[BITS][1])
            return jax.tree.leaves(explain(rebuild(arrays), **given))

        self.one = one
        self.kept: dict[Any, Future[Any]] = {}
        self.lock = threading.Lock()
        self.results: Results | None = None  # found once; they do not follow the width but in their axes

    def of_rows(self, arrays: list[Any], columns: dict[str, Any]) -> list[Any]:
        """All rows of a device."""
        return jax.vmap(lambda row: self.one(arrays, row))(columns)

    def program(self, columns: dict[str, Any]) -> Any:
        """The compiled program for columns of these shapes; nothing else differs between the batches of a run."""
        key = tuple(sorted((name, column.shape) for name, column in columns.items()))
        with self.lock:
            mine = key not in self.kept
            found = self.kept.setdefault(key, Future())
        if mine:
            try:
                found.set_result(self._compiled(columns))
            except BaseException as error:
                found.set_exception(error)
        return found.result()

    def _compiled(self, columns: dict[str, Any]) -> Any:
        layout = self.layout
        f = self.of_rows
        if layout.by_hand and layout.mesh.size > 1:
            rows = PartitionSpec(layout.axis)
            f = jax.shard_map(
                f, mesh=layout.mesh, in_specs=(PartitionSpec(), rows), out_specs=rows, axis_names={layout.axis},
                check_vma=False,
            )  # fmt: skip
        out = layout.everywhere if layout.together else layout.rows
        shapes = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct(a.shape, jax.dtypes.canonicalize_dtype(a.dtype), sharding=layout.rows),
            columns,
        )
        return jax.jit(f, out_shardings=out).lower(self.arrays, shapes).compile()

    def run(self, columns: dict[str, Any]) -> list[Any]:
        """Start on rows; the arrays that will hold the numbers."""
        return self.program(columns)(self.arrays, self.layout.split_rows(columns))

    def prepare(self, shapes: Sequence[dict[str, Any]], tell: Callable[[int], None]) -> None:
        """Compile the programs for columns of some shapes, one a core at once, the first ones first.

        It returns once a core is free and no program waits for it; who needs one of the last waits for it. `tell` is
        called with how many are done or in hand.
        """
        cores = os.cpu_count() or 1
        pool = ThreadPoolExecutor(cores)
        left = {pool.submit(_programs.as_here(self.program), columns) for columns in shapes}
        try:
            while len(left) >= cores:
                done, left = wait(left, return_when=FIRST_COMPLETED)
                tell(len(done))
                for future in done:
                    future.result()
            tell(len(left))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown(wait=False)

    def fetch(self, values: list[Any]) -> list[np.ndarray]:
        """The numbers, on the host."""
        if self.layout.together:
            return [np.asarray(a.addressable_data(0)) for a in values]
        return [np.asarray(a) if a.size else np.zeros(a.shape, a.dtype) for a in values]  # JAX gathers no empty ones


def results(
    explain: Callable[..., Any], params: Any, rows: Rows, width: int, keyed: bool, known: Any = None
) -> Results:
    """Names and axes of what explain returns; `known` are the shapes of it at this width, where these are known."""

    def of_row(params: Any, **row: Any) -> Any:
        row.pop(BITS, None)
        return explain(params, **({**row, KEY: jax.random.key(0)} if keyed else row))

    shape, axes = follow_width(of_row, params, rows, width, known)
    leaves = jax.tree.leaves_with_path(shape)
    paths = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in leaves]
    if not paths:
        raise TypeError(f"{NAME} stores what explain returns, but it returned no array. Return the attribution.")
    names = [path or "values" for path in paths]
    odd = [name for name in names if name != name.encode("utf-8", "replace").decode()]
    if odd:
        raise ValueError(f"{NAME} stores what explain returns by its names, but {odd[0]!r} is no text. Rename it.")
    return Results(names, axes, [leaf.shape for _, leaf in leaves])


def bits(name: Any) -> np.ndarray:
    """64 bits of an id, as two words."""
    return np.frombuffer(hashlib.sha256(repr(name).encode()).digest()[:8], np.uint32)


def is_nan(values: list[np.ndarray]) -> np.ndarray:
    """Which rows of results hold NaN."""
    found = np.zeros(len(values[0]), bool)
    for value in values:
        if jnp.issubdtype(value.dtype, jnp.inexact):
            found |= (
                np.isnan(value.astype(np.float32) if value.dtype.itemsize < 4 else value).reshape(len(value), -1).any(1)
            )
    return found

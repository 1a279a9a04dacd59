"""How rows and parameters lie on the devices."""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxattr import _checks
from jaxattr.scale.corpus._source import NAME


class Layout:
    """A mesh, and the axis of it along which rows are split.

    Attributes:
        mesh: the devices.
        axis: the name of the axis of rows.
        split: into how many parts the rows are split.
        together: whether several processes work on the same rows.
        by_hand: whether each device gets a program of its own (no parameter is split along the axis of rows).
    """

    def __init__(self, mesh: Mesh | None, axis: str | None, params: Any) -> None:
        given = mesh or Mesh(np.array(jax.local_devices()), ("rows",))
        self.mesh = Mesh(given.devices, given.axis_names, axis_types=(AxisType.Auto,) * len(given.axis_names))
        self.axis = axis or str(self.mesh.axis_names[0])
        if self.axis not in self.mesh.axis_names:
            raise ValueError(f"{NAME} wants axis= as one of {self.mesh.axis_names}, but got {axis!r}.")
        self.split = self.mesh.shape[self.axis]
        self.together = any(d.process_index != jax.process_index() for d in self.mesh.devices.flat)
        self.by_hand = not any(self.axis in _axes(leaf) for leaf in jax.tree.leaves(params))
        self.rows = NamedSharding(self.mesh, PartitionSpec(self.axis))
        self.everywhere = NamedSharding(self.mesh, PartitionSpec())

    def placed(self, params: Any) -> Any:
        """Parameters on the mesh: those that the user sharded stay as they are, the others go to all devices."""

        def place(leaf: Any) -> Any:
            if not _checks.is_array(leaf):
                return leaf
            if _is_on(leaf, self.mesh):  # the same pieces; how axes of the mesh are typed may differ
                return jax.device_put(leaf, NamedSharding(self.mesh, leaf.sharding.spec))
            if self.together:
                value = np.asarray(leaf)
                return jax.make_array_from_callback(value.shape, self.everywhere, lambda index: value[index])
            return jax.device_put(leaf, self.everywhere)

        return jax.tree.map(place, params)

    def split_rows(self, columns: Any) -> Any:
        """Columns with a leading axis of rows, split over the mesh; every process has all of them at hand."""
        if self.mesh.size == 1:
            return columns  # the program takes them as they are, which is quicker

        def place(column: Any) -> Any:
            if not self.together:
                return jax.device_put(column, self.rows)
            return jax.make_array_from_callback(column.shape, self.rows, lambda index: column[index])

        return jax.tree.map(place, columns)


def _axes(leaf: Any) -> set[Any]:
    """The axes of a mesh along which an array is split."""
    found = getattr(leaf, "sharding", None)
    if not isinstance(found, NamedSharding):
        return set()
    parts = [part if isinstance(part, tuple) else (part,) for part in found.spec]
    return {name for part in parts for name in part if name is not None}


def _is_on(leaf: Any, mesh: Mesh) -> bool:
    found = getattr(leaf, "sharding", None)
    return isinstance(found, NamedSharding) and mesh.size > 1 and _devices(found.mesh) == _devices(mesh)


def _devices(mesh: Any) -> list[Any]:
    return np.asarray(mesh.devices).ravel().tolist()

"""Where a jaxpr reads a table, and where it gives a value a name.

One walk follows where each value comes from. A table stays a table while it is only cast, scaled, normalised or patched
with values that do not depend on integers. Its lookup is the first equation that reads it by ids: `gather`,
`dynamic_slice`, or the product with a one-hot matrix of ids. A product with any other value that depends on the input
(a tied output layer) is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxattr import _jaxpr
from jaxattr._jaxpr import Path

# Equations after which one-hot rows are still one-hot rows.
_PLUMBING = {
    "convert_element_type", "broadcast_in_dim", "reshape", "transpose", "squeeze", "expand_dims", "copy", "copy_p",
    "slice", "select_n", "sharding_constraint", "reshard", "optimization_barrier", "stop_gradient", "name",
}  # fmt: skip

# Their integers are not ids of anything.
_RANDOM = {
    "random_wrap", "random_unwrap", "random_bits", "random_fold_in", "random_split", "random_seed", "random_gamma",
    "threefry2x32", "rng_bit_generator", "rng_uniform",
}  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    Attributes:
        tables: the chosen tables that it is made of.
        ids: whether an integer input had a part in it.
        floats: whether a floating point input had a part in it.
        index: whether it holds integers, booleans, or one-hot rows of them.
    """

    tables: frozenset[int] = frozenset()
    ids: bool = False
    floats: bool = False
    index: bool = False

    @property
    def is_table(self) -> bool:
        """Whether ids have not touched it yet."""
        return bool(self.tables) and not self.ids


class Site(NamedTuple):
    """An equation whose value can be cut out.

    Attributes:
        path: indices of equations, from the outermost body inwards.
        table: the table that it reads; None for a name.
        equation: the equation.
        lengths: lengths of the scans around it, outermost first.
        single: axes of length one that a lookup of one row leaves behind, and that the cut value goes without.
        blocked: why no cut is possible here, or "".
    """

    path: Path
    table: int | None
    equation: Any
    lengths: tuple[int, ...]
    single: tuple[int, ...] = ()
    blocked: str = ""

    @property
    def written(self) -> str:
        """One line for an error message."""
        shape = self.equation.outvars[0].aval.str_short()
        steps = f", in a scan of {self.lengths} steps" if self.lengths else ""
        return f"{self.equation.primitive.name} -> {shape}{steps}, {_jaxpr.where_written(self.equation)}"


@dataclass
class Found:
    """What the walk met: lookups of tables, rows taken by slices, products with counts, names."""

    lookups: list[Site] = field(default_factory=list)
    slices: list[Site] = field(default_factory=list)
    counts: list[Site] = field(default_factory=list)
    names: dict[str, list[Site]] = field(default_factory=dict)


class _Place(NamedTuple):
    """Where the walk is: the path so far, the scans around it, and why a cut is impossible there."""

    path: Path = ()
    lengths: tuple[int, ...] = ()
    blocked: str = ""


def find(jaxpr: Any, consts: Sequence[Any], origins: Sequence[Origin]) -> Found:
    """Walk a jaxpr whose inputs have the given origins."""
    found = Found()
    _walk(jaxpr, consts, origins, _Place(), found)
    return found


def origin_of(value: Any, tables: Sequence[int] = ()) -> Origin:
    """The origin of an input or a closed-over array; single integers that are closed over are not ids."""
    integral = jnp.issubdtype(value.dtype, jnp.integer) or value.dtype == jnp.bool_
    return Origin(frozenset(tables), ids=integral and value.ndim > 0, floats=not integral, index=integral)


def _walk(jaxpr: Any, consts: Sequence[Any], origins: Sequence[Origin], place: _Place, found: Found) -> list[Origin]:
    def visit(i: int, equation: Any, origins: list[Origin]) -> list[Origin]:
        return _equation(equation, origins, place._replace(path=(*place.path, i)), found)

    return _jaxpr.walk(jaxpr, list(map(origin_of, consts)), origins, visit, literal=_origin_of_literal)


def _origin_of_literal(variable: Any) -> Origin:
    return Origin(index=not _jaxpr.is_float(variable))


def _equation(equation: Any, origins: list[Origin], place: _Place, found: Found) -> list[Origin]:
    name = equation.primitive.name
    if name == "name":
        site = Site(place.path, None, equation, place.lengths, blocked=place.blocked)
        found.names.setdefault(equation.params["name"], []).append(site)
        return origins
    if (body := _jaxpr.called(equation)) is not None:
        return _call(equation, body, origins, place, found)
    if name == "scan":
        return _scan(equation, origins, place, found)
    if inside := _jaxpr.bodies(equation):
        _blocked(equation, inside, origins, place, found)
    if table := _looked_up(equation, origins, place, found):
        return [replace(table, tables=frozenset(), ids=True, floats=True)]
    return [_mixed(name, origins, v) for v in equation.outvars]


def _mixed(name: str, origins: list[Origin], out: Any) -> Origin:
    integral = not _jaxpr.is_float(out)
    if name in _RANDOM:
        return Origin(floats=True, index=integral)
    return Origin(
        tables=frozenset().union(*(o.tables for o in origins)),
        ids=any(o.ids for o in origins),
        floats=any(o.floats for o in origins),
        index=integral or (name in _PLUMBING and all(o.index for o in origins)),
    )


def _looked_up(equation: Any, origins: list[Origin], place: _Place, found: Found) -> Origin | None:
    """The table that this equation reads by ids, recorded as a site; None if it reads none."""
    name = equation.primitive.name
    if name in ("gather", "dynamic_slice") and origins[0].is_table:
        _record(found.lookups, equation, origins[0], place, _single_rows(equation))
        return origins[0]
    if name == "slice" and origins[0].is_table:
        _record(found.slices, equation, origins[0], place)
    if name == "dot_general":
        for table, other in (origins, origins[::-1]):
            if table.is_table and other.index:
                _record(found.lookups, equation, table, place)
                return table
            if table.is_table and other.ids and not other.floats:
                _record(found.counts, equation, table, place)
    return None


def _record(sites: list[Site], equation: Any, table: Origin, place: _Place, single: tuple[int, ...] = ()) -> None:
    sites.extend(Site(place.path, t, equation, place.lengths, single, place.blocked) for t in sorted(table.tables))


def _single_rows(equation: Any) -> tuple[int, ...]:
    """Axes of the output that only say that one row was looked up."""
    sizes = zip(equation.params["slice_sizes"], equation.invars[0].aval.shape, strict=True)
    single = [axis for axis, (size, full) in enumerate(sizes) if size == 1 and full != 1]
    if equation.primitive.name == "dynamic_slice":
        return tuple(single)
    numbers = equation.params["dimension_numbers"]
    gone = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = [axis for axis in range(len(equation.params["slice_sizes"])) if axis not in gone]
    return tuple(numbers.offset_dims[kept.index(axis)] for axis in single if axis in kept)


def _call(equation: Any, body: Any, origins: list[Origin], place: _Place, found: Found) -> list[Origin]:
    if not equation.primitive.name.startswith("custom_"):
        return _walk(body[0], body[1], origins, place, found)
    before = len(found.lookups)
    outs = _walk(body[0], body[1], origins, place, found)
    depth = len(place.path)
    for k in range(before, len(found.lookups)):
        site = found.lookups[k]
        if not _ends_in_plumbing(body[0], site.path[depth:]):
            why = f"inside a function with a derivative rule of its own ({equation.primitive.name})"
            found.lookups[k] = site._replace(blocked=site.blocked or why)
    return outs


def _ends_in_plumbing(jaxpr: Any, path: Path) -> bool:
    """Whether nothing but casts and reshapes happens to the value before it leaves the body."""
    first, *inner = path
    equation = jaxpr.eqns[first]
    if inner:
        body = _jaxpr.called(equation)
        if body is None or not _ends_in_plumbing(body[0], tuple(inner)):
            return False
    touched = set(equation.outvars)
    for later in jaxpr.eqns[first + 1 :]:
        if any(not _jaxpr.is_literal(v) and v in touched for v in later.invars):
            if later.primitive.name not in _PLUMBING:
                return False
            touched.update(later.outvars)
    return True


def _scan(equation: Any, origins: list[Origin], place: _Place, found: Found) -> list[Origin]:
    body, consts = _jaxpr.body_of(equation.params["jaxpr"])
    n, k = _jaxpr.scan_sizes(equation)
    carry = origins[n : n + k]
    while True:
        outs = _walk(body, consts, [*origins[:n], *carry, *origins[n + k :]], place, Found())
        joined = [_joined(a, b) for a, b in zip(carry, outs[:k], strict=True)]
        if joined == carry:
            break
        carry = joined
    inner = place._replace(lengths=(*place.lengths, equation.params["length"]))
    return _walk(body, consts, [*origins[:n], *carry, *origins[n + k :]], inner, found)


def _joined(a: Origin, b: Origin) -> Origin:
    """What can be said of a carry that is a before the step and b after it: a table only if it is both times."""
    tables = a.tables & b.tables if a.tables and b.tables else frozenset()
    return Origin(tables, a.ids or b.ids, a.floats or b.floats, a.index and b.index)


def _blocked(equation: Any, inside: list[Any], origins: list[Origin], place: _Place, found: Found) -> None:
    """Look into bodies that no cut can enter, so that the error can name the lookup that lies there."""
    place = place._replace(blocked=place.blocked or f"inside {equation.primitive.name}")
    for body, consts in inside:
        count = len(body.invars)
        if equation.primitive.name == "while":
            inputs = _while_inputs(equation, body, origins)
        else:
            inputs = origins[len(origins) - count :] if count <= len(origins) else None
        if inputs is not None and len(inputs) == count:
            _walk(body, consts, inputs, place, found)


def _while_inputs(equation: Any, body: Any, origins: list[Origin]) -> list[Origin]:
    cond, loop = equation.params["cond_nconsts"], equation.params["body_nconsts"]
    is_loop = len(body.outvars) == len(equation.outvars) and len(body.invars) == loop + len(equation.outvars)
    consts = origins[cond : cond + loop] if is_loop else origins[:cond]
    return [*consts, *origins[cond + loop :]]

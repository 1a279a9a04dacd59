"""A function opened at a place: its jaxpr, the values that are cut, and how they are taken out and put in."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from jaxattr import _jaxpr
from jaxattr._needed import plan
from jaxattr.cutting import _select
from jaxattr.cutting._errors import CutError
from jaxattr.cutting._run import Cut, run
from jaxattr.cutting._series import in_series
from jaxattr.cutting._sites import Found, Site, find, origin_of

Steps = tuple[int | None, ...]


class Opened(NamedTuple):
    """A traced function with its cuts.

    Attributes:
        traced: the function's jaxpr and arrays.
        parts: the cuts in the order of the leaves of what `at` returned.
        pack: puts one value a cut into the structure of what `at` returned.
        unpack: takes such a structure apart.
    """

    traced: _jaxpr.Traced
    parts: list[Cut]
    pack: Callable[[Sequence[Any]], Any]
    unpack: Callable[..., list[Any]]

    def take(self) -> list[Any]:
        """The cut values, and nothing else of the function, evaluated."""
        jaxpr, paths = self.traced.jaxpr, {c.site.path for c in self.parts}
        wanted = plan(jaxpr, [False] * len(jaxpr.outvars), paths, paths, effects=False)
        cuts = {c.site.path: c for c in self.parts}
        taken = run(jaxpr, self.traced.consts, self.traced.arrays, wanted, cuts)[1]
        return [taken[c.site.path] for c in self.parts]

    def put(self, values: Sequence[Any]) -> Any:
        """The function's result with these values in the place of its own."""
        jaxpr = self.traced.jaxpr
        cuts = {c.site.path: c._replace(value=v) for c, v in zip(self.parts, values, strict=True)}
        originals = {p for p, c in cuts.items() if any(s is not None for s in c.steps)}
        wanted = plan(jaxpr, [True] * len(jaxpr.outvars), cuts, originals, effects=True)
        return self.traced.result(run(jaxpr, self.traced.consts, self.traced.arrays, wanted, cuts)[0])

    def shapes(self) -> list[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the cut values."""
        return [_shape(c) for c in self.parts]


def open_at(f: Callable[..., Any], at: Any, which: Any, step: Any, args: tuple, kwargs: dict) -> Opened:
    """Trace f afresh, find what `at` points at, and choose the occurrence and the step."""
    picked, markers = ("", []) if isinstance(at, str) else _select.select(at, f, args, kwargs)
    traced = _traced(f, args, kwargs)
    leaves = jax.tree.leaves(picked)
    tables = [[k for k, leaf in enumerate(leaves) if leaf is m] for m in markers] or [[] for _ in traced.arrays]
    origins = [origin_of(a, t) for a, t in zip(traced.arrays, tables, strict=True)]
    found = find(traced.jaxpr, traced.consts, origins)
    if isinstance(at, str):
        places = [(_named(found, at), f"gives the name {at!r}")]
    else:
        label = {k: n for n, t in zip(_select.names(f, args, kwargs), tables, strict=True) for k in t}
        places = [(_lookups(found, k, label[k]), f"reads {label[k]}") for k in range(len(leaves))]
    several = any(len(sites) > 1 for sites, _ in places)
    chosen = [None if several and len(sites) == 1 else which for sites, _ in places]  # which is for those read often
    groups = [_choose(sites, w, does) for (sites, does), w in zip(places, chosen, strict=True)]
    cuts = [[_at_step(site, step) for site in group] for group in groups]
    parts = [c for group in cuts for c in group]
    _check_step(parts, step)
    _check_series(traced.jaxpr, parts, step)
    return Opened(traced, parts, *_packing(picked, leaves, groups, chosen))


def _traced(f: Callable[..., Any], args: tuple, kwargs: dict) -> _jaxpr.Traced:
    try:
        return _jaxpr.trace(f, args, kwargs)
    except Exception as error:
        if type(error).__name__ != "TraceContextError":  # Flax NNX: a module from outside would be changed inside
            raise
        raise CutError(
            "f wants its NNX module as an argument, but it closes over a module whose dropout or batch statistics "
            "would change while f is traced. Pass the module: cut(lambda model, ids: ..., at=lambda model, ids: "
            f"model.embed.embedding[...]). Flax said: {error}"
        ) from error


def _named(found: Found, name: str) -> list[Site]:
    if name not in found.names:
        there = ", ".join(map(repr, sorted(found.names)))
        raise CutError(
            f"f gives no value the name {name!r}. It names {there or 'nothing'}. "
            f"Write x = jax.ad_checkpoint.checkpoint_name(x, {name!r}) in the model."
        )
    return found.names[name]


def _lookups(found: Found, table: int, label: str) -> list[Site]:
    def of_table(sites: list[Site]) -> list[Site]:
        return [s for s in sites if s.table == table]

    sites = of_table(found.lookups) or of_table(found.slices)
    if sites:
        return sites
    if counts := of_table(found.counts):
        raise CutError(
            f"f multiplies {label} by counts of ids ({counts[0].written}): no position has an embedding of its own to "
            "cut out. Look each id up and sum afterwards, table[ids].sum(0), or attribute to the counts."
        )
    raise CutError(
        f"f looks nothing up in {label}, the table that at points at. If f closes over its parameters, make them an "
        "argument of f; if it reads the table in another way, name the value with "
        "jax.ad_checkpoint.checkpoint_name and cut at that name."
    )


def _choose(sites: list[Site], which: Any, does: str) -> list[Site]:
    if which is None and len(sites) > 1:
        listed = "; ".join(f"{k}: {s.written}" for k, s in enumerate(sites))
        raise CutError(
            f"f {does} {len(sites)} times ({listed}). If it calls the model twice, call it once and keep the result; "
            "else choose one with which=0, or several with which=(0, 1)."
        )
    numbers = (0,) if which is None else which if isinstance(which, tuple) else (which,)
    for number in numbers:
        if number is None or not -len(sites) <= number < len(sites):
            raise CutError(f"which={number!r} wants one of the {len(sites)} times that f {does}. Count from 0.")
    chosen = [sites[n] for n in numbers]
    for site in chosen:
        if site.blocked:
            raise CutError(
                f"f {does} {site.blocked} ({site.written}), where no value can be cut out. Move it out of there, or "
                "replace the branch or loop by one that is decided while tracing (lax.scan, a Python if)."
            )
    return chosen


def _at_step(site: Site, step: Any) -> Cut:
    depth = len(site.lengths)
    if step is None or depth == 0:
        return Cut(site, (None,) * depth)
    steps = step if isinstance(step, tuple) else (step,)
    if len(steps) != depth:
        raise CutError(
            f"step={step!r} wants one step for each of the {depth} scans around the value ({site.written}). "
            f"Write step={(0,) * depth}."
        )
    for s, length in zip(steps, site.lengths, strict=True):
        if s is not None and not -length <= s < length:
            raise CutError(f"step={step!r} wants a step of a scan of {length} ({site.written}). Count from 0.")
    return Cut(site, tuple(None if s is None else s % n for s, n in zip(steps, site.lengths, strict=True)))


def _check_step(parts: list[Cut], step: Any) -> None:
    if step is not None and not any(c.steps for c in parts):
        raise CutError(f"step={step!r} chooses a step of a scan, but the value lies in none. Drop step=.")


def _check_series(jaxpr: Any, parts: list[Cut], step: Any) -> None:
    paths = [c.site.path for c in parts]
    if len(set(paths)) < len(paths):
        raise CutError(
            f"the cut wants each value once, but several parts are read by one equation ({parts[0].site.written}). "
            "Point at one of these tables, or choose different occurrences with which=."
        )
    if any(c.site.table is None for c in parts) and in_series(jaxpr, paths, across_steps=step is None):
        steps = next((c.site.lengths for c in parts if c.site.lengths), ())
        raise CutError(
            "the values at this place feed one another, and replacing all of them would cut the gradient between them. "
            + (f"Choose one of {steps[0]} steps with step=0." if steps else "Choose one of them with which=0.")
        )


def _packing(picked: Any, leaves: list[Any], groups: list[list[Site]], chosen: list[Any]) -> tuple[Callable, Callable]:
    """How a flat list of cut values becomes the structure of what `at` returned, and back."""
    sizes = [len(g) if isinstance(w, tuple) else None for g, w in zip(groups, chosen, strict=True)]

    def pack(values: Sequence[Any]) -> Any:
        rest = iter(values)
        grouped = [next(rest) if n is None else tuple(next(rest) for _ in range(n)) for n in sizes]
        if isinstance(picked, str):
            return grouped[0]
        return _select.rebuild(picked, {id(leaf): value for leaf, value in zip(leaves, grouped, strict=True)})

    template = pack(range(sum(n or 1 for n in sizes)))

    def unpack(value: Any, is_leaf: Any = None) -> list[Any]:
        wanted, tree = jax.tree.flatten(template)
        parts, came = jax.tree.flatten(value, is_leaf=is_leaf)
        if tree != came:
            raise ValueError(f"head wants the cut value as the pytree {tree}, but got {came}. Pass what embed returns.")
        return [part for _, part in sorted(zip(wanted, parts, strict=True), key=lambda pair: pair[0])]

    return pack, unpack


def _shape(cut: Cut) -> jax.ShapeDtypeStruct:
    aval = cut.site.equation.outvars[0].aval
    inner = tuple(n for axis, n in enumerate(aval.shape) if axis not in cut.site.single)
    scans = tuple(n for n, s in zip(cut.site.lengths, cut.steps, strict=True) if s is None)
    return jax.ShapeDtypeStruct(scans + inner, aval.dtype)

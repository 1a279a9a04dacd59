"""What a run depends on, as a dictionary of fields: two runs with the same give the same bits."""

import hashlib
import importlib.metadata
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxattr
from jaxattr import _checks, _jaxpr
from jaxattr.scale import _programs
from jaxattr.scale.corpus._survey import Survey

_VARYING = re.compile(r"0x[0-9a-fA-F]+|\x1b\[[0-9;]*m")  # addresses, and the colours of a program in a terminal
_WORDS = 4  # of 32 bits


def fingerprint(
    params: Any, placed: Sequence[Any], code: str, survey: Survey, options: dict[str, Any]
) -> dict[str, Any]:
    """All fields; `placed` are the arrays of the parameters where they lie on the devices."""
    return {
        "params": of_params(params, placed),
        "code": code,
        "data": survey.fingerprint,
        "options": options,
        "settings": {
            "x64": bool(jax.config.jax_enable_x64),  # pyright: ignore[reportAttributeAccessIssue]
            "matmul_precision": jax.config.jax_default_matmul_precision,  # pyright: ignore[reportAttributeAccessIssue]
        },
        "versions": {
            "jaxattr": jaxattr.__version__,
            **{name: importlib.metadata.version(name) for name in ("jax", "jaxlib")},
        },
        "device": jax.devices()[0].device_kind,
    }


def of_params(params: Any, placed: Sequence[Any] | None = None) -> str:
    """Of paths, shapes, dtypes and values, wherever they lie and however they are sharded.

    Args:
        params: a pytree.
        placed: its arrays on the devices, where they are there already.
    """
    digest = hashlib.sha256()
    there = None if placed is None else iter(placed)
    for path, leaf in jax.tree.leaves_with_path(params):
        digest.update(jax.tree_util.keystr(path).encode())
        if _checks.is_array(leaf):
            values = leaf if isinstance(leaf, jax.Array) else np.asarray(leaf)
            digest.update(f"{values.dtype}{values.shape}".encode())
            digest.update(np.asarray(_words(values if there is None else next(there))).tobytes())
        else:
            digest.update(_VARYING.sub("", repr(leaf)).encode())
    return digest.hexdigest()


def of_code(explain: Callable[..., Any], params: Any, row: dict[str, Any]) -> tuple[str, Any]:
    """Of the program that explain is for one row, with the numbers it closes over; and the shapes of its results."""
    f, *given = _programs.abstract(explain, params, row)
    closed, returned = jax.make_jaxpr(f, return_shape=True)(*given)
    digest = hashlib.sha256(_VARYING.sub("", str(closed.jaxpr)).encode())
    for value in [*closed.consts, *_constants(closed.jaxpr)]:
        digest.update(of_params(value).encode())
    return digest.hexdigest(), returned


def _constants(jaxpr: Any) -> Iterator[Any]:
    """The arrays that a jaxpr holds; its text shows them in part at best."""
    for equation in jaxpr.eqns:
        yield from (v.val for v in equation.invars if _jaxpr.is_literal(v) and np.ndim(v.val))
        for body, consts in _jaxpr.bodies(equation):
            yield from consts
            yield from _constants(body)


def _words(values: Any) -> Any:
    """Sums of the bits, mixed with their places: integers, so that the order in which a mesh adds does not matter."""
    values = jnp.asarray(values)
    if jnp.issubdtype(values.dtype, jax.dtypes.prng_key):
        values = jax.random.key_data(values)
    return jax.jit(_sums)(values)


def _sums(values: Any) -> Any:
    if values.dtype == jnp.bool_:
        values = values.astype(jnp.uint8)
    if jnp.iscomplexobj(values):
        values = jnp.stack([values.real, values.imag])
    wide = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32, 8: jnp.uint32}[values.dtype.itemsize]
    bits = jax.lax.bitcast_convert_type(values, wide).astype(jnp.uint32)  # 64 bits become two of 32
    place = jnp.zeros(bits.shape, jnp.uint32)
    for axis, size in enumerate(bits.shape):
        place = place * np.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
    return jnp.stack(
        [_mixed(bits ^ _mixed(place + np.uint32(0x9E3779B9 * (k + 1) % 2**32))).sum() for k in range(_WORDS)]
    )


def _mixed(x: Any) -> Any:
    """Spread every bit over all of a word (the finaliser of MurmurHash3, :cite:`appleby2008murmur`)."""
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)

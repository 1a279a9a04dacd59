"""Named arrays and trees of parameters in `.npz` files, without pickle."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._shared.files import whole

_ABOUT = "__about__"


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Saves named arrays and a JSON description, whole or not at all.

    Args:
      path: The `.npz` file.
      arrays: Numeric arrays by name.
      about: Anything that JSON can hold: what the arrays are, for which settings.
    """
    with whole(path) as file:
        np.savez(file, allow_pickle=False, **{**arrays, _ABOUT: np.array(json.dumps(dict(about)))})


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Loads what `save_arrays` saved.

    Args:
      path: The `.npz` file.

    Returns:
      The arrays by name, and the description.

    Raises:
      ValueError: When the file is cut short, damaged or not one of ours.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(str(arrays.pop(_ABOUT)[()]))
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(
            f"Expected a complete .npz file written by save_arrays, got {path}, which is cut short or damaged "
            f"({error}). Delete it and run again."
        ) from error
    return arrays, about


def save_params(path: Path, params: Any, about: Mapping[str, Any]) -> None:
    """Saves a tree of parameters; the name of an array is its path in the tree."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    save_arrays(path, {jax.tree_util.keystr(at): np.asarray(leaf) for at, leaf in leaves}, about)


def load_params(path: Path, like: Any) -> tuple[Any, dict[str, Any]]:
    """Loads a tree of parameters.

    Args:
      path: The file that `save_params` wrote.
      like: A tree of arrays or of `jax.ShapeDtypeStruct` with the structure, shapes and dtypes wanted.

    Returns:
      The parameters in the structure of `like`, and the description.

    Raises:
      ValueError: When the file is damaged, or holds other names, shapes or dtypes than `like`.
    """
    arrays, about = load_arrays(path)
    wanted = {jax.tree_util.keystr(at): leaf for at, leaf in jax.tree_util.tree_leaves_with_path(like)}
    expected = {name: (leaf.shape, str(leaf.dtype)) for name, leaf in wanted.items()}
    stored = {name: (leaf.shape, str(leaf.dtype)) for name, leaf in arrays.items()}
    if expected != stored:
        name = min(name for name in expected.keys() | stored.keys() if expected.get(name) != stored.get(name))
        raise ValueError(
            f"Expected {expected.get(name)} for parameter {name}, got {stored.get(name)} in {path}. "
            "The file belongs to another model: delete it and run again."
        )
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(arrays[name]) for name in wanted]), about

"""Where a figure comes from: versions, device, seed, data."""

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from typing import Any

import jax

import jaxattr

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "tensorflow-datasets")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def provenance(*, seed: int, data: str, packages: Sequence[str] = ()) -> dict[str, Any]:
    """Describes the run for a result file; no name of a user or a machine, no path.

    Args:
      seed: The seed of everything random in the run.
      data: The fingerprint of the data.
      packages: More packages whose versions are told.

    Returns:
      A dictionary for JSON.
    """
    return {
        "versions": {"python": platform.python_version(), "jaxattr": jaxattr.__version__}
        | {package: _version(package) for package in (*_PACKAGES, *packages)},
        "platform": f"{platform.system()} {platform.machine()}",
        "device": f"{jax.devices()[0].platform}: {jax.devices()[0].device_kind}",
        "devices": jax.device_count(),
        "cores": os.cpu_count(),
        "seed": seed,
        "data_sha256": data,
    }


def fingerprint(rows: Iterable[tuple[str, int]]) -> str:
    """The SHA-256 of texts with their labels, which does not depend on the order of the rows.

    Args:
      rows: Pairs of text and label.

    Returns:
      64 hexadecimal digits.

    Example:
      >>> fingerprint([("a", 0), ("b", 1)]) == fingerprint([("b", 1), ("a", 0)])
      True
    """
    digests = sorted(hashlib.sha256(f"{label}:{text}".encode()).digest() for text, label in rows)
    return hashlib.sha256(b"".join(digests)).hexdigest()

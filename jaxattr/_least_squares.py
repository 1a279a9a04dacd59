"""Least squares over coalitions: products in full precision, and whether a system determines its solution."""

from typing import Any

import jax.numpy as jnp


def product(a: Any, b: Any) -> Any:
    """The matrix product, not in the reduced precision that an accelerator takes by default."""
    return jnp.matmul(a, b, precision="highest")


def determines(system: Any) -> Any:
    """Whether a symmetric system has one solution, as far as its precision tells."""
    eigenvalues = jnp.linalg.eigvalsh(system)
    return eigenvalues[0] > 10 * len(system) * jnp.finfo(system.dtype).eps * eigenvalues[-1]

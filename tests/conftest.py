"""Settings that every test runs under: CPU with eight devices, exact products, strict promotion, leaks caught."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("KERAS_BACKEND", "jax")
# Eight devices; and programs run once, so that what makes them faster takes longer than it saves.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
)

from pathlib import Path

import hypothesis
import jax
import pytest

jax.config.update("jax_default_matmul_precision", "highest")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Deterministic examples, no deadline: XLA compiles on the first one.
hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=200, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("ci")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def x64():
    """Double precision for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def shared():
    """The folder of data sets and published cases that lies beside the checkout of a developer."""
    if not SHARED.is_dir():
        pytest.skip("the shared folder with data sets and published cases is not beside this checkout")
    return SHARED


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled_programs():
    """A worker that runs thousands of tests would keep every program of every one."""
    yield
    jax.clear_caches()

"""Settings that every test runs under: CPU with eight devices, exact products, strict promotion, leaks caught."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("KERAS_BACKEND", "jax")
# Programs run once, so that compiling is most of the time: the last quarter of it goes into machine code that is faster.
QUICK = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}"

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

"""Settings that every test runs under: CPU with eight devices, exact products, strict promotion, leaks caught."""

import gc
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

from pathlib import Path

import hypothesis
import jax
import pytest

jax.config.update("jax_default_matmul_precision", "highest")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Deterministic examples, no deadline: XLA compiles on the first one. `--hypothesis-profile=nightly` draws more.
for profile, examples in (("ci", 200), ("nightly", 2000)):
    hypothesis.settings.register_profile(
        profile,
        derandomize=True,
        deadline=None,
        max_examples=examples,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
hypothesis.settings.load_profile("ci")

SHARED = Path(__file__).resolve().parents[2] / "shared"


CORE = set(Path(__file__).with_name("core.txt").read_text(encoding="utf-8").splitlines())
ROOT = Path(__file__).resolve().parents[1]


QUICK = ("not slow", "core")


def pytest_configure(config):
    """Quick tests run a program once: optimizing it takes longer than it saves. Slow tests run what users run."""
    if config.option.markexpr in QUICK:
        os.environ["XLA_FLAGS"] += " --xla_backend_optimization_level=0"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Marks as core what `core.txt` lists: a file, a test of it, or one of the test's cases."""
    found = set()
    for item in items:
        names = {item.nodeid.partition("::")[0], item.nodeid.partition("[")[0], item.nodeid}
        if names & CORE and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.core)
            found |= names & CORE
    if config.args == config.getini("testpaths") and found != CORE:
        raise pytest.UsageError(f"tests/core.txt lists what is no test, or a slow one: {sorted(CORE - found)}")


def pytest_collection_finish():
    """What thousands of tests are made of stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path, config):
    """`-m core` does not import the files of other tests, which takes longer than the core tests do."""
    if config.option.markexpr == "core" and collection_path.suffix == ".py":
        files = {ROOT / line.partition("::")[0] for line in CORE}
        return (collection_path.name.startswith("test_") and collection_path not in files) or None
    return None


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
def _forget_compiled_programs(request):
    """A worker that runs thousands of tests would keep every program of every one."""
    yield
    if request.config.option.markexpr != "core":
        jax.clear_caches()

"""Importing the package: quick, quiet, light; and what no source file may hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jaxattr

PACKAGE = Path(jaxattr.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = (
    "flax",
    "matplotlib",
    "rich",
    "tensorflow",
    "tensorflow_datasets",
    "keras",
    "equinox",
    "optax",
    "pandas",
    "IPython",
)
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def imported(tree: ast.AST) -> set[str]:
    """Every module that a source file imports, at any depth."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_import_is_quiet_and_light():
    code = f"import sys, jaxattr; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_import_leaves_the_settings_and_the_devices_alone():
    code = (
        "import jax; before = dict(jax.config.values); import jaxattr; assert before == dict(jax.config.values);"
        "from jax.extend import backend; print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout == "ok\n"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_source_files(path):
    """No private part of JAX, no pickle, no evaluation of strings; the core imports jax and numpy alone at the top."""
    text = path.read_text()
    tree = ast.parse(text)
    names = imported(tree)
    assert not any(name.startswith("jax._src") for name in names)
    assert "jax._src" not in text
    assert not {name.split(".")[0] for name in names} & PICKLES
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & {"eval", "exec", "compile"}
    assert "allow_pickle=True" not in text
    outside = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom, ast.Try))]
    top = {name.split(".")[0] for name in imported(ast.Module(outside, []))}
    assert top <= set(sys.stdlib_module_names) | {"jax", "numpy", "jaxattr"}


def test_the_version_is_that_of_the_packaging():
    pyproject = (PACKAGE.parent / "pyproject.toml").read_text()
    assert f'version = "{jaxattr.__version__}"' in pyproject

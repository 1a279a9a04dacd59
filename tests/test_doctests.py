"""The examples in the docstrings run and print what they say; each public function has one."""

import doctest
import importlib
import inspect
import pkgutil

import jax
import jax.numpy as jnp
import pytest

import jaxattr as ja
from experiments._shared.public import public_names

MODULES = sorted({"jaxattr", *(m.name for m in pkgutil.walk_packages(ja.__path__, "jaxattr."))})


PUBLIC = {
    path.removeprefix("jaxattr."): value
    for path, value in public_names()
    if inspect.isfunction(value) or inspect.isclass(value)  # tables of rules and types have no docstring of their own
}


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    failures, _ = doctest.testmod(
        importlib.import_module(module),
        extraglobs={"jax": jax, "jnp": jnp, "ja": ja},
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert failures == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented_with_an_example(name):
    value = PUBLIC[name]
    text = inspect.getdoc(value)
    assert text, "a docstring"
    if inspect.isclass(value):
        return
    assert "Example:" in text
    assert ">>> " in text
    assert "Returns:" in text
    parameters = [p for p in inspect.signature(value).parameters if not p.startswith("_")]
    for parameter in parameters:
        assert f"{parameter}:" in text, f"{parameter} is described under Args"


def test_there_are_public_names_to_look_at():
    assert {"gradient", "scores.log_prob", "metrics.completeness_gap", "masks.windows"} <= set(PUBLIC)

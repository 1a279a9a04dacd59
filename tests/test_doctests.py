"""The examples in the docstrings run and print what they say; each public function has one."""

import doctest
import importlib
import inspect
import pkgutil

import jax
import jax.numpy as jnp
import pytest

import jaxattr as ja

MODULES = sorted({"jaxattr", *(m.name for m in pkgutil.walk_packages(ja.__path__, "jaxattr."))})


def public():
    """Every public function and class: of the package, and of the modules that are themselves public names."""
    for name, value in vars(ja).items():
        if name.startswith("_"):
            continue
        if inspect.ismodule(value):
            for inner, member in vars(value).items():
                if inspect.isfunction(member) and not inner.startswith("_") and member.__module__.startswith("jaxattr"):
                    yield f"{name}.{inner}", member
        else:
            yield name, value


PUBLIC = dict(public())


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

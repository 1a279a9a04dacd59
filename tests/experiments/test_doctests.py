"""The examples in the docstrings of the experiments."""

import doctest
import importlib

import pytest

MODULES = ["experiments._shared.words", "experiments._shared.provenance", "experiments.quickstart.data"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed

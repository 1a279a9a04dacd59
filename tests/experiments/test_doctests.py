"""The examples in the docstrings of the experiments."""

import doctest
import importlib

import pytest

MODULES = [
    "experiments._shared.words",
    "experiments._shared.provenance",
    "experiments.quickstart.data",
    "experiments.pretrained.model",
    "experiments._shared.agreement",
    "experiments._shared.bags",
    "experiments._shared.by_word",
    "experiments._shared.linear",
    "experiments._shared.tables",
    "experiments._shared.record",
    "experiments.imdb_corpus.job",
    "experiments.imdb_corpus.overhead",
    "experiments.imdb_corpus.tally",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed

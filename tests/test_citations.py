"""The bibliography and those who cite from it: no key without an entry, no entry that nobody cites."""

import re
from pathlib import Path

import pytest

import jaxattr as ja
from jaxattr.citations import bibliography

ROOT = Path(ja.__file__).parent.parent
CITED = re.compile(r"(?::cite(?::\w+)?:|\{cite(?::\w+)?\})`([^`]+)`")


def cited():
    """Every key with the files that cite it: the package, the experiments and the documentation."""
    found = {}
    for folder, ending in (("jaxattr", "py"), ("experiments", "py"), ("docs", "md")):
        for path in (ROOT / folder).rglob(f"*.{ending}"):
            for keys in CITED.findall(path.read_text(encoding="utf-8")):
                for key in keys.split(","):
                    found.setdefault(key.strip(), set()).add(str(path.relative_to(ROOT)))
    return found


def test_every_key_has_an_entry():
    entries = bibliography()
    assert {key: files for key, files in cited().items() if key not in entries} == {}


def test_every_entry_is_cited():
    assert sorted(bibliography().keys() - cited().keys()) == []


def test_entries_are_whole():
    for key, entry in bibliography().items():
        assert re.match(rf"@\w+\{{{re.escape(key)},", entry)
        assert entry.count("{") == entry.count("}")


def test_the_example_in_the_message_is_a_method_that_cites():
    with pytest.raises(ValueError, match="For example") as caught:
        ja.cite("no_such_method")
    (name,) = re.findall(r'cite\("([\w.]+)"\)', str(caught.value))
    assert ja.cite(name)

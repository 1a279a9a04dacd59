"""Every cell of the documentation runs, page by page in one process; the site finds a public name that it lacks."""

import importlib
import re
import sys
from pathlib import Path

import jax
import matplotlib as mpl
import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = re.compile(r"\A(?::.*\n)+\n?")
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if "_build" not in page.parts)


def cells(page):
    """The code of the cells; a magic of Jupyter says nothing here."""
    for cell in CELL.findall((DOCS / page).read_text(encoding="utf-8")):
        yield "\n".join(line for line in OPTIONS.sub("", cell).splitlines() if not line.startswith("%"))


@pytest.mark.parametrize("page", [page for page in PAGES if any(cells(page))])
def test_cells_run(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    with jax.numpy_rank_promotion("allow"), mpl.rc_context({"backend": "agg"}):
        for cell in cells(page):
            exec(compile(cell, page, "exec"), namespace)


def test_the_pages_are_there():
    assert {"start.md", "choose.md", "methods/integrated_gradients.md", "howto/linen.md", "wrong.md"} <= set(PAGES)


def test_every_page_is_executed_by_the_site():
    """A page with cells that does not say so would be shown with no output."""
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        assert text.startswith("---\nfile_format: mystnb\n") == bool(CELL.search(text)), page


@pytest.fixture
def complete(monkeypatch):
    """The extension of the site that knows its public names."""
    monkeypatch.setattr(sys, "path", [str(DOCS / "_extensions"), *sys.path])
    return importlib.import_module("complete")


def test_a_public_name_without_an_entry_is_found(complete):
    names = dict(complete.public_names())
    assert {"jaxattr.integrated_gradients", "jaxattr.shapley.exact", "jaxattr.propagation.DEEPLIFT"} <= set(names)
    assert complete.undocumented(names) == []
    assert complete.undocumented(set(names) - {"jaxattr.smooth"}) == ["jaxattr.smooth"]
    alias = set(names) - {"jaxattr.completeness_gap"}
    assert complete.undocumented(alias) == [], "metrics.completeness_gap is the same function"

"""Every cell of the documentation runs, page by page in one process; the site finds a public name that it lacks."""

import importlib
import re
import runpy
import subprocess
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


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning")  # Keras, of its own training step
@pytest.mark.parametrize("page", [page for page in PAGES if any(cells(page))])
def test_cells_run(page, monkeypatch, tmp_path):
    if any("from IPython" in cell for cell in cells(page)):
        pytest.importorskip("IPython", reason="comes with the extra docs")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__", "display": repr}  # a notebook has it, and shows what it is given
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


def test_a_page_with_cells_links_to_itself_as_a_notebook(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS / "_extensions"), *sys.path])
    with_link = importlib.import_module("notebook").with_link
    assert with_link("ideas", "text") == "text"
    assert with_link("methods/smooth", "```{code-cell}\n1\n```").endswith("<smooth.ipynb>`\n")


@pytest.mark.slow
def test_the_notebooks_of_the_gallery_run_in_jupyter(tmp_path):
    """As the site gives them to its reader: JSON without outputs, in a kernel and a folder of their own."""
    for module in ("myst_nb", "furo", "sphinxcontrib.bibtex"):
        pytest.importorskip(module, reason="comes with the extra docs")
    import nbclient
    import nbformat

    site = "-m sphinx -q -W -D nb_execution_mode=off".split()
    subprocess.run([sys.executable, *site, str(DOCS), str(tmp_path / "html")], check=True)
    notebooks = {path.stem: path for path in (tmp_path / "html/_downloads").rglob("*.ipynb")}
    assert set(notebooks) == {Path(page).stem for page in PAGES if any(cells(page))}
    for page in (Path(page).stem for page in PAGES if page.startswith("experiments/") and any(cells(page))):
        notebook = nbformat.read(notebooks[page], as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert code
        assert not any(cell.outputs for cell in code)
        nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
        assert any(cell.outputs for cell in code), page


SHELL = re.compile(r"^```(?:sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PARTS = {"speed", "propagation", "perturbation", "deletion"}  # of the benchmarks, each with flags of its own
COMMAND = re.compile(r"^(?:\.venv/bin/)?python -m (experiments\S*)(.*?)(?:#.*)?$", re.MULTILINE)


def commands():
    """What the documentation tells to run: the module and its words."""
    for page in [DOCS.parent / "README.md", DOCS.parent / "experiments/README.md", *(DOCS / page for page in PAGES)]:
        for block in SHELL.findall(page.read_text(encoding="utf-8")):
            for module, words in COMMAND.findall(block):
                yield module, tuple(words.split())


@pytest.mark.parametrize("module", sorted({module for module, _ in commands()}))
def test_commands_are_there_with_their_flags(module, monkeypatch, capsys):
    """Each is asked for its help; a flag that a page shows has to stand in it."""
    shown = {words for name, words in commands() if name == module}
    for part in sorted({words[:1] if {*words[:1]} & PARTS else () for words in shown}):
        monkeypatch.setattr(sys, "argv", [module, *part, "--help"])
        monkeypatch.delitem(sys.modules, f"{module}.__main__", raising=False)  # other tests import it
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(f"{module}.__main__", run_name="__main__", alter_sys=True)
        text = capsys.readouterr().out
        assert not ended.value.code
        flags = {word for words in shown if words[: len(part)] == part for word in words if word.startswith("--")}
        assert flags <= set(re.findall(r"--[\w.-]+", text)), module

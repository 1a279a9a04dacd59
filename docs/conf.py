"""Settings of the documentation: every block is executed, every warning is an error."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

project = "jaxattr"
author = copyright = "The jaxattr developers"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinxcontrib.bibtex",
    "complete",
    "notebook",
    "source",
]
exclude_patterns = ["_build", "_extensions", "jupyter_execute"]
bibtex_bibfiles = ["../jaxattr/references.bib"]
bibtex_reference_style = "author_year"
autosummary_generate = True
autodoc_typehints = "none"
myst_enable_extensions = ["dollarmath", "colon_fence"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables that cells make
suppress_warnings = [
    "mystnb.unknown_mime_type",
    "myst-nb.lexer",  # a cell that is not executed does not say its language
]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["jaxattr.css"]
html_title = "jaxattr"


def mathematics(app, what, name, obj, options, lines):
    """Docstrings write display formulas between double dollars; Sphinx wants a directive."""
    out, inside = [], False
    for line in lines:
        text = line.strip()
        if text.startswith("$$") and not inside:
            indent = line[: len(line) - len(line.lstrip())]
            out += ["", f"{indent}.. math::", ""]
            text, inside = text[2:], True
        if inside:
            ends = text.endswith("$$")
            out.append(f"{indent}   {text.removesuffix('$$')}")
            if ends:
                out.append("")
                inside = False
        else:
            out.append(line)
    lines[:] = [_inline(line) for line in out]


def _inline(line):
    parts = line.split("$")
    if len(parts) < 3 or len(parts) % 2 == 0:
        return line
    return "".join(f":math:`{p}`" if k % 2 else p for k, p in enumerate(parts))


def setup(app):
    app.connect("autodoc-process-docstring", mathematics, priority=400)

"""The directive `source`: quotes the code of a public function without its docstring."""

import ast
import importlib
import inspect
import textwrap

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


def code_of(name: str) -> str:
    """The code of `jaxattr.name`, docstring left out."""
    value = importlib.import_module("jaxattr")
    for part in name.split("."):
        value = getattr(value, part)
    code = textwrap.dedent(inspect.getsource(value))
    definition = ast.parse(code).body[0]
    if ast.get_docstring(definition) is None:
        return code
    docstring, lines = definition.body[0], code.splitlines()
    return "\n".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])


class Source(SphinxDirective):
    """Literal code of each name that is given."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        blocks = []
        for name in self.arguments[0].split():
            block = nodes.literal_block(code := code_of(name), code)
            block["language"] = "python"
            blocks.append(block)
        return blocks


def setup(app):
    app.add_directive("source", Source)
    return {"parallel_read_safe": True}

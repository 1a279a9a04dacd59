"""Each page with cells ends with a link to itself as a notebook, which runs in Jupyter as it is."""


def with_link(docname, text):
    """The source of a page, with the link where the page has cells."""
    if "```{code-cell}" not in text:
        return text
    return f"{text}\n\n{{nb-download}}`This page as a notebook <{docname.rpartition('/')[2]}.ipynb>`\n"


def add(_app, docname, source):
    source[0] = with_link(docname, source[0])


def setup(app):
    app.connect("source-read", add)
    return {"parallel_read_safe": True}

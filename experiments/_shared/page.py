"""A stand-alone HTML page: no script, no network, every text escaped."""

import base64
import html
from collections.abc import Iterable, Sequence
from typing import NewType

Html = NewType("Html", str)

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f23; --soft: #5d6670; --line: #d9dee3; --paper: #fdfdfc; --card: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaec; --soft: #a2abb3; --line: #3a4148; --paper: #16191c; --card: #1d2125; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 58rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; }
p.plain, p.soft { margin: .5rem 0; max-width: 46rem; }
p.soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table.figures { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
table.figures th, table.figures td { padding: .4rem .9rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
table.figures th:first-child, table.figures td:first-child { text-align: left; padding-left: 0; }
table.figures thead th { color: var(--soft); font-weight: 600; }
section.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem 1.2rem 1.1rem; margin: 1rem 0; }
img.drawn { display: block; max-width: 100%; margin: .8rem 0; border-radius: .4rem; }
section.card h3 { font-size: 1rem; margin: 0 0 .5rem; }
"""


def text(words: str, *, soft: bool = False) -> Html:
    """A paragraph."""
    kind = "soft" if soft else "plain"
    return Html(f'<p class="{kind}">{html.escape(words)}</p>')


def heading(words: str) -> Html:
    """A heading of a section."""
    return Html(f"<h2>{html.escape(words)}</h2>")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """A table of figures; the first column holds names."""

    def line(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return Html(
        f'<div class="scroll"><table class="figures"><thead>{line(head, "th")}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def card(title: str, content: Html) -> Html:
    """A framed part with a small heading."""
    return Html(f'<section class="card"><h3>{html.escape(title)}</h3>{content}</section>')


def image(content: bytes, alternative: str) -> Html:
    """A picture inside the page.

    Args:
      content: A PNG file.
      alternative: What readers without the picture are told.

    Returns:
      The picture, as wide as the page allows.
    """
    data = base64.b64encode(content).decode()
    return Html(f'<img class="drawn" alt="{html.escape(alternative)}" src="data:image/png;base64,{data}">')


def page(title: str, parts: Iterable[Html]) -> str:
    """The whole page.

    Args:
      title: The title, shown as the first heading too.
      parts: What the functions of this module or a renderer of pictures gave.

    Returns:
      One HTML document.
    """
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )

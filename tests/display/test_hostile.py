"""Hostile texts in every field of every renderer."""

import io
import re
import unicodedata
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from jaxattr.display import _latex, _save, _terminal, gallery, picture, visible
from tests.display import payloads


def _names(line):
    return set(line.split())


ELEMENTS = _names("html head meta title body div style p br bdi span sub i details summary table tr th td")
ATTRIBUTES = {
    "class": re.compile(r"(jaxattr ja-(signed|sizes)|ja-(title|legend|label|words)|ja-[pn]\d+( ja-x)?( ja-s)?)"),
    "style": re.compile(r"background-color:#[0-9a-f]{6};color:#(000|fff)"),
    "title": re.compile(r"[-+]?\d+(\.\d+)?(e[-+]\d+)?|NaN|[-+]inf"),
    "dir": re.compile(r"ltr|rtl"),
    "lang": re.compile("und"),
}
EMPTY = ("meta", "br")


class Reader(HTMLParser):
    """Reads a page as strictly as can be: what is not expected is recorded as foreign."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.foreign, self.open, self.texts, self.words = [], [], [], []
        self.fields = {"ja-title": [], "ja-label": [], "ja-legend": [], "title": []}
        self.feed(page)
        self.close()
        if self.open:
            self.foreign.append(("left open", self.open))

    def handle_starttag(self, tag, attrs):
        if tag not in ELEMENTS:
            self.foreign.append(tag)
        for name, value in attrs:
            if tag != "meta" and not (name in ATTRIBUTES and ATTRIBUTES[name].fullmatch(value or "")):
                self.foreign.append((tag, name, value))
        if tag not in EMPTY:
            names = [value for name, value in attrs if name == "class"]
            self.open.append((tag, names[0] if names else ""))
        if tag == "bdi" and self._inside("ja-words"):
            self.words.append("")
        for field in self.fields:
            if self.open and field in self.open[-1]:
                self.fields[field].append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()[0] != tag:
            self.foreign.append(("closed", tag))

    def _inside(self, name):
        return any(name in both for both in self.open)

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "bdi" and self._inside("ja-words"):
            self.words[-1] += data
        for field in self.fields:
            if self._inside(field):
                self.fields[field][-1] += data

    def handle_comment(self, data):
        self.foreign.append(("comment", data))

    def handle_decl(self, decl):
        if decl != "DOCTYPE html":
            self.foreign.append(("declaration", decl))

    def handle_pi(self, data):
        self.foreign.append(("instruction", data))

    def unknown_decl(self, data):
        self.foreign.append(("declaration", data))


def everywhere(payload):
    """A gallery with the payload in every field that a user writes."""

    class Encoding:
        word_ids, offsets = [0, 1], [(0, 1), (1 + len(payload), 2 + len(payload))]

    plain = picture([payload, "x", payload], {payload: [0.5, -1.0, float("nan")]}, title=payload, name=payload)
    special = picture([payload, "a"], [1.0, 0.25], words=[None, 0], title="magnitudes", name=payload, signed=False)
    between = picture(
        ["a", "b"], [1.0, 2.0], words=Encoding(), text=f"a{payload}b{payload}", title=payload, name=payload
    )
    joined = picture(["a", "b"], [1.0, 2.0], joiner=payload, name=payload)
    return gallery([plain, special, between, joined], title=payload)


def places(payload):
    """In how many places a payload is seen at least: spaces between words stay spaces, and empty names are left out."""
    return 7 if payload.strip() else 6 if payload else 3


WORDS = ["x", "a", "a", "b", "a", "b"]


@pytest.mark.parametrize("payload", payloads.ALL)
@pytest.mark.parametrize("form", ["page", "fragment"])
def test_html_has_nothing_foreign_and_every_text_comes_back(payload, form):
    drawn = everywhere(payload)
    html = drawn.html() if form == "page" else drawn._repr_html_()
    html.encode("utf-8")
    read = Reader(html)
    shown = visible(payload)
    assert read.foreign == []
    assert [word for word in read.words if word not in WORDS] == ([shown] * 3 if shown not in WORDS else [])
    assert f"{shown} · {shown}" in read.fields["ja-label"] or not payload
    assert read.fields["ja-legend"][0].startswith(shown + ": ")
    if payload:
        assert read.fields["ja-title"] == [shown]
    if form == "page":
        assert read.fields["title"][0] == (shown if payload else visible(drawn.sheet.name))
    assert not re.search(r"https?:|//|@import|url\(", re.search(r"<style>(.*?)</style>", html)[1])


def test_the_reader_sees_foreign_elements():
    for bad in ("<script>1</script>", "<p onclick=x></p>", "<!-- x -->", "<p>", "</p>", '<p style="color:red"></p>'):
        assert Reader(bad).foreign, bad


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=12), min_size=1, max_size=5))
def test_html_of_any_text_comes_back(tokens):
    read = Reader(picture(tokens, [0.5] * len(tokens), title="".join(tokens)).html())
    assert read.foreign == []
    assert read.words == [visible(token) for token in tokens]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters()))
def test_visible_text_has_no_control(text):
    shown = visible(text)
    assert shown
    shown.encode("utf-8")
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not set(shown) & set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


COMMANDS = _names(
    "par begingroup endgroup setlength fboxsep raggedright noindent textbf small smallskip nobreak strut allowbreak "
    "newline colorbox fbox color textit textsubscript textsuperscript hspace ensuremath texttt symbol textbackslash "
    "textasciitilde textasciicircum textless textgreater textbar textasciigrave hookleftarrow mapsto sqcup langle "
    "rangle circ cdot"
)
BACK = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\symbol{34}": '"',
    r"\textasciigrave{}": "`",
    r"\ensuremath{\hookleftarrow}": "↵",
    r"\ensuremath{\mapsto}": "⇥",
    r"\ensuremath{\sqcup}": "␣",
    r"\ensuremath{\langle}": "⟨",
    r"\ensuremath{\rangle}": "⟩",
    r"\ensuremath{\circ}": "◌",
    r"\ensuremath{\cdot}": "·",
    r"\textsuperscript{+}": "⁺",
    r"\textsuperscript{\ensuremath{-}}": "⁻",
    r"\texttt{U+007F}": "␡",
    "{[}": "[",
    "{]}": "]",
} | {rf"\texttt{{U+{i:04X}}}": chr(0x2400 + i) for i in range(32)}


def unescape(latex):
    """Read escaped LaTeX back to text, written apart from the escapes."""
    for written, meant in BACK.items():
        latex = latex.replace(written, f"\ue000{ord(meant):x}\ue001")
    latex = re.sub(r"\\([{}#$%&_])", lambda m: f"\ue000{ord(m[1]):x}\ue001", latex)
    latex = re.sub(r"(['\-,*])\{\}", r"\1", latex)
    assert not set(latex) & set("\\{}#$%&_~^"), latex
    return re.sub(r"\ue000([0-9a-f]+)\ue001", lambda m: chr(int(m[1], 16)), latex)


@pytest.mark.parametrize("payload", payloads.ALL)
def test_latex_runs_nothing_and_every_text_comes_back(payload):
    assert unescape(_latex.escape(payload)) == visible(payload)
    latex = everywhere(payload).latex()
    body = "\n".join(line.removesuffix("%") for line in latex.splitlines() if not line.startswith("% "))
    bare = body.replace(r"\\", "\ue002")
    assert set(re.findall(r"\\([A-Za-z]+)", bare)) <= COMMANDS
    assert set(re.findall(r"\\([^A-Za-z])", bare)) <= set("{}#$%&_")
    plain = re.sub(r"\\[{}#$%&_]", "", body)
    assert not set(plain) & set("#$%&_~^")
    assert "\ue002" not in bare
    depth = 0
    for c in plain:
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0
    assert latex.count(_latex.escape(payload)) >= places(payload)


def test_latex_braces_what_a_command_before_it_would_read():
    assert _latex.escape("[2pt]*") == "{[}2pt{]}*{}"


def on_terminal(drawn, dark=True):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="truecolor", width=200, highlight=False)
    console.print(_terminal.colours(drawn.sheet, dark=dark))
    return stream.getvalue()


@pytest.mark.parametrize("payload", payloads.ALL)
def test_terminal_gets_only_our_colours_and_every_text_comes_back(payload):
    drawn = everywhere(payload)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(drawn))
    for written in (bare, drawn.text(columns=200)):
        assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in written)
        assert written.count(visible(payload)) >= places(payload)
    codes = {code for run in re.findall(r"\x1b\[([0-9;]*)m", on_terminal(drawn)) for code in run.split(";")}
    assert codes <= {str(i) for i in range(256)}


def test_svg_has_nothing_foreign():
    """Every payload is a word, and the worst are titles too; mathematics and TeX are never read."""
    fields = "".join(payloads.MARKUP[:3] + payloads.TEX)
    tokens = payloads.MARKUP + payloads.TEX + payloads.TERMINAL
    drawn = picture(tokens, {fields: range(1, len(tokens) + 1)}, title=fields, name=fields)
    svg = _save.content(drawn.sheet, ".svg", k=len(tokens)).decode()
    allowed = _names("svg metadata RDF Work type format creator Agent title defs style g path use clipPath rect")
    for element in ET.fromstring(svg).iter():
        assert element.tag.rpartition("}")[2] in allowed
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            if name.endswith("href"):
                assert value.startswith("#")


def test_bars_show_the_texts_as_they_are():
    tokens = [t for t in payloads.TEX + payloads.MARKUP if len(t) <= 24]
    figure = picture(tokens, range(1, len(tokens) + 1)).bars(k=len(tokens))
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == tokens[::-1]
    assert not any(label.get_parse_math() or label.get_usetex() for label in labels)

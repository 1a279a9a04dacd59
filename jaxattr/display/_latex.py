"""A picture as a fragment of LaTeX."""

from collections.abc import Iterator

from jaxattr.display._palette import LEVELS, MINUS, PLUS, colour, ink
from jaxattr.display._rows import Row, Sheet
from jaxattr.display._visible import ends_line, gap_parts, visible

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",
    "`": r"\textasciigrave{}",
    "'": "'{}",  # the braces keep letters apart that a font would join
    "-": "-{}",
    ",": ",{}",
    "*": "*{}",
    "[": "{[}",
    "]": "{]}",
    "↵": r"\ensuremath{\hookleftarrow}",
    "⇥": r"\ensuremath{\mapsto}",
    "␣": r"\ensuremath{\sqcup}",
    "⟨": r"\ensuremath{\langle}",
    "⟩": r"\ensuremath{\rangle}",
    "◌": r"\ensuremath{\circ}",
    "·": r"\ensuremath{\cdot}",
    "␡": r"\texttt{U+007F}",
    PLUS: r"\textsuperscript{+}",
    MINUS: r"\textsuperscript{\ensuremath{-}}",
} | {chr(0x2400 + i): rf"\texttt{{U+{i:04X}}}" for i in range(32)}

_HEAD = """\
% Needs \\usepackage{xcolor} in the preamble.
% Letters beyond those of Latin scripts need xelatex or lualatex and a font that has them.
"""


def fragment(sheet: Sheet) -> str:
    """Write a picture as a group of paragraphs that can stand anywhere in a document."""
    lines = [_HEAD + r"\par\begingroup\setlength{\fboxsep}{1.5pt}\raggedright"]
    if sheet.title:
        lines.append(rf"\noindent\textbf{{{escape(sheet.title)}}}\par")
    lines.append(_legend(sheet))
    for row in sheet.rows:
        if row.label:
            lines.append(rf"\smallskip\noindent\textbf{{\small {escape(row.label)}}}\par\nobreak")
        lines.append(r"\noindent\strut" + "%\n" + "".join(_words(row, sheet)) + r"\par")
    lines.append(r"\endgroup")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Write any text so that LaTeX prints it and runs none of it."""
    return "".join(_ESCAPES.get(c, c) for c in visible(text))


def _words(row: Row, sheet: Sheet) -> Iterator[str]:
    for i, word in enumerate(row.words):
        space, breaks, letters = gap_parts(row.gaps[i])
        yield "\\newline\n" if breaks else "\n" if space else "\\allowbreak{}%\n" if i else ""
        yield escape(letters.strip()) + "\n" if letters else ""
        yield _box(word, row.numbers[i], row.special[i], sheet)
        if ends_line(word):
            yield "\\newline{}"


def _box(word: str, number: float, special: bool, sheet: Sheet) -> str:
    shown = escape(word)
    shown = rf"\textit{{{shown}}}" if special else shown
    level = sheet.scale.level(number)
    mark = sheet.scale.mark(number)
    if level is None:
        return rf"\fbox{{\strut {shown}\textsubscript{{{escape(mark)}}}}}"
    return _paint(level, sheet.scale.signed, rf"\strut {shown}{escape(mark) if mark else ''}")


def _paint(level: int, signed: bool, inside: str) -> str:
    background = colour(level / LEVELS, signed=signed)
    letters = "000000" if ink(background) == "#000" else "FFFFFF"
    return rf"\colorbox[HTML]{{{background[1:].upper()}}}{{\color[HTML]{{{letters}}}{inside}}}"


def _legend(sheet: Sheet) -> str:
    scale = sheet.scale
    strip = "".join(_paint(step, scale.signed, r"\strut\hspace{0.4em}") for step in scale.steps(4))
    return (
        rf"\noindent{{\small {escape(sheet.name)}: {escape(scale.ends[0])} {strip} {escape(scale.ends[-1])} "
        rf"({escape(scale.meaning)})}}\par"
    )

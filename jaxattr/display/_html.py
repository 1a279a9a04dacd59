"""A picture as HTML: no script, no network, no identifiers, every text escaped.

The light colours stand at each word, so that they survive where a host takes style sheets away. The style sheet, bound
to one class, adds the marks of the signs and the dark colours.
"""

import functools
import html
from collections.abc import Iterator, Sequence
from itertools import groupby

from jaxattr.display._palette import LEVELS, MINUS, PLUS, colour, ink
from jaxattr.display._rows import Row, Sheet
from jaxattr.display._visible import direction, ends_line, gap_parts, visible

_LONG = 2000  # a longer picture is folded in a notebook

_LAYOUT = """
.jaxattr{color-scheme:light dark;background-color:#f9f9f9;color:#111;padding:.8em 1em;border-radius:6px;line-height:2.1;
font-family:system-ui,sans-serif;font-size:16px;text-align:start;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.jaxattr p{margin:0 0 .3em;overflow-wrap:anywhere}
.jaxattr .ja-title{font-weight:600;font-size:1.1em}
.jaxattr .ja-legend,.jaxattr details{font-size:.82em;line-height:1.6}
.jaxattr .ja-label{font-weight:600;font-size:.82em;line-height:1.4;margin-top:1em}
.jaxattr .ja-words bdi{display:inline-block;position:relative;box-sizing:border-box;max-width:100%;white-space:pre-wrap;
line-height:1.45;padding:.05em .75em .05em .3em;border-radius:3px;vertical-align:baseline}
.jaxattr .ja-words bdi:dir(rtl){padding:.05em .3em .05em .75em}
.jaxattr .ja-words bdi::after{position:absolute;inset-block-start:0;inset-inline-end:.1em;
width:.8em;text-align:center;font:bold .75em/1.3 sans-serif}
.jaxattr .ja-s{font-style:italic}
.jaxattr .ja-x{border:1px dashed;background-image:repeating-linear-gradient(135deg,#0003 0 2px,#0000 2px 6px)}
.jaxattr sub{font-size:.7em;font-weight:bold;margin-inline-start:.25em}
.jaxattr .ja-legend i{display:inline-block;width:.9em;height:1em;vertical-align:-.15em}
.jaxattr table{border-collapse:collapse;background-color:inherit;color:inherit}
.jaxattr th,.jaxattr td{padding:0 .7em 0 0;text-align:start;font-weight:400;background-color:inherit;color:inherit}
.jaxattr td{font-variant-numeric:tabular-nums}
""".replace("\n", "")


def fragment(sheet: Sheet) -> str:
    """Write a picture as a piece of HTML that can stand in any page. A long one is folded."""
    count = sum(len(row.words) for row in sheet.rows)
    body = "".join(_body(sheet))
    if count > _LONG:
        body = f"<details><summary>{count:,} words</summary>{body}</details>"
    return f'<div class="{_class(sheet)}"><style>{_sheet(sheet.scale.signed)}</style>{_head(sheet)}{body}</div>'


def page(sheet: Sheet) -> str:
    """Write a picture as an HTML page that needs nothing else."""
    return (
        '<!DOCTYPE html>\n<html lang="und"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{_text(sheet.title or sheet.name)}</title></head><body>"
        f'<div class="{_class(sheet)}"><style>{_sheet(sheet.scale.signed)}</style>{_head(sheet)}'
        f"{''.join(_body(sheet))}</div></body></html>\n"
    )


def _class(sheet: Sheet) -> str:
    """Write the classes that bind the style sheet: pictures of both kinds may stand in one page."""
    return f"jaxattr {_kind(sheet.scale.signed)}"


def _kind(signed: bool) -> str:
    return "ja-signed" if signed else "ja-sizes"


def _text(text: str) -> str:
    return html.escape(visible(text), quote=True)


def _head(sheet: Sheet) -> str:
    """Write the title and the legend."""
    scale = sheet.scale
    steps = scale.steps(2)
    swatches = [f"<i{_colours(level, scale.signed)}></i>" for level in steps]
    middle = "".join(swatches[: len(steps) // 2 + 1]) if scale.signed else ""
    strip = f"{middle} 0 {''.join(swatches[len(steps) // 2 :])}" if scale.signed else "".join(swatches)
    title = f'<p class="ja-title">{_text(sheet.title)}</p>' if sheet.title else ""
    return (
        f'{title}<p class="ja-legend"><bdi>{_text(sheet.name)}</bdi>: {scale.ends[0]} {strip} {scale.ends[-1]}'
        f"<br>{scale.meaning.replace(PLUS, '+').replace(MINUS, '−')}</p>"
    )


def _colours(level: int, signed: bool, *more: str) -> str:
    """Write the attributes of one step of the palette."""
    background = colour(level / LEVELS, signed=signed)
    names = " ".join((_name(level), *more))
    return f' class="{names}" style="background-color:{background};color:{ink(background)}"'


def _name(level: int) -> str:
    return f"ja-{'n' if level < 0 else 'p'}{abs(level)}"


def _body(sheet: Sheet) -> Iterator[str]:
    """Write the rows, and after those of each text a table of its numbers."""
    for _, group in groupby(sheet.rows, key=lambda row: (row.text, row.words)):
        rows = list(group)
        for row in rows:
            if row.label:
                yield f'<p class="ja-label"><bdi>{_text(row.label)}</bdi></p>'
            yield f'<p class="ja-words" dir="{row.direction}">{"".join(_words(row, sheet))}</p>'
        yield from _table(rows, sheet)


def _words(row: Row, sheet: Sheet) -> Iterator[str]:
    ways = _ways(row)
    for i, word in enumerate(row.words):
        space, breaks, letters = gap_parts(row.gaps[i])
        before = ways[i - 1] if i else None
        if before != ways[i] and before:
            yield "</span>"
        yield "<br>" if breaks else space
        yield html.escape(letters)
        if ways[i] != before and ways[i]:
            yield f'<span dir="{ways[i]}">'
        yield _word(word, row.numbers[i], row.special[i], sheet)
        if ends_line(word):
            yield "<br>"
    if row.words and ways[-1]:
        yield "</span>"
    yield html.escape(gap_parts(row.gaps[-1])[2])


def _word(word: str, number: float, special: bool, sheet: Sheet) -> str:
    scale = sheet.scale
    level = scale.level(number)
    more = (("ja-x",) if level is None else ()) + (("ja-s",) if special else ())
    shown = _text(word)
    below = f"<sub>{scale.mark(number)}</sub>" if level is None else ""
    return f'<bdi{_colours(level or 0, scale.signed, *more)} title="{scale.write(number, 4)}">{shown}{below}</bdi>'


def _ways(row: Row) -> list[str | None]:
    """Find the runs of words that are written against the direction of the row, so that they keep their own order.

    Words without a direction, such as digits, belong to a run when they stand inside it.
    """
    base = row.direction
    found = [direction(word) for word in row.words]
    ways: list[str | None] = [None] * len(found)
    last = None
    for i, way in enumerate(found):
        if ends_line(row.words[i]) or way == base or any(map(ends_line, row.gaps[i])):
            last = None
        if way not in (None, base):
            for j in range(i if last is None else last, i + 1):
                ways[j] = way
            last = i
    return ways


def _table(rows: Sequence[Row], sheet: Sheet) -> Iterator[str]:
    """Write the numbers for readers who do not see colours."""
    if not rows[0].words:
        return
    yield "<details><summary>numbers</summary><table>"
    if any(row.method for row in rows):
        yield "<tr><th></th>" + "".join(f"<th><bdi>{_text(row.method)}</bdi></th>" for row in rows) + "</tr>"
    for i, word in enumerate(rows[0].words):
        cells = "".join(f"<td>{sheet.scale.write(row.numbers[i], 4)}</td>" for row in rows)
        yield f"<tr><th><bdi>{_text(word)}</bdi></th>{cells}</tr>"
    yield "</table></details>"


@functools.cache
def _sheet(signed: bool) -> str:
    """Write the style sheet: layout, marks of the signs, dark colours."""
    levels = range(-LEVELS if signed else 0, LEVELS + 1)
    rules = [_LAYOUT]
    if signed:
        for name, mark in (("p", "+"), ("n", "−")):
            selectors = ",".join(f".jaxattr.ja-signed .ja-words .ja-{name}{i}::after" for i in range(1, LEVELS + 1))
            rules.append(f'{selectors}{{content:"{mark}"}}')
    dark = [".jaxattr{background-color:#1f1f1f;color:#eee}"]
    for level in levels:
        background = colour(level / LEVELS, signed=signed, dark=True)
        dark.append(
            f".jaxattr.{_kind(signed)} .{_name(level)}"
            f"{{background-color:{background}!important;color:{ink(background)}!important}}"
        )
    dark.append(".jaxattr .ja-x{background-image:repeating-linear-gradient(135deg,#fff3 0 2px,#0000 2px 6px)}")
    rules.append(f"@media screen and (prefers-color-scheme:dark){{{''.join(dark)}}}")
    return "".join(rules)

"""Pictures: what is printed, returned, saved, and joined on one scale."""

import builtins
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import subprocess
import sys
import types

import pytest

import jaxattr.display
from jaxattr.display import Picture, gallery, picture, show

TOKENS, NUMBERS = ["a", "fine", "film"], [0.0, 0.5, -0.25]
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORFGBG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_show_prints_saves_and_returns(capsys, tmp_path):
    drawn = show(TOKENS, NUMBERS, title="A film", save=tmp_path / "film.html")
    assert isinstance(drawn, Picture)
    assert capsys.readouterr().out == drawn.text()
    assert (tmp_path / "film.html").read_text("utf-8") == drawn.html()
    assert repr(drawn) == "Picture(3 words, 1 row, signed, limit 0.5)"


def test_show_passes_every_argument_on():
    """show takes what picture takes, and save."""
    ours, theirs = (inspect.signature(f).parameters for f in (show, picture))
    assert {k: p for k, p in ours.items() if k != "save"} == dict(theirs)
    options = {"words": [0, 0, 1], "merge": max, "clean": "-".join, "joiner": "_", "scale": 2.0, "signed": True}
    options |= {"name": "n", "title": "t"}
    assert show(TOKENS, NUMBERS, **options) == picture(TOKENS, NUMBERS, **options)
    row = picture(TOKENS, NUMBERS, **options).rows[0]
    assert (row.words, row.gaps, row.numbers) == (("a-fine", "film"), ("", "_", ""), (0.5, -0.25))


def test_a_notebook_shows_the_value_of_the_cell(monkeypatch, capsys):
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    drawn = show(TOKENS, NUMBERS)
    assert capsys.readouterr().out == ""
    assert drawn._repr_html_().startswith('<div class="jaxattr ja-signed"><style>')
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
    show(TOKENS, NUMBERS)
    assert capsys.readouterr().out


def printed(monkeypatch, drawn=None, **environment):
    stream = Terminal()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stream)
    (drawn or picture(TOKENS, NUMBERS)).print()
    return stream.getvalue()


def test_a_terminal_gets_colours_and_signs(monkeypatch):
    out = printed(monkeypatch)
    assert "\x1b[38;2;0;0;0;48;2;222;116;0mfine\x1b[0m\x1b[38;2;0;0;0;48;2;222;116;0m⁺" in out
    assert "film" in out
    assert "⁻" in out
    assert "orange raises the score" in out


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"COLORTERM": "", "TERM": "xterm"}])
def test_plain_text_where_colours_are_not_wanted(monkeypatch, environment):
    assert printed(monkeypatch, **environment) == picture(TOKENS, NUMBERS).text()


def test_light_terminals_get_the_light_scale(monkeypatch):
    assert "48;2;184;95;0m" in printed(monkeypatch, COLORFGBG="0;15")


def test_a_narrow_encoding_does_not_stop_the_print(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    picture(["好\n"], [1.0]).print()
    stream.flush()
    assert b"\\u597d\\u21b5(1)" in stream.buffer.getvalue()


def test_not_finite_numbers_are_marked_and_leave_the_scale(monkeypatch):
    drawn = picture(["nan", "plus", "minus", "one", "half"], [NAN, INF, -INF, 1.0, -0.5])
    whole = picture(["one", "half"], [1.0, -0.5])
    assert drawn.scale == whole.scale
    assert 'class="ja-p0 ja-x"' in drawn.html()
    for mark in ("NaN", "+inf", "-inf"):
        assert f"<sub>{mark}</sub>" in drawn.html()
        assert f'title="{mark}"' in drawn.html()
        assert f"({mark})" in drawn.text()
        assert rf"\textsubscript{{{mark.replace('-', '-{}')}}}" in drawn.latex()
    assert "\x1b[7mnan\x1b[0m\x1b[7m(NaN)\x1b[0m" in printed(monkeypatch, drawn)
    for word in whole.html().partition('<p class="ja-words"')[2].partition("</p>")[0].split("<bdi")[1:]:
        assert "<bdi " + word.strip() in drawn.html()


def test_special_tokens_lean():
    drawn = picture(["[CLS]", "fine"], [0.0, 0.5], words=[-1, 0])
    assert '<bdi class="ja-p0 ja-s"' in drawn.html()
    assert r"\textit{{[}CLS{]}}" in drawn.latex()
    assert drawn.latex().count(r"\textit") == 1


def test_signs_show_without_colour():
    html = picture(TOKENS, NUMBERS).html()
    assert '.jaxattr.ja-signed .ja-words .ja-p16::after{content:"+"}' in html
    assert ".jaxattr.ja-signed .ja-words .ja-n8::after" in html
    assert '<bdi class="ja-n8"' in html
    assert '<bdi class="ja-p16"' in html
    latex = picture(TOKENS, NUMBERS).latex()
    assert r"\strut fine\textsuperscript{+}" in latex
    assert r"\strut film\textsuperscript{\ensuremath{-}}" in latex
    assert "::after{content" not in picture(TOKENS, [0.0, 0.5, 0.25]).html()


def test_pictures_with_and_without_signs_keep_apart_in_one_page():
    """The names of the steps are the same, so what differs is bound to the kind: marks, and dark colours."""
    for numbers, kind, other in (([1.0, -1.0], "ja-signed", "ja-sizes"), ([1.0, 0.5], "ja-sizes", "ja-signed")):
        html = picture(["a", "b"], numbers)._repr_html_()
        assert html.startswith(f'<div class="jaxattr {kind}">')
        assert other not in html
        rules = re.findall(r"[^{}]*\.ja-[pn]\d[^{}]*", re.search(r"<style>(.*)</style>", html)[1])
        assert len(rules) >= 17
        assert all(f".jaxattr.{kind} " in one for rule in rules for one in rule.split(","))


@pytest.mark.parametrize("render", [Picture.html, Picture.latex, Picture.text])
def test_the_legend_prints_name_and_limits(render):
    drawn = render(picture(TOKENS, NUMBERS, name="margin", scale=0.75)).replace("-{}", "-").replace("</bdi>", "")
    assert "margin: -0.75" in drawn
    assert "+0.75" in drawn
    magnitude = render(picture(TOKENS, [0, 1, 2], name="norm")).replace("</bdi>", "")
    assert "norm: 0" in magnitude
    assert "raises" in drawn or render is Picture.text
    assert "raises" not in magnitude


def test_the_page_asks_for_nothing_and_has_both_modes():
    html = picture(TOKENS, NUMBERS).html()
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    assert "prefers-color-scheme:dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    for rule in html.partition("<style>")[2].partition("</style>")[0].replace("}}", "}").split("}"):
        selectors = rule.rpartition("{")[0].rpartition("{")[2]
        assert not selectors or all(one.startswith(".jaxattr") for one in selectors.split(","))
    assert " id=" not in html


def test_a_word_costs_less_than_200_bytes():
    size = [len(picture(["words"] * n, [-0.123456] * n)._repr_html_().encode()) for n in (100, 1100)]
    assert (size[1] - size[0]) / 1000 < 200


def test_a_long_picture_is_folded_in_a_notebook():
    drawn = picture(["a"] * 2001, [1.0] * 2001)
    assert "<details><summary>2,001 words</summary><p" in drawn._repr_html_()
    assert "2,001 words" not in drawn.html()
    assert "2,000 words" not in picture(["a"] * 2000, [1.0] * 2000)._repr_html_()


def words_of(html):
    return html.partition('<p class="ja-words"')[2].partition("</p>")[0]


def test_lines_break_where_the_text_does():
    html = words_of(picture(["a\n", "b", "\n", "c"], [0.0] * 4).html())
    assert html.count("<br>") == 2
    assert ">a↵</bdi><br><bdi" in html
    assert picture(["a\n", "b", "\n", "c"], [0.0] * 4).text().endswith("\na↵(0)\nb(0) ↵(0)\nc(0)\n")
    assert picture(["a\n", "b"], [0.0] * 2).latex().count(r"\newline") == 1


def test_the_space_of_the_text_breaks_lines_too():
    class Encoding:
        word_ids, offsets = [0, 1], [(0, 1), (3, 4)]

    drawn = picture(["a", "b"], [0.0, 0.0], words=Encoding(), text="a\n\nb")
    assert "</bdi><br><bdi" in words_of(drawn.html())
    assert drawn.text().endswith("a(0)\nb(0)\n")
    assert r"\newline" in drawn.latex()


def test_right_to_left_texts_and_runs_against_the_direction():
    html = words_of(picture(["هذا", "فيلم", "The", "Lord", "7", "Rings", "في"], range(7)).html())
    assert html.startswith(' dir="rtl"')
    inside = html.partition('<span dir="ltr">')[2].partition("</span>")[0]
    assert [word in inside for word in (">The<", ">Lord<", ">7<", ">Rings<", ">في<", ">فيلم<")] == [True] * 4 + [
        False
    ] * 2
    html = words_of(picture(["He", "said", "שלום", "עולם", "twice"], range(5)).html())
    assert html.startswith(' dir="ltr"')
    inside = html.partition('<span dir="rtl">')[2].partition("</span>")[0]
    assert inside.count("<bdi") == 2
    assert "<span" not in words_of(picture(["a", "b", "7"], range(3)).html())
    html = words_of(picture(["في", "The", "في", "Lord", "في"], range(5)).html())
    assert html.count('<span dir="ltr"><bdi') == 2
    assert html.count("</bdi></span>") == 2


def test_special_tokens_have_no_say_in_the_direction():
    drawn = picture(["[CLS]", "שלום"], [1.0, 2.0], words=[None, 0])
    assert words_of(drawn.html()).startswith(' dir="rtl"')


def test_wide_letters_are_measured():
    drawn = picture(["好" * 5] * 4, [1.0] * 4, joiner=" ")
    assert drawn.text(columns=30).splitlines()[2:] == ["好好好好好(1) 好好好好好(1)"] * 2


def test_methods_share_one_scale_and_texts_too():
    both = picture(TOKENS, {"ig": NUMBERS, "lime": [2.0, 0.0, 0.0]}, title="first")
    assert both.scale.limit == 2.0
    joined = gallery([both, picture(["dull"], [-3.0])], title="all")
    assert joined.scale.limit == 3.0
    assert [row.label for row in joined.rows] == ["first · ig", "first · lime", "2"]
    assert joined.sheet.title == "all"
    assert gallery([both], scale=5.0).scale.limit == 5.0


def test_galleries_are_refused():
    with pytest.raises(ValueError, match="at least one picture"):
        gallery([])
    one, two = picture(["a"], [1.0], name="norm"), picture(["a"], [1.0], name="margin")
    with pytest.raises(ValueError, match=r"the pictures are of \['norm', 'margin'\]\. Pass name="):
        gallery([one, two])
    assert gallery([one, two], name="both").sheet.name == "both"


def test_nothing_to_show():
    drawn = picture([], [])
    assert repr(drawn) == "Picture(0 words, 1 row, magnitudes, limit 0)"
    assert drawn.text()
    assert drawn.html()
    assert drawn.latex()
    assert drawn.markdown()
    assert drawn.bars().axes


def test_bars_rank_the_words():
    figure = picture(["a", "b", "a", "c", "d", "e"], [1.0, -3.0, 2.0, 0.5, NAN, -INF]).bars(k=3)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a [3]", "a [1]", "d", "e"]
    assert [bar.get_width() for bar in axes.patches] == [-3.0, 2.0, 1.0]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [True, False, False]
    assert [text.get_text().strip() for text in axes.texts] == ["-3", "+2", "+1", "NaN", "-inf"]
    assert axes.get_xlabel() == "attribution (hatched: negative); not finite: 2 of 6"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_bars_of_equal_length_keep_the_order_of_the_text():
    (axes,) = picture(["a", "b", "c"], [1.0, -1.0, 1.0]).bars().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]


def test_bars_of_methods_stand_side_by_side():
    figure = gallery([picture(TOKENS, {"ig": NUMBERS, "lime": [2.0, 0.0, 0.0]}), picture(["x"], [1.0])]).bars(k=2)
    first, second, third, empty = figure.axes
    assert [bar.get_width() for bar in first.patches] == [0.0, 0.5]
    assert [bar.get_width() for bar in second.patches] == [2.0, 0.0]
    assert first.get_xlim() == second.get_xlim() == third.get_xlim()
    assert not empty.axison
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "fine"]
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_bars_cut_long_words_and_a_limit_cuts_bars():
    (axes,) = picture(["x" * 40], [5.0], scale=1.0).bars().axes
    assert axes.get_yticklabels()[0].get_text() == "x" * 23 + "…"
    assert axes.patches[0].get_width() == 1.0
    assert axes.texts[0].get_text() == "5"


def test_letters_without_a_font_are_named():
    (axes,) = picture(["\ue123x", "\U0001faf6"], [2.0, 1.0]).bars().axes
    assert axes.get_yticklabels()[0].get_text() == "<u+e123>x"


@pytest.mark.parametrize("k", [0, -1])
def test_bars_need_a_word(k):
    with pytest.raises(ValueError, match=f"at least 1, but this is {k}. Pass for instance k=10"):
        picture(TOKENS, NUMBERS).bars(k)


@pytest.mark.parametrize("package", ["rich", "matplotlib"])
def test_missing_packages_are_named(monkeypatch, package):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.setattr(importlib, "import_module", lambda name: missing(name))
    with pytest.raises(ImportError, match=f'{package}, which is not installed. Type pip install "jaxattr\\[show\\]"'):
        printed(monkeypatch) if package == "rich" else picture(TOKENS, NUMBERS).bars()


def test_importing_pulls_neither_rich_nor_matplotlib():
    code = "import sys, jaxattr.display; print([m for m in ('rich', 'matplotlib', 'IPython') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_function_has_an_example_that_runs():
    for module in pkgutil.iter_modules(jaxattr.display.__path__, "jaxattr.display."):
        assert doctest.testmod(importlib.import_module(module.name)).failed == 0
    for name, value in vars(jaxattr.display).items():
        if not name.startswith("_") and not inspect.ismodule(value):
            assert ">>> " in (value.__doc__ or ""), name

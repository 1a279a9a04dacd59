"""Markdown: nothing of a text is read as Markdown or HTML, and what colours say is said without them too."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jaxattr.display import _markdown, colour, picture, visible
from tests.display import payloads
from tests.display.test_hostile import everywhere, places

TAG = re.compile(
    r'<(/?(b|i|sub|sup|span)|br|span dir="rtl"|span style="background-color:#[0-9a-f]{6};color:#(000|fff)")>'
)
READER = MarkdownIt("gfm-like", {"linkify": False}).enable(["table", "strikethrough"])


def texts(markdown):
    """The paragraphs as a reader sees them; anything but paragraphs of text and our own tags is an error."""
    found = []
    for block in READER.parse(markdown):
        assert block.type in ("paragraph_open", "paragraph_close", "inline"), block
        text = ""
        for part in block.children or []:
            assert part.type in ("text", "text_special", "html_inline"), part
            if part.type == "html_inline":
                assert TAG.fullmatch(part.content), part.content
            else:
                text += part.content
        found += [text] if block.type == "inline" else []
    return found


@pytest.mark.parametrize("payload", payloads.ALL)
def test_markdown_has_nothing_foreign_and_every_text_comes_back(payload):
    drawn = everywhere(payload)
    seen = texts(drawn.markdown())
    shown = visible(payload)
    assert "".join(seen).count(shown) >= places(payload)
    assert any(text.startswith(f"{shown}: ") for text in seen)
    if payload:
        assert seen[0] == shown


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(), min_size=1, max_size=12), min_size=1, max_size=5))
def test_any_words_come_back(tokens):
    drawn = picture(tokens, [0.0] * len(tokens), joiner="")
    seen = texts(drawn.markdown())
    assert "".join(seen[1:]) == "".join(map(visible, tokens))


def test_the_readers_see_what_is_foreign():
    for bad in ("# head", "- item", "`code`", "*a*", "<script>x</script>", "[a](b)", "![a](b)", "~~a~~", "> a"):
        with pytest.raises(AssertionError):
            texts(bad)


def test_signs_and_strength_show_without_colour():
    markdown = picture(["a", "fine", "dull", "film"], [0.0, 0.5, -0.25, 0.125]).markdown()
    words = markdown.strip().rpartition("\n\n")[2]
    full, half, quarter = (colour(strength) for strength in (1.0, -0.5, 0.25))
    assert words.split(" <span") == [
        '<span style="background-color:#f9f9f9;color:#000">a</span>',
        f' style="background-color:{full};color:#000"><b>fine</b><sup>+</sup></span>',
        f' style="background-color:{half};color:#000"><b>dull</b><sup>−</sup></span>',
        f' style="background-color:{quarter};color:#000">film<sup>+</sup></span>',
    ]
    assert "<sup>" not in picture(["a", "b"], [1.0, 2.0]).markdown()


def test_what_is_not_finite_or_special_is_told():
    drawn = picture(["[CLS]", "a", "b"], [0.5, float("nan"), float("-inf")], words=[-1, 0, 1], signed=True)
    markdown = drawn.markdown()
    assert "<i>&#91;CLS&#93;</i>" in markdown
    assert "<b>a</b><sub>NaN</sub>" in markdown
    assert "<b>b</b><sub>&#45;inf</sub>" in markdown


def test_lines_and_directions():
    assert picture(["a\n", "b"], [0.0, 0.0]).markdown().count("↵</span><br><span") == 1
    assert picture(["هذا", "فيلم"], [0.0, 1.0]).markdown().count('<span dir="rtl"><span') == 1
    assert "很</span><span" in picture(["很", "好"], [0.0, 0.0]).markdown()


def test_title_legend_and_labels_stand_alone():
    drawn = picture(["a"], {"one": [0.5], "two": [-1.0]}, title="t", name="margin")
    seen = texts(drawn.markdown())
    assert [seen[0], *seen[2:]] == ["t", "one", "a+", "two", "a−"]
    assert seen[1].startswith("margin: -1 ")
    assert "raises the score" in seen[1]


def test_escape_leaves_letters_of_any_script():
    assert _markdown.escape("很好 a1_*") == "很好 a1&#95;&#42;"

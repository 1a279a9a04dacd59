"""What is shown for characters that cannot be seen, and for those that can."""

import pytest

from jaxattr.display import visible
from jaxattr.display._visible import width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "⟨empty⟩"),
        (" ", "␣"),
        ("a b", "a b"),
        (" a", " a"),
        ("\t", "⇥"),
        ("a\nb\n", "a↵b↵"),
        ("\r\n", "␍↵"),
        ("\x00\x7f\x85", "␀␡⟨U+0085⟩"),
        ("\x1b[31m", "␛[31m"),
        ("\u202egpj", "⟨U+202E⟩gpj"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\u2028", "⟨U+2028⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\uffff\ufdd0", "⟨U+FFFF⟩⟨U+FDD0⟩"),
        ("\U0010ffff", "⟨U+10FFFF⟩"),
        ("\u3000", "⟨U+3000⟩"),
        ("a\u3000b", "a\u3000b"),
        ("\u3164", "⟨U+3164⟩"),
        ("\u0301", "◌\u0301"),
        ("e\u0301", "e\u0301"),
        ("\ufe0f", "⟨U+FE0F⟩"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("می\u200cروم", "می\u200cروم"),
        ("\u200d", "⟨U+200D⟩"),
        ("a\u200d", "a⟨U+200D⟩"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("x\U000e0041", "x⟨U+E0041⟩"),
        ("🏴\U000e0067\U000e007f", "🏴\U000e0067\U000e007f"),
        ("\u0600", "\u0600"),
        ("<b>&\\$", "<b>&\\$"),
        ("##ing", "##ing"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("好看", 4), ("e\u0301", 1), ("😀", 2), ("ｱ", 1), ("Ａ", 2)])
def test_width(text, cells):
    assert width(text) == cells

"""The HTML pages and the pictures in them."""

import html.parser

import numpy as np
import pytest

from experiments._shared import page
from experiments._shared.pictures import compared

HOSTILE = "<script>alert('x')</script> & \"quoted\" <img src=x onerror=y>"


class Reader(html.parser.HTMLParser):
    """Collects the tags, the attributes and the text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)


def read(content):
    reader = Reader()
    reader.feed(content)
    return reader


def test_every_text_is_escaped():
    parts = [page.text(HOSTILE), page.heading(HOSTILE), page.table([HOSTILE, "b"], [[HOSTILE, "1"]])]
    found = read(page.page(HOSTILE, parts))
    assert not {"script", "img"} & set(found.tags)
    assert not {"onerror", "src"} & set(found.attributes)
    assert "".join(found.text).count(HOSTILE) == 6, "title, first heading, text, heading, table twice"


def test_pictures_of_hostile_texts_are_escaped():
    drawn = compared(HOSTILE, {"occlusion": np.arange(40.0)}, HOSTILE)
    found = read(page.page("x", [page.Html(drawn._repr_html_())]))
    assert not {"script", "img"} & set(found.tags)
    assert not {"onerror", "src"} & set(found.attributes)
    assert {"script", "alert", "onerror"} <= set(drawn.rows[0].words)


def test_each_method_ends_at_one():
    values = {"gradient norm": np.array([0.0, 4.0, 9.0]), "occlusion": np.array([-0.5, 0.25, 9.0])}
    rows = compared("Bad film", values, "t").rows
    assert [row.method for row in rows] == ["gradient norm (no sign)", "occlusion"]
    assert [row.numbers for row in rows] == [(0.0, 1.0), (-1.0, 0.5)]
    assert rows[0].words == ("Bad", "film")


def test_zeros_stay_zeros():
    assert compared("a b", {"occlusion": np.zeros(2)}, "t").rows[0].numbers == (0.0, 0.0)


@pytest.mark.parametrize(
    ("last", "words"), [(2, ("fine", "film")), (9, ("A", "fine", "film")), (None, ("A", "fine", "film"))]
)
def test_only_the_last_words_are_drawn(last, words):
    drawn = compared("A<br /> fine<br>film", {"occlusion": np.arange(1.0, 4.0)}, "t", last=last)
    assert drawn.rows[0].words == words
    assert "br" not in drawn.text()

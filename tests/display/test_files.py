"""Saved pictures: the suffix decides, and a file is whole or absent."""

import os

import pytest

from jaxattr.display import picture, show

TOKENS, NUMBERS = ["a", "fine", "film"], [0.0, 0.5, -0.25]


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".html", b"<!DOCTYPE html>"),
        (".tex", b"% Needs"),
        (".md", b"attribution: &#45;0&#46;5 <span"),
        (".txt", b"attribution: -0.5 to +0.5"),
        (".png", b"\x89PNG"),
        (".pdf", b"%PDF"),
        (".svg", b"<?xml"),
        (".HTML", b"<!DOCTYPE html>"),
    ],
)
def test_the_suffix_decides_and_the_bytes_are_always_the_same(tmp_path, suffix, start):
    for name in ("one", "two"):
        picture(TOKENS, NUMBERS).save(tmp_path / f"{name}{suffix}")
    one, two = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two"))
    assert one.startswith(start)
    assert one == two
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["film.gif", "film", "film.html.gz"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(
        ValueError, match=r"is none of \.html, \.tex, \.md, \.txt, \.png, \.pdf, \.svg\. Pass for instance save="
    ):
        show(TOKENS, NUMBERS, save=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "film.html"
    path.write_text("before")

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        picture(TOKENS, NUMBERS).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["film.html"]
    assert path.read_text() == "before"
    monkeypatch.undo()
    reader = path.open()
    picture(TOKENS, NUMBERS).save(path)
    with reader:
        assert reader.read() == "before"
    assert path.read_text("utf-8").startswith("<!DOCTYPE")

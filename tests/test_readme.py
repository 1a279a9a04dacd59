"""Every block of code in the README runs, and its two commands are where they are looked for."""

import re
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def blocks(path):
    return FENCE.findall(path.read_text(encoding="utf-8"))


def test_blocks_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    found = blocks(ROOT / "README.md")
    assert len(found) >= 2
    namespace = {"__name__": "__main__"}
    with jax.numpy_rank_promotion("allow"):
        for block in found:
            exec(compile(block, "README.md", "exec"), namespace)
    assert "Traceback" not in capsys.readouterr().out


def test_readme_example_is_short_and_shows_its_words(capsys):
    first = blocks(ROOT / "README.md")[0]
    lines = [line for line in first.splitlines() if line.strip()]
    assert len(lines) <= 10
    with jax.numpy_rank_promotion("allow"):
        exec(compile(first, "README.md", "exec"), {"__name__": "__main__"})
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("a", "very", "fine", "film"))


@pytest.mark.parametrize("name", ["main", "tests"])
def test_readme_holds_the_two_commands(name):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(rf"<!-- command: {name} -->\n```sh\n(.*?)\n```", text, re.S)
    assert match is not None
    assert match[1].startswith("python3 -m venv .venv && .venv/bin/pip install -e ")
    assert "\n" not in match[1]

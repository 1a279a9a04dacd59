"""Every block of code in the README and the documentation runs, and the README's figures are those of the run."""

import re
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(?:python|\{code-cell\})\n(.*?)^```$", re.M | re.S)


def blocks(path):
    return [re.sub(r"\A(:.*\n)+\n?", "", block) for block in FENCE.findall(path.read_text(encoding="utf-8"))]


# The documentation runs them too, when it is built.
PAGES = ["docs/start.md", "docs/ideas.md", "docs/corpus.md", "docs/deletion.md"]


@pytest.mark.parametrize("name", ["README.md", *(pytest.param(page, marks=pytest.mark.slow) for page in PAGES)])
def test_blocks_run(name, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    found = blocks(ROOT / name)
    assert len(found) >= 2
    namespace = {"__name__": "__main__"}
    with jax.numpy_rank_promotion("allow"):
        for block in found:
            exec(compile(block, name, "exec"), namespace)
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


def test_every_public_name_is_documented():
    import jaxattr as ja

    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   (\w+)$", text, re.M))
    modules = (
        ja.scores,
        ja.effects,
        ja.fills,
        ja.groups,
        ja.metrics,
        ja.pooling,
        ja.propagation,
        ja.shapley,
        ja.display,
    )
    for module in (ja, *modules):
        members = {n: v for n, v in vars(module).items() if not n.startswith("_") and callable(v)}
        functions = {n for n, v in members.items() if str(v.__module__).startswith(module.__name__)}
        functions -= {"Rule", "Rules", "Pair"}
        assert functions
        assert functions <= listed, (module.__name__, functions - listed)

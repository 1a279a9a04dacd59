"""The command line: exit codes, what it prints, and what it refuses."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import jaxattr as ja
from jaxattr.command import main

MODEL = """
import time

import jax.numpy as jnp
import numpy as np

import jaxattr as ja

SLOW = 0.0


def params():
    return np.float32(2)


def dataset():
    return [{"text": "a fine film"}, {"text": "good"}, {"text": "not good at all"}]


def prepare(entry):
    time.sleep(SLOW)
    words = entry["text"].split()
    return {"name": words[0], "words": words, "ids": np.array([len(word) for word in words])}


def explain(params, ids, where):
    f = lambda x: (jnp.where(where, x, 0.0) ** 2).sum() * params
    return ja.integrated_gradients(f, baseline=jnp.zeros_like)(ids * 1.0)


def bad(params, ids, where):
    return jnp.where(ids == 3, jnp.nan, ids * 1.0)
"""


SAME = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}  # as in this process


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("corpus_model", None)
    (tmp_path / "corpus_model.py").write_text(MODEL)
    (tmp_path / "run.toml").write_text(
        textwrap.dedent(
            f"""
            explain = "corpus_model:explain"
            params = "corpus_model:params"
            dataset = "corpus_model:dataset"
            prepare = "corpus_model:prepare"
            out = "{tmp_path / "out"}"
            id = "name"
            batch_size = 1
            chunk_rows = 1
            """
        )
    )
    yield tmp_path
    sys.modules.pop("corpus_model", None)


def call(*arguments):
    return main([str(a) for a in arguments])


def test_run_verify_show_cite(folder, capsys):
    assert call("run", folder / "run.toml") == 0
    assert "all rows are there" in capsys.readouterr().out
    assert call("run", folder / "run.toml", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["explained"], found["complete"]) == (3, 0, True)
    assert call("verify", folder / "out") == 0
    assert "3 rows" in capsys.readouterr().out
    assert call("show", folder / "out", "not") == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("not", "good", "at", "all"))
    assert call("show", folder / "out", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["values"] == pytest.approx([32.0])
    assert call("cite", folder / "out") == 0
    assert "sundararajan2017axiomatic" in capsys.readouterr().out


def test_the_page_on_a_corpus_says_what_works(tmp_path, monkeypatch, capsys):
    """Its configuration and its commands, as they stand there, beside a module and a file of these names."""
    page = (Path(__file__).resolve().parents[2] / "docs/corpus.md").read_text(encoding="utf-8")
    (configuration,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    of_one, *_, of_processes = sorted((b for b in blocks if b.startswith("jaxattr")), key=lambda b: "--process" in b)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    model = MODEL.replace('"name": words[0]', '"id": entry["id"]')
    Path("my_model.py").write_text(model)
    Path("ig.toml").write_text(configuration)
    texts = ["a fine film", "good", "not good at all"] * 3
    pq.write_table(pa.table({"id": [f"review/{i}" for i in range(9)], "text": texts}), "reviews.parquet")
    called = []
    for line in (of_processes + of_one).splitlines():
        name, *words = shlex.split(line.partition("#")[0].rstrip("& ").partition(">")[0])
        assert (name, call(*words)) == ("jaxattr", 0), line
        called.append(words[0])
    assert called == ["run", "run", "run", "run", "verify", "show", "cite"]
    assert "sundararajan2017axiomatic" in capsys.readouterr().out
    assert ja.scale.Store("runs/ig").verify().rows == 9
    sys.modules.pop("my_model", None)


def test_what_is_shown_is_laid_out_for_people(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    extra = """return {"name": words[0], "about": "a long text " * 90, "score": 1 / 3, """
    (folder / "corpus_model.py").write_text(MODEL.replace("""return {"name": words[0], """, extra))
    assert call("run", folder / "run.toml") == 0
    assert "explained 3 rows" in capsys.readouterr().out
    assert call("show", folder / "out", "good") == 0
    heading = capsys.readouterr().out.split("attribution")[0].splitlines()
    assert 5 < len(heading) < 12, "folded, and cut where the text is long"
    assert all(len(line) <= 40 for line in heading)
    assert call("cite", folder / "out") == 0
    assert "\n  title={Axiomatic Attribution for Deep Networks},\n  author={" in capsys.readouterr().out
    assert call("verify", folder / "out") == 0
    assert "no chunk is missing" in capsys.readouterr().out


def test_a_value_is_replaced_as_often_as_it_is_asked_for(folder, capsys):
    assert call("run", folder / "run.toml") == 0
    assert call("run", folder / "run.toml", "--set", "seed=1", "--set", "widths=2") == 5
    said = capsys.readouterr().err
    assert "options.seed" in said
    assert "options.widths" in said


def test_many_rows_without_numbers_are_told_in_part(folder, capsys):
    (folder / "corpus_model.py").write_text(
        MODEL.replace("return [{", """return [{"text": f"the {i}"} for i in range(12)] + [{""").replace(
            "words[0]", "entry['text']"
        )
    )
    assert call("run", folder / "run.toml", "--set", "explain=corpus_model:bad", "--set", "chunk_rows=4") == 3
    first = capsys.readouterr().out
    assert "13 rows without numbers" in first
    assert "  the 0: the result holds NaN\n" in first
    assert "and 3 more" in first
    assert call("run", folder / "run.toml", "--set", "explain=corpus_model:bad", "--set", "chunk_rows=4") == 3
    assert "13 rows without numbers" in capsys.readouterr().out, "also those of the run before"


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")
def test_a_run_in_a_terminal_goes_on_without_one(folder):
    """JAX colours the text of a program in a terminal; the fingerprint is the same."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-W", "ignore", "-m", "jaxattr.command", "run", str(folder / "run.toml")]
    running = subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**SAME, "TERM": "xterm-256color"})
    os.close(theirs)
    shown = []
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:
        while data := terminal.read(4096):
            shown.append(data)
    assert running.wait() == 0
    for text in ("reading", "compiling", "explaining", "3 of 3 rows"):
        assert text in b"".join(shown).decode()
    assert call("run", folder / "run.toml") == 0


def test_a_dry_run_writes_nothing(folder, capsys):
    assert call("run", folder / "run.toml", "--dry-run") == 0
    assert "3 rows in 3 chunks" in capsys.readouterr().out
    assert not (folder / "out").exists()


def test_rows_without_numbers(folder, capsys):
    assert call("run", folder / "run.toml", "--set", 'explain="corpus_model:bad"') == 3
    assert "NaN" in capsys.readouterr().out
    assert call("run", folder / "run.toml", "--set", 'explain="corpus_model:bad"') == 3
    assert call("verify", folder / "out", "--json") == 3
    assert "not" in json.loads(capsys.readouterr().out.splitlines()[-1])["quarantined"]


def test_a_changed_run_is_refused(folder, capsys):
    assert call("run", folder / "run.toml") == 0
    assert call("run", folder / "run.toml", "--set", "seed=1") == 5
    assert "options.seed" in capsys.readouterr().err


def test_a_damaged_run(folder, capsys):
    assert call("run", folder / "run.toml") == 0
    path = sorted((folder / "out" / "chunks").iterdir())[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert call("verify", folder / "out") == 6
    assert path.name in capsys.readouterr().out
    assert call("verify", folder) == 6
    assert "there is no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--set", "colour=1"), "colour"),
        (("--set", "seed"), "KEY=VALUE"),
        (("--set", "explain=corpus_model"), "module:name"),
        (("--set", "explain=corpus_model:nothing"), "nothing"),
        (("--set", "explain=no_such_module:f"), "cannot be imported"),
    ],
)
def test_wrong_configurations(folder, capsys, flags, said):
    assert call("run", folder / "run.toml", *flags) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_or_no_toml(folder, capsys):
    assert call("run", folder / "nothing.toml") == 2
    (folder / "bad.toml").write_text("= 1")
    assert call("run", folder / "bad.toml") == 2
    (folder / "short.toml").write_text('out = "x"')
    assert call("run", folder / "short.toml") == 2
    assert "lacks" in capsys.readouterr().err


def test_an_unknown_row(folder, capsys):
    assert call("run", folder / "run.toml") == 0
    for row in ("nobody", "99"):
        assert call("show", folder / "out", row) == 2
    assert call("show", folder / "out", "0", "--tokens", "nothing") == 2


def test_a_stop_has_its_own_status_and_the_same_command_goes_on(folder):
    (folder / "corpus_model.py").write_text(MODEL.replace("SLOW = 0.0", "SLOW = 1.5"))
    command = [sys.executable, "-W", "ignore", "-m", "jaxattr.command", "run", str(folder / "run.toml"), "--json"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=SAME)
    while not list((folder / "out" / "chunks").glob("[0-9]*")):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    out, _ = running.communicate(timeout=60)
    assert time.monotonic() - begin < 30
    assert running.returncode == 4
    assert json.loads(out)["stopped"]
    (folder / "corpus_model.py").write_text(MODEL)
    assert call("run", folder / "run.toml") == 0


def test_citations():
    assert "sundararajan2017axiomatic" in ja.cite("integrated_gradients")
    both = ja.cite(ja.integrated_gradients, ja.lrp, ja.integrated_gradients)
    assert both.count("sundararajan2017axiomatic,") == 1
    assert "bach2015pixel" in both
    for wrong in ("no_such_method", lambda x: x):
        with pytest.raises(ValueError, match="cite"):
            ja.cite(wrong)

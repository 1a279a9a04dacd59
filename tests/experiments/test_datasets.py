"""The command that prepares data sets."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from experiments.datasets import __main__ as command
from experiments.datasets import store


def say(*args, **kwargs):
    printed = io.StringIO()
    command.main(command.Config(*args, **kwargs), Console(file=printed, width=200))
    return printed.getvalue()


@pytest.fixture
def folder(tmp_path):
    for split, text in (("train", "a"), ("test", "b"), ("validation", "c")):
        table = pa.table({"text": [text, text, f"{text}2"], "label": [1, 1, 0]})
        pq.write_table(table, tmp_path / f"smp2020_virus_emotion_{split}.parquet")
    return tmp_path


def test_all_sets_are_listed(folder):
    said = say(data_dir=folder)
    assert len(command.SETS) == 14
    for name in command.SETS:
        (line,) = [line for line in said.splitlines() if line.split()[:1] == [name]]
        assert line.split()[1] == "no"
    say("emotions", parquet=folder, data_dir=folder)
    assert [line.split()[0] for line in say(data_dir=folder).splitlines() if " yes " in line] == ["emotions"]


def test_a_set_is_described_prepared_and_kept(folder):
    said = say("emotions", data_dir=folder)
    for part in ("SMP2020-EWECT", "Terms: None stated", "Source: https://smp2020ewect.github.io", "It is not prepared"):
        assert part in said
    assert f"python -m experiments.datasets emotions --data-dir {folder} --parquet FOLDER" in said
    said = say("emotions", parquet=folder, data_dir=folder)
    assert "train 2, validation 2, test 2 rows" in said
    assert "train: repeated 1" in said
    assert "is prepared already; delete" in say("emotions", parquet=folder, data_dir=folder)


@pytest.mark.parametrize("name", command.SETS)
def test_every_set_says_its_terms_its_source_and_its_commands(name):
    given = command.SETS[name]
    said = command.description(given, store.DEFAULT.parent / "nowhere")
    assert given.terms.endswith(".")
    assert "http" in given.official
    for flag, way in given.ways.items():
        assert f" --{flag} {way.given}".rstrip() in said
        assert (way.source is None) == (flag == "download")
    urls = [word for word in given.ways["download"].says.split() if word.startswith("http")] if name != "weibo" else []
    assert bool(urls) == (name != "weibo")
    assert all(len(store.digest(given.builder, url)) == 64 for url in urls)


def test_flags_that_do_not_fit_are_refused(folder):
    with pytest.raises(ValueError, match=r"Expected the name of a data set, got 'imbd'\. Choose one of imdb, mnist"):
        say("imbd", data_dir=folder)
    with pytest.raises(ValueError, match="Expected the name of a data set, got ''"):
        say(download=True)
    with pytest.raises(ValueError, match=r"one source of mnist, got --parquet\. Use one of\n.*mnist .*--download"):
        say("mnist", parquet=folder, data_dir=folder)
    with pytest.raises(ValueError, match="one source of imdb, got --archive, --parquet"):
        say("imdb", archive=folder, parquet=folder, data_dir=folder)


def test_the_exit_status_tells_bad_data_from_missing_data(folder, capsys):
    np.savez(folder / "mnist.npz", x_train=np.zeros(1))
    for args, status, message in (
        (["mnist", "--archive", str(folder / "mnist.npz")], 1, "Expected arrays x_train"),
        (["mnist", "--archive", str(folder / "none.npz")], 2, "Expected the file mnist.npz at"),
        (["nothing"], 1, "Expected the name of a data set"),
    ):
        with pytest.raises(SystemExit) as caught:
            command.run([*args, "--data-dir", str(folder)])
        assert caught.value.code == status
        assert message in capsys.readouterr().err
    command.run(["hotel", "--data-dir", str(folder)])
    assert "Tan Songbo" in capsys.readouterr().out


def test_labels_are_numbers_of_classes():
    assert store.label(1, ("a", "b"), "x") == 1
    for value in (2, -1, 1.0, None, True, "1"):
        with pytest.raises(ValueError, match=r"labels from 0 to 1 \(a, b\), got .* in x\. Number the classes so"):
            store.label(value, ("a", "b"), "x")

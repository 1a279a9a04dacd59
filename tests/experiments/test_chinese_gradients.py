"""The experiment on Chinese texts from end to end, on a few invented ones."""

import dataclasses
import io
import json

import jax
import numpy as np
import pytest
from rich.console import Console

from experiments._shared import record
from experiments.chinese_gradients import emoticons, examples, pictures, report, sentences
from experiments.chinese_gradients.__main__ import Config, main
from experiments.chinese_gradients.explain import POOLED_CLAIMS
from experiments.chinese_gradients.faithful import CLAIMS, MEASURES
from experiments.chinese_gradients.model import MAXIMUM, POOLINGS
from experiments.chinese_gradients.rankings import INTEGRATED, METHODS
from experiments.chinese_gradients.train import Hyperparameters
from experiments.datasets import chinese

MODEL = Hyperparameters(width=8, filters=8, hidden=8, epochs=3, batch=16, dropout=0.1, rate=2e-2, at_least=1)


def texts(count):
    """Reviews whose label is one character among others."""
    rng = np.random.default_rng(0)
    others = list("房间位置早餐酒店服务前台大床窗户安静")
    rows = {}
    while len(rows) < count:
        characters = list(rng.choice(others, rng.integers(11, 16)))
        label = int(rng.random() < 0.5)
        characters[rng.integers(len(characters))] = "[坏]" if label == 0 else "[好]"
        rows["".join(characters)] = label
    return list(rows.items())


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chinese")
    chinese.prepare(folder / "data", "hotel", chinese.Texts("hotel", {"all": texts(500)}))
    return Config(
        out=folder / "run",
        data_dir=folder / "data",
        sets=("hotel",),
        poolings=(MAXIMUM,),
        texts=40,
        steps=4,
        most=(300, 50),
        keras=None,
        model=MODEL,
    )


@pytest.fixture(scope="module")
def first(config):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emoticons, "DECIDED", ("hotel",))
        return run(config)


def run(config):
    printed = io.StringIO()
    main(config, Console(file=printed, width=200))
    return printed.getvalue(), json.loads((config.out / "result.json").read_text())


@pytest.mark.slow
def test_a_run_finds_the_decisive_character_and_keeps_what_it_needs(config, first):
    printed, result = first
    found = result["sets"]["hotel"]
    model = found["models"][MAXIMUM]
    assert model["test_accuracy"] > 0.9
    assert (found["train_texts"], found["test_texts"], model["texts"]) == (300, 50, 40)
    fall = model["measures"]["comprehensiveness"]
    assert fall["given"][INTEGRATED]["mean"] > fall["random"]["mean"] + 5 * fall["random"]["standard_error"]
    assert fall["given"][INTEGRATED]["mean"] > fall["reversed"][INTEGRATED]["mean"]
    assert set(found["cost"]) == {"rows", "seconds", "rows_a_second", "peak_memory_mb"}
    assert found["cost"]["rows"] == 50
    assert result["keras"] is None
    assert {path.name for path in config.out.iterdir()} == {
        "hotel_maximum.npz",
        "examples.html",
        "examples.md",
        "result.json",
        "measures.png",
        "gains.png",
        "pooling.png",
    }
    assert f"hotel, maximum: test accuracy {model['test_accuracy']:.2%}" in printed


@pytest.mark.slow
def test_the_first_character_is_one_of_the_emoticon_that_decides(first):
    _, result = first
    found = result["sets"]["hotel"]["models"][MAXIMUM]["emoticons"]
    assert result["sets"]["hotel"]["emoticon_vote"] == 1
    assert found["texts"] == 40
    assert found["first"][INTEGRATED]["mean"] > 0.9
    assert 0.1 < found["chance"]["mean"] < 0.3
    assert [row[0] for row in report.emoticons(result)] == [*METHODS, "a random character"]
    assert [row[0] for row in report.emoticon_claims(result)] == list(CLAIMS)
    assert "right on 100.00% of the test texts of hotel" in sentences.of_emoticons(result)


@pytest.mark.slow
def test_every_table_has_a_row_for_each_model(first):
    _, result = first
    assert report.accuracies(result)[0][:3] == ("hotel", "300", "50")
    assert [row[0] for row in report.methods(result, "hotel", MAXIMUM)] == [*METHODS, "random"]
    assert [row[0] for row in report.pooled(result)] == ["hotel, maximum"]
    assert len(report.pooled(result)[0]) == 1 + len(POOLED_CLAIMS)
    assert len(report.concentrated(result)[0]) == 5
    assert report.costs(result)[0][:3] == ("hotel", "50", "256")
    for part in ("gains", "gains_where_correct"):
        assert [row[0] for row in report.tally(result, part=part)] == list(CLAIMS)
        assert all(sum(map(int, cell.split(" / "))) == 1 for row in report.tally(result, part=part) for cell in row[1:])
    for measure in MEASURES:
        for score in ("probability", "log_odds"):
            assert [len(row) for row in report.claims(result, measure, score)] == [1 + len(CLAIMS)]


@pytest.mark.slow
def test_sentences_are_counted_from_the_result(first):
    _, result = first
    result = json.loads(json.dumps(result))
    model = result["sets"]["hotel"]["models"][MAXIMUM]
    for part in ("gains", "gains_where_correct"):
        model[part]["both with signs"]["comprehensiveness, probability"] = {"mean": 0.03, "standard_error": 0.01}
        model[part]["both with signs"]["sufficiency, probability"] = {"mean": -0.03, "standard_error": 0.01}
    model["pooling_gains"]["pooling, beyond random"]["comprehensiveness, probability"]["mean"] = 0.02
    model["pooling_gains"]["IG, beyond random"]["comprehensiveness, probability"]["mean"] = 0.08
    (line,) = (line for line in sentences.of_claims(result).splitlines() if line.startswith("- *both with signs*"))
    assert "in comprehensiveness better in 1 of 1 models (1 over" in line
    assert "in sufficiency better in 0 of 1 models (0 over the rightly predicted texts alone) and worse in 1." in line
    assert "reaches 25% to 25% of what" in sentences.of_pooling(result)
    assert sentences.of_settings(result).startswith("40 test texts")
    assert sentences.of_keras(result) == ""
    fall = model["measures"]["comprehensiveness"]
    for name, mean in (("gradient × input", 0.3), (INTEGRATED, 0.5)):
        fall["given"][name]["mean"] = mean
    fall["random"]["mean"] = 0.1
    assert sentences.reached(result) == pytest.approx([0.5])
    for measure, mean in zip(MEASURES, (0.3, -0.01), strict=True):
        model["gains"]["as the source"][f"{measure}, probability"] = {"mean": mean, "standard_error": 0.1}
    assert sentences.by_set(result) == "hotel: better in comprehensiveness and no difference seen in sufficiency"
    short = sentences.in_short(result).splitlines()
    assert len(short) == 3
    assert "better than its gradient in 1 by comprehensiveness and 0 by sufficiency, by +0.300 of" in short[0]
    assert "reaches 50% to 50% of" in short[2]
    result["sets"]["hotel"]["models"]["average"] = model
    model["pooling_gains"]["pooling of the source, beyond random"]["comprehensiveness, probability"]["mean"] = -9.0
    assert "worse on 1: they" in sentences.in_short(result).splitlines()[3]


@pytest.mark.slow
def test_the_pictures_show_what_the_result_says(first):
    _, result = first
    drawn = pictures.figures(result)
    assert {name: len(figure.axes) for name, figure in drawn.items()} == {"measures": 2, "gains": 8, "pooling": 2}
    for measure, axes in zip(MEASURES, drawn["measures"].axes, strict=True):
        found = result["sets"]["hotel"]["models"][MAXIMUM]["measures"][measure]
        middles = [container.lines[0].get_xdata()[0] for container in axes.containers]
        wanted = {**found["given"], "random": found["random"], "reversed": found["reversed"][INTEGRATED]}
        assert sorted(middles) == pytest.approx(sorted(figure["mean"] for figure in wanted.values()))


@pytest.mark.slow
def test_the_example_is_drawn_with_each_row_ending_at_one(config, first):
    _, result = first
    example = result["sets"]["hotel"]["example"]
    assert example["text"] == examples.EXAMPLES["hotel"].text
    signed, sizes = examples.drawn(example)
    assert [row.method for row in signed.rows] == ["maximum: gradient × input", "maximum: integrated gradients"]
    assert len(sizes.rows) == len(examples.SHOWN[MAXIMUM]) - 2
    assert (signed.scale.signed, sizes.scale.signed) == (True, False)
    for row in (*signed.rows, *sizes.rows):
        assert max(map(abs, row.numbers)) == pytest.approx(1)
        assert "".join(row.words) == example["text"]
    assert examples.as_page(result["sets"]) == (config.out / "examples.html").read_text()
    assert (config.out / "examples.md").read_text() == signed.markdown() + "\n" + sizes.markdown()


@pytest.mark.slow
def test_a_second_run_reuses_the_parameters(config, first):
    _, before = first
    written = (config.out / "hotel_maximum.npz").read_bytes()
    _, after = run(dataclasses.replace(config, texts=20))
    model = after["sets"]["hotel"]["models"][MAXIMUM]
    assert model["reused"]
    assert model["texts"] == 20
    assert model["test_accuracy"] == before["sets"]["hotel"]["models"][MAXIMUM]["test_accuracy"]
    assert (config.out / "hotel_maximum.npz").read_bytes() == written


def test_without_data_the_message_says_how_to_get_them(config, tmp_path):
    with pytest.raises(chinese.MissingDataError, match=r"python -m experiments\.datasets hotel"):
        main(dataclasses.replace(config, data_dir=tmp_path), Console(file=io.StringIO()))


@pytest.mark.slow
def test_all_poolings_and_the_keras_model(config, tmp_path):
    everything = dataclasses.replace(config, out=tmp_path, poolings=POOLINGS, keras="hotel", keras_texts=6)
    with jax.numpy_rank_promotion("allow"):
        _, result = run(everything)
    found = result["sets"]["hotel"]["models"]
    assert list(found) == list(POOLINGS)
    assert all(model["test_accuracy"] > 0.9 for model in found.values())
    assert result["keras"]["texts"] == 6
    assert result["keras"]["test_accuracy"] > 0.6
    assert all(difference < 1e-5 for difference in result["keras"]["difference"].values())
    assert {name: len(figure.axes) for name, figure in pictures.figures(result).items()}["gains"] == 8


def test_the_recorded_run_keeps_its_promises():
    result = record.recorded("chinese_gradients")
    assert list(result["sets"]) == ["hotel", "weibo", "thucnews", "emotions"]
    for name, pooling, model in report.each(result):
        assert model["texts"] >= 500
        assert model["test_accuracy"] > {"hotel": 0.85, "thucnews": 0.7}.get(name, 0.5), (name, pooling)
    assert max(result["keras"]["difference"].values()) < 1e-5

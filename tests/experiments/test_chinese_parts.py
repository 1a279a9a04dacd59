"""Each figure of the experiment on Chinese texts against a slow literal twin or a closed form."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import jaxattr as ja
from experiments._shared.words import PAD
from experiments.chinese_gradients import (
    compare_keras,
    data,
    emoticons,
    explain,
    faithful,
    keras_model,
    rankings,
    train,
)
from experiments.chinese_gradients.model import (
    ATTENTION,
    AVERAGE,
    MAXIMUM,
    WEIGHTS,
    CharacterClassifier,
    _with_zero_padding,
)
from experiments.datasets import chinese

IDS = np.array([4, 9, 2, 7, 9, 0, 0], np.int32)
REAL = IDS != PAD


def made(pooling, **options):
    """A small model with random numbers everywhere but in the padding vector."""
    model, rng = CharacterClassifier(20, 3, pooling, 8, 8, 8, **options), np.random.default_rng(0)
    shapes = jax.eval_shape(model.init, jax.random.key(0), IDS)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.4, leaf.shape), jnp.float32), shapes)
    params["params"]["embed"]["embedding"] = params["params"]["embed"]["embedding"].at[PAD].set(0)
    return model, params


@pytest.fixture(scope="module", params=[MAXIMUM, AVERAGE, pytest.param(ATTENTION, marks=pytest.mark.slow)])
def case(request):
    model, params = made(request.param)
    network = train.network_of(model)
    explained = jax.jit(rankings.explainer(network, steps=256))(params, IDS, np.int32(1))
    return model, params, network, jax.tree.map(np.asarray, explained)


def test_the_model_is_what_it_says(case):
    model, params, _, _ = case
    p = jax.tree.map(np.asarray, params["params"])
    vectors = p["embed"]["embedding"][IDS] * REAL[:, None]
    padded = np.pad(vectors, ((1, 1), (0, 0)))
    kernel = p["windows"]["kernel"]
    states = np.stack([sum(padded[t + k] @ kernel[k] for k in range(3)) for t in range(len(IDS))])
    states = np.maximum(states + p["windows"]["bias"], 0)
    if model.pooling == MAXIMUM:
        pooled = states[REAL].max(0)
    elif model.pooling == AVERAGE:
        pooled = states[REAL].mean(0)
    else:
        scores = np.tanh(states @ p["keys"]["kernel"]) @ p["query"]["kernel"][:, 0]
        weights = np.exp(scores[REAL]) / np.exp(scores[REAL]).sum()
        pooled = weights @ states[REAL]
    hidden = np.maximum(pooled @ p["dense"]["kernel"] + p["dense"]["bias"], 0)
    wanted = hidden @ p["logits"]["kernel"] + p["logits"]["bias"]
    np.testing.assert_allclose(model.apply(params, IDS), wanted, rtol=1e-5, atol=1e-6)


def test_padding_moves_nothing_and_an_empty_text_is_finite(case):
    model, params, _, _ = case
    np.testing.assert_allclose(model.apply(params, IDS[REAL]), model.apply(params, IDS), rtol=1e-5)
    assert np.isfinite(model.apply(params, np.zeros(5, np.int32))).all()
    table = jax.jit(jax.grad(lambda params: model.apply(params, IDS)[1]))(params)["params"]["embed"]["embedding"]
    assert (table[PAD] == 0).all()
    assert (table[4] != 0).any()


def test_padding_is_read_where_that_is_asked_for():
    model, params = made(MAXIMUM, reads_padding=True)
    before = model.apply(params, IDS)
    params["params"]["embed"]["embedding"] = params["params"]["embed"]["embedding"].at[PAD].set(1)
    assert np.abs(model.apply(params, IDS) - before).max() > 1e-3


def test_the_padding_vector_begins_at_zero():
    table = _with_zero_padding(lambda key, shape: jnp.ones(shape))(jax.random.key(0), (4, 2))
    assert table.tolist() == [[0, 0], [1, 1], [1, 1], [1, 1]]


def test_other_settings_are_trained_afresh(tmp_path, monkeypatch):
    rows = (IDS[None], np.array([0]))
    corpus = data.Corpus("hotel", ("a", "b"), tuple("x" * 20), rows, rows, (), "a" * 64)
    small = train.Hyperparameters(width=8, filters=8, hidden=8)

    def numbers(model, *rest):
        shapes = jax.eval_shape(model.init, jax.random.key(0), IDS)
        return jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes)

    monkeypatch.setattr(train, "_fit", numbers)
    monkeypatch.setattr(train, "accuracy", lambda *rest: 0.5)

    def reused(corpus=corpus, pooling=MAXIMUM, seed=0, **changed):
        settings = dataclasses.replace(small, **changed)
        quiet = Console(quiet=True)
        return train.trained(corpus, pooling, tmp_path / "params.npz", settings, seed=seed, console=quiet)[2]["reused"]

    assert not reused()
    assert reused()
    assert not reused(pooling=ATTENTION)
    assert not reused()
    assert not reused(seed=1)
    assert reused(seed=1)
    assert not reused(seed=1, rate=0.5)
    assert not reused(dataclasses.replace(corpus, sha256="b" * 64), seed=1, rate=0.5)


def test_another_pooling_is_refused():
    with pytest.raises(ValueError, match=r"maximum, attention, average, got 'sum'\. Write pooling='maximum'"):
        made("sum")


def test_values_are_zero_at_padding_and_integrated_gradients_add_up(case):
    _, _, _, explained = case
    for name, value in explained["values"].items():
        assert (value[~REAL] == 0).all(), name
        assert np.isfinite(value).all(), name
    total = explained["values"][rankings.INTEGRATED].sum()
    np.testing.assert_allclose(total + explained["gap"], explained["change"], rtol=1e-4, atol=1e-6)


def test_gradients_are_those_of_the_log_odds_and_rank_as_those_of_the_probability(case):
    model, params, _, explained = case

    def score(vectors, of):
        changed = jax.tree.map(lambda a: a, params)
        changed["params"]["embed"]["embedding"] = jnp.zeros((20, 8)).at[1 : len(IDS) + 1].set(vectors)
        return of(model.apply(changed, np.where(REAL, np.arange(len(IDS)) + 1, PAD)), 1)

    x = params["params"]["embed"]["embedding"][IDS]
    gradient = jax.jit(jax.grad(score), static_argnums=1)(x, ja.scores.log_odds)
    chance = score(x, ja.scores.prob)
    np.testing.assert_allclose(
        jax.jit(jax.grad(score), static_argnums=1)(x, ja.scores.prob), chance * (1 - chance) * gradient, atol=1e-6
    )
    wanted = {
        rankings.GRADIENT: np.linalg.norm(gradient, axis=-1),
        rankings.TIMES: (gradient * x).sum(-1),
        rankings.TIMES_NORM: np.linalg.norm(gradient * x, axis=-1),
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(explained["values"][name][REAL], value[REAL], rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_path_of_the_source_is_its_loop(case):
    """The source scales the whole table, takes gradient times scaled vector, the mean, and the norm."""
    model, params, _, explained = case
    table = params["params"]["embed"]["embedding"]

    @jax.jit
    @jax.grad
    def gradient(vectors):
        changed = jax.tree.map(lambda a: a, params)
        changed["params"]["embed"]["embedding"] = jnp.zeros((20, 8)).at[1 : len(IDS) + 1].set(vectors)
        return jax.nn.softmax(model.apply(changed, np.where(REAL, np.arange(len(IDS)) + 1, PAD)))[1]

    parts = [gradient(alpha * table[IDS]) * alpha * table[IDS] for alpha in np.linspace(0, 1, 25)]
    wanted = np.linalg.norm(np.mean(parts, axis=0), axis=-1)
    np.testing.assert_allclose(explained["values"][rankings.SOURCE_PATH][REAL], wanted[REAL], rtol=1e-4, atol=1e-7)


def test_the_weights_of_the_source_sum_to_a_half():
    t, w = rankings.source_nodes(25)
    assert (t[0], t[-1], len(t)) == (0, 1, 25)
    assert w.sum() == pytest.approx(0.5)
    assert (w * t).sum() / w.sum() == pytest.approx(2 / 3, abs=0.02)


def test_pooling_shares_are_counted(case):
    model, params, _, explained = case
    network = train.network_of(model)
    states = np.asarray(ja.cut(network.logits, at="states")[0](params, IDS))
    found = explained["values"]
    if model.pooling == MAXIMUM:
        winners = states[REAL] == states[REAL].max(0)
        shares, weights = (winners / winners.sum(0)).mean(1), (winners * states[REAL].max(0)).sum(1)
    elif model.pooling == AVERAGE:
        total = states[REAL].sum(0)
        shares = np.where(total > 0, states[REAL] / np.where(total > 0, total, 1), 1 / REAL.sum()).mean(1)
        weights = 1 / ((states[REAL] - states[REAL].mean(0)) ** 2).mean(1)
    else:
        shares = np.asarray(ja.cut(network.logits, at=WEIGHTS)[0](params, IDS))[REAL]
        assert rankings.SOURCE_POOLING not in found
    assert found[rankings.POOLING].sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(found[rankings.POOLING][REAL], shares, rtol=1e-4, atol=1e-6)
    if model.pooling != ATTENTION:
        np.testing.assert_allclose(found[rankings.SOURCE_POOLING][REAL], weights, rtol=1e-4)


def test_what_is_carried_from_the_pooled_vector_adds_up_to_the_change(case):
    """The two baselines are one where the pooling of equal states is that state; so it is for all three."""
    _, _, _, explained = case
    assert float(explained["values"][rankings.AT_POOLED].sum()) == pytest.approx(float(explained["change"]), rel=0.1)


def test_a_pooling_without_names_is_refused():
    with pytest.raises(ValueError, match="Expected a pooling of the model, got 'sum'"):
        model, params = made(MAXIMUM)
        network = train.network_of(model)
        network = rankings.Network(network.logits, network.table, "sum")
        jax.eval_shape(rankings.explainer(network), params, IDS, np.int32(0))


def test_the_measures_are_those_of_texts_written_anew():
    model, params = made(MAXIMUM)
    network = train.network_of(model)
    values = {"a": np.array([0.1, 0.5, -1.0, 0.2, 0.3, 9, 9]), "b": np.array([3.0, 1, 2, 5, 4, 9, 9])}
    measure = jax.jit(faithful.measure(network.logits, jax.random.key(0)))
    found = measure(params, IDS, 5, {name: jnp.where(REAL, value, 0) for name, value in values.items()})

    logits = jax.jit(network.logits)

    def scores(ids):
        padded = np.pad(np.array(ids, np.int32), (0, len(IDS) - len(ids)))
        chances = np.asarray(jax.nn.softmax(logits(params, padded)), np.float64)
        return chances[label], np.log(chances[label] / (1 - chances[label]))

    assert faithful.FRACTIONS == (0.01, 0.05, 0.1, 0.2, 0.5), "those of ERASER"
    label = int(np.argmax(network.logits(params, IDS)))
    whole, length = scores(IDS[REAL]), REAL.sum()
    for way, sign in (("given", -1), ("reversed", 1)):
        for name, value in values.items():
            order = np.argsort(sign * value[REAL], kind="stable")
            falls = {measure: [] for measure in faithful.MEASURES}
            for fraction in faithful.FRACTIONS:
                first = set(order[: int(np.ceil(fraction * length))].tolist())
                without = [c for i, c in enumerate(IDS[REAL]) if i not in first]
                only = [c for i, c in enumerate(IDS[REAL]) if i in first]
                falls["comprehensiveness"].append(np.subtract(whole, scores(without)))
                falls["sufficiency"].append(np.subtract(whole, scores(only)))
            for measure, parts in falls.items():
                for score, wanted in zip(faithful.SCORES, np.mean(parts, axis=0), strict=True):
                    got = found[f"{measure}, {score}"][way][name]
                    assert float(got) == pytest.approx(wanted, abs=2e-5), (measure, score, way, name)


def test_gains_are_paired_and_above_zero_where_the_first_is_better():
    part = {"given": {"a": np.array([0.5, 0.7, 0.1]), "b": np.array([0.1, 0.2, 0.3])}, "random": np.zeros(3)}
    found = {f"{measure}, {score}": part for measure in faithful.MEASURES for score in faithful.SCORES}
    texts = np.array([True, True, False])
    table = faithful.gains(found, texts, {"claim": ("a", "b"), "random": ("a", "random")}, scores=("log_odds",))
    assert table["claim"]["comprehensiveness, log_odds"] == pytest.approx({"mean": 0.45, "standard_error": 0.05})
    assert table["claim"]["sufficiency, log_odds"] == pytest.approx({"mean": -0.45, "standard_error": 0.05})
    assert table["random"]["comprehensiveness, log_odds"] == pytest.approx({"mean": 0.6, "standard_error": 0.1})
    assert list(table["claim"]) == ["comprehensiveness, log_odds", "sufficiency, log_odds"]


@pytest.mark.parametrize(
    ("mean", "error", "said"), [(0.2, 0.1, "better"), (0.19, 0.1, "no difference seen"), (-0.2, 0.1, "worse")]
)
def test_the_verdict_is_the_interval_s(mean, error, said):
    assert faithful.verdict({"mean": mean, "standard_error": error}) == said


def test_concentration_of_equal_and_of_single_shares():
    real = np.arange(30) < 25
    equal, single = np.where(real, -2.0, 7.0), np.zeros(30)
    single[3] = 4.0
    found = explain.concentration(np.stack([equal, single]), np.stack([real, real]))
    np.testing.assert_allclose(found["top_tenth"], [3 / 25, 1])
    np.testing.assert_allclose(found["effective"], [1, 1 / 25])


def test_gaps():
    found = explain.gaps(np.array([0.1, -0.2, 0.3, -4.0]), np.array([1.0, 2.0, 0.0, -8.0]))
    assert found["median"] == pytest.approx(0.25)
    assert found["worst"] == 4
    assert found["median_relative"] == pytest.approx(0.3)
    assert found["ninety_percent"] == pytest.approx(np.quantile([0.1, 0.2, 0.3, 4.0], 0.9))


def test_the_sample_is_long_enough_the_same_for_all_models_and_knows_what_is_right():
    ids = np.zeros((40, 7), np.int32)
    for row, length in zip(ids, np.arange(40) % 7 + 1, strict=True):
        row[:length] = 5
    model, params = made(MAXIMUM)
    network = train.network_of(model)
    labels = np.asarray(train.predict(network, params, ids)).copy()
    labels[::2] = (labels[::2] + 1) % 3
    found = explain.sample(network, params, (ids, labels), texts=12, shortest=4, seed=3)
    assert len(found.rows) == 12
    assert ((found.ids != PAD).sum(1) >= 4).all()
    np.testing.assert_array_equal(found.ids, ids[found.rows])
    np.testing.assert_array_equal(found.correct, found.rows % 2 == 1)
    again = explain.sample(network, params, (ids, labels), texts=100, shortest=4, seed=3)
    np.testing.assert_array_equal(again.rows[:12], found.rows)
    assert set(again.rows) == set(np.flatnonzero(np.arange(40) % 7 >= 3))


def test_long_texts_keep_their_first_characters(tmp_path, monkeypatch):
    rows = [("好" * 3 + "房" * 300 + str(i), 1) for i in range(40)] + [("坏" + str(i), 0) for i in range(40)]
    chinese.prepare(tmp_path, "hotel", chinese.Texts("hotel", {"all": rows}))
    found = data.corpus(tmp_path, "hotel", at_least=2)
    assert found.characters[2] == "房"
    assert "0" in found.characters
    long = found.texts.index("好好好" + "房" * 253)
    assert [found.characters[i] for i in found.test[0][long][:4]] == list("好好好房")
    assert found.test[1][long] == 1
    assert found.classes == ("negative", "positive")
    fewer = data.corpus(tmp_path, "hotel", at_least=2, most=(10, 5))
    assert (len(fewer.train[0]), len(fewer.test[0])) == (10, 5)
    assert fewer.sha256 == found.sha256


@pytest.fixture
def loose():
    """Keras adds vectors to matrices."""
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.slow
def test_the_keras_model_and_its_copy_give_the_same_numbers(loose):
    ids = np.stack([IDS, np.roll(IDS, 0) % 5, np.array([3, 4, 5, 6, 7, 8, 9])]).astype(np.int32)
    model = keras_model.build(20, 3, 7, train.Hyperparameters(width=8, filters=8, hidden=8))
    corpus = data.Corpus("hotel", ("a", "b", "c"), tuple("x" * 20), (ids, ids[:, 0]), (ids, ids[:, 0]), (), "")
    linen = compare_keras.as_network(corpus, train.Hyperparameters(width=8, filters=8, hidden=8))
    keras, params, copied = keras_model.network(model), keras_model.variables(model), keras_model.as_linen(model)
    for row in ids:
        np.testing.assert_allclose(keras.logits(params, row), linen.logits(copied, row), rtol=1e-5, atol=1e-6)
    chances = np.asarray(model(ids))
    np.testing.assert_allclose(jax.nn.softmax(keras.logits(params, ids[0])), chances[0], rtol=1e-5)
    first = jax.jit(rankings.integrated(keras, steps=4))(params, IDS, np.int32(1))
    second = jax.jit(rankings.integrated(linen, steps=4))(copied, IDS, np.int32(1))
    for name, value in first.items():
        np.testing.assert_allclose(value, second[name], rtol=1e-4, atol=1e-7, err_msg=name)
    states = np.asarray(ja.cut(linen.logits, at="states")[0](copied, IDS))[REAL]
    weights = ((states == states.max(0)) * states).sum(1)
    np.testing.assert_allclose(keras_model.weights(model, IDS[None])[0][REAL], weights, rtol=1e-5)


def test_keras_on_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras_model.keras.backend, "backend", lambda: "torch")
    with pytest.raises(RuntimeError, match="Expected Keras on the JAX backend, got torch"):
        keras_model.build(20, 3, 7, train.Hyperparameters())


def test_emoticons_vote_by_their_counts():
    train = [("[a]好", 1), ("[a][a]", 1), ("[a]", 0), ("[b]", 0), ("无", 2)]
    test = [("x[a]", 1), ("[b][c]", 0), ("[c]", 0), ("[a][b][b]", 0), ("[a]", 0)]
    assert np.log1p(1) + np.log1p(1) > np.log1p(2) + np.log1p(0), "the fourth is of class 0"
    assert emoticons.vote(train, test) == pytest.approx(4 / 5), "all but the last"


def test_the_share_of_first_characters_in_emoticons():
    written = ["好[泪]", "[泪]", "好好", "[]好[哈哈]"]
    values = np.array([[9.0, 1, 1, 1, 5, 5, 5], [0] * 7, [0] * 7, [0, 1, 2, 3, 4, 0, 9]])
    found = emoticons.figures(written, dict.fromkeys([*rankings.METHODS], values))
    assert found["texts"] == 2
    assert found["first"][rankings.INTEGRATED]["mean"] == 0.5
    assert found["chance"]["mean"] == pytest.approx((3 / 4 + 4 / 7) / 2)
    assert found["gains"]["as the source"] == {"mean": 0, "standard_error": 0}


def test_rows_of_ids_become_texts_of_as_many_characters():
    corpus = data.Corpus("weibo", ("a", "b"), ("<pad>", "<unk>", "[", "泪", "]"), (IDS,) * 2, (IDS,) * 2, (), "")
    assert emoticons.texts(corpus, np.array([[2, 3, 4, 1, 0, 0]])) == ["[泪]\ufffd"]


def test_the_difference_is_relative_to_the_largest():
    assert compare_keras.difference(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])) == 0.5


def test_padding_gets_nothing_where_its_vector_is_zero():
    model, params = made(MAXIMUM)
    part = jax.jit(compare_keras.on_padding(train.network_of(model), steps=4))(params, IDS, np.int32(0))
    assert float(part) == 0
    params["params"]["embed"]["embedding"] = params["params"]["embed"]["embedding"].at[PAD].set(1)
    reading = train.network_of(model.clone(reads_padding=True))
    assert 0 < float(jax.jit(compare_keras.on_padding(reading, steps=4))(params, IDS, np.int32(0))) < 1

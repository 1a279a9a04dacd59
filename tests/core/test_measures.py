"""Measures, scores, effects and pools."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jaxattr as ja
from tests.core.same import same
from tests.metrics import test_faithfulness, twins
from tests.test_effects import softmax, twin
from tests.test_pooling import literal_max_shares

KEY = jax.random.key(5)
IDS = np.array([3, 1, 4, 1])
pytestmark = pytest.mark.usefixtures("x64")


def test_measures():
    """Faithfulness by lists of tokens; agreement by SciPy, with ties and with padding left out."""
    t, rng = test_faithfulness, np.random.default_rng(0)
    a, b, where = rng.integers(-2, 3, 12) * 1.0, rng.normal(size=12), np.arange(12) < 9
    peers = {"pearson": scipy.stats.pearsonr, "spearman": scipy.stats.spearmanr, "kendall_tau": scipy.stats.kendalltau}

    @jax.jit
    def explained(x, given, a, b):
        found = {m.__name__: m(t.of_padded, given, x, **t.options(m, random_rankings=2)) for m in t.MEASURES}
        curve = ja.metrics.aopc_eraser(found["comprehensiveness_eraser"]).given
        agreement = {name: getattr(ja.metrics, name)(a, b, where=where) for name in peers}
        error = ja.metrics.standard_error(b, where=where)
        marked = ja.metrics.most_important(a, [0.25, 0.5], where=where)
        area = ja.metrics.aopc_samek(t.of_padded, t.SCORES, x[:7], perturb=ja.delete(0), key=KEY, random_rankings=1)
        return {**found, "mean": curve, "error": error, "marked": marked, "no padding": area.given, **agreement}

    found = explained(jnp.asarray(t.PADDED), t.GIVEN, a, b)
    draws = [jax.random.uniform(jax.random.fold_in(t.KEY, i), t.GIVEN.shape, jnp.float32) for i in range(2)]
    expected = {name: peers[name](a[:9], b[:9])[0] for name in peers}
    for measure, literal_of in t.MEASURES.items():
        random = [literal_of(twins.ranking(list(d), t.REAL)) for d in draws]
        ranked = [literal_of(twins.ranking(sign * t.SCORES, t.REAL)) for sign in (1, -1)]
        expected[measure.__name__] = [ranked[0], ranked[1], np.mean(random, 0)]
        ours = found[measure.__name__]
        found[measure.__name__] = [ours.given, ours.reversed, ours.random]
    order = twins.ranking(a, where)
    expected["mean"] = np.mean(expected["comprehensiveness_eraser"][0])
    expected["error"] = np.std(b[:9], ddof=1) / 3
    expected["no padding"] = twins.area(t.of_list, twins.ranking(t.SCORES, np.ones(7, bool)), t.IDS)
    expected["marked"] = [[i in order[:n] for i in range(12)] for n in (3, 5)]
    for name in list(expected):
        np.testing.assert_allclose(found.pop(name), expected[name], rtol=1e-10, atol=1e-12, err_msg=name)
    assert not found


def test_scores_effects_and_pools():
    rng = np.random.default_rng(0)
    z, w, x = rng.normal(size=6), rng.normal(size=6), np.round(rng.normal(size=(5, 3)), 1)
    x0, where = rng.normal(size=(5, 3)), np.array([True, True, False, True, True])
    x[3] = x[1] = np.abs(x).max(0)
    p = np.array(softmax(z))
    names, tops = ("l1", "hellinger", "kl", "js"), (None, 1, 3)

    @jax.jit
    def explained(z, w, x, label):
        labels = ("logit", "prob", "log_prob", "log_odds", "margin")
        labelled = {name: getattr(ja.scores, name)(z, 2) for name in labels}
        distances = {f"{n} {k}": getattr(ja.effects, n)(z, w, k=k) for n in names for k in tops}
        return {
            **labelled,
            **distances,
            "entropy": ja.scores.entropy(z),
            "top": ja.scores.top_k_mass(z, 2),
            "all": ja.scores.top_k_mass(z, 6),
            "no class": ja.scores.logit(z, label + 4),
            "drop": ja.effects.drop(z, w),
            "predicted": ja.effects.predicted(ja.scores.logit)(z, w),
            "max": ja.pooling.max_shares(x, where=where),
            "first": ja.pooling.max_shares(x, where=where, ties=ja.pooling.first),
            "mean": ja.pooling.mean_shares(x, x0=x0, where=where),
            "words": ja.pooling.to_positions(jnp.arange(3.0), ja.pooling.max_shares(x)),
            "fill": ja.replace(ja.fills.text_mean(where=where))(x, np.arange(5) != 1),
        }

    move = np.where(where[:, None], x - x0, 0)
    first = np.zeros((5, 3))
    first[np.where(where[:, None], x, -np.inf).argmax(0), np.arange(3)] = 1
    filled = x.copy()
    filled[1] = x[where].mean(0)
    expected = {
        "logit": z[2],
        "prob": p[2],
        "log_prob": np.log(p[2]),
        "log_odds": np.log(p[2] / (1 - p[2])),
        "margin": z[2] - np.delete(z, 2).max(),
        **{f"{n} {k}": twin(n, softmax(z), softmax(w), k) for n in names for k in tops},
        "entropy": -(p * np.log(p)).sum(),
        "top": np.sort(p)[-2:].sum(),
        "all": 1.0,
        "no class": np.nan,
        "drop": z - w,
        "predicted": z[z.argmax()] - w[z.argmax()],
        "max": literal_max_shares(x, where),
        "first": first,
        "mean": move / move.sum(0),
        "words": literal_max_shares(x, np.ones(5, bool)) @ np.arange(3.0),
        "fill": filled,
    }
    same(explained(z, w, x, 2), expected, 1e-9)

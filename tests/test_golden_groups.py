"""Parity with Captum's FeatureAblation and Occlusion of words, sentences, windows and token ids, all in one pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.test_golden import GOLDEN, cnn, lstm, transformer

WINDOWS = ((1, 1), (3, 2), (4, 3), (10, 10))
GROUPS = ("words", "sentences")


@pytest.mark.parametrize("model", [cnn, lstm, transformer], ids=lambda model: model.__name__)
def test_captum(model, x64):
    """To 1e-12 of the largest entry; of windows to 1e-7, since Captum rounds those to float32."""
    with np.load(GOLDEN / "captum_groups.npz", allow_pickle=False) as file:
        stored = dict(file)
    assert str(stored["versions"]).startswith("captum 0.9.0, torch 2.13.0")
    with np.load(GOLDEN / f"captum_{model.__name__}.npz", allow_pickle=False) as file:
        given = dict(file)
    weights = {k.removeprefix("weight/"): jnp.asarray(v) for k, v in given.items() if k.startswith("weight/")}
    groups = {name: ja.spans(stored[f"groups/{name}"]) for name in GROUPS}
    windows = {f"window_{size}_{stride}": ja.windows(10, size, stride=stride) for size, stride in WINDOWS}

    def f(x, target):
        return ja.scores.log_prob(model(weights, x), target)

    def of_ids(ids, target):
        return f(jnp.asarray(stored["table"])[ids], target)

    def explain(x, ids, target):
        own = ja.occlusion(f, keep=groups, perturb=ja.replace(ja.fills.text_mean()))(x, target)
        zero = ja.occlusion(f, keep=groups, perturb=ja.replace(0.0))(x, target)
        tokens = ja.occlusion(of_ids, keep=groups | windows, perturb=ja.replace(0), batch_size=7)(ids, target)
        return {"mean": own, "zero": zero, "ids": tokens}

    ours = jax.jit(jax.vmap(explain))(given["x"], stored["ids"], given["target"])
    compared = 0
    for fill, levels in ours.items():
        for level, values in levels.items():
            theirs = stored[f"{model.__name__}/{level}/{fill}"]
            tolerance = 1e-7 if level in windows else 1e-12
            np.testing.assert_allclose(values, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())
            assert np.ptp(theirs) > 1e-3
            compared += values.size
    assert compared == 5 * 10 * (2 + 2 + 2 + 4)

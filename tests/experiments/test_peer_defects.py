"""Numbers of the peers beside exact ones: ours are the exact ones, and what is recorded is what the peers give."""

import io
import json
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import experiments.peer_defects
import jaxattr as ja
from experiments._shared import record
from experiments.peer_defects import __main__ as everything
from experiments.peer_defects import problems as given

RECORDED = record.recorded("peer_defects")
CASES = RECORDED["cases"]


def lifted(f, x, baseline=None):
    x = jnp.array(x)
    x0 = jnp.zeros_like(x) if baseline is None else jnp.array(baseline)
    return np.asarray(jax.jit(ja.deep_lift(f, baseline=x0))(x))


def class_of(x):
    return jax.nn.softmax(x)[0]


def after_norm(x):
    normed = (x - x.mean()) / jnp.sqrt(x.var() + 1e-5)
    return normed @ jnp.array(given.HEAD)


OURS = {  # what has an exact share for each entry
    "captum_trapezoid": lambda: ja.integrated_gradients(jnp.sum, baseline=jnp.zeros_like, steps=2, nodes=ja.trapezoid)(
        jnp.array(given.LINE)
    ),
    "captum_functional_relu": lambda: lifted(lambda x: jax.nn.relu(x - given.THRESHOLD).sum(), [given.ABOVE]),
    "captum_gelu": lambda: lifted(lambda x: jax.nn.gelu(x, approximate=False).sum(), given.GELU_INPUT),
    "captum_product": lambda: lifted(lambda x: x[0] * x[1], given.FACTORS),
    "captum_addition": lambda: ja.lrp(lambda x: (x + jnp.array(given.RESIDUAL_WEIGHTS) @ x).sum())(
        jnp.array(given.RESIDUAL_INPUT)
    ),
    "shap_functional_relu": lambda: lifted(lambda x: jax.nn.relu(x - given.THRESHOLD).sum(), [given.ABOVE]),
    "shap_product": lambda: lifted(lambda x: x[0] * x[1], given.FACTORS),
}
SUMS = {  # what has an exact sum alone
    "captum_softmax": (class_of, given.ROW, [0.0] * 3),
    "shap_layer_norm": (after_norm, given.NORMED, given.NORM_BASELINE),
}
OTHERS = {"captum_infidelity", "captum_markup", "shap_markup"}


def test_every_case_is_recorded_with_finite_numbers():
    assert set(CASES) == {*OURS, *SUMS, *OTHERS}
    for name, case in CASES.items():
        assert case["call"]
        assert len({"exact", "exact_sum"} & case.keys()) == 1
        for numbers in (case["gives"] | case["right"]).values():
            assert np.isfinite(numbers).all(), name
    assert {"captum", "shap", "torch", "jax", "jaxattr"} <= {k for k, v in RECORDED["versions"].items() if v}
    assert "/" not in RECORDED["platform"] + RECORDED["device"], "no path of the machine"


@pytest.mark.parametrize("name", [*OURS, "captum_infidelity", "captum_markup", "shap_markup"])
def test_what_is_recorded_differs_where_it_says_so_and_is_right_elsewhere(name):
    case = CASES[name]
    for numbers in case["gives"].values():
        assert not np.allclose(numbers, case["exact"], rtol=1e-2)
    for numbers in case["right"].values():
        np.testing.assert_allclose(numbers, case["exact"], rtol=0.05)  # infidelity is an estimate


@pytest.mark.parametrize("name", OURS)
def test_ours_are_the_exact_shares(name):
    np.testing.assert_allclose(OURS[name](), CASES[name]["exact"], rtol=1e-5)


@pytest.mark.parametrize("name", SUMS)
def test_ours_have_the_exact_sum(name):
    f, x, baseline = SUMS[name]
    ours = lifted(f, x, baseline)
    assert ours.sum() == pytest.approx(CASES[name]["exact_sum"], rel=1e-4)
    for numbers in CASES[name]["gives"].values():
        assert sum(numbers) != pytest.approx(CASES[name]["exact_sum"], rel=0.1)
    if name == "captum_softmax":
        rows = jnp.array([given.ROW, given.OTHER_ROW])
        both = jax.jit(jax.vmap(ja.deep_lift(f, baseline=jnp.zeros_like)))(rows)
        np.testing.assert_allclose(both[0], ours, rtol=1e-5)


@pytest.mark.parametrize("name", ["captum_markup", "shap_markup"])
def test_our_pages_have_no_element_of_a_word_or_a_name(name):
    page = ja.picture(given.TOKENS, np.ones(len(given.TOKENS)), name=given.CLASS).html()
    assert page.count("<img") == CASES[name]["exact"][0]
    assert "x&lt;img" in page


def run(tmp_path):
    printed = io.StringIO()
    config = everything.Config(out=tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers warn of what they do
        everything.main(config, Console(file=printed, width=160))
    return json.loads((tmp_path / "result.json").read_text()), printed.getvalue()


def test_the_peers_give_what_is_recorded(tmp_path):
    for name in ("captum", "shap"):
        pytest.importorskip(name, reason="the peers are not installed")
    found, printed = run(tmp_path)
    assert "captum_trapezoid" in printed
    assert found["cases"].keys() == CASES.keys()
    for name, case in CASES.items():
        again = found["cases"][name]
        for kind in ("gives", "right"):
            assert again[kind].keys() == case[kind].keys()
            for where, numbers in case[kind].items():
                np.testing.assert_allclose(again[kind][where], numbers, rtol=1e-4, atol=1e-6, err_msg=name)


def test_without_the_peers_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "experiments.peer_defects.captum_cases", None)
    monkeypatch.delattr(experiments.peer_defects, "captum_cases", raising=False)
    with pytest.raises(ImportError, match=r"jaxattr\[benchmarks\]"):
        everything.measured(everything.SMALL)

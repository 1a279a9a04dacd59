"""Each shared checker is run on a method that is broken in the way that it looks for, and has to notice."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr import propagation
from jaxattr.reuse import _rules
from tests import test_averages, test_axioms, test_contract, test_hoisting, test_maxima
from tests.cutting import test_zoo, zoo
from tests.display import test_hostile
from tests.metrics import test_faithfulness
from tests.propagation import models, test_complete, test_secant
from tests.relevance import test_rules
from tests.reuse import test_exact, test_hard
from tests.shapley import test_axioms as test_axioms_of_games
from tests.shapley import test_samplers
from tests.transforms import T, Transform, X, close, score

REAL = ja.gradient


def eager(g):
    return g


# ------------------------------------------------------------------------------------------------------- the contract


def without_signature(f):
    return lambda *args, **kwargs: REAL(f)(*args, **kwargs)


def without_keywords(f):
    return lambda *args, **_: REAL(f)(*args)


def other_static_leaves(f):
    def explained(x):
        g = REAL(f)(x)
        return g | {"how": "mean"} if isinstance(g, dict) else g

    return explained


def changed(change):
    """The gradient with one thing done to it."""
    return lambda f, **options: lambda x: jax.tree.map(change, REAL(f, **options)(x))


def argument_of_the_wrong_end(f, argnums=0):
    return REAL(f, argnums=argnums if isinstance(argnums, tuple) else abs(argnums))


def aux_elsewhere(f, has_aux=False):
    return lambda x: (REAL(f, has_aux=True)(x)[0], f(2 * x)[1]) if has_aux else REAL(f)(x)


def another_number_when_compiled(f):
    return lambda x: REAL(f)(x) * (1.01 if isinstance(x, jax.core.Tracer) else 1)


@jax.custom_batching.custom_vmap
def beside_others(x):
    return x


@beside_others.def_vmap
def _(size, batched, x):
    return x / jnp.abs(x).max(), batched[0]


def counted(change):
    """The result changes with every call."""
    calls = []

    def explained(f):
        def once(x):
            calls.append(1)
            return change(REAL(f)(x), len(calls))

        return once

    return explained


def chunks_count_twice(f, batch_size=4):
    return lambda x: batch_size * REAL(f)(x)


def evaluated_again(f):
    return lambda x: REAL(f)(x) + 0 * f(x) + 0 * f(x + 1)


def leaking(f, kept=[]):  # noqa: B006
    def explained(x):
        kept.append(2 * x)
        return REAL(f)(x)

    return explained


def one_key_twice(f):
    def explained(x):
        key = jax.random.key(3)
        return REAL(f)(x) + jax.random.normal(key, x.shape) - jax.random.normal(key, x.shape)

    return explained


def remembered(f):
    value = functools.cache(lambda: REAL(f)(X))
    return lambda x: value()


def blind_to_numpy(f):
    return lambda x: REAL(f)(x) * (2 if isinstance(x, np.ndarray) else 1)


def padding_counts(f, where=None):
    return REAL(f)


def where_is_looked_at(f, where=None):
    return lambda x: REAL(f)(x) if bool(np.all(where)) else REAL(f, where=where)(x)


BROKEN = {
    test_contract.test_it_has_the_signature_of_f: without_signature,
    test_contract.test_it_takes_other_arguments_keywords_and_static_leaves: without_keywords,
    test_contract.test_static_leaves_inside_the_argument_come_back: other_static_leaves,
    test_contract.test_structure_shapes_and_dtypes: changed(lambda g: g.astype(jnp.bfloat16)),
    test_contract.test_argnums: argument_of_the_wrong_end,
    test_contract.test_has_aux_is_aux_at_the_input_as_given: aux_elsewhere,
    test_contract.test_jit: another_number_when_compiled,
    test_contract.test_vmap_is_a_loop: changed(beside_others),
    test_contract.test_scan_and_remat: changed(beside_others),
    test_contract.test_shard_map_over_eight_devices: changed(beside_others),
    test_contract.test_rows_sharded_by_the_compiler: counted(lambda g, count: count * g),
    test_contract.test_it_is_twice_differentiable: changed(jax.lax.stop_gradient),
    test_contract.test_it_nests_in_another_transform: changed(jax.lax.stop_gradient),
    test_contract.test_half_precision_is_summed_in_single: changed(lambda g: g.astype(jnp.bfloat16)),
    test_contract.test_double_precision: changed(lambda g: g.astype(jnp.float32)),
    test_contract.test_batch_size_changes_nothing: chunks_count_twice,
    test_contract.test_equal_shapes_are_traced_once: evaluated_again,
    test_contract.test_no_tracer_leaks: leaking,
    test_contract.test_it_promotes_no_dtype: changed(lambda g: g * np.ones(g.shape[-1], np.int32)[None]),
    test_contract.test_no_key_is_used_twice: one_key_twice,
    test_contract.test_a_changed_model_is_seen: remembered,
    test_contract.test_numpy_inputs_and_jitted_scores: blind_to_numpy,
    test_contract.test_it_is_deterministic: counted(lambda g, count: g + 1e-6 * count),
    test_contract.test_where_marks_the_real_positions: padding_counts,
    test_contract.test_where_may_be_traced: where_is_looked_at,
}
RAISES = {  # the others end with an assertion
    test_contract.test_no_tracer_leaks: (Exception, "Leaked"),
    test_contract.test_it_promotes_no_dtype: (ValueError, "no available implicit dtype promotion"),
    test_contract.test_no_key_is_used_twice: (jax.errors.KeyReuseError, "already consumed"),
    test_contract.test_where_may_be_traced: (jax.errors.TracerBoolConversionError, "traced"),
}
IN_DOUBLE = (
    test_contract.test_it_is_twice_differentiable,
    test_contract.test_it_nests_in_another_transform,
    test_contract.test_double_precision,
)


@pytest.mark.parametrize("check", BROKEN, ids=lambda check: check.__name__)
def test_the_contract_notices(check):
    names = check.__code__.co_varnames[: check.__code__.co_argcount]
    given = {"transform": Transform("broken", BROKEN[check], ()), "wrap": eager, "x64": None}
    error, message = RAISES.get(check, (AssertionError, None))
    with jax.enable_x64(check in IN_DOUBLE), pytest.raises(error, match=message):
        check(**{name: given[name] for name in names})


def test_every_check_of_the_contract_is_here():
    checks = {value for name, value in vars(test_contract).items() if name.startswith("test_")}
    assert checks - {test_contract.test_the_table_holds_every_transform} == BROKEN.keys()


def test_a_transform_that_is_not_in_the_table_is_missed(monkeypatch):
    monkeypatch.setattr(test_contract, "TRANSFORMS", test_contract.TRANSFORMS[1:])
    with pytest.raises(AssertionError):
        test_contract.test_the_table_holds_every_transform()


@pytest.mark.parametrize("other", [jnp.array([1.0, 2.0]), jnp.array([1.0]), [jnp.array([1.0, 2.1])]], ids=str)
def test_close_notices(other):
    with pytest.raises(AssertionError):
        close(other, jnp.array([1.0, 2.1]), 1e-3)


# --------------------------------------------------------------------------------------------------------- the axioms


def of_the_weights(f, x, x0):
    return REAL(f)(x) * jnp.abs(f.args[0][0]).sum()


AXIOMS = {
    "completeness": lambda f, x, x0: REAL(f)(x),
    "sensitivity": lambda f, x, x0: ja.gradient_times_input(f)(x),
    "dummy": lambda f, x, x0: REAL(f)(x) + 1e-9,
    "implementation_invariance": of_the_weights,
    "linearity": lambda f, x, x0: REAL(f)(x) ** 2,
    "scale": lambda f, x, x0: REAL(f)(x) ** 2,
    "symmetry": lambda f, x, x0: REAL(f)(x) * jnp.arange(1.0, 1.0 + len(x)),
}


def on_some_seeds(check, *args):
    for seed in range(4):
        check.hypothesis.inner_test(*args, seed)


@pytest.mark.parametrize("axiom", AXIOMS)
def test_an_axiom_is_seen_to_be_broken(axiom, monkeypatch, x64):
    monkeypatch.setitem(test_axioms.METHODS, f"without {axiom}", AXIOMS[axiom])
    with pytest.raises(AssertionError):
        on_some_seeds(getattr(test_axioms, f"test_{axiom}"), f"without {axiom}", np.float64)


OTHER_AXIOMS = {
    "baseline_swap": ("phi", lambda method, p, x, x0: x - x0 + 1, ("deep_lift", np.float64)),
    "completeness_of_gradient_times_input_for_homogeneous_scores": (
        "homogeneous",
        lambda: lambda w, v, x: x,
        (np.float64,),
    ),
    "permutation_equivariance": (
        "compiled_text",
        lambda _: lambda p, x, x0, real: x * np.arange(len(x))[:, None],
        ("gradient", np.float64),
    ),
    "pad_invariance": ("compiled_text", lambda _: lambda p, x, x0, real: x / len(x), ("gradient", np.float64)),
    "batch_independence": (
        "compiled_batch",
        lambda _: lambda p, x, x0, real: x / np.abs(x).max(),
        ("gradient", np.float64),
    ),
}


@pytest.mark.parametrize("axiom", OTHER_AXIOMS)
def test_an_axiom_of_texts_is_seen_to_be_broken(axiom, monkeypatch, x64):
    name, broken, args = OTHER_AXIOMS[axiom]
    monkeypatch.setattr(test_axioms, name, broken)
    with pytest.raises(AssertionError):
        on_some_seeds(getattr(test_axioms, f"test_{axiom}"), *args)


GAMES = {
    "efficiency": lambda name, values: np.asarray(values)[:4],
    "dummy": lambda name, values: np.full(4, values.mean()),
    "linearity": lambda name, values: np.asarray(values)[:4] ** 2,
    "symmetry": lambda name, values: values[0] * np.arange(1.0, 5),
}


@pytest.mark.parametrize("axiom", GAMES)
def test_an_axiom_of_games_is_seen_to_be_broken(axiom, monkeypatch):
    monkeypatch.setattr(test_axioms_of_games, "phi", GAMES[axiom])
    with pytest.raises(AssertionError):
        on_some_seeds(getattr(test_axioms_of_games, f"test_{axiom}"), "exact")


def test_every_axiom_is_here():
    for module, broken in ((test_axioms, AXIOMS | OTHER_AXIOMS), (test_axioms_of_games, GAMES)):
        drawn = {name.removeprefix("test_") for name, value in vars(module).items() if hasattr(value, "hypothesis")}
        assert drawn == broken.keys()


# ---------------------------------------------------------------------- completeness, conservation, the secant of rules


def test_a_gap_is_seen():
    f, shape = models.MLPS["mlp_tanh"]()
    with pytest.raises(AssertionError, match="gap"):
        test_complete.complete(lambda x, x0: (x - x0) * jax.grad(f)(x), f, shape, "float32")


def test_a_slope_in_the_place_of_a_secant_is_seen(monkeypatch, x64):
    rules = propagation.DEEPLIFT | {"tanh": propagation.midpoint_slope}
    monkeypatch.setattr(ja, "deep_lift", functools.partial(ja.deep_lift, rules=rules))
    with pytest.raises(AssertionError, match="gap"):
        test_secant.test_secant("tanh", None)


def test_a_leak_is_seen(x64):
    inputs = [jnp.asarray(np.random.default_rng(0).uniform(0.5, 1.5, (2, 3))) for _ in range(2)]
    damped = propagation.attn_lrp_rules(propagation.epsilon(0.01), stabiliser=0.0)
    with pytest.raises(AssertionError):
        test_rules.conserved(test_rules.JOINING["dot_general"], damped, inputs)


# ------------------------------------------------------------------------------- exactness of what is computed cheaply


@pytest.mark.parametrize("check", [test_exact.test_one_position_replaced, test_exact.test_one_position_deleted])
def test_a_wrong_rule_of_reuse_is_seen(check, monkeypatch, x64):
    monkeypatch.setitem(_rules._RULES, "reduce_max", test_hard.wrong)
    with jax.numpy_rank_promotion("allow"), pytest.raises(AssertionError):
        check("cnn")


def test_what_leaves_the_short_cut_is_seen(monkeypatch, x64):
    monkeypatch.delitem(_rules._RULES, "reduce_max")
    with jax.numpy_rank_promotion("allow"), pytest.raises(AssertionError):
        test_exact.test_what_goes_on_alone("cnn")


@pytest.mark.parametrize(
    "check",
    [
        lambda: test_hoisting.assert_same(test_hoisting.after(test_hoisting.AFFINE["neg"])),
        lambda: test_maxima.test_maxima_of_lines_are_taken("tanh"),
    ],
    ids=["hoisting", "maxima"],
)
def test_other_numbers_with_hoisting_are_seen(check, monkeypatch, x64):
    honest = ja.integrated_gradients

    def another_rule(f, *, hoist, steps=9, **options):
        return honest(f, hoist=hoist, steps=steps + hoist, nodes=ja.midpoint, **options)

    monkeypatch.setattr(ja, "integrated_gradients", another_rule)
    with pytest.raises(AssertionError):
        check()


# ------------------------------------------------------------------------------------------------------------- the cut


def cut_with(change):
    honest = ja.cut

    def cut(f, **options):
        embed, head = honest(f, **options)
        return change(embed, head)

    return cut


CUTS = {
    test_zoo.test_parts_make_the_whole: lambda embed, head: (embed, lambda x, *args: head(1.001 * x, *args)),
    test_zoo.test_under_jit: lambda embed, head: (embed, lambda x, *args: head(1.001 * x, *args)),
    test_zoo.test_gradient_equals_finite_difference: lambda embed, head: (
        embed,
        lambda x, *args: head(2 * x - jax.lax.stop_gradient(x), *args),
    ),
    test_zoo.test_under_vmap_over_ids: lambda embed, head: (
        embed,
        lambda x, *args: head(x + beside_others(jax.lax.stop_gradient(x)) - jax.lax.stop_gradient(x), *args),
    ),
    test_zoo.test_value_is_one_row_a_position: lambda embed, head: (lambda *args: embed(*args)[:-1], head),
}


@pytest.mark.parametrize("check", CUTS, ids=lambda check: check.__name__)
def test_a_wrong_cut_is_seen(check, monkeypatch, x64):
    case = zoo.CASES["indexing"]()
    case = case._replace(args=test_zoo.doubled(case.args))
    monkeypatch.setattr(ja, "cut", cut_with(CUTS[check]))
    with jax.numpy_rank_promotion("allow"), pytest.raises(AssertionError):
        check(case)


def test_every_check_of_the_cut_is_here():
    assert {value for name, value in vars(test_zoo).items() if name.startswith("test_")} == CUTS.keys()


# ------------------------------------------------------------------------------------------------ honesty, and measures


def half(method):
    return lambda *args, **options: lambda x: method(*args, **options)(x) / 2


@pytest.mark.parametrize("module", ["samplers", "averages"])
def test_an_error_that_is_too_small_is_seen(module, monkeypatch, x64):
    monkeypatch.setattr(ja.shapley, "permutation_error", half(ja.shapley.permutation_error))
    monkeypatch.setattr(ja, "standard_error_over", half(ja.standard_error_over))
    with pytest.raises(AssertionError):
        if module == "samplers":
            test_samplers.test_mean_efficiency_and_coverage("antithetic")
        else:
            test_averages.test_two_standard_errors_cover_the_truth_as_often_as_they_should(None)


def test_a_biased_estimate_is_seen(monkeypatch, x64):
    monkeypatch.setattr(ja.shapley, "permutation", biased)
    with pytest.raises(AssertionError):
        test_samplers.test_mean_efficiency_and_coverage("antithetic")


def biased(f, *, key, samples, orders, **options):
    """The mean over the players in the place of each: the sum is right, the values are not."""
    explained = ja.shapley.exact(f, **options)
    return lambda x: jnp.full(len(x), explained(x).mean())


def test_a_measure_is_not_taken_for_another(monkeypatch, x64):
    comprehensive = test_faithfulness.MEASURES[ja.metrics.comprehensiveness_eraser]
    monkeypatch.setitem(test_faithfulness.MEASURES, ja.metrics.sufficiency_eraser, comprehensive)
    with pytest.raises(AssertionError):
        test_faithfulness.test_literal_twin(ja.metrics.sufficiency_eraser, None)


@pytest.mark.parametrize(
    "page",
    [
        '<p onclick="alert(1)">a</p>',
        "<script>alert(1)</script>",
        "<p>a",
        "<p>a</div></p>",
        "<!-- a -->",
        "<!DOCTYPE svg>",
        '<p style="color:red">a</p>',
    ],
)
def test_a_foreign_element_is_seen(page):
    assert test_hostile.Reader(page).foreign
    assert not test_hostile.Reader('<!DOCTYPE html><p dir="ltr">a</p>').foreign


def test_the_cases_can_pass():
    """The broken methods above are broken in one way: what they are made from passes."""
    honest = Transform("gradient", REAL, (), keeps_dtype=True)
    test_contract.test_jit(honest)
    test_contract.test_where_may_be_traced(honest)
    assert X.shape[0] == T
    assert jnp.isfinite(REAL(score)(X)).all()

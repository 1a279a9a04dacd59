"""The core mathematics in few programs: many methods of one score at once, beside literal twins, in double precision.

Most of the time of a small test goes to the compiler. What has longer tests elsewhere is checked here once more, in one
program for each family, so that `pytest -m core` ends within a minute.
"""

import functools
import inspect
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jaxattr as ja
from jaxattr import propagation
from jaxattr.shapley import _kernel
from tests import oracles, test_maxima
from tests.metrics import test_faithfulness, twins
from tests.propagation.primitives import CASES, SHAPE
from tests.shapley import oracles as games
from tests.shapley.games import play
from tests.test_effects import softmax, twin
from tests.test_oracles import MODEL, X0, X, network, padded, slope
from tests.test_path_methods import COSTS, TABLE, by_words, literal
from tests.test_pooling import literal_max_shares

KEY = jax.random.key(5)
IDS = np.array([3, 1, 4, 1])
pytestmark = pytest.mark.usefixtures("x64")


def same(found, expected, tolerance=1e-10):
    """Every entry of one dictionary is that of the other."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


def test_paths_and_averages():
    """Gradients along paths, with noise, and over baselines, each by its formula and NumPy's complex steps."""
    f = network(jnp)
    corner = np.stack([X0, X0 + np.array([[1.0, -1.0]]), X])
    others = np.random.default_rng(3).normal(size=(5, *X.shape))
    where = np.array([True, False, True])
    rules = (ja.gauss_legendre, ja.midpoint, ja.trapezoid, ja.left_riemann, ja.right_riemann)

    def over(average, size):
        return average(lambda b: ja.integrated_gradients(f, baseline=b, steps=2), others, batch_size=size)

    def explained(x):
        noise = {"key": KEY, "std": 0.3, "samples": 5, "batch_size": 2}
        return {
            **{rule.__name__: ja.integrated_gradients(f, baseline=X0, nodes=rule, steps=5)(x) for rule in rules},
            "where": ja.integrated_gradients(f, baseline=X0, steps=5, where=where)(x),
            "corner": ja.path_integrated_gradients(f, path=corner, steps=3, batch_size=4)(x),
            "times": ja.gradient_times_input(f)(x),
            "gap": ja.completeness_gap(f, jnp.ones(7), x, X0),
            "gap, where": ja.completeness_gap(f, jnp.zeros(2), x, X0, where=where),
            "smooth": ja.smooth(ja.gradient(f), **noise)(x),
            "vargrad": ja.vargrad(ja.gradient(f), **noise)(x),
            "mean": over(ja.mean_over, 2)(x),
            "variance": over(ja.variance_over, 3)(x),
            "error": over(ja.standard_error_over, 2)(x),
        }

    def ig(x0, nodes, n, x=X):
        return oracles.integrated_gradients(slope, x, x0, *nodes(n))

    still = np.where(where[:, None], X0, X)
    noisy = oracles.noisy_slopes(slope, X, KEY, 0.3, 5)
    each = np.stack([ig(b, oracles.gauss_legendre, 2) for b in others])
    literal_rules = {rule.__name__: ig(X0, rule, 5) for rule in rules[1:]}
    same(
        jax.jit(explained)(X),
        literal_rules
        | {
            "gauss_legendre": ig(X0, oracles.gauss_legendre, 5),
            "where": ig(still, oracles.gauss_legendre, 5),
            "corner": literal(f, corner, 3, ja.midpoint),
            "times": X * slope(X),
            "gap": network(np)(X) - network(np)(X0) - 7,
            "gap, where": network(np)(X) - network(np)(still),
            "smooth": oracles.mean(noisy),
            "vargrad": oracles.variance(noisy),
            "mean": oracles.mean(each),
            "variance": oracles.variance(each),
            "error": oracles.standard_error(each),
        },
    )


def test_nodes_in_any_order():
    """A path whose nodes do not increase is not followed by its pieces."""

    def shuffled(n):
        return tuple(np.roll(a, n // 2) for a in ja.midpoint(n))

    found, plain = test_maxima.both(test_maxima.TAKEN["a product"], steps=8, nodes=shuffled)
    np.testing.assert_allclose(found, plain, rtol=1e-11, atol=1e-13)


def test_nodes():
    same(
        {"left": ja.left_riemann(4), "right": ja.right_riemann(2), "middle": ja.midpoint(2), "ends": ja.trapezoid(3)},
        {
            "left": ([0, 0.25, 0.5, 0.75], [0.25] * 4),
            "right": ([0.5, 1], [0.5, 0.5]),
            "middle": ([0.25, 0.75], [0.5, 0.5]),
            "ends": ([0, 0.5, 1], [0.25, 0.5, 0.25]),
        },
    )
    with pytest.raises(ValueError, match="steps >= 2"):
        ja.trapezoid(1)


def test_second_order_and_differences():
    """A polynomial: its interactions and slopes are known, and a rule of five nodes already knows its integral."""
    x, step = np.array([2.0, 3.0, -1.0]), np.array([0.5, 0.25, 1.0])

    def f(x):
        return x[0] * x[1] ** 2 + x[2] ** 3

    def of_leaves(leaves):
        return f(jnp.concatenate(leaves))

    def literal_difference(i):
        up, down = x.copy(), x.copy()
        up[i], down[i] = x[i] + step[i], x[i] - step[i]
        return (f(up) - f(down)) / (2 * step[i])

    def wave(x):
        return jnp.sin(9 * x).sum()

    def explained(x):
        to = {"baseline": jnp.zeros_like, "rtol": 1e-6}
        return {
            "pairs": ja.integrated_hessians(f, baseline=jnp.zeros_like)(x),
            "differences": ja.finite_differences(f, step=step, batch_size=2)(x),
            "close": ja.finite_differences(f)(x),
            "leaves": jnp.concatenate(ja.finite_differences(of_leaves, step=(step[:1], step[1:]))((x[:1], x[1:]))),
            "some": ja.finite_differences(f, step=step, where=np.array([True, False, True]))(x),
            "to": ja.integrated_gradients_to(f, **to)(x),
            "nodes": ja.nodes_used(f, **to)(x),
            "wave": ja.nodes_used(wave, baseline=jnp.zeros_like, rtol=1e-5)(x),
            "most": ja.nodes_used(lambda x: jnp.sin(400 * x).sum(), baseline=jnp.zeros_like, rtol=1e-9)(x),
            "last": ja.integrated_gradients_to(wave, baseline=jnp.zeros_like, rtol=1e-9, at_most=9)(x),
        }

    product = x[0] * x[1] ** 2
    pairs = product * np.array([[1, 2, 0], [2, 4, 0], [0, 0, 0]]) / 9 + np.diag([0, 0, x[2] ** 3])
    all_ = np.array([literal_difference(i) for i in range(3)])
    expected = {
        "pairs": pairs,
        "differences": all_,
        "leaves": all_,
        "close": [x[1] ** 2, 2 * x[0] * x[1], 3 * x[2] ** 2],
        "some": all_ * [1, 0, 1],
        "to": [product / 3, 2 * product / 3, x[2] ** 3],
        "nodes": 5,
        "wave": _literal_nodes(lambda t: 9 * x * np.cos(9 * t * x), np.sin(9 * x).sum(), 1e-5),
        "most": 129,
        "last": _clenshaw_curtis(lambda t: 9 * x * np.cos(9 * t * x), 9),
    }
    same(jax.jit(explained)(x), expected, 1e-6)


def _clenshaw_curtis(along, size):
    """The integral over [0, 1] of the polynomial through the values at so many nodes."""
    t = (1 - np.cos(np.pi * np.arange(size) / (size - 1))) / 2
    c = np.polynomial.chebyshev.chebfit(2 * t - 1, np.array([along(a) for a in t]), size - 1)
    return np.polynomial.chebyshev.chebval([1, -1], np.polynomial.chebyshev.chebint(c)) @ [1, -1] / 2


def _literal_nodes(along, change, rtol):
    """How many nodes it takes until two rules in a row are within the tolerance."""
    before, size = False, 3
    while True:
        now = abs(_clenshaw_curtis(along, size).sum() - change) <= rtol * abs(change)
        if now and before:
            return size
        before, size = now, 2 * size - 1


def test_removal():
    """Deletion, replacement, windows, words and levels of a text, beside lists that are really shorter."""
    tokens = [3, 1, 4, 1, 5]
    ids, left, words = padded(tokens), padded(tokens, left=True), [None, 0, 0, 1, 1, None, None, None]
    keep = {"windows": ja.windows(8, 3, stride=2), "words": ja.spans(words)}

    @jax.jit
    def explained(ids, left):
        f, levels = MODEL.of_padded, {"perturb": ja.delete(0), "where": ids != 0, "batch_size": 3}
        return {
            "one": ja.occlusion(f, **levels)(ids),
            "left": ja.occlusion(f, perturb=ja.delete_left(0), where=left != 0)(left),
            "replaced": ja.occlusion(f, perturb=ja.replace(11), where=ids != 0)(ids),
            **ja.occlusion(f, keep=keep, **levels)(ids),
            "scores": ja.perturbed(f, keep=keep["windows"], perturb=ja.delete(0))(ids),
        }

    def drops(keep, change=oracles.deleted):
        return [*oracles.occlusion(MODEL.of_list, tokens, keep, change), 0, 0, 0]

    each = ~np.eye(5, dtype=bool)
    three = [[not start <= i < start + 3 for i in range(5)] for start in (0, 2, 4, 6)]
    same(
        explained(ids, left),
        {
            "one": drops(each),
            "left": drops(each)[5:] + drops(each)[:5],
            "replaced": drops(each, lambda tokens, mask: oracles.replaced(tokens, mask, 11)),
            "windows": drops([mask for mask in three if not all(mask)]),
            "words": drops([[word != k for word in words[:5]] for k in (0, 1)]),
            "scores": [MODEL.of_list(oracles.deleted(tokens, mask)) for mask in three],
        },
    )


def test_masks():
    def windows(length, size, stride):
        return ja.windows(length, size, stride=stride).tolist()

    assert ja.leave_one_out(3).tolist() == [[False, True, True], [True, False, True], [True, True, False]]
    assert windows(5, 2, 2) == [[0, 0, 1, 1, 1], [1, 1, 0, 0, 1], [1, 1, 1, 1, 0]]
    assert windows(5, 3, 2) == [[0, 0, 0, 1, 1], [1, 1, 0, 0, 0]]
    assert windows(2, 3, 1) == [[0, 0]]
    assert ja.spans([None, 0, 1, 1, -1]).tolist() == [[1, 0, 1, 1, 1], [1, 1, 0, 0, 1]]
    assert ja.groups.of_positions([0, 0, -1], [None, 0, 1, 2]).tolist() == [-1, 0, 0, -1]


def test_exact_games():
    """All indices of one game of four players, whose first idles in no coalition."""
    values = np.random.default_rng(0).normal(size=16)
    tree = ((0, 3), (1, 2))

    @jax.jit
    def explained(values, where):
        def pairs(index):
            return play(functools.partial(ja.shapley.interactions, index=index), values)

        indices = ("sii", "k_sii", "stii", "banzhaf_index")
        return {
            "shapley": play(ja.shapley.exact, values, batch_size=3),
            "kernel": play(ja.shapley.kernel, values, samples=None),
            "banzhaf": play(ja.shapley.banzhaf, values),
            "owen": play(functools.partial(ja.shapley.owen, tree=tree), values),
            "flat": play(functools.partial(ja.shapley.owen, tree=(0, 1, 2, 3)), values),
            **{name: pairs(getattr(ja.shapley, name)) for name in indices},
            "arch_detect": play(ja.shapley.arch_detect, values),
            "words": play(ja.shapley.exact, values, players=[-1, 0, 1, 1], where=np.array([True, True, True, False])),
            "padded": play(ja.shapley.interactions, values, where=np.array([False, True, True, True])),
            "two": play(ja.shapley.interactions, values[:4]),
            "one": play(ja.shapley.kernel, values[:2], samples=None),
            "no pair": play(ja.shapley.interactions, values[:2], index=ja.shapley.sii),
            "hidden": play(ja.shapley.interactions, values * jnp.nan, where=where),
        }

    fixed = values[[9, 11, 13, 15]]  # players 0 and 3 always stay, 1 and 2 play
    padded = np.zeros((4, 4))
    padded[1:, 1:] = games.k_sii(values[1::2])  # player 0 always stays
    hidden = np.full((4, 4), np.nan)
    hidden[0] = hidden[:, 0] = 0  # not even what is not a number reaches padding
    same(
        explained(values, np.array([False, True, True, True])),
        {name: getattr(games, name)(values) for name in "shapley banzhaf sii k_sii stii banzhaf_index".split()}
        | {"kernel": games.shapley(values), "owen": games.owen(values, tree), "arch_detect": games.arch_detect(values)}
        | {
            "words": games.shapley(fixed),
            "padded": padded,
            "hidden": hidden,
            "two": games.k_sii(values[:4]),
            "one": games.shapley(values[:2]),
            "flat": games.shapley(values),
            "no pair": games.sii(values[:2]),
        },
        1e-11,
    )


def test_draws_of_orders():
    """Estimates and their errors from the very orders that were drawn, one player after another."""
    values, orders = np.random.default_rng(1).normal(size=16), ("uniform", "antithetic", "stratified")

    @jax.jit
    def explained(values):
        found = {}
        for name in orders:
            ways = {"key": KEY, "samples": 3, "orders": getattr(ja.shapley, name)}
            found[name] = play(ja.shapley.permutation, values, **ways)
            found[f"{name}, error"] = play(ja.shapley.permutation_error, values, **ways)
        return found

    _, v = games.table(values)

    def literal_draw(order):
        phi, before = np.zeros(4), frozenset()
        for i in order:
            phi[i], before = v[before | {i}] - v[before], before | {i}
        return phi

    expected = {}
    for name in orders:
        drawn = [getattr(ja.shapley, name)(jax.random.fold_in(KEY, k), 4).tolist() for k in range(3)]
        draws = np.array([np.mean([literal_draw(order) for order in each], 0) for each in drawn])
        expected |= {name: draws.mean(0), f"{name}, error": draws.std(0, ddof=1) / np.sqrt(3)}
    same(explained(values), expected)


@pytest.mark.parametrize("whole", [0, 1])
def test_error_of_a_fit(whole, monkeypatch):
    """The sandwich of KernelSHAP, from the coalitions that were taken: those that were drawn have an error."""
    values, ways = np.random.default_rng(1).normal(size=16), {"key": KEY, "samples": 16, "whole": whole}
    error = jax.jit(lambda values: play(ja.shapley.kernel_error, values, **ways))(values)
    monkeypatch.setattr(_kernel, "_error", lambda fit: fit)
    fit = jax.tree.map(np.asarray, jax.jit(lambda values: play(ja.shapley.kernel_error, values, **ways))(values))
    z, other, w, n, m = fit.pairs.inside, fit.pairs.outside, fit.pairs.weights[:, None], 4, 16 - 4 * whole
    a = np.linalg.inv((z.T @ (w * z) + other.T @ (w * other)) / 2)
    middle = a - np.outer(a.sum(1), a.sum(1)) / a.sum()
    rest = [gains - part @ fit.values for gains, part in ((fit.pairs.gains, z), (fit.pairs.others, other))]
    drawn = ((z * rest[0][:, None] + other * rest[1][:, None]) / 2)[4 * whole :] @ middle
    share = w[4 * whole :].sum()  # of the weight that lies on what is drawn
    expected = share * np.sqrt(((drawn - drawn.mean(0)) ** 2).sum(0) / (m * (m - n + 1)))
    np.testing.assert_allclose(error, expected, rtol=1e-9)


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


def test_paths_of_words():
    ids, blank = np.array([3, 17, 39]), np.zeros(3, int)
    distances = ((TABLE[:, None] - TABLE[None]) ** 2).sum(-1) + np.diag(np.full(40, np.inf))
    near = distances.argsort(1)[:, :4]

    @jax.jit
    def explained(ids, blank):
        def path(near, ours):
            return ja.word_paths.discretized(TABLE, near, steps=5, cost=ours)(ids, blank)

        paths = {name: path(near, ours) for name, (ours, _) in COSTS.items()}
        return {
            **paths,
            "few": path(near[:, :1], COSTS["closest"][0]),
            "near": ja.word_paths.neighbours_of(TABLE, 4, batch_size=7),
        }

    def by_lists(near, cost):
        return np.stack([by_words(TABLE, near, int(word), 0, 5, cost) for word in ids], 1)

    expected = {name: by_lists(near, cost) for name, (_, cost) in COSTS.items()}
    expected |= {"near": near, "few": by_lists(near[:, :1], COSTS["closest"][1])}  # no neighbour is left
    same(explained(ids, blank), expected)


TOGETHER = "and div gather max mul reduce_prod reduce_window_max select_n stop_gradient".split()


@pytest.mark.parametrize("low", [-2.0, 0.2])
def test_secants(low):
    """DeepLIFT of functions of many primitives at once is complete, whatever the weights of their entries."""
    functions = [case.f for name in TOGETHER for case in CASES[name] if case.low == low]
    rng = np.random.default_rng(0)
    x, x0 = rng.uniform(low, 2, (2, 6, 2, *SHAPE))
    x[1], x[2, 0], x[3, :, 0], x0[4] = x0[1] * (1 + 1e-9), x0[2, 0], x0[3, :, 0], max(low, 0)

    def outputs(v):
        return jnp.concatenate([jnp.ravel(f(*v)) for f in functions])

    size = jax.eval_shape(outputs, x[0]).shape[0]
    weights = rng.normal(size=(6, size))

    @jax.jit
    @jax.vmap
    def sums(x, x0, w):
        phi = ja.deep_lift(lambda *v: jnp.sum(w * outputs(v)), baseline=tuple(x0), argnums=(0, 1))(*x)
        return sum(p.sum() for p in phi), sum(jnp.abs(p).sum() for p in phi), (w * (outputs(x) - outputs(x0))).sum()

    total, scale, change = sums(x, x0, weights)
    assert np.all(np.abs(total - change) <= 1e-11 * scale + 1e-12)
    assert np.abs(change[:1]).min() > 1e-3


def test_shares_by_hand():
    """What completeness leaves open: how a change is shared."""

    @jax.jit
    def explained():
        def share(f, x, x0, **options):
            return ja.deep_lift(f, baseline=jnp.array(x0), **options)(jnp.array(x))

        cumulative = propagation.DEEPLIFT | {"cumprod": propagation.midpoint_slope}
        cancel = {"rules": propagation.REVEAL_CANCEL}
        return {
            "slope": share(lambda x: jax.lax.cumprod(x)[1], [3.0, 2.0], [0.0, 0.0], rules=cumulative),
            "cancelled": share(lambda x: ((x[0] - x[1]) / 2) ** 3, [3.0, 1.0], [0.0, 0.0], **cancel),
            "no logarithm": share(lambda x: jnp.log(x[0] - x[1]), [4.0, 2.0], [1.0, 0.0], **cancel),
            "guided": ja.guided_backprop(lambda x: jax.nn.relu(x).sum())(jnp.array([0.0, 2.0])),
            "less a bias": ja.lrp(lambda x: jnp.dot(x, jnp.array([1.0, 2.0])) - 1)(jnp.array([3.0, 1.0])),
            "product": share(lambda x: x[0] * x[1], [3.0, 5.0], [1.0, 2.0]),
            "quotient": share(lambda x: x[0] / x[1], [3.0, 4.0], [2.0, 1.0]),
            "reciprocal": share(lambda x: x[0] * (1 / x[1]), [3.0, 4.0], [2.0, 1.0]),
            "of three": share(jnp.prod, [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
            "choice": share(lambda x: jnp.where(x[0] > x[1], x[1], 1.0), [3.0, 2.0], [1.0, 1.5]),
        }

    expected = {
        "slope": [3, 3],  # in the middle, (1.5, 1)
        "cancelled": [2.25, -1.25],  # the mean of both orders: 3.375 and 1.125; -2.375 and -0.125
        "no logarithm": np.log(2) * np.array([3, -2]),  # by the secant: 1 - 2 has none
        "guided": [0, 1],
        "less a bias": np.array([3, 2]) * 4 / (4 + 1e-6),  # each with its part of the sum, stabilised by 1e-6
        "product": [2 * 3.5, 3 * 2],  # each its change times the mean of the other
        "quotient": [0.4 * 1, 2.2 * (1 / 4 - 1)],  # 1 / 4 has a fifth of the weight, 1 has the rest
        "reciprocal": [0.4 * 1, 2.2 * (1 / 4 - 1)],
        "choice": [0.75 * 2 / 1.5, 0.5 / 2 - 0.75 * 0.5 / 1.5],  # half of what moves, and the turn by the gap
        "of three": [1.5, 1.5, 3],  # two make 2, shared in halves, then the third
    }
    same(explained(), expected)


def test_all_masks_of_deletion():
    masks = np.array(list(itertools.product([False, True], repeat=4)))
    both = jax.jit(jax.vmap(lambda keep: (ja.delete(-1)(IDS, keep), ja.delete_left(-1)(IDS, keep))))
    for mask, right, left in zip(masks, *map(np.ndarray.tolist, map(np.asarray, both(masks))), strict=True):
        stays = oracles.deleted(IDS.tolist(), mask)
        gone = [-1] * (4 - len(stays))
        assert right == stays + gone
        assert left == gone + stays


def test_what_does_not_fit_is_refused():
    x = jnp.ones((3, 2))
    wrong = {
        "fill": lambda: ja.replace(jnp.ones(3))(x, np.ones(3, bool)),
        "tree": lambda: ja.shapley.merges([0, 1]),
        "step": lambda: ja.finite_differences(jnp.sum, step=jnp.array([[1.0, -1.0]] * 3))(x),
        "one row": lambda: ja.metrics.standard_error(jnp.ones(1)),
        "rows": lambda: ja.metrics.standard_error([jnp.ones(3), jnp.ones(2)]),
        "attribution": lambda: ja.metrics.most_important(jnp.ones(0), [0.5]),
        "half_width": lambda: ja.shapley.until(lambda key: jnp.sum, key=KEY, half_width=0.0, at_most=900),
        "classes": lambda: ja.scores.top_k_mass(jnp.ones(3), 4),
        "score": lambda: ja.occlusion(lambda x: x, perturb=ja.replace(0.0))(x),
        "points": lambda: ja.path_integrated_gradients(jnp.sum, path=x[None])(x),
        "width": lambda: ja.cosine_kernel(0.0),
        "std": lambda: ja.with_noise(lambda x: x, key=KEY, std=jnp.ones(3))(x),
        "stds": lambda: ja.with_noise(lambda pair: pair, key=KEY, std=(0.1, jnp.ones(3)))((x, x)),
    }
    for call in wrong.values():
        with pytest.raises(ValueError, match=r"wants|explains one number"):
            call()
    with pytest.raises(TypeError, match="wants"):
        ja.pooling.max_shares(np.ones((3, 2), bool))
    with pytest.raises(TypeError, match="wants"):
        ja.metrics.most_important(np.ones(3, bool), [0.5])
    with pytest.raises(TypeError, match="wants"):
        ja.word_paths.discretized(TABLE, np.zeros((40, 1), int))(np.ones(2), np.ones(2, int))
    with pytest.raises(ValueError, match="at most 20 players"):
        jax.eval_shape(ja.shapley.exact(jnp.sum, perturb=ja.replace(0.0)), jnp.ones(21))
    assert jax.eval_shape(ja.shapley.exact(jnp.sum, perturb=ja.replace(0.0)), jnp.ones(20)).shape == (20,)
    assert len(propagation.alpha_beta().terms) == 2
    assert callable(ja.lime(jnp.sum, key=KEY, perturb=ja.replace(0.0), ridge=0.0))
    assert ja.shapley.merges([[0, 1, 0.5], [2, 3, 0.7]]) == (2, (0, 1))
    assert ja.metrics.most_important(jnp.ones(1), [0.5]).tolist() == [[True]]


DEFAULTS = {
    "steps": {
        ja.integrated_gradients: 32,
        ja.integrated_hessians: 32,
        ja.path_integrated_gradients: 1,
        ja.word_paths.discretized: 30,
    },
    "at_most": {ja.integrated_gradients_to: 129, ja.nodes_used: 129},
    "atol": {ja.integrated_gradients_to: 0, ja.nodes_used: 0},
    "samples": {
        **dict.fromkeys([ja.smooth, ja.vargrad, ja.shapley.permutation, ja.shapley.permutation_error], 16),
        **dict.fromkeys([ja.shapley.kernel, ja.shapley.kernel_error], 256),
        **dict.fromkeys([ja.lime, ja.lime_error, ja.rise, ja.rise_error], 1000),
    },
    "whole": {ja.shapley.kernel: 0, ja.shapley.kernel_error: 0},
    "at_least": {ja.shapley.until: 64, ja.shapley.until_report: 64},
    "share": {ja.rise: 0.5, ja.rise_error: 0.5},
    "ridge": {ja.lime: 1, ja.lime_error: 1},
    "width": {ja.cosine_kernel: 0.25},
    "random_rankings": {
        getattr(ja.metrics, name): 8
        for name in ("comprehensiveness_eraser", "sufficiency_eraser", "log_odds_dig", "aopc_samek")
    },
    "stabiliser": dict.fromkeys([propagation.gamma, propagation.alpha_beta, propagation.lrp_rules], 1e-6),
    "size": {propagation.epsilon: 1e-6, propagation.gamma: 0.25},
    "reuse": {ja.perturbed: True, ja.occlusion: True},
    "check": {ja.perturbed: 0, ja.occlusion: 0},
    "hoist": {ja.integrated_gradients: True},
}


@pytest.mark.parametrize("option", DEFAULTS)
def test_what_is_taken_where_nothing_is_said(option):
    """A default is a promise: another number of draws or nodes moves the values of everyone who left it out."""
    found = {f: inspect.signature(f).parameters[option].default for f in DEFAULTS[option]}
    assert found == DEFAULTS[option]


def test_aux_comes_with_the_value():
    """Of each method: what f returns beside the score, at the input as it is given."""
    ways = {"baseline": jnp.zeros_like}
    methods = {
        "gradient": ja.gradient,
        "gradient_times_input": ja.gradient_times_input,
        "integrated_gradients": functools.partial(ja.integrated_gradients, **ways),
        "integrated_gradients_to": functools.partial(ja.integrated_gradients_to, rtol=0.1, **ways),
        "integrated_hessians": functools.partial(ja.integrated_hessians, **ways),
        "path_integrated_gradients": functools.partial(
            ja.path_integrated_gradients, path=lambda x: jnp.stack([0 * x, x])
        ),
        "finite_differences": ja.finite_differences,
        "deep_lift": functools.partial(ja.deep_lift, **ways),
        "lrp": ja.lrp,
        "occlusion": functools.partial(ja.occlusion, perturb=ja.replace(0.0)),
        "exact": functools.partial(ja.shapley.exact, perturb=ja.replace(0.0)),
    }

    def f(x):
        return x.sum(), {"as given": x}

    for name, method in methods.items():
        aux = jax.eval_shape(method(f, has_aux=True), jnp.ones(3))[1]
        assert aux["as given"].shape == (3,), name


def moved_about(x):
    """Reshapes that keep the positions, products that put them last or sum over those of one side, and loops."""
    pairs = jnp.tanh(x.reshape(4, 2, 2)).max(1)
    turned = jnp.tanh(x.T.reshape(2, 2, 4)).max((0, 1))
    crossed = jnp.einsum("td,st->ds", x, jnp.sin(x))
    last = jax.lax.dot_general(jnp.arange(24.0).reshape(3, 2, 4) / 9, x, (((2,), (1,)), ((), ())))
    channels = jax.lax.conv(x[None], jnp.arange(16.0).reshape(2, 4, 2) / 9, (1,), "VALID")
    loops = rounds(jnp.zeros(4), x, reverse=True) + rounds(x[0], x) + rounds(jnp.zeros(4), x.T)
    ends = (pairs[:, 0] * jnp.arange(4.0)).sum() ** 2 + (turned * jnp.arange(4.0)).sum()
    asked = jnp.tanh(x @ jnp.tanh(crossed))
    return ends + sum(a.sum() for a in (pairs, asked, jnp.cos(crossed), jnp.tanh(last), jnp.sin(channels), loops))


def rounds(start, rows, **options):
    return jax.lax.scan(lambda h, row: (jnp.tanh(h + row), h), start, rows, **options)[0]


def test_versions_of_a_text():
    """Shared or not, the score of each version is the same; what cannot be shared is named."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4)))
    keep = {"two": ja.windows(4, 2), "one": ja.leave_one_out(4)}
    shared, alone = (ja.perturbed(moved_about, keep=keep, perturb=ja.replace(0.5), reuse=r) for r in (True, False))
    found, expected = jax.jit(lambda x: (shared(x), alone(x)))(x)
    assert np.ptp(expected["two"]) > 0.1
    same(found, expected, 1e-12)
    reached = ja.fallbacks(moved_about, perturb=ja.replace(0.5))(x)
    assert {o.primitive for o in reached.operations} == {"dot_general", "conv_general_dilated", "scan"}

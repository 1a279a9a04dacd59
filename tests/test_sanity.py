"""Randomised parameters (Adebayo et al., arXiv:1810.03292): an explanation of a network changes where the network does.

Maps of two hundred networks, each with a text of its own, are compared with those of the same network after some of its
layers were drawn afresh: from the top down to all of them, and each layer alone. Similar is what Spearman's correlation
says of the maps with their signs and of their absolute values.

Words are signs, so that no entry is larger than another: sizes of the input would look like agreement, which the last
test shows. For the same reason the convolution goes round in a circle: no position is at an edge.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from tests.weights import drawn

DRAWS, WORDS, WIDE, UNITS = 200, 6, 8, 32
# Spearman's correlation of two unrelated orders of n has the mean 0 and the variance 1 / (n - 1). Entries of one word
# may go together, so n is the number of words for all methods; 4 standard errors of the mean over the draws.
CHANCE = 4 / np.sqrt((WORDS - 1) * DRAWS)


def convolution(p, x):
    """Windows of three, ReLU, maximum over the text, a hidden layer."""
    windows = jnp.concatenate([jnp.roll(x, 1, 0), x, jnp.roll(x, -1, 0)], 1)
    h = jax.nn.relu(jnp.dot(windows, p["filters"]["w"]) + p["filters"]["b"][None]).max(0)
    return jnp.dot(jax.nn.relu(jnp.dot(h, p["hidden"]["w"]) + p["hidden"]["b"]), p["out"]["w"])[0]


def attention(p, x):
    """One head, a hidden layer at each word, the mean over the text."""
    q, k, v = (jnp.dot(x, w) for w in (p["keys"]["q"], p["keys"]["k"], p["values"]["w"]))
    h = jnp.dot(jax.nn.softmax(jnp.dot(q, k.T) / WIDE**0.5), v)
    h = jax.nn.relu(jnp.dot(h, p["hidden"]["w"]) + p["hidden"]["b"][None])
    return jnp.dot(h.mean(0), p["out"]["w"])[0]


def layer(rows, columns):
    return {"w": jnp.zeros((rows, columns)), "b": jnp.zeros(columns)}


SQUARE = jnp.zeros((WIDE, WIDE))
OUT = {"w": jnp.zeros((UNITS, 1))}
MODELS = {  # the layers from the top down
    convolution: {"out": OUT, "hidden": layer(UNITS, UNITS), "filters": layer(3 * WIDE, UNITS)},
    attention: {"out": OUT, "hidden": layer(WIDE, UNITS), "values": {"w": SQUARE}, "keys": {"q": SQUARE, "k": SQUARE}},
}
GONE = ja.replace(0.0)
RULES = {convolution: ja.propagation.LRP_EPSILON, attention: ja.propagation.ATTN_LRP}
METHODS = {
    "gradient norm": lambda f, _: lambda x: jnp.linalg.norm(ja.gradient(f)(x), axis=-1),
    "gradient_times_input": lambda f, _: ja.gradient_times_input(f),
    "integrated_gradients": lambda f, _: ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=4),
    "occlusion": lambda f, _: ja.occlusion(f, perturb=GONE),
    "shapley": lambda f, _: ja.shapley.exact(f, perturb=GONE),
    "deep_lift": lambda f, _: ja.deep_lift(f, baseline=jnp.zeros_like),
    "lrp": lambda f, model: ja.lrp(f, rules=RULES[model]),
    "lrp z+": lambda f, _: ja.lrp(f, rules=ja.propagation.LRP_Z_PLUS),
    "guided_backprop": lambda f, _: ja.guided_backprop(f),
}


def stages(order):
    """The layers that are drawn afresh: from the top down, the last time all of them; then each one alone."""
    return [order[: i + 1] for i in range(len(order))] + [[name] for name in order[1:]]


@functools.cache
def networks(model):
    """Parameters `[stage * draw, ...]`: as given, and after each stage."""
    like, order = MODELS[model], list(MODELS[model])

    def some(first):
        return jax.tree.map(lambda *a: np.stack(a), *[drawn(lambda _: like, seed=first + i) for i in range(DRAWS)])

    given, other = some(0), some(DRAWS)
    each = [{name: (other if name in stage else given)[name] for name in order} for stage in [[], *stages(order)]]
    return jax.tree.map(lambda *a: np.concatenate(a), *each)


@functools.cache
def explain(model):
    """All methods in one program: `f(parameters, texts)` with maps of words or of entries `[draw, n]`."""

    def one(p, x):
        f = functools.partial(model, p)
        return {name: METHODS[name](f, model)(x).ravel() for name in EXPECTED[model]}

    return jax.jit(jax.vmap(one))


@functools.cache
def maps(model, sizes=False):
    """Maps `[stage, draw, n]` of each method for texts of signs, or of signs times a size of each word."""
    x = np.random.default_rng(0).choice(np.float32([-1, 1]), size=(DRAWS, WORDS, WIDE))
    if sizes:
        x = x * np.random.default_rng(1).lognormal(size=(DRAWS, WORDS, 1)).astype(np.float32)
    count = 1 + len(stages(list(MODELS[model])))
    found = explain(model)(networks(model), np.tile(x, (count, 1, 1)))
    return {name: values.reshape(count, DRAWS, -1) for name, values in found.items()}


@jax.jit
@jax.vmap
def similar(a, b):
    return jnp.stack([ja.metrics.spearman(a, b), ja.metrics.spearman(jnp.abs(a), jnp.abs(b))])


def similarities(found):
    """`[stage, draw, signed or absolute]`; a map that is 0 everywhere has no order and gives NaN."""
    return np.stack([similar(found[0], other) for other in found[1:]])


# A letter a stage, from the top down and then alone: "." as unrelated maps are, "#" more than twice what chance allows,
# "-" in between or close to a limit. With signs, and without. The first word ends where all layers are drawn afresh.
EXPECTED = {
    convolution: {
        "gradient norm": ("--. -.", "--. -."),
        "gradient_times_input": ("... ..", "... .."),
        "integrated_gradients": ("... ..", "... .."),
        "occlusion": ("... ..", "... -."),
        "shapley": ("... ..", "... .."),
        "deep_lift": ("... ..", "... .."),
        "lrp": ("... ..", "... .."),
        "lrp z+": ("-.. -.", "##. #."),  # of the layers above, the sign alone reaches it
        "guided_backprop": ("### ##", "##. #."),
    },
    attention: {
        "gradient norm": ("###. ##-", "###. ##-"),  # which word is attended to is a matter of the keys
        "gradient_times_input": (".... ..#", "---. --#"),
        "integrated_gradients": (".... ..#", "-... ..#"),
        "occlusion": (".... ..#", "---. -.#"),
        "shapley": (".... ..#", "--.. -.#"),
        "deep_lift": (".... ..#", "-... -.#"),
        "lrp": (".... ..#", "---. --#"),
        "guided_backprop": ("###- ###", "#--. --#"),
    },
}
GRADES = {".": (-CHANCE, CHANCE), "-": (-CHANCE, 2.5 * CHANCE), "#": (2 * CHANCE, 1.0)}
CASES = [(model, method) for model, table in EXPECTED.items() for method in table]


@pytest.mark.parametrize(("model", "method"), CASES, ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_what_changes_with_the_network(model, method):
    found = similarities(maps(model)[method])
    assert np.isnan(found).mean() < 0.01
    mean = np.nanmean(found, axis=1)
    for values, grades in zip(mean.T, EXPECTED[model][method], strict=True):
        for value, grade in zip(values, grades.replace(" ", ""), strict=True):
            low, high = GRADES[grade]
            assert low < value < high, f"{values.round(2)} for {grades}"
    anew = len(MODELS[model]) - 1
    if method == "guided_backprop":  # with all layers drawn afresh its map is still about the same
        assert mean[anew, 0] > 1.5 * CHANCE
    else:
        assert np.abs(mean[anew]).max() < CHANCE
        assert np.nanstd(found[anew], axis=0).max() < 1.25 / np.sqrt(WORDS - 1), "a spread that chance does not have"


def test_chance():
    """Random numbers in place of maps: no mean over as many draws exceeds the limit, 4 times their spread."""
    rng = np.random.default_rng(0)
    means = [similar(*rng.normal(size=(2, DRAWS, WORDS)).astype(np.float32)).mean(0) for _ in range(100)]
    assert np.abs(means).max() < CHANCE
    assert 4 * np.std(means) == pytest.approx(CHANCE, rel=0.15)


def test_sizes_of_words_look_like_agreement():
    """Absolute values agree however the network changes, because they hold the sizes of the words; signs do not."""
    mean = similarities(maps(convolution, sizes=True)["gradient_times_input"]).mean(1)
    assert mean[:, 1].min() > 2 * CHANCE
    assert np.abs(mean[:, 0]).max() < CHANCE

"""The models of the published cases, written from their formulas; named layers carry `checkpoint_name`."""

import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name


def relu(x):
    return jnp.where(x > 0, x, 0)


def load(models):
    """name -> f(*inputs) for one example (conv_one: one image), as float64."""
    w = {k: jnp.asarray(np.array(v, np.float64)) for k, v in models["mlp343"]["weights"].items()}
    line = {k: jnp.asarray(np.array(v, np.float64)) for k, v in models["sparse_lin"]["weights"].items()}
    conv = models["conv_one"]["weights"]
    dense = jnp.asarray(np.array(conv["F"], np.float64))
    bias = jnp.asarray(np.array(conv["conv_bias"], np.float64))

    def mlp343(x, *more):
        h0 = checkpoint_name(jnp.dot(w["W0"], x + sum(more)) if more else jnp.dot(w["W0"], x), "linear0")
        h1 = checkpoint_name(jnp.dot(w["W1"], h0) + w["b1"], "linear1")
        h2 = checkpoint_name(relu(h1), "relu")
        return checkpoint_name(jnp.dot(w["W2"], h2) + w["b2"], "linear2")

    def twobranch(x):
        p = relu(jnp.dot(w["W1"], jnp.dot(w["W0"], x)) + w["b1"])
        q = relu(jnp.dot(w["W1"], x) + w["b1"])
        p, q = checkpoint_name((p, q), "multi_relu")
        return jnp.dot(w["W2"], p + q) + w["b2"]

    def conv_one(x, *more):
        x = (x + sum(more) if more else x)[0]
        sums = sum(x[i : i + 2, j : j + 2] for i in range(3) for j in range(3))
        c = jnp.stack([relu(sums + b) for b in bias]).reshape(8)
        return relu(jnp.dot(dense, c))

    singles = np.array(models["pair_game"]["weights"]["a"], np.float64)
    pairs = models["pair_game"]["weights"]["B"]

    def pair_game(x):
        terms = ((b, *map(int, pair.split(","))) for pair, b in pairs.items())
        return (singles * x).sum() + sum(b * x[i] * x[j] for b, i, j in terms)

    return {
        "pair_game": pair_game,
        "one_minus_relu": lambda x: 1 - relu(1 - x),
        "ig_paper_1": lambda a, b: relu(relu(a) - 1 - relu(b)),
        "sum_col1": lambda a, b: 1 - relu(1 - (a + b))[1],
        "poly_sin": lambda x: 5 * x[0] + x[1] ** 2 + jnp.sin(x[2]),
        "quad_indep": lambda x: 2 * x[0] ** 2 + x[1] ** 2,
        "mlp343": mlp343,
        "mlp343_twobranch": twobranch,
        "mlp343_multi": lambda a, b, c: mlp343(a + b + c),
        "mlp343_bool": lambda x: mlp343(10 * x.astype(float)),
        "conv_one": conv_one,
        "sparse_lin": lambda x: jnp.sum(x * line["w"][None]),
    }

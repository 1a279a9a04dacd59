"""Random weights for the networks, as NumPy arrays in double precision."""

import numpy as np


def _dense(rng, sizes, names, *, bias):
    w = {}
    for name, (given, made) in zip(names, sizes, strict=True):
        w[f"{name}.weight"] = rng.normal(size=(made, given)) / given**0.5
        if bias:
            w[f"{name}.bias"] = rng.normal(size=made) / 3
    return w


def mlp(seed=0, *, bias=True):
    rng = np.random.default_rng(seed)
    return _dense(rng, [(5, 8), (8, 7), (7, 3)], ["0", "2", "4"], bias=bias), rng.normal(size=5)


def cnn(seed=2, *, bias=True):
    rng = np.random.default_rng(seed)
    w = _dense(rng, [(8, 5), (5, 3)], ["7", "9"], bias=bias)
    for name, given, made in (("0", 3, 5), ("3", 5, 4)):
        w[f"{name}.weight"] = rng.normal(size=(made, given, 3)) / (3 * given) ** 0.5
        if bias:
            w[f"{name}.bias"] = rng.normal(size=made) / 3
    return w, rng.normal(size=(3, 8))


def transformer(seed=0, *, gated=False, layers=1):
    rng = np.random.default_rng(seed)
    w = {}
    for i in range(layers):
        names = ["query", "key", "value", "mix", "up", "down", *(["gate"] if gated else [])]
        sizes = [(4, 4)] * 4 + [(4, 6), (6, 4), *([(4, 6)] if gated else [])]
        w |= _dense(rng, sizes, [f"{i}.{name}" for name in names], bias=not gated)
    w |= _dense(rng, [(4, 3)], ["out"], bias=not gated)
    for name in (*(f"{i}.norm{k}" for i in range(layers) for k in (1, 2)), "norm"):
        w[f"{name}.weight"] = 1 + rng.normal(size=4) / 5
        if not gated:
            w[f"{name}.bias"] = rng.normal(size=4) / 3
    return w, rng.normal(size=(5, 4))

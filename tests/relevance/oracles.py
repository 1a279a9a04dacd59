"""Relevance recursions in slow, literal NumPy, written from the published definitions.

Every function takes the relevance of its outputs, and values of its inputs, and gives the relevance of its inputs.
Bach et al. 2015, eq. 58 and 60; Montavon et al. 2019, section 10.2, with both signs of inputs and outputs; AttnLRP,
arXiv:2402.05602: softmax by its first order, halves for products of two values, normalisers fixed.
"""

import numpy as np

SMALL = 1e-6


def away(z, small=SMALL):
    """z, moved away from 0."""
    return z + small * np.where(z >= 0, 1, -1)


def over(a, b):
    """a / b, and 0 for 0 / 0: nothing is handed on where there is nothing."""
    return np.where(a == 0, 0, a / np.where(a == 0, 1, b))


def epsilon(size):
    """Eq. 58 of Bach et al."""

    def rule(a, w, b, r):
        given = np.zeros(len(a))
        for j in range(len(b)):
            z = sum(a[i] * w[j, i] for i in range(len(a))) + b[j]
            for i in range(len(a)):
                given[i] += a[i] * w[j, i] / away(z, size) * r[j]
        return given

    return rule


def alpha_beta(alpha, beta):
    """Eq. 60 of Bach et al.: positive and negative contributions, and biases, apart."""

    def rule(a, w, b, r):
        given = np.zeros(len(a))
        for j in range(len(b)):
            z = a * w[j]
            up, down = z[z > 0].sum() + max(b[j], 0), z[z < 0].sum() + min(b[j], 0)
            for i in range(len(a)):
                if z[i] > 0:
                    given[i] += alpha * z[i] / away(up) * r[j]
                elif z[i] < 0:
                    given[i] -= beta * z[i] / away(down) * r[j]
        return given

    return rule


def gamma(size):
    """Contributions of the sign of the output count 1 + gamma times."""

    def rule(a, w, b, r):
        given = np.zeros(len(a))
        for j in range(len(b)):
            sign = 1 if a @ w[j] + b[j] >= 0 else -1

            def more(v, sign=sign):
                return v * (1 + size) if v * sign > 0 else v

            z = [more(a[i] * w[j, i]) for i in range(len(a))]
            total = away(sum(z) + more(b[j]))
            for i in range(len(a)):
                given[i] += z[i] / total * r[j]
        return given

    return rule


def plus(a, b, r):
    """A sum: each addend by its part."""
    return a / away(a + b) * r, b / away(a + b) * r


def dense(rule, w, name, x, r):
    """A dense layer over rows of x."""
    weight = w[f"{name}.weight"]
    bias = w.get(f"{name}.bias", np.zeros(len(weight)))
    return np.stack([rule(x[t], weight, bias, r[t]) for t in range(len(x))])


def forward(w, name, x):
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)


def mlp(rule, w, x, target, act):
    """Three dense layers; activations hand on what they get."""
    z0 = forward(w, "0", x)
    z1 = forward(w, "2", act(z0))
    out = forward(w, "4", act(z1))
    r = np.where(np.arange(len(out)) == target, out, 0)
    r = dense(rule, w, "4", act(z1)[None], r[None])
    r = dense(rule, w, "2", act(z0)[None], r)
    return dense(rule, w, "0", x[None], r)[0]


def windows(x):
    """The three entries before, at and after each position of `[C, T]`, flat, and 0 outside."""
    padded = np.pad(x, ((0, 0), (1, 1)))
    return np.stack([padded[:, t : t + 3].reshape(-1) for t in range(x.shape[1])])


def conv_forward(w, name, x):
    weight = w[f"{name}.weight"]
    return (windows(x) @ weight.reshape(len(weight), -1).T + w.get(f"{name}.bias", 0)).T


def conv(rule, w, name, x, r):
    """A convolution is a dense layer at each position; relevance of overlapping windows is summed."""
    weight = w[f"{name}.weight"]
    flat = {"c.weight": weight.reshape(len(weight), -1), "c.bias": w.get(f"{name}.bias", np.zeros(len(weight)))}
    each = dense(rule, flat, "c", windows(x), r.T)
    given = np.zeros((len(x), x.shape[1] + 2))
    for t in range(x.shape[1]):
        given[:, t : t + 3] += each[t].reshape(len(x), 3)
    return given[:, 1:-1]


def pool(x, size, r):
    """The winner of each window takes all."""
    given = np.zeros_like(x)
    for c in range(len(x)):
        for k in range(x.shape[1] // size):
            given[c, k * size + np.argmax(x[c, k * size : (k + 1) * size])] = r[c, k]
    return given


def pooled(x, size):
    return x.reshape(len(x), -1, size).max(-1)


def cnn(rule, conv_rule, w, x, target, size, act):
    z0 = conv_forward(w, "0", x)
    p0 = pooled(act(z0), size)
    z1 = conv_forward(w, "3", p0)
    p1 = pooled(act(z1), size)
    z2 = forward(w, "7", p1.reshape(-1))
    out = forward(w, "9", act(z2))
    r = np.where(np.arange(len(out)) == target, out, 0)
    r = dense(rule, w, "9", act(z2)[None], r[None])
    r = dense(rule, w, "7", p1.reshape(1, -1), r).reshape(p1.shape)
    r = conv(conv_rule, w, "3", p0, pool(act(z1), size, r))
    return conv(conv_rule, w, "0", x, pool(act(z0), size, r))


def layer_norm_forward(w, name, x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def layer_norm(w, name, x, r):
    """The bias absorbs its part, the scale is fixed, the mean is an addend and hands on by proportion."""
    y, mean = layer_norm_forward(w, name, x), x.mean(-1, keepdims=True)
    r = (y - w[f"{name}.bias"]) / y * r
    given, back = plus(x, -mean, r)
    return given + x / x.sum(-1, keepdims=True) * back.sum(-1, keepdims=True)


def rms_norm_forward(w, name, x):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * w[f"{name}.weight"]


def rms_norm(w, name, x, r):
    return r


def product(a, b, r):
    """`a @ b`: each contribution to each entry, in halves."""
    given_a, given_b = np.zeros_like(a), np.zeros_like(b)
    y = a @ b
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for k in range(len(b)):
                part = over(a[i, k] * b[k, j], y[i, j]) * r[i, j] / 2
                given_a[i, k] += part
                given_b[k, j] += part
    return given_a, given_b


def softmax_forward(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax(x, r):
    """R_i = x_i (R_i - s_i sum_j R_j); nothing at masked scores."""
    s = softmax_forward(x)
    return np.where(s == 0, 0, np.where(s == 0, 0, x) * (r - s * r.sum(-1, keepdims=True)))


def _attention_forward(w, name, x):
    q, k, v = (forward(w, f"{name}.{part}", x) for part in ("query", "key", "value"))
    raw = q @ k.T
    scores = np.where(np.tril(np.ones(raw.shape, bool)), raw / q.shape[1] ** 0.5, -np.inf)
    mixed = softmax_forward(scores) @ v
    return q, k, v, scores, mixed, forward(w, f"{name}.mix", mixed)


def attention(rule, w, name, x, r):
    """Causal attention with one head."""
    q, k, v, scores, mixed, _ = _attention_forward(w, name, x)
    r_weights, r_v = product(softmax_forward(scores), v, dense(rule, w, f"{name}.mix", mixed, r))
    r_q, r_k = product(q, k.T, softmax(scores, r_weights))
    return sum(
        dense(rule, w, f"{name}.{part}", x, given) for part, given in (("query", r_q), ("key", r_k.T), ("value", r_v))
    )


def block(rule, w, x, target, norm, norm_forward, act, *, gated=False):
    """Attention and dense layers, each after a norm and beside a residual; then a norm, the mean, and a dense layer."""
    n1 = norm_forward(w, "0.norm1", x)
    a = _attention_forward(w, "0", n1)[-1]
    y = x + a
    n2 = norm_forward(w, "0.norm2", y)
    up = forward(w, "0.up", n2)
    gate = forward(w, "0.gate", n2) if gated else None
    h = act(gate) * up if gated else act(up)
    d = forward(w, "0.down", h)
    z = y + d
    last = norm_forward(w, "norm", z)
    rows = np.ones(len(x)) / len(x) if not gated else np.eye(len(x))[-1]
    top = rows @ last
    out = forward(w, "out", top)

    r = dense(rule, w, "out", top[None], np.where(np.arange(len(out)) == target, out, 0)[None])
    r = rows[:, None] * last / top * r
    r_y, r_d = plus(y, d, norm(w, "norm", z, r))
    r = dense(rule, w, "0.down", h, r_d)
    if gated:
        r = dense(rule, w, "0.up", n2, r / 2) + dense(rule, w, "0.gate", n2, r / 2)
    else:
        r = dense(rule, w, "0.up", n2, r)
    r_x, r_a = plus(x, a, r_y + norm(w, "0.norm2", y, r))
    return r_x + norm(w, "0.norm1", x, attention(rule, w, "0", n1, r_a))


def relu_backwards(w, x, target, modify):
    """The gradient of the three-layer network with `modify(z, g)` at every ReLU on the way back."""
    z0 = forward(w, "0", x)
    z1 = forward(w, "2", np.maximum(z0, 0))
    g = modify(z1, w["4.weight"][target])
    return modify(z0, g @ w["2.weight"]) @ w["0.weight"]

"""Models whose leave-one-out can be shared: unmodified Linen layers and plain functions, from word vectors `[T, D]`.

`MODELS` maps names to functions of a length that give a score; `ALONE` says of each whether some operation leaves the
short cut. All have fixed parameters in the precision of the input.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from tests.weights import drawn

D = 4


class Cnn(nn.Module):
    widths: tuple = (3,)
    options: tuple = ()
    pool: str = "max"
    layers: int = 1

    @nn.compact
    def __call__(self, x):
        found = []
        for width in self.widths:
            h = x[None]
            for _ in range(self.layers):
                h = nn.relu(nn.Conv(6, (width,), **dict(self.options))(h))
            found.append(getattr(jnp, self.pool)(h[0], 0))
        return nn.Dense(1)(jnp.concatenate(found))[0]


class Grid(nn.Module):
    """A convolution over positions and features."""

    @nn.compact
    def __call__(self, x):
        h = nn.relu(nn.Conv(3, (3, 2), padding="VALID")(jnp.pad(x, ((1, 1), (0, 0)))[None, :, :, None]))
        return nn.Dense(1)(h.max((0, 1, 2)))[0]


class Depthwise(nn.Module):
    @nn.compact
    def __call__(self, x):
        h = nn.gelu(nn.Conv(2 * D, (3,), feature_group_count=D)(x[None])[0])
        return nn.Dense(1)(h.mean(0))[0]


class Pooled(nn.Module):
    pool: str = "max"
    by: str = "none"

    @nn.compact
    def __call__(self, x):
        h = nn.LayerNorm()(nn.tanh(nn.Dense(5)(x))) if self.by == "norm" else nn.tanh(nn.Dense(5)(x))
        return nn.Dense(1)(nn.relu(nn.Dense(4)(getattr(jnp, self.pool)(h, 0))))[0]


class Windows(nn.Module):
    """Local pooling, then a dense layer of all that is left."""

    average: bool = False

    @nn.compact
    def __call__(self, x):
        pool = nn.avg_pool if self.average else nn.max_pool
        h = pool(nn.Conv(5, (2,))(x[None]), (2,), strides=(2,), padding="SAME")[0]
        return nn.Dense(1)(nn.tanh(h).reshape(-1))[0]


class Flat(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.relu(nn.Dense(6)(jnp.sin(x).reshape(-1))))[0]


class Recurrent(nn.Module):
    cell: type = nn.OptimizedLSTMCell
    reverse: bool = False
    layers: int = 1
    last: bool = True

    @nn.compact
    def __call__(self, x):
        h = x[None]
        for _ in range(self.layers):
            h = nn.RNN(self.cell(5, param_dtype=x.dtype), reverse=self.reverse, keep_order=True)(h)
        return nn.Dense(1)((h[0, 0] if self.reverse else h[0, -1]) if self.last else h[0].max(0))[0]


class Both(nn.Module):
    @nn.compact
    def __call__(self, x):
        h = nn.Bidirectional(*(nn.RNN(nn.GRUCell(4, param_dtype=x.dtype)) for _ in range(2)))(x[None])[0]
        return nn.Dense(1)(h.mean(0))[0]


class Attending(nn.Module):
    """Attention that pools: one weight a position."""

    written: str = "einsum"

    @nn.compact
    def __call__(self, x):
        h = nn.tanh(nn.Conv(6, (3,))(x[None])[0])
        weights = nn.softmax(nn.Dense(1)(nn.tanh(nn.Dense(4)(h)))[:, 0])
        pooled = jnp.einsum("t,td->d", weights, h) if self.written == "einsum" else (weights[:, None] * h).sum(0)
        return nn.Dense(1)(pooled)[0]


class Transformer(nn.Module):
    causal: bool = False

    @nn.compact
    def __call__(self, x):
        h = nn.Dense(8)(x)
        mask = nn.make_causal_mask(jnp.ones((1, len(x)))) if self.causal else None
        a = nn.MultiHeadDotProductAttention(2)(nn.LayerNorm()(h)[None], mask=mask)[0]
        h = h + a
        h = h + nn.Dense(8)(nn.gelu(nn.Dense(12)(nn.LayerNorm()(h))))
        return nn.Dense(1)(h[-1] if self.causal else h.mean(0))[0]


class Mixing(nn.Module):
    """A product over positions for every position."""

    @nn.compact
    def __call__(self, x):
        h = nn.gelu(nn.Dense(len(x))(x.T)).T
        return nn.Dense(1)(h.max(0))[0]


def linen(make):
    def at(length):
        model = make()
        parameters = drawn(model.init, jnp.zeros((length, D)), seed=3)

        def f(x):
            cast = jax.tree.map(lambda p: jnp.asarray(p, x.dtype) + jnp.asarray(0.1, x.dtype), parameters)
            return model.apply(cast, x)

        return f

    return at


def plain(f):
    return lambda length: f


def _kernel(*shape):
    return np.sin(np.arange(np.prod(shape)) * 1.7).reshape(shape)


def _stacked_halves(x):
    left, right = jnp.split(x, [len(x) // 2]) if len(x) > 1 else (x, x)
    return jnp.tanh(left).sum() + 2 * jnp.sin(right).max()


def _logical(x):
    return jnp.where((x > -3).all(), 1.0, 2.0) + jnp.where((x > 1.5).any(), 3.0, 0.5) * jnp.tanh(x).min()


def _masked_mean(x):
    real = (jnp.abs(x) > 0.2).any(-1)
    return (jnp.sin(x) * real[:, None]).sum() / (real.sum() + 1)


def _strided(x):
    return (jnp.cos(x[::2]) * 2).sum() + jnp.sin(x[1:]).sum() + jnp.exp(x[:-1]).sum()


def _padded(x):
    y = jnp.concatenate([jnp.ones((2, D)), jnp.pad(x, ((1, 2), (0, 0)), constant_values=0.3), jnp.ones((1, D))])
    return jnp.tanh(y[1:] * y[:-1]).sum()


def _turned(x):
    return (jnp.flip(x, 0)[: max(len(x) // 2, 1)] ** 3).sum() + jnp.tanh(x.T[::-1]).prod(0).sum()


def _picked(x):
    at = jnp.argmax(_kernel(3))
    return jax.lax.dynamic_slice_in_dim(jnp.tanh(x), at, 1)[0].sum() + jnp.tanh(x)[-1, 0]


def _looped(x):
    """A scan with a count, of which the first state is kept and that gives what it was given."""

    def step(state, row):
        count, h = state
        h = jnp.tanh(h @ _kernel(3, 3) + row @ _kernel(D, 3) + count)
        return (count + 0.1, h), (h, row * 2)

    (_, h), (hs, rows) = jax.lax.scan(step, (0.0, jnp.zeros(3, x.dtype)), x)
    return h.sum() + hs.max() + jnp.sin(rows).sum()


def _row_by_row(x):
    """A loop in Python, which later releases of JAX write as an `unstack` and earlier ones as slices."""
    h = jnp.zeros(3, x.dtype)
    for row in jnp.sin(x):
        h = jnp.tanh(h @ _kernel(3, 3) + row @ _kernel(D, 3))
    return h.sum()


def _unstacked(x):
    return sum(jnp.tanh((k + 1) * row).sum() for k, row in enumerate(jnp.unstack(jnp.sin(x))))


def _restacked(x):
    """Features apart and together again, before and behind the positions."""
    first, *others = jnp.unstack(jnp.sin(x), axis=1)
    pairs = [jnp.stack([first * other, jnp.ones_like(first)], axis) for axis, other in enumerate(others[:2])]
    return jnp.tanh(pairs[0]).prod(0).max() + jnp.tanh(pairs[1]).max(0).sum()


def _products(x):
    return (
        jnp.exp(0.1 * x).prod()
        + jnp.einsum("td,td->", jnp.sin(x), jnp.cos(x))
        + jnp.einsum("td,de,te->", x, _kernel(D, D), x)
    )


MODELS = {
    "cnn": linen(Cnn),
    "cnn of three widths": linen(lambda: Cnn((2, 3, 4))),
    "cnn, mean": linen(lambda: Cnn(pool="mean")),
    "cnn, min": linen(lambda: Cnn(pool="min")),
    "cnn, causal": linen(lambda: Cnn(options=(("padding", "CAUSAL"),))),
    "cnn, strided": linen(lambda: Cnn(options=(("strides", 2),))),
    "cnn, dilated": linen(lambda: Cnn(options=(("kernel_dilation", 2),))),
    "cnn, two layers": linen(lambda: Cnn(layers=2)),
    "cnn, three layers": linen(lambda: Cnn(layers=3, pool="sum")),
    "grid": linen(Grid),
    "depthwise": linen(Depthwise),
    "pooled": linen(Pooled),
    "pooled, mean": linen(lambda: Pooled("mean", "norm")),
    "pooled, sum": linen(lambda: Pooled("sum")),
    "pooled, prod": linen(lambda: Pooled("prod")),
    "windows": linen(Windows),
    "windows, average": linen(lambda: Windows(average=True)),
    "flat": linen(Flat),
    "lstm": linen(Recurrent),
    "lstm, reverse": linen(lambda: Recurrent(reverse=True)),
    "lstm, two layers": linen(lambda: Recurrent(layers=2)),
    "gru, pooled": linen(lambda: Recurrent(nn.GRUCell, last=False)),
    "simple": linen(lambda: Recurrent(nn.SimpleCell)),
    "both": linen(Both),
    "attending": linen(Attending),
    "attending, written out": linen(lambda: Attending("sum")),
    "transformer": linen(Transformer),
    "transformer, causal": linen(lambda: Transformer(causal=True)),
    "mixing": linen(Mixing),
    "halves": plain(_stacked_halves),
    "logical": plain(_logical),
    "masked mean": plain(_masked_mean),
    "strided": plain(_strided),
    "padded": plain(_padded),
    "turned": plain(_turned),
    "picked": plain(_picked),
    "looped": plain(_looped),
    "row by row": plain(_row_by_row),
    "unstacked": plain(_unstacked),
    "restacked": plain(_restacked),
    "products": plain(_products),
    "constant": plain(lambda x: jnp.asarray(2.5, x.dtype)),
    "argmax": plain(lambda x: x[jnp.argmax(x[:, 0])].sum()),
    "sorted": plain(lambda x: jnp.sort(x, 0)[0].sum() + jnp.sort(x, 1)[:, 0].sum()),
    "running": plain(lambda x: jnp.tanh(jnp.cumsum(x, 0)).sum()),
    "remat": plain(jax.checkpoint(lambda x: jax.nn.relu(jnp.tanh(x)).sum())),
}

# Where an operation leaves the short cut, with its name.
ALONE = {
    "both": set(),
    "attending": set(),
    "transformer": {"dot_general"},
    "transformer, causal": {"dot_general"},
    "mixing": set(),
    "argmax": {"argmax"},
    "sorted": {"sort"},
    "running": {"cumsum"},
}

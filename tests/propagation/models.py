"""Small models of the common kinds as scores `f(x)` of float arrays, for completeness and for the zoo of primitives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from tests.weights import drawn

T, D = 5, 4


class Model(NamedTuple):
    """A score of one array, and the shape of that array."""

    f: Callable[[Any], Any]
    shape: tuple[int, ...] = (T, D)


def weighted(y):
    """One number in which every entry of y counts, each by another weight."""
    w = np.random.default_rng(y.size).normal(size=y.shape)
    return jnp.sum(y * jnp.asarray(w, y.dtype))


def cast(tree, dtype):
    return jax.tree.map(lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def linen(module: nn.Module, shape=(T, D), batch=False) -> Callable[[], Model]:
    def make() -> Model:
        add = (lambda x: x[None]) if batch else (lambda x: x)
        with jax.enable_x64(False):
            variables = drawn(module.init, add(jnp.ones(shape)), seed=1)
        return Model(lambda x: weighted(module.apply(cast(variables, x.dtype), add(x))), shape)

    return make


def of_nnx(build: Callable[[nnx.Rngs], nnx.Module], shape=(T, D), call=lambda m, x: m(x)) -> Callable[[], Model]:
    def make() -> Model:
        with jax.enable_x64(False):
            graph, state = nnx.split(build(nnx.Rngs(0)))
            state = jax.tree.map(
                lambda a: np.asarray(a) if jnp.issubdtype(a.dtype, jnp.floating) else a, nnx.to_pure_dict(state)
            )
        return Model(lambda x: weighted(call(nnx.merge(graph, cast(state, x.dtype)), x)), shape)

    return make


def plain(f: Callable[[Any], Any], shape=(T, D)) -> Callable[[], Model]:
    return lambda: Model(lambda x: weighted(f(x)), shape)


def weights(*shape, like):
    return jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape) / np.sqrt(shape[0]), like.dtype)


# --------------------------------------------------------------------------------------------------------------- MLPs

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "celu": jax.nn.celu,
    "gelu": jax.nn.gelu,
    "exact_gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "silu": jax.nn.silu,
    "hard_silu": jax.nn.hard_silu,
    "mish": jax.nn.mish,
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "soft_sign": jax.nn.soft_sign,
    "squareplus": jax.nn.squareplus,
    "log_sigmoid": jax.nn.log_sigmoid,
    "hard_tanh": jax.nn.hard_tanh,
}


class Mlp(nn.Module):
    activation: Callable[[Any], Any]

    @nn.compact
    def __call__(self, x):
        for _ in range(2):
            x = self.activation(nn.Dense(8)(x))
        return nn.Dense(3)(x)


# ---------------------------------------------------------------------------------------------------------------- CNNs


class MaxPoolCnn(nn.Module):
    """Text: one-dimensional, strided and dilated; the strongest feature counts."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(6, (3,), strides=(1,))(x))
        x = nn.max_pool(x, (2,), strides=(1,))
        x = nn.relu(nn.Conv(6, (2,), kernel_dilation=(2,))(x))
        return nn.Dense(3)(x.max(-2))


class ImageCnn(nn.Module):
    """Two dimensions, strided and dilated, batch norm at inference, group norm, pooled by mean and by maximum."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(4, (3, 3), strides=(2, 2))(x)))
        x = nn.gelu(nn.GroupNorm(2)(nn.Conv(4, (2, 2), kernel_dilation=(2, 2))(x)))
        x = jnp.concatenate([nn.avg_pool(x, (2, 2)), nn.max_pool(x, (2, 2))], -1)
        return nn.Dense(3)(x.reshape(-1))


# ----------------------------------------------------------------------------------------------------------- recurrent


class Recurrent(nn.Module):
    cell: Callable[..., Any]

    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(nn.RNN(self.cell(4, param_dtype=x.dtype))(x)[..., -1, :])


class BidirectionalLstm(nn.Module):
    @nn.compact
    def __call__(self, x):
        forward, backward = (nn.RNN(nn.OptimizedLSTMCell(4, param_dtype=x.dtype)) for _ in range(2))
        x = nn.Bidirectional(forward, backward)(x)
        weights = nn.softmax(nn.Dense(1)(x), axis=-2)  # pooled by attention
        return nn.Dense(3)((weights * x).sum(-2))


class NnxLstm(nnx.Module):
    def __init__(self, rngs):
        self.rnn = nnx.RNN(nnx.LSTMCell(D, 4, rngs=rngs))
        self.out = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x):
        return self.out(self.rnn(x[None], initial_carry=(jnp.zeros((1, 4), x.dtype),) * 2)[0, -1])


# -------------------------------------------------------------------------------------------------------- transformers


class Block(nn.Module):
    pre: bool
    mask: Any = None

    @nn.compact
    def __call__(self, x, _=None):
        attention = nn.MultiHeadDotProductAttention(2)
        if self.pre:
            x = x + attention(nn.LayerNorm()(x), mask=self.mask)
            return x + nn.Dense(D)(nn.gelu(nn.Dense(8)(nn.LayerNorm()(x)))), None
        x = nn.LayerNorm()(x + attention(x, mask=self.mask))
        return nn.LayerNorm()(x + nn.Dense(D)(nn.relu(nn.Dense(8)(x)))), None


class Transformer(nn.Module):
    """Blocks, then the log-probabilities of classes."""

    pre: bool
    scan: bool = False
    masked: bool = False

    @nn.compact
    def __call__(self, x):
        mask = nn.make_attention_mask(np.arange(T) < T - 1, np.arange(T) < T - 1) if self.masked else None
        if self.scan:
            blocks = nn.scan(nn.remat(Block), variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
            x, _ = blocks(self.pre, mask)(x, None)
        else:
            x, _ = Block(self.pre, mask)(x)
        return nn.log_softmax(nn.Dense(3)(x[0]))


def rotated(x):
    """Rotary positions on the last axis of `[T, heads, D]`."""
    angle = np.arange(x.shape[0])[:, None, None] / 10.0 ** np.arange(x.shape[-1] // 2)
    cos, sin = jnp.asarray(np.cos(angle), x.dtype), jnp.asarray(np.sin(angle), x.dtype)
    a, b = jnp.split(x, 2, -1)
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


class Decoder(nn.Module):
    """RMS norm, rotary positions, causal attention, a gated MLP, logits of the next token."""

    @nn.compact
    def __call__(self, x):
        h = nn.RMSNorm()(x)
        q, k, v = (nn.DenseGeneral((2, 4), use_bias=False)(h) for _ in range(3))
        if x.dtype == jnp.float32:
            h = jax.nn.dot_product_attention(rotated(q), rotated(k), v, is_causal=True)
        else:  # the same, where that one takes its softmax in float32
            h = nn.dot_product_attention(rotated(q), rotated(k), v, mask=np.tri(T, dtype=bool)[None])
        x = x + nn.DenseGeneral(D, axis=(-2, -1), use_bias=False)(h)
        h = nn.RMSNorm()(x)
        x = x + nn.Dense(D)(nn.silu(nn.Dense(8)(h)) * nn.Dense(8)(h))
        return nn.Dense(6)(nn.RMSNorm()(x)[-1])


class Mixture(nn.Module):
    """Experts of an MLP; `route` turns the router's probabilities `[T, E]` into weights."""

    route: Callable[[Any], Any]

    @nn.compact
    def __call__(self, x):
        share = self.route(nn.softmax(nn.Dense(3)(x)))
        experts = jnp.stack([nn.Dense(D)(nn.gelu(nn.Dense(6)(x))) for _ in range(3)], -1)
        return (experts * share[:, None, :]).sum(-1)


def best_expert(p):
    return jnp.where(p == p.max(-1, keepdims=True), p, 0)


def best_two(p):
    """The two largest of three: those above the least."""
    kept = jnp.where(p > p.min(-1, keepdims=True), p, 0)
    return kept / kept.sum(-1, keepdims=True)


def top_two(p):
    """The two largest by `top_k`, their weights summing to one, spread again over the experts."""
    weights, experts = lax.top_k(p, 2)
    return (jax.nn.one_hot(experts, p.shape[-1]) * (weights / weights.sum(-1, keepdims=True))[..., None]).sum(1)


def sparse_mixture(x):
    """Four experts whose weights are looked up by `top_k`, as a decoder with sparse layers does."""
    scores, experts = lax.top_k(jnp.dot(x, weights(D, 4, like=x)), 2)
    up, down = weights(4, D, 6, like=x)[experts], weights(4, 6, D, like=x)[experts]
    h = jax.nn.silu(jnp.einsum("td,tkdf->tkf", x, up))
    return jnp.einsum("tkf,tkfd,tk->td", h, down, jax.nn.softmax(scores))


def at_least_a_third(p):
    return jnp.where(p >= 0.33, p, 0)


# --------------------------------------------------------------------------------------------------- plain and Equinox


def equinox() -> Model:
    with jax.enable_x64(False):
        mlp = jax.tree.map(
            lambda a: np.asarray(a) if eqx.is_array(a) else a,
            eqx.nn.MLP(T * D, 3, 8, 2, activation=jax.nn.silu, key=jax.random.key(0)),
        )

    def f(x):
        return weighted(jax.tree.map(lambda a: a.astype(x.dtype) if eqx.is_array_like(a) else a, mlp)(x.ravel()))

    return Model(f)


def static_branch(x):
    return lax.cond(jnp.arange(3).sum() > 2, lambda v: jnp.tanh(v) * v, lambda v: v, x)


def unrolled_loop(x):
    return lax.fori_loop(0, 3, lambda i, h: jnp.tanh(h * (i + 1) + x), x)


def shared_rows(x):
    """A scan that reads what moves as a constant, a carry and a row."""
    return lax.scan(lambda h, r: (jnp.sin(h * r + x.mean(0)), h * x[0]), x[1], x, reverse=True)


MLPS = {f"mlp_{name}": linen(Mlp(act), (D,)) for name, act in ACTIVATIONS.items()}

MODELS: dict[str, Callable[[], Model]] = {
    "max_pool_cnn": linen(MaxPoolCnn(), batch=True),
    "image_cnn": linen(ImageCnn(), (8, 8, 2), batch=True),
    "simple_rnn": linen(Recurrent(nn.SimpleCell)),
    "lstm": linen(Recurrent(nn.LSTMCell)),
    "gru": linen(Recurrent(nn.GRUCell)),
    "bidirectional_lstm": linen(BidirectionalLstm(), batch=True),
    "nnx_lstm": of_nnx(NnxLstm),
    "nnx_mlp": of_nnx(
        lambda rngs: nnx.Sequential(
            nnx.Linear(D, 8, rngs=rngs), nnx.LayerNorm(8, rngs=rngs), nnx.gelu, nnx.Linear(8, 3, rngs=rngs)
        )
    ),
    "pre_norm_transformer": linen(Transformer(pre=True)),
    "post_norm_transformer": linen(Transformer(pre=False)),
    "masked_transformer": linen(Transformer(pre=True, masked=True)),
    "scanned_remat_transformer": linen(Transformer(pre=True, scan=True)),
    "decoder": linen(Decoder()),
    "mixture_of_all_experts": linen(Mixture(lambda p: p)),
    "mixture_of_the_best_expert": linen(Mixture(best_expert)),
    "mixture_of_the_best_two": linen(Mixture(best_two)),
    "mixture_of_the_top_two": linen(Mixture(top_two)),
    "sparse_mixture": plain(sparse_mixture),
    "mixture_above_a_threshold": linen(Mixture(at_least_a_third)),
    "equinox_mlp": equinox,
    "static_branch": plain(static_branch),
    "loop": plain(unrolled_loop),
    "remat": plain(jax.checkpoint(lambda x: jnp.tanh(x @ weights(D, D, like=x)) * x)),
    "scan_of_everything": plain(lambda x: jnp.concatenate([v.ravel() for v in shared_rows(x)])),
    "logsumexp": plain(lambda x: jax.nn.logsumexp(3 * x, -1)),
    "standardised": plain(lambda x: jax.nn.standardize(x) @ weights(D, 2, like=x)),
}

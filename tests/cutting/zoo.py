"""Models that the cut must split: each entry makes a score, where to cut it, and its arguments."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from tests.weights import drawn

V, D, T = 7, 4, 5
IDS = np.array([3, 1, 4, 1, 6], np.int32)


class Case(NamedTuple):
    """A score with where to cut it.

    Attributes:
        f: the score.
        at: where to cut.
        args: the arguments; float leaves are cast to float64 by the tests.
        ids: the position of the ids among the arguments.
        options: options of the cut.
        kwargs: keywords of f.
    """

    f: Callable[..., Any]
    at: Any
    args: tuple
    ids: int = 1
    options: Mapping[str, Any] = MappingProxyType({})
    kwargs: Mapping[str, Any] = MappingProxyType({})


def table_of(seed: int = 0, rows: int = V, dim: int = D):
    return np.random.default_rng(seed).normal(size=(rows, dim))


W = np.random.default_rng(9).normal(size=(D,))


def squash(x):
    """A score of looked-up rows in which every entry matters and positions mix."""
    return jnp.sum(jnp.tanh(x @ jnp.asarray(W, x.dtype)) * jnp.arange(1.0, x.shape[-2] + 1, dtype=x.dtype)) + jnp.sum(
        jnp.tanh(x[..., :-1, :] * x[..., 1:, :])
    )


# ---------------------------------------------------------------------------------------------------- plain functions


def plain(read: Callable[[Any, Any], Any], **options) -> Callable[[], Case]:
    return lambda: Case(
        lambda table, ids: squash(read(table, ids)), lambda table, ids: table, (table_of(), IDS), options=options
    )


def in_scan(table, ids):
    def step(h, i):
        h = jnp.tanh(h + table[i])
        return h, h

    return lax.scan(step, jnp.zeros(D, table.dtype), ids)[1]


def in_nested_scan(table, ids):
    def outer(h, pair):
        return lax.scan(lambda h, i: (jnp.tanh(h + table[i]), h), h, pair)

    return lax.scan(outer, jnp.zeros(D, table.dtype), jnp.stack([ids, ids[::-1]]))[1][:, 0]


def in_reversed_scan(table, ids):
    return lax.scan(lambda h, i: (jnp.tanh(h * 0.5 + table[i]), h), jnp.zeros(D, table.dtype), ids, reverse=True)[1]


def one_at_a_time(table, ids):
    return jnp.concatenate([lax.dynamic_index_in_dim(table, i) for i in ids[:1]] + [table[ids[1:]]])


PLAIN = {
    "indexing": plain(lambda e, i: e[i]),
    "one_hot": plain(lambda e, i: jax.nn.one_hot(i, V, dtype=e.dtype) @ e),
    "one_hot_einsum": plain(lambda e, i: jnp.einsum("tv,vd->td", jax.nn.one_hot(i, V, dtype=e.dtype), e)),
    "take": plain(lambda e, i: jnp.take(e, i, axis=0)),
    "take_clip": plain(lambda e, i: jnp.take(e, i, axis=0, mode="clip")),
    "take_wrap": plain(lambda e, i: jnp.take(e, i, axis=0, mode="wrap")),
    "take_fill": plain(lambda e, i: jnp.take(e, i, axis=0, mode="fill", fill_value=0)),
    "at_get": plain(lambda e, i: e.at[i].get(mode="promise_in_bounds")),
    "dynamic_index_vmapped": plain(lambda e, i: jax.vmap(lambda j: lax.dynamic_index_in_dim(e, j, keepdims=False))(i)),
    "scalar_vmapped": plain(lambda e, i: jax.vmap(lambda j: e[j])(i)),
    "inside_scan": plain(in_scan),
    "inside_reversed_scan": plain(in_reversed_scan),
    "inside_nested_scan": plain(in_nested_scan),
    "inside_map": plain(lambda e, i: lax.map(lambda j: e[j], i)),
    "inside_map_dynamic_index": plain(lambda e, i: lax.map(lambda j: lax.dynamic_index_in_dim(e, j)[0], i)),
    "inside_map_take": plain(lambda e, i: lax.map(lambda j: jnp.take(e, j, axis=0), i)),
    "inside_map_batched": plain(lambda e, i: lax.map(lambda j: e[j], i, batch_size=2), which=0),
    "inside_fori": plain(
        lambda e, i: lax.fori_loop(0, T, lambda k, x: x.at[k].set(e[i[k]]), jnp.zeros((T, D), e.dtype))
    ),
    "padding_row_zeroed": plain(lambda e, i: e.at[0].set(0)[i]),
    "scaled_table": plain(lambda e, i: (e * jnp.sqrt(jnp.asarray(D, e.dtype)))[i]),
    "normalised_table": plain(lambda e, i: (e / jnp.linalg.norm(e, axis=-1, keepdims=True))[i]),
    "jitted": plain(jax.jit(lambda e, i: e[i] * 2)),
    "remat": plain(jax.checkpoint(lambda e, i: jnp.sin(e[i]))),
    "remat_in_jit": plain(jax.jit(jax.checkpoint(lambda e, i: jnp.sin(jax.jit(lambda a: a[i])(e))))),
    "two_reads_first": plain(lambda e, i: e[i] + jnp.tanh(e[i[::-1]]), which=0),
    "two_reads_second": plain(lambda e, i: e[i] + jnp.tanh(e[i[::-1]]), which=1),
    "two_reads_both": plain(lambda e, i: e[i] + jnp.tanh(e[i[::-1]]), which=(0, 1)),
    "tied": plain(lambda e, i: jnp.tanh(e[i]) @ e.T @ e),
    "positions_by_slice": lambda: Case(
        lambda p, ids: squash(p["tok"][ids] + p["pos"][: ids.shape[0]]),
        lambda p, ids: {"tok": p["tok"], "pos": p["pos"]},
        ({"tok": table_of(), "pos": table_of(1, 9)}, IDS),
    ),
    "keywords": lambda: Case(
        lambda p, ids, *, activation, name, train, scale=None: (
            activation(squash(p[name][ids])) * (1.0 if train else 2.0)
        ),
        lambda p, ids, *, name, **_: p[name],
        ({"table": table_of()}, IDS),
        kwargs={"activation": jnp.sin, "name": "table", "train": False, "scale": None},
    ),
}


@jax.custom_vjp
def lookup_with_own_rule(table, ids):
    return table[ids]


lookup_with_own_rule.defvjp(
    lambda table, ids: (table[ids], (table.shape, ids)),
    lambda saved, g: (jnp.zeros(saved[0], g.dtype).at[saved[1]].add(g), None),
)
PLAIN["custom_vjp_lookup"] = plain(lookup_with_own_rule)


# -------------------------------------------------------------------------------------------------------------- Linen


class Bag(nn.Module):
    wrap: Callable[[Any], Any] = lambda module: module

    @nn.compact
    def __call__(self, ids):
        x = self.wrap(nn.Embed)(V, D, name="embed")(ids)
        return nn.Dense(3)(jnp.tanh(nn.Conv(6, (3,))(x)).max(-2))


class Block(nn.Module):
    @nn.compact
    def __call__(self, x, mask):
        h = nn.LayerNorm()(x)
        h = nn.MultiHeadDotProductAttention(2)(h, mask=mask)
        x = x + h
        return x + nn.Dense(D)(nn.gelu(nn.Dense(2 * D)(nn.LayerNorm()(x)))), None


class Bert(nn.Module):
    """Three tables, LayerNorm, a mask computed from ids, a scan over remat blocks, tied output."""

    dropout: float = 0.0

    @nn.compact
    def __call__(self, ids, segments, deterministic=True):
        tokens = nn.Embed(V, D, name="tokens")
        x = tokens(ids) * jnp.sqrt(jnp.asarray(D, tokens.embedding.dtype))
        x = x + nn.Embed(9, D, name="positions")(jnp.arange(ids.shape[-1]))
        x = x + nn.Embed(2, D, name="segments")(segments)
        x = nn.Dropout(self.dropout)(nn.LayerNorm()(x), deterministic=deterministic)
        real = ids != 0
        mask = nn.make_attention_mask(real, real)
        blocks = nn.scan(
            nn.remat(Block), variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=nn.broadcast, length=3
        )
        x, _ = blocks(name="blocks")(x, mask)
        self.sow("intermediates", "last", x)
        return tokens.attend(x)


def linen(model: Any, at: str = "embed", apply: Callable[[Any], Any] = lambda apply: apply) -> Callable[[], Case]:
    def make() -> Case:
        params = drawn(model.init, jnp.asarray(IDS))
        run = apply(model.apply)
        return Case(
            lambda params, ids: jax.nn.log_softmax(run(params, ids))[1],
            lambda params, ids: params["params"][at]["embedding"],
            (params, IDS),
        )

    return make


def bert(at: Any = None, apply: Callable[[Any], Any] = lambda apply: apply, dropout: float = 0.0) -> Callable[[], Case]:
    def make() -> Case:
        model, segments = Bert(dropout), np.array([0, 0, 1, 1, 1], np.int32)
        params = {"params": drawn(model.init, jnp.asarray(IDS), jnp.asarray(segments))["params"]}
        run = apply(model.apply)

        def score(params, ids, segments, key):
            if dropout:
                logits, _ = model.apply(params, ids, segments, False, rngs={"dropout": key}, mutable=["intermediates"])
            else:
                logits = run(params, ids, segments)
            return jax.nn.log_softmax(logits[-1])[2]

        pick = at or (lambda p: p["tokens"]["embedding"])
        return Case(score, lambda params, *_: pick(params["params"]), (params, IDS, segments, jax.random.key(3)))

    return make


def three(p):
    return {name: p[name]["embedding"] for name in ("tokens", "positions", "segments")}


def linen_batched() -> Case:
    model = Bag()
    params = drawn(model.init, jnp.asarray(IDS)[None])
    return Case(
        lambda params, ids: model.apply(params, ids[None])[0, 1],
        lambda params, ids: params["params"]["embed"]["embedding"],
        (params, IDS),
        options={"batch_axis": 0},
    )


LINEN = {
    "linen_embed": linen(Bag()),
    "linen_jit_embed": linen(Bag(wrap=nn.jit)),
    "linen_jitted_apply": linen(Bag(), apply=jax.jit),
    "linen_remat_embed": linen(Bag(wrap=nn.remat)),
    "linen_batch_of_one": linen_batched,
    "linen_bert": bert(),
    "linen_bert_jitted": bert(apply=jax.jit),
    "linen_bert_positions": bert(lambda p: p["positions"]["embedding"]),
    "linen_bert_three_tables": bert(three),
    "linen_bert_dropout_mutable": bert(dropout=0.3),
}


# ---------------------------------------------------------------------------------------------------------------- NNX


class NnxBlock(nnx.Module):
    def __init__(self, rngs):
        self.norm = nnx.LayerNorm(D, param_dtype=float, rngs=rngs)
        self.dense = nnx.Linear(D, D, param_dtype=float, rngs=rngs)

    def __call__(self, x):
        return x + jnp.tanh(self.dense(self.norm(x)))


class NnxModel(nnx.Module):
    def __init__(self, rngs, scan=False, rate=0.0):
        self.embed = nnx.Embed(V, D, param_dtype=float, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs) if rate else None
        self.scan = scan
        if scan:
            self.blocks = nnx.split_rngs(splits=3)(nnx.vmap(NnxBlock, in_axes=0, out_axes=0))(rngs)
        else:
            self.block = NnxBlock(rngs)

    def __call__(self, ids):
        x = self.embed(ids)
        if self.dropout is not None:
            x = self.dropout(x)
        if self.scan:
            x = nnx.scan(lambda x, block: block(x), in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)(x, self.blocks)
        else:
            x = self.block(x)
        return self.embed.attend(x)


def nnx_split(scan: bool) -> Callable[[], Case]:
    def make() -> Case:
        graph, state = nnx.split(NnxModel(nnx.Rngs(0), scan))
        state = nnx.as_pure(state)
        return Case(
            lambda state, ids: jax.nn.log_softmax(nnx.merge(graph, state)(ids)[-1])[2],
            lambda state, ids: state["embed"]["embedding"],
            (state, IDS),
        )

    return make


def nnx_state_variables() -> Case:
    graph, state = nnx.split(NnxModel(nnx.Rngs(0)))
    return Case(
        lambda state, ids: jax.nn.log_softmax(nnx.merge(graph, state)(ids)[-1])[2],
        lambda state, ids: state["embed"]["embedding"][...],
        (state, IDS),
    )


def nnx_module(call: Callable[..., Any] = lambda model, ids: model(ids), rate: float = 0.0) -> Callable[[], Case]:
    return lambda: Case(
        lambda model, ids: jax.nn.log_softmax(call(model, ids)[-1])[2],
        lambda model, ids: model.embed.embedding[...],
        (NnxModel(nnx.Rngs(0), rate=rate), IDS),
    )


NNX = {
    "nnx_split": nnx_split(False),
    "nnx_split_scan": nnx_split(True),
    "nnx_state_of_variables": nnx_state_variables,
    "nnx_module": nnx_module(),
    "nnx_module_jitted": nnx_module(nnx.jit(lambda model, ids: model(ids))),
    "nnx_module_variable": lambda: nnx_module()()._replace(at=lambda model, ids: model.embed.embedding),
    "nnx_module_dropout": nnx_module(rate=0.3),
}


# ------------------------------------------------------------------------------------------------------ Equinox, Keras


class EqxModel(eqx.Module):
    embedding: eqx.nn.Embedding
    mlp: eqx.nn.MLP
    activation: Callable

    def __init__(self, key):
        a, b = jax.random.split(key)
        self.embedding = eqx.nn.Embedding(V, D, key=a)
        self.mlp = eqx.nn.MLP(D, 3, 8, 1, activation=jax.nn.tanh, key=b)
        self.activation = jnp.sin

    def __call__(self, ids):
        return self.mlp(self.activation(jax.vmap(self.embedding)(ids)).max(0))


def equinox() -> Case:
    return Case(
        lambda model, ids: jax.nn.log_softmax(model(ids))[1],
        lambda model, ids: model.embedding.weight,
        (EqxModel(jax.random.key(0)), IDS),
    )


def keras(layers: Callable[[Any], list]) -> Callable[[], Case]:
    """Unmodified Keras models; softsign because Keras computes tanh of float64 in float32."""

    def make() -> Case:
        import keras

        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((T,), dtype="int32"), *layers(keras.layers)])
        keras.config.set_floatx(floatx)  # settings of the process, which other tests share
        keras.config.set_dtype_policy(policy)
        trainable = [v.value for v in model.trainable_variables]
        frozen = [v.value for v in model.non_trainable_variables]

        def score(trainable, ids, frozen):
            return model.stateless_call(trainable, frozen, ids[None])[0][0, 0]

        return Case(score, lambda trainable, *_: trainable[0], (trainable, IDS, frozen), options={"batch_axis": 0})

    return make


KERAS = {
    "keras_lstm": keras(
        lambda k: [k.Embedding(V, D), k.LSTM(6, activation="softsign"), k.Dense(1, activation="sigmoid")]
    ),
    "keras_masked_lstm": keras(
        lambda k: [k.Embedding(V, D, mask_zero=True), k.LSTM(6, activation="softsign"), k.Dense(1)]
    ),
    "keras_conv": keras(
        lambda k: [k.Embedding(V, D), k.Conv1D(6, 3, activation="relu"), k.GlobalMaxPooling1D(), k.Dense(1)]
    ),
    "keras_bidirectional_gru": keras(
        lambda k: [k.Embedding(V, D), k.Bidirectional(k.GRU(5, activation="softsign")), k.Dense(1)]
    ),
}

CASES: dict[str, Callable[[], Case]] = {**PLAIN, **LINEN, **NNX, "equinox": equinox, **KERAS}

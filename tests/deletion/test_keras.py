"""Deletion in a Keras LSTM with padding in front, as `pad_sequences` makes it: the shorter text, to rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja

IDS = np.array([[0, 0, 0, 3, 7, 1, 9, 4], [2, 8, 8, 5, 1, 6, 3, 7]])
KEEP = {"tokens": ja.leave_one_out(8), "words": ja.spans([-1, -1, 0, 0, 1, 1, 1, 2]), "windows": ja.windows(8, 3)}


@pytest.fixture
def f(x64):
    """Ids to the output of an unmodified Keras model; softsign, because Keras computes tanh of float64 in float32."""
    import keras

    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    keras.utils.set_random_seed(0)
    k = keras.layers
    layers = [k.Embedding(10, 5, mask_zero=True), k.LSTM(6, activation="softsign"), k.Dense(2)]
    with jax.numpy_rank_promotion("allow"):
        model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    keras.config.set_floatx(floatx)  # settings of the process, which other tests share
    keras.config.set_dtype_policy(policy)
    trainable = [v.value for v in model.trainable_variables]
    frozen = [v.value for v in model.non_trainable_variables]

    def outputs(ids):
        with jax.numpy_rank_promotion("allow"):
            return model.stateless_call(trainable, frozen, ids[None])[0][0]

    return outputs


def test_deletion_is_the_shorter_text(f):
    keep = np.concatenate([KEEP[name] for name in sorted(KEEP)])
    alone = jax.jit(f)
    expected = np.stack([[alone(jnp.asarray(ids[mask & (ids > 0)])) for mask in keep] for ids in IDS])
    assert expected.dtype == np.float64
    assert np.std(expected) > 1e-3
    for batch_size in (4, None):
        values = ja.perturbed(f, keep=KEEP, perturb=ja.delete_left(0), batch_size=batch_size)
        levels = jax.jit(jax.vmap(values))(jnp.asarray(IDS))
        ours = np.concatenate([levels[name] for name in sorted(KEEP)], axis=1)
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


def test_another_token_in_its_place_is_no_deletion(f):
    ids, keep = jnp.asarray(IDS[0]), KEEP["windows"][3:4]
    exact = jax.jit(ja.perturbed(f, keep=keep, perturb=ja.delete_left(0)))(ids)
    other = jax.jit(ja.perturbed(f, keep=keep, perturb=ja.replace(5)))(ids)
    assert not np.allclose(exact, other, rtol=1e-6)

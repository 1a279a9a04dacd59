"""The networks of the stored relevances and of the oracles in JAX; weights have the names that PyTorch gives."""

import jax
import jax.numpy as jnp


def dense(w, name, x):
    """A dense layer, with its bias if it has one."""
    y = jnp.dot(x, w[f"{name}.weight"].T)
    return y + jnp.expand_dims(w[f"{name}.bias"], range(x.ndim - 1)) if f"{name}.bias" in w else y


def layer_norm(w, name, x, small=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    y = centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + small) * w[f"{name}.weight"][None]
    return y + w[f"{name}.bias"][None]


def rms_norm(w, name, x, small=1e-6):
    return x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + small) * w[f"{name}.weight"][None]


def attention(w, name, x, heads, masked, softmax=jax.nn.softmax):
    """Causal attention over `[T, D]`; `masked` is what scores of later positions become."""

    def split(part):
        return dense(w, f"{name}.{part}", x).reshape(len(x), heads, -1).transpose(1, 0, 2)

    q, k, v = split("query"), split("key"), split("value")
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / (q.shape[-1] ** 0.5)
    scores = jnp.where(jnp.tril(jnp.ones((len(x), len(x)), bool))[None], scores, masked)
    return dense(w, f"{name}.mix", jnp.einsum("hqk,hkd->qhd", softmax(scores, -1), v).reshape(x.shape))


def gpt(w, x, *, layers=2, heads=2, masked=-jnp.inf):
    """LayerNorm before each part, GELU, biases; logits of the mean token."""
    for i in range(layers):
        x = x + attention(w, i, layer_norm(w, f"{i}.norm1", x), heads, masked)
        h = jax.nn.gelu(dense(w, f"{i}.up", layer_norm(w, f"{i}.norm2", x)), approximate=False)
        x = x + dense(w, f"{i}.down", h)
    return dense(w, "out", layer_norm(w, "norm", x).mean(0))


def llama(w, x, *, layers=2, heads=2, masked=-jnp.inf):
    """RMSNorm before each part, a gate of SiLU, no biases; logits of the last token."""
    for i in range(layers):
        x = x + attention(w, i, rms_norm(w, f"{i}.norm1", x), heads, masked)
        h = rms_norm(w, f"{i}.norm2", x)
        x = x + dense(w, f"{i}.down", jax.nn.silu(dense(w, f"{i}.gate", h)) * dense(w, f"{i}.up", h))
    return dense(w, "out", rms_norm(w, "norm", x)[-1])


def mlp(w, x, act=jax.nn.relu):
    """Three dense layers."""
    return dense(w, "4", act(dense(w, "2", act(dense(w, "0", x)))))


def conv(w, name, x):
    """A convolution of width 3 over `[C, T]` with a zero at either end."""
    y = jax.lax.conv_general_dilated(x[None], w[f"{name}.weight"], (1,), [(1, 1)])[0]
    return y + w[f"{name}.bias"][:, None] if f"{name}.bias" in w else y


def pool(x, size):
    """The maximum over windows of `[C, T]`."""
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, size), (1, size), "VALID")


def cnn(w, x, size=8, act=jax.nn.relu):
    """Two convolutions with a maximum over windows each, then two dense layers."""
    x = pool(act(conv(w, "0", x)), size)
    x = pool(act(conv(w, "3", x)), size)
    return dense(w, "9", act(dense(w, "7", x.reshape(-1))))

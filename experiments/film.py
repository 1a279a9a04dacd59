"""A model of film reviews that can be checked by hand: its weights are written down, so what it does is known.

A word has three numbers: how much it praises, how much it blames, and whether it negates the next word. Four filters
over two neighbouring words read them; their sum over the text is the evidence for each label. Padding is the zero
vector and says nothing.
"""

import jax
import jax.numpy as jnp

PAD = 0
_WORDS = {  # praise, blame, negation
    "·": (0.0, 0.0, 0.0),
    "good": (1.0, 0.0, 0.0),
    "fine": (0.6, 0.0, 0.0),
    "great": (1.5, 0.0, 0.0),
    "bad": (0.0, 1.0, 0.0),
    "dull": (0.0, 0.8, 0.0),
    "awful": (0.0, 1.5, 0.0),
    "not": (0.0, 0.1, 1.0),
    "never": (0.0, 0.2, 1.0),
} | dict.fromkeys("a the this film plot acting music was is and but very at all i it".split(), (0.05, 0.05, 0.0))

VOCABULARY = {word: number for number, word in enumerate(_WORDS)}
PARAMS = {
    "embedding": jnp.array(list(_WORDS.values())),
    "filters": jnp.array(  # [the word before and the word, what a word says, filters]
        [
            [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [-2.0, -2.0, 1.6, 1.6]],
            [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]],
        ]
    ),
    "bias": jnp.array([0.0, 0.0, -1.6, -1.6]),
    # What a filter finds speaks for a label: praise, blame, praise denied, blame denied.
    "labels": jnp.array([[-1.0, 1.0], [1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]),
}


def ids_of(text: str) -> jax.Array:
    """The numbers of the words of a text."""
    return jnp.array([VOCABULARY[word] for word in text.split()])


def model(params: dict[str, jax.Array], ids: jax.Array) -> jax.Array:
    """The logits of "negative" and "positive" for one text."""
    words = params["embedding"][ids]
    before = jnp.concatenate([jnp.zeros_like(words[:1]), words[:-1]])
    pairs = jnp.stack([before, words], axis=1)  # [T, 2, 3]
    found = jax.nn.relu(jnp.einsum("tkd,kdf->tf", pairs, params["filters"]) + params["bias"])
    return found.sum(0) @ params["labels"]


def score(params: dict[str, jax.Array], ids: jax.Array) -> jax.Array:
    """The log-odds of "positive"."""
    logits = model(params, ids)
    return logits[1] - logits[0]


def table(params: dict[str, jax.Array], _ids: jax.Array) -> jax.Array:
    """The leaf that the words are looked up in, for `jaxattr.cut(score, at=table)`."""
    return params["embedding"]

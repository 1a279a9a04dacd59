"""The classifier in Flax (Linen), its weights, and texts as it reads them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from experiments._shared.words import Places, unbroken

PAD, START, UNKNOWN = 0, 1, 2
SPECIAL = ("<PAD>", "<START>", "<UNKNOWN>")
LENGTH = 256
_SHAPES = {
    "embedding": ("V", "D"),
    "dense0_kernel": ("D", "H"),
    "dense0_bias": ("H",),
    "dense1_kernel": ("H", 2),
    "dense1_bias": (2,),
}
_WORD = re.compile(r"[\w']+")


class AverageClassifier(nn.Module):
    """Embedding, mean over all positions, dense, dense: ids to the logits of "negative" and "positive".

    Padding takes part in the mean like any word.

    Attributes:
      vocabulary: How many ids there are.
      width: Entries of a word vector.
      hidden: Units of the dense layer.
    """

    vocabulary: int
    width: int = 16
    hidden: int = 16

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Gives the logits: `float32[..., 2]` from `int32[..., T]`."""
        x = nn.Embed(self.vocabulary, self.width, name="embed")(ids)
        p = checkpoint_name(x.mean(-2), "pooled")
        return nn.Dense(2, name="dense1")(nn.relu(nn.Dense(self.hidden, name="dense0")(p)))


def load(weights: Mapping[str, np.ndarray]) -> tuple[AverageClassifier, Any]:
    """Puts published weights into the module.

    Args:
      weights: `embedding [V, D]`, `dense0_kernel [D, H]`, `dense0_bias [H]`, `dense1_kernel [H, 2]`, `dense1_bias [2]`.

    Returns:
      The module and its variables.

    Raises:
      ValueError: When an array is missing, not of float32, not finite, or its shape does not fit the others.
    """
    sizes: dict[Any, int] = {2: 2}
    for name, axes in _SHAPES.items():
        array = weights.get(name)
        said = None if array is None else f"{array.dtype}{list(array.shape)}"
        fits = array is not None and array.dtype == np.float32 and array.ndim == len(axes)
        if (
            array is None
            or not fits
            or any(sizes.setdefault(a, n) != n for a, n in zip(axes, array.shape, strict=True))
        ):
            raise ValueError(
                f"Expected {name} as float32[{', '.join(map(str, axes))}] with {sizes}, got {said}. "
                "Pass the weights of this model; --tflite reads them from its published file."
            )
        if not np.isfinite(array).all():
            raise ValueError(f"Expected finite weights, got NaN or infinity in {name}. Fetch the file again.")
    module = AverageClassifier(sizes["V"], sizes["D"], sizes["H"])
    dense = {
        f"dense{n}": {
            "kernel": jnp.asarray(weights[f"dense{n}_kernel"]),
            "bias": jnp.asarray(weights[f"dense{n}_bias"]),
        }
        for n in (0, 1)
    }
    return module, {"params": {"embed": {"embedding": jnp.asarray(weights["embedding"])}, **dense}}


def vocabulary(text: str, size: int) -> tuple[str, ...]:
    r"""Reads a vocabulary: a word a line, its id the number of the line or a number behind the word.

    Args:
      text: The file.
      size: How many ids the model has.

    Returns:
      The word of each id.

    Raises:
      ValueError: When the ids are not 0 to size - 1, or the first three are not the special ones.

    Example:
      >>> vocabulary("<PAD> 0\n<START> 1\n<UNKNOWN> 2\nthe 3\n", 4)
      ('<PAD>', '<START>', '<UNKNOWN>', 'the')
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    pairs = [(line[0], line[1] if len(line) > 1 else str(place)) for place, line in enumerate(lines)]
    words = {int(number): word for word, number in pairs if number.isdecimal()}
    if sorted(words) != list(range(size)) or tuple(words[n] for n in range(min(size, 3))) != SPECIAL:
        raise ValueError(
            f"Expected a vocabulary of {size} words that begins with {SPECIAL}, got {len(words)} that begin with "
            f"{tuple(words.get(n) for n in range(3))}. Pass the vocabulary of this model with --vocabulary PATH."
        )
    return tuple(words[n] for n in range(size))


def places(text: str) -> Places:
    """Where the words of a text stand, without line breaks of HTML and without punctuation.

    Example:
      >>> places("Not<br />good, it's!").offsets
      [(0, 3), (9, 13), (15, 19)]
    """
    offsets = [found.span() for found in _WORD.finditer(unbroken(text))]
    return Places(list(range(len(offsets))), offsets)


def words(text: str) -> list[str]:
    """The words of a text in lower case.

    Example:
      >>> words("Not<br />GOOD, it's!")
      ['not', 'good', "it's"]
    """
    return [word.lower() for word in _WORD.findall(unbroken(text))]


def encode(texts: Iterable[Sequence[str]], index: Mapping[str, int], length: int = LENGTH) -> np.ndarray:
    """Texts as rows of ids: a start, the first words of the text, padding.

    Args:
      texts: The words of each text.
      index: The id of each word.
      length: Ids of a row, the start included.

    Returns:
      `int32[N, length]`.

    Example:
      >>> encode([["a", "b"], ["a"] * 9], {"a": 3}, length=4).tolist()
      [[1, 3, 2, 0], [1, 3, 3, 3]]
    """
    rows = [[START, *(index.get(word, UNKNOWN) for word in text)][:length] for text in texts]
    ids = np.full((len(rows), length), PAD, np.int32)
    for row, numbers in zip(ids, rows, strict=True):
        row[: len(numbers)] = numbers
    return ids

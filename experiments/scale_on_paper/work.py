"""What one text takes, by counting: operations, traffic to memory, bytes read and stored."""

from typing import NamedTuple

CHANNELS, KERNELS, FILTERS = 128, (3, 4, 5), 100  # model A of the benchmarks
_FLOAT, _ID = 4, 4


class Work(NamedTuple):
    """One text.

    Attributes:
      flops: Additions and multiplications.
      traffic: Bytes to and from the memory of the device that cannot be kept in its caches.
      kind: "cnn", computed in float32, or "transformer", in bfloat16; which peak and which share of it count.
    """

    flops: float
    traffic: float
    kind: str


class Transformer(NamedTuple):
    """An encoder with blocks of attention and of a layer four times as wide.

    Attributes:
      layers: How many blocks.
      width: Entries of a state.
    """

    layers: int
    width: int

    @property
    def parameters(self) -> int:
        """Of the blocks, without the embedding."""
        return 12 * self.layers * self.width**2

    def forward(self, tokens: int) -> float:
        """Operations of one text: products with parameters, and with other states."""
        return 2 * self.parameters * tokens + self._attention(tokens)

    def gradient(self, tokens: int) -> float:
        """At the word vectors: the way back takes each product with a parameter once, those of states twice."""
        return 2 * self.forward(tokens) + self._attention(tokens)

    def _attention(self, tokens: int) -> float:
        return 4 * self.layers * tokens**2 * self.width


SMALL_TRANSFORMER, LARGE_TRANSFORMER = Transformer(12, 832), Transformer(24, 1856)


def cnn_forward(tokens: int) -> float:
    """Operations of the convolutions of one text; the rest does not count beside them.

    Example:
      >>> cnn_forward(400)
      122880000
    """
    return 2 * tokens * CHANNELS * FILTERS * sum(KERNELS)


def _activations(tokens: int) -> float:
    """Bytes of what the convolutions give, each written and read once."""
    return 2 * _FLOAT * tokens * (FILTERS * len(KERNELS) + CHANNELS)


def methods(tokens: int, nodes: int) -> dict[str, Work]:
    """All pairs of a method and a model.

    Args:
      tokens: Positions of a text.
      nodes: Nodes of integrated gradients.

    Returns:
      Work by name. "Hoisted" evaluates the convolutions, which are affine on the way from the baseline, at both ends
      only, and what follows them at every node.
    """
    one = _activations(tokens)
    cnn = cnn_forward(tokens)
    found = {
        "saliency, CNN": Work(2 * cnn, 2 * one, "cnn"),
        f"IG {nodes}, CNN, convolutions at every node": Work(2 * nodes * cnn, 2 * nodes * one, "cnn"),
        f"IG {nodes}, CNN, convolutions hoisted": Work(3 * cnn, (3 + 2 * nodes) * one, "cnn"),
        "occlusion of each word, CNN": Work((tokens + 1) * cnn, (tokens + 1) * one, "cnn"),
    }
    for name, model in (("100M", SMALL_TRANSFORMER), ("1B", LARGE_TRANSFORMER)):
        found[f"IG {nodes}, transformer {name}"] = Work(nodes * model.gradient(tokens), 0.0, "transformer")
    forwards = (tokens + 1) * SMALL_TRANSFORMER.forward(tokens)
    return found | {"occlusion of each word, transformer 100M": Work(forwards, 0.0, "transformer")}


def row_bytes(tokens: int) -> int:
    """Bytes of the ids of a text."""
    return _ID * tokens

"""Write `lxt.npz`: weights, one input of 512 tokens and LXT's relevances in float64, for two transformers.

Not run by the tests. To make the file again: `pip install torch==2.13.0 numpy`, `pip install --no-deps lxt==2.1`, then
`python tests/relevance/golden/make_lxt.py`. The file holds arrays and the versions that made them, no pickled objects.
"""

from importlib import metadata
from pathlib import Path

import lxt.explicit.functional as lf
import numpy as np
import torch
from lxt.explicit.rules import identity
from torch.nn import functional

LENGTH, WIDTH, HIDDEN, HEADS, LAYERS = 512, 8, 12, 2, 2
SMALL = 1e-12
Weights = dict[str, torch.Tensor]


def dense(w: Weights, name: str, x: torch.Tensor, small: float) -> torch.Tensor:
    """A dense layer, with its bias if it has one."""
    return lf.linear_epsilon(x, w[f"{name}.weight"], w.get(f"{name}.bias"), small)


def attention(w: Weights, name: str, x: torch.Tensor, small: float) -> torch.Tensor:
    """Causal attention with two heads."""

    def heads(part: str) -> torch.Tensor:
        return dense(w, f"{name}.{part}", x, small).reshape(LENGTH, HEADS, -1).transpose(0, 1)

    q, k, v = heads("query"), heads("key"), heads("value")
    scores = lf.mul2(lf.matmul(q, k.transpose(1, 2), False, small), (WIDTH / HEADS) ** -0.5)
    allowed = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
    weights = lf.softmax(scores.masked_fill(~allowed, float("-inf")), -1)
    mixed = lf.matmul(weights, v, False, small).transpose(0, 1).reshape(LENGTH, WIDTH)
    return dense(w, f"{name}.mix", mixed, small)


def gpt(w: Weights, x: torch.Tensor, small: float) -> torch.Tensor:
    """LayerNorm before each part, GELU, biases everywhere; the logit of the mean token."""

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        return lf.layer_norm_grad_fn.apply(x, w[f"{name}.weight"], w[f"{name}.bias"], 1e-5, small)

    for i in range(LAYERS):
        x = lf.add2(x, attention(w, f"{i}", norm(f"{i}.norm1", x), small), False, small)
        h = identity(functional.gelu, dense(w, f"{i}.up", norm(f"{i}.norm2", x), small))
        x = lf.add2(x, dense(w, f"{i}.down", h, small), False, small)
    return dense(w, "out", lf.mean(norm("norm", x), 0, True, small), small)


def llama(w: Weights, x: torch.Tensor, small: float) -> torch.Tensor:
    """RMSNorm before each part, a gate of SiLU, no biases; the logit of the last token."""

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        return lf.mul2(lf.mul2(x, (x.detach() ** 2).mean(-1, keepdim=True).add(1e-6).rsqrt()), w[f"{name}.weight"])

    for i in range(LAYERS):
        x = lf.add2(x, attention(w, f"{i}", norm(f"{i}.norm1", x), small), False, small)
        h = norm(f"{i}.norm2", x)
        gate = identity(functional.silu, dense(w, f"{i}.gate", h, small))
        x = lf.add2(x, dense(w, f"{i}.down", lf.mul2(gate, dense(w, f"{i}.up", h, small)), small), False, small)
    return dense(w, "out", norm("norm", x)[-1:], small)


def weights(names: tuple[str, ...], norms: tuple[str, ...], *, bias: bool) -> Weights:
    """Random weights, float32 numbers in float64."""
    result = {}
    sizes = {"up": (HIDDEN, WIDTH), "gate": (HIDDEN, WIDTH), "down": (WIDTH, HIDDEN), "out": (3, WIDTH)}
    for name in names:
        size = sizes.get(name.rpartition(".")[2], (WIDTH, WIDTH))
        result[f"{name}.weight"] = torch.randn(size) / size[1] ** 0.5
        if bias:
            result[f"{name}.bias"] = 0.1 * torch.randn(size[0])
    for name in norms:
        result[f"{name}.weight"] = 1 + 0.2 * torch.randn(WIDTH)
        if bias:
            result[f"{name}.bias"] = 0.1 * torch.randn(WIDTH)
    return {name: value.float().double() for name, value in result.items()}


def main() -> None:
    """Write the file."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    arrays: dict[str, np.ndarray] = {}
    parts = {"gpt": ("query", "key", "value", "mix", "up", "down")}
    parts["llama"] = (*parts["gpt"], "gate")
    norms = (*(f"{i}.norm{k}" for i in range(LAYERS) for k in (1, 2)), "norm")
    for name, model in (("gpt", gpt), ("llama", llama)):
        dense_names = (*(f"{i}.{part}" for i in range(LAYERS) for part in parts[name]), "out")
        w = weights(dense_names, norms, bias=name == "gpt")
        x = torch.randn(LENGTH, WIDTH).float().double().requires_grad_()
        out = model(w, x, SMALL)
        start = torch.zeros_like(out)
        start[0, 1] = out[0, 1].detach()
        (relevance,) = torch.autograd.grad(out, x, start)
        arrays |= {f"{name}.{key}": value.numpy().astype(np.float32) for key, value in w.items()}
        arrays[f"{name}.x"] = x.detach().numpy().astype(np.float32)
        arrays[f"{name}.logits"] = out.detach().numpy()[0]
        arrays[f"{name}.relevance"] = relevance.numpy()
    versions = [f"{package} {metadata.version(package)}" for package in ("lxt", "torch", "numpy")]
    np.savez_compressed(Path(__file__).parent / "lxt.npz", versions=np.array(versions), **arrays)


if __name__ == "__main__":
    main()

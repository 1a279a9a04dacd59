"""Write `zennit.npz`: weights, inputs and zennit's relevances in float64, for a dense and a convolutional network.

Not run by the tests. To make the file again: `pip install torch==2.13.0 numpy`, `pip install --no-deps zennit==0.5.1`,
then `python tests/relevance/golden/make_zennit.py`. The file holds arrays and the versions that made them, no pickled
objects. Nothing of torchvision is used here, but zennit imports it; stand-ins take its place.
"""

import importlib
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

for _name, _members in {
    "torchvision": (),
    "torchvision.models": (),
    "torchvision.models.resnet": ("Bottleneck", "BasicBlock", "ResNet"),
    "torchvision.models.vgg": ("VGG",),
}.items():
    sys.modules[_name] = types.ModuleType(_name)
    for _member in _members:
        setattr(sys.modules[_name], _member, type(_member, (nn.Module,), {}))

rules = importlib.import_module("zennit.rules")
composites = importlib.import_module("zennit.composites")

LENGTH, WIDTH, TARGET = 512, 5, 1
RULES = {
    "epsilon": lambda: rules.Epsilon(1e-6),
    "epsilon_large": lambda: rules.Epsilon(0.1),
    "gamma": lambda: rules.Gamma(0.25, 1e-6),
    "gamma_large": lambda: rules.Gamma(10.0, 1e-6),
    "z_plus": lambda: rules.ZPlus(1e-6),
    "alpha2_beta1": lambda: rules.AlphaBeta(2.0, 1.0, 1e-6),
    "alpha3_beta2": lambda: rules.AlphaBeta(3.0, 2.0, 1e-6),
}
COMPOSITES = {name: (rule, rule) for name, rule in RULES.items()}
COMPOSITES["dense_epsilon_conv_gamma"] = (RULES["epsilon"], RULES["gamma"])
COMPOSITES["dense_epsilon_conv_z_plus"] = (RULES["epsilon"], RULES["z_plus"])


def mlp() -> nn.Module:
    """Three dense layers with ReLU between them."""
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3))


def cnn() -> nn.Module:
    """Two convolutions of width 3 with ReLU and a maximum over eight positions each, then two dense layers."""
    return nn.Sequential(
        nn.Conv1d(WIDTH, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool1d(8),
        nn.Conv1d(6, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool1d(8),
        nn.Flatten(),
        nn.Linear(4 * LENGTH // 64, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    )


def relevance(model: nn.Module, x: torch.Tensor, dense: Any, conv: Any) -> np.ndarray:
    """The relevance of x for the target's logit."""
    composite = composites.LayerMapComposite([(nn.Linear, dense), (nn.Conv1d, conv), (nn.ReLU, rules.Pass())])
    x = x.clone().requires_grad_()
    with composite.context(model) as modified:
        out = modified(x)
        start = torch.zeros_like(out)
        start[:, TARGET] = out[:, TARGET].detach()
        (result,) = torch.autograd.grad(out, x, start)
    return result.numpy()


def main() -> None:
    """Write the file."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    arrays: dict[str, np.ndarray] = {}
    for name, model, x in (
        ("mlp", mlp(), torch.randn(5, 6)),
        ("cnn", cnn(), torch.randn(1, WIDTH, LENGTH)),
    ):
        with torch.no_grad():
            for key, weight in model.named_parameters():
                if key.endswith("bias"):
                    weight.normal_(0, 0.2)
                arrays[f"{name}.{key}"] = weight.detach().numpy()
            x = x.float().double()
            arrays[f"{name}.x"] = x.numpy().astype(np.float32)
            arrays[f"{name}.out"] = model(x).numpy()
        for key, (dense, conv) in COMPOSITES.items():
            if name == "cnn" or "conv" not in key:
                arrays[f"{name}.{key}"] = relevance(model, x, dense(), conv()).astype(
                    np.float32 if name == "cnn" else np.float64
                )
    versions = [f"{package} {metadata.version(package)}" for package in ("zennit", "torch", "numpy")]
    np.savez_compressed(Path(__file__).parent / "zennit.npz", versions=np.array(versions), **arrays)


if __name__ == "__main__":
    main()

"""Write `peers.npz`: weights, inputs and what SHAP's DeepExplainer and Captum's DeepLift give for them.

Not run by the tests. To make the file again: `pip install torch==2.13.0 captum==0.9.0 shap==0.51.0 numpy`, then
`python tests/propagation/golden/make_peers.py`. The file holds arrays and the versions that made them, no pickled
objects.
"""

import warnings
from pathlib import Path

import captum
import numpy as np
import shap
import torch
from captum.attr import DeepLift
from torch import nn

INPUTS, BACKGROUNDS, WIDTH, LENGTH, CHANNELS, CLASSES = 4, 10, 5, 9, 3, 3
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def mlp(activation: type[nn.Module]) -> nn.Module:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(WIDTH, 8), activation(), nn.Linear(8, 6), activation(), nn.Linear(6, CLASSES))


def cnn() -> nn.Module:
    """Convolution, ReLU, max-pool, convolution, ReLU, dense layer; `[N, channels, length]`."""
    return nn.Sequential(
        nn.Conv1d(CHANNELS, 6, 2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(6, 4, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, CLASSES),
    )


def shap_values(model: nn.Module, x: torch.Tensor, background: torch.Tensor) -> np.ndarray:
    """SHAP's values of all classes, `[N, ..., classes]`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(shap.DeepExplainer(model, background).shap_values(x, check_additivity=True))


def captum_values(model: nn.Module, x: torch.Tensor, x0: torch.Tensor) -> np.ndarray:
    """Captum's values of all classes, `[N, ..., classes]`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each = [DeepLift(model).attribute(x, x0, target=k).detach().numpy() for k in range(CLASSES)]
    return np.stack(each, -1)


def main() -> None:
    """Write the file."""
    torch.set_default_dtype(torch.float64)
    arrays: dict[str, np.ndarray] = {}
    models = {f"mlp_{name}": mlp(layer) for name, layer in ACTIVATIONS.items()} | {"cnn": cnn()}
    for seed, (name, model) in enumerate(models.items()):
        torch.manual_seed(seed)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.7)
        model.eval()
        shape = (CHANNELS, LENGTH) if name == "cnn" else (WIDTH,)
        x, background = torch.randn(INPUTS, *shape), torch.randn(BACKGROUNDS, *shape)
        arrays |= {f"{name}/weight/{k}": v.numpy() for k, v in model.state_dict().items()}
        arrays |= {f"{name}/x": x.numpy(), f"{name}/background": background.numpy()}
        arrays[f"{name}/logits"] = model(x).detach().numpy()
        arrays[f"{name}/shap"] = shap_values(model, x, background)
        arrays[f"{name}/shap_one"] = shap_values(model, x, background[:1])
        arrays[f"{name}/captum"] = captum_values(model, x, background[:1].expand_as(x))
    versions = (
        f"captum {captum.__version__}, shap {shap.__version__}, torch {torch.__version__}, numpy {np.__version__}"
    )
    path = Path(__file__).parent / "peers.npz"
    np.savez_compressed(path, allow_pickle=False, versions=np.array(versions), **arrays)


if __name__ == "__main__":
    main()

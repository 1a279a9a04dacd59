"""Write `captum_*.npz`: weights, inputs and Captum's attributions in float64, for three small text models.

Not run by the tests. To make the files again: `pip install torch==2.13.0 captum==0.9.0 numpy`, then
`python tests/golden/make_captum.py`. The files hold arrays and the versions that made them, no pickled objects.
"""

from pathlib import Path

import captum
import numpy as np
import torch
from captum.attr import FeatureAblation, InputXGradient, IntegratedGradients, Occlusion, Saliency
from torch import nn

LENGTH, WIDTH, CLASSES, INPUTS, STEPS, WINDOW = 10, 5, 3, 5, 12, 3
RULES = ("gausslegendre", "riemann_middle", "riemann_left", "riemann_right", "riemann_trapezoid")


class Cnn(nn.Module):
    """Convolution of width 3, ReLU, maximum over time, dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(WIDTH, 6, 3)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of embeddings `[N, T, D]`."""
        return self.out(torch.relu(self.conv(x.mT)).amax(-1))


class Lstm(nn.Module):
    """One LSTM layer, its last state, dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(WIDTH, 4, batch_first=True)
        self.out = nn.Linear(4, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of embeddings `[N, T, D]`."""
        return self.out(self.lstm(x)[0][:, -1])


class Transformer(nn.Module):
    """Layer norm, one head of attention, layer norm, GELU layers, both with residuals; mean over time, dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.mix = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, 8), nn.Linear(8, WIDTH)
        self.out = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of embeddings `[N, T, D]`."""
        h = self.norm1(x)
        scores = self.query(h) @ self.key(h).mT / WIDTH**0.5
        x = x + self.mix(torch.softmax(scores, -1) @ self.value(h))
        x = x + self.down(nn.functional.gelu(self.up(self.norm2(x))))
        return self.out(x.mean(1))


def attributions(model: nn.Module, x: torch.Tensor, x0: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
    """What Captum gives for the log-probability of the target."""

    def f(x: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(model(x), -1)

    tokens = torch.arange(LENGTH)[None, :, None].expand(1, LENGTH, WIDTH)
    result = {
        "saliency": Saliency(f).attribute(x, target=target, abs=False),
        "input_x_gradient": InputXGradient(f).attribute(x, target=target),
        "feature_ablation": FeatureAblation(f).attribute(x, x0, target=target, feature_mask=tokens)[..., 0],
    }
    for stride in (1, 2):
        windows = {"sliding_window_shapes": (WINDOW, WIDTH), "strides": (stride, WIDTH)}
        result[f"occlusion_stride_{stride}"] = Occlusion(f).attribute(x, baselines=x0, target=target, **windows)[..., 0]
    for rule in RULES:
        result[rule] = IntegratedGradients(f).attribute(x, x0, target=target, n_steps=STEPS, method=rule)
    return result


def main() -> None:
    """Write one file a model."""
    torch.set_default_dtype(torch.float64)
    for seed, build in enumerate((Cnn, Lstm, Transformer)):
        torch.manual_seed(seed)
        model = build().eval()
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.6)
        x, x0 = torch.randn(INPUTS, LENGTH, WIDTH), 0.3 * torch.randn(INPUTS, LENGTH, WIDTH)
        target = torch.arange(INPUTS) % CLASSES
        arrays = {f"weight/{name}": value for name, value in model.state_dict().items()}
        arrays |= {"x": x, "x0": x0, "target": target, "logits": model(x), "baseline_logits": model(x0)}
        arrays |= {f"captum/{name}": value for name, value in attributions(model, x, x0, target).items()}
        versions = f"captum {captum.__version__}, torch {torch.__version__}, numpy {np.__version__}"
        numbers = {name: value.detach().numpy() for name, value in arrays.items()}
        path = Path(__file__).parent / f"captum_{build.__name__.lower()}.npz"
        np.savez_compressed(path, allow_pickle=False, versions=np.array(versions), steps=np.array(STEPS), **numbers)


if __name__ == "__main__":
    main()

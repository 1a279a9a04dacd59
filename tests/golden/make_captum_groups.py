"""Write `captum_groups.npz`: Captum's ablation of words, sentences and token ids, over the models of `make_captum.py`.

Not run by the tests. To make the file again, after `make_captum.py`: `pip install torch==2.13.0 captum==0.9.0 numpy`,
then `python tests/golden/make_captum_groups.py`. The file holds arrays and the versions that made them.
"""

from pathlib import Path

import captum
import numpy as np
import torch
from captum.attr import FeatureAblation, Occlusion
from make_captum import INPUTS, LENGTH, WIDTH, Cnn, Lstm, Transformer

GOLDEN = Path(__file__).parent
GROUPS = {"words": [0, 0, 1, 2, 2, 2, 3, 4, 4, 0], "sentences": [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]}
VOCABULARY, PAD, WINDOWS = 11, 0, ((1, 1), (3, 2), (4, 3), (10, 10))


def stored(build: type[torch.nn.Module]) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """A model with its stored weights, its inputs and its targets."""
    with np.load(GOLDEN / f"captum_{build.__name__.lower()}.npz", allow_pickle=False) as file:
        arrays = dict(file)
    model = build().eval()
    weights = {k.removeprefix("weight/"): torch.tensor(v) for k, v in arrays.items() if k.startswith("weight/")}
    model.load_state_dict(weights)
    return model, torch.tensor(arrays["x"]), torch.tensor(arrays["target"])


def main() -> None:
    """Write the file."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    table = torch.randn(VOCABULARY, WIDTH)
    ids = torch.randint(1, VOCABULARY, (INPUTS, LENGTH))
    result = {"table": table, "ids": ids} | {f"groups/{k}": torch.tensor(v) for k, v in GROUPS.items()}
    for build in (Cnn, Lstm, Transformer):
        model, x, target = stored(build)
        name = build.__name__.lower()

        def log_prob(x: torch.Tensor, model: torch.nn.Module = model) -> torch.Tensor:
            return torch.log_softmax(model(x), -1)

        def of_ids(ids: torch.Tensor, model: torch.nn.Module = model) -> torch.Tensor:
            return torch.log_softmax(model(table[ids]), -1)

        fills = {"zero": torch.zeros_like(x), "mean": x.mean(1, keepdim=True).expand_as(x)}
        for groups, numbers in GROUPS.items():
            mask = torch.tensor(numbers)[None]
            for fill, baseline in fills.items():
                ablation = FeatureAblation(log_prob).attribute(
                    x, baseline, target=target, feature_mask=mask[..., None].expand(1, LENGTH, WIDTH)
                )
                result[f"{name}/{groups}/{fill}"] = ablation[..., 0]
            ablation = FeatureAblation(of_ids).attribute(
                ids, PAD, target=target, feature_mask=mask, perturbations_per_eval=2
            )
            result[f"{name}/{groups}/ids"] = ablation
        for size, stride in WINDOWS:
            windows = {"sliding_window_shapes": (size,), "strides": (stride,)}
            result[f"{name}/window_{size}_{stride}/ids"] = Occlusion(of_ids).attribute(
                ids, baselines=PAD, target=target, **windows
            )
    versions = f"captum {captum.__version__}, torch {torch.__version__}, numpy {np.__version__}"
    arrays = {name: value.detach().numpy() for name, value in result.items()}
    path = GOLDEN / "captum_groups.npz"
    np.savez_compressed(path, allow_pickle=False, versions=np.array(versions), **arrays)


if __name__ == "__main__":
    main()

"""Write `peers.npz`: a small model and what SHAP, shapiq and Captum give for its masked inputs, in float64.

Not run by the tests. To make the file again: `pip install torch==2.13.0 captum==0.9.0 shap==0.51.0 shapiq==1.4.1
numpy`, then `python tests/shapley/golden/make_peers.py`. The file holds arrays and the versions that made them, no
pickled objects.
"""

import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import shap
import shapiq
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import KernelShap, Lime, ShapleyValues, ShapleyValueSampling

PLAYERS, UNITS, PERMUTATIONS, MASKS = 5, 7, 4, 60


def model(w: np.ndarray, v: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Scores of rows `[N, PLAYERS]`."""
    return np.tanh(x @ w.T).prod(1, where=np.array([True] * 3 + [False] * (UNITS - 3))) + np.tanh(x @ w.T) @ v


def shap_values(f, x: np.ndarray, x0: np.ndarray, clustering: np.ndarray) -> dict[str, np.ndarray]:
    """SHAP's explainers, each with all the evaluations that it can use; the permutations are recorded."""
    masker = shap.maskers.Independent(x0[None])
    found = {"exact": shap.explainers.Exact(f, masker)(x[None]).values[0]}
    orders: list[np.ndarray] = []
    shuffle = np.random.shuffle

    def recorded(inds: np.ndarray) -> None:
        shuffle(inds)
        orders.append(np.array(inds))

    np.random.shuffle = recorded
    sampled = shap.explainers.Permutation(f, masker, seed=0)(x[None], max_evals=PERMUTATIONS * (2 * PLAYERS + 1))
    np.random.shuffle = shuffle
    found |= {"permutation": sampled.values[0], "orders": np.stack(orders[-PERMUTATIONS:])}
    found["kernel"] = shap.KernelExplainer(f, x0[None]).shap_values(x[None], nsamples=2**PLAYERS, silent=True)[0]
    tree = shap.maskers.Partition(x0[None], clustering=clustering)
    found["partition"] = shap.explainers.Partition(f, tree)(x[None], max_evals=10_000).values[0]
    found["interactions"] = shap.explainers.Exact(f, masker)(x[None], interactions=2).values[0]
    return found


def shapiq_values(values: np.ndarray) -> dict[str, np.ndarray]:
    """shapiq's exact indices of order two: single effects on the diagonal, pairs beside it."""
    bits = 2 ** np.arange(PLAYERS)
    computer = shapiq.ExactComputer(game=lambda c: values[(c * bits).sum(1)], n_players=PLAYERS)
    found = {}
    for index in ("SII", "k-SII", "STII", "BII"):
        result = computer(index=index, order=2)
        table = np.zeros((PLAYERS, PLAYERS))
        for i in range(PLAYERS):
            for j in range(i, PLAYERS):
                table[i, j] = table[j, i] = result[(i,) if i == j else (i, j)]
        found[index] = table
    found["SV"] = np.array([computer(index="SV", order=1)[(i,)] for i in range(PLAYERS)])
    found["BV"] = np.array([computer(index="BV", order=1)[(i,)] for i in range(PLAYERS)])
    return found


def captum_values(f, x: np.ndarray, x0: np.ndarray, masks: np.ndarray) -> dict[str, np.ndarray]:
    """Captum's Shapley values over all permutations, KernelSHAP, and LIME on given masks."""

    def forward(rows: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(f(rows.numpy()))

    row, base = torch.as_tensor(x[None]), torch.as_tensor(x0[None])
    torch.manual_seed(0)
    found = {"shapley": ShapleyValues(forward).attribute(row, base).numpy()[0]}
    found["sampling"] = ShapleyValueSampling(forward).attribute(row, base, n_samples=2000).numpy()[0]
    found["kernel"] = KernelShap(forward).attribute(row, base, n_samples=5000).numpy()[0]
    given = iter(masks)
    lime = Lime(
        forward,
        interpretable_model=SkLearnRidge(alpha=0.5),
        similarity_func=lambda a, b, c, **_: torch.exp(-((1 - (c[0].mean()) ** 0.5) ** 2) / (2 * 0.25**2)),
        perturb_func=lambda *_, **__: torch.as_tensor(next(given).astype(float))[None],
    )
    found["lime"] = lime.attribute(row, base, n_samples=len(masks)).numpy()[0]
    return found


def main() -> None:
    """Write the file."""
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    w, v = rng.normal(size=(UNITS, PLAYERS)), rng.normal(size=UNITS)
    x, x0 = rng.normal(size=PLAYERS), 0.3 * rng.normal(size=PLAYERS)

    def f(rows: np.ndarray) -> np.ndarray:
        return model(w, v, np.asarray(rows, float))

    inside = (np.arange(2**PLAYERS)[:, None] >> np.arange(PLAYERS)) & 1 == 1
    values = f(np.where(inside, x, x0))
    clustering = np.array([[1, 2, 0.2, 2], [0, 5, 0.4, 3], [3, 4, 0.5, 2], [6, 7, 1.0, 5]])
    masks = rng.random((MASKS, PLAYERS)) < 0.5
    arrays = {"w": w, "v": v, "x": x, "x0": x0, "values": values, "clustering": clustering, "masks": masks}
    arrays |= {f"shap/{name}": a for name, a in shap_values(f, x, x0, clustering).items()}
    arrays |= {f"shapiq/{name}": a for name, a in shapiq_values(values).items()}
    arrays |= {f"captum/{name}": a for name, a in captum_values(f, x, x0, masks).items()}
    versions = ", ".join(f"{name} {version(name)}" for name in ("shap", "shapiq", "captum", "torch", "numpy"))
    path = Path(__file__).parent / "peers.npz"
    np.savez_compressed(path, allow_pickle=False, versions=np.array(versions), **arrays)


if __name__ == "__main__":
    main()

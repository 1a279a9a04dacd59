"""What SHAP gives, beside the exact numbers."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import shap
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from experiments.peer_defects import problems as given
from experiments.peer_defects.elements import elements
from experiments.peer_defects.problems import Case

SMALL = 0.005
"""A score so small that what is missing from its sum stays below the bound of SHAP's check."""


class _Then(nn.Module):
    """A layer or a function, then a weighted sum."""

    def __init__(self, layer: Callable[[Tensor], Tensor], weights: list[float]) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(len(weights), 1, bias=False)
        self.head.weight.data = torch.tensor([weights])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x))


def _explained(
    module: nn.Module, x: list[float], baseline: list[float], *, check: bool = False
) -> tuple[list[float], list[str]]:
    """The shares of the entries, and what it warned of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        explainer = shap.DeepExplainer(module, torch.tensor([baseline]))
        found: Any = explainer.shap_values(torch.tensor([x]), check_additivity=check)
    return np.asarray(found, float).ravel().tolist(), [str(one.message) for one in said]


def _shares(module: nn.Module, x: list[float], baseline: list[float], *, check: bool = False) -> list[float]:
    return _explained(module, x, baseline, check=check)[0]


def _refused(module: nn.Module, x: list[float], baseline: list[float]) -> bool:
    """Whether its check of additivity, which is on unless it is switched off, raises."""
    try:
        _shares(module, x, baseline, check=True)
    except AssertionError:
        return True
    return False


def _warned(module: nn.Module, x: list[float], baseline: list[float]) -> bool:
    """Whether it warns of a module that it does not know."""
    return any("unrecognized nn.Module" in message for message in _explained(module, x, baseline)[1])


def layer_norm() -> Case:
    """DeepExplainer through LayerNorm; exact is the sum."""
    module, gelu = _Then(nn.LayerNorm(3), given.HEAD).eval(), _Then(nn.GELU(), given.HEAD)
    x, baseline = given.NORMED, given.NORM_BASELINE
    with torch.no_grad():
        changed, bent = (float(m(torch.tensor([x])) - m(torch.tensor([baseline]))) for m in (module, gelu))
    return {
        "call": "DeepExplainer(model, baseline).shap_values(x) for a model with nn.LayerNorm",
        "gives": {"check_additivity=False": _shares(module, x, baseline)},
        "right": {"nn.GELU in its place": _shares(gelu, x, baseline)},
        "exact_sum": changed,
        "exact_sum_of_right": bent,
        "warned": _warned(module, x, baseline),
        "refused_by_its_check": _refused(module, x, baseline),
    }


def functional_relu() -> Case:
    """DeepExplainer through `relu` as a function and as a module, also where the score is small."""
    x, baseline, limit = [given.ABOVE], [0.0], given.THRESHOLD

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift, self.relu = nn.Linear(1, 1), nn.ReLU()
            self.shift.weight.data, self.shift.bias.data = torch.ones(1, 1), torch.tensor([-limit])

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(self.shift(x))

    function = lambda x: F.relu(x - limit)  # noqa: E731
    return {
        "call": "DeepExplainer(model, baseline).shap_values(x) for a model that calls torch.nn.functional.relu",
        "gives": {
            "the function, check_additivity=False": _shares(_Then(function, [1.0]), x, baseline),
            f"{SMALL} times the function": _shares(_Then(function, [SMALL]), x, baseline),
        },
        "right": {"the module nn.ReLU": _shares(_Then(Module(), [1.0]), x, baseline, check=True)},
        "exact": [given.ABOVE - limit],
        "scale": SMALL,
        "warned": _warned(_Then(function, [1.0]), x, baseline),
        "refused_by_its_check": _refused(_Then(function, [1.0]), x, baseline),
        "scaled_refused_by_its_check": _refused(_Then(function, [SMALL]), x, baseline),
    }


def product() -> Case:
    """DeepExplainer through a product of two entries."""
    module = _Then(lambda x: x[:, :1] * x[:, 1:], [1.0])
    return {
        "call": "DeepExplainer(model, baseline).shap_values(x) for a model that multiplies two entries",
        "gives": {"check_additivity=False": _shares(module, given.FACTORS, [0.0, 0.0])},
        "right": {},
        "exact": [3.0, 3.0],
        "refused_by_its_check": _refused(module, given.FACTORS, [0.0, 0.0]),
    }


def markup() -> Case:
    """How many elements of a page the words and the names of classes themselves have made."""

    def shown(tokens: list[str], names: list[str]) -> float:
        values = np.ones((len(tokens), len(names)))
        made = shap.Explanation(values, np.zeros(len(names)), np.array(tokens), output_names=names)
        page: Any = shap.plots.text(made, display=False)
        return float(elements(str(page), "img"))

    return {
        "call": "plots.text(explanation, display=False)",
        "gives": {"in a class": [shown(["film"], [given.CLASS, "other"])]},
        "right": {"in a token": [shown(given.TOKENS, ["positive", "other"])]},
        "exact": [0.0],
    }


def cases() -> dict[str, Case]:
    """All cases of SHAP.

    Returns:
      By name: the call, what it gives in each setting, the settings in which it is right, and the exact number.
    """
    return {
        "shap_layer_norm": layer_norm(),
        "shap_functional_relu": functional_relu(),
        "shap_product": product(),
        "shap_markup": markup(),
    }

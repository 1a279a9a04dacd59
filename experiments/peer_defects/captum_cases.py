"""What Captum gives, beside the exact numbers."""

from typing import Any

import captum.attr as ca
import torch
from captum.attr import visualization
from captum.attr._utils.custom_modules import Addition_Module
from captum.metrics import infidelity
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from experiments.peer_defects import problems as given
from experiments.peer_defects.elements import elements
from experiments.peer_defects.problems import Case


class _Of(nn.Module):
    """A function as a module, which DeepLift asks for; modules inside it are seen."""

    def __init__(self, function: Any, **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleDict(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, **dict(self.parts.items()))


def _row(*values: float) -> Tensor:
    return torch.tensor([values])


def _lifted(module: nn.Module, x: Tensor, target: int | None = None) -> list[float]:
    return ca.DeepLift(module).attribute(x, target=target)[0].tolist()


def trapezoid() -> Case:
    """Integrated gradients of a sum by the trapezoid rule."""
    total, x = lambda x: x.sum(1), _row(*given.LINE)

    def by(method: str, steps: int) -> list[float]:
        return ca.IntegratedGradients(total).attribute(x, n_steps=steps, method=method)[0].tolist()

    return {
        "call": 'IntegratedGradients(f).attribute(x, n_steps=n, method="riemann_trapezoid")',
        "gives": {f"{n} nodes": by("riemann_trapezoid", n) for n in (2, 10, 50)},
        "right": {"gausslegendre, the default": by("gausslegendre", 50), "riemann_middle": by("riemann_middle", 50)},
        "exact": given.LINE,
    }


def softmax() -> Case:
    """DeepLift through a softmax layer, for one row alone and with another beside it; exact is the sum."""
    module = _Of(lambda x, dense, softmax: softmax(dense(x)), dense=_identity(3), softmax=nn.Softmax(1))
    alone, both = _row(*given.ROW), torch.tensor([given.ROW, given.OTHER_ROW])
    with torch.no_grad():
        changed = (module(alone) - module(torch.zeros_like(alone)))[0, 0]
    logit = _Of(lambda x, dense: dense(x), dense=_identity(3))
    return {
        "call": "DeepLift(model).attribute(x, target=0) for a model that ends in nn.Softmax(1)",
        "gives": {"the row alone": _lifted(module, alone, 0), "the row beside another": _lifted(module, both, 0)},
        "right": {"the logit, without the softmax": _lifted(logit, alone, 0)},
        "exact_sum": changed.item(),
    }


def functional_relu() -> Case:
    """DeepLift through `relu` as a function and as a module."""
    x = _row(given.ABOVE)
    return {
        "call": "DeepLift(model).attribute(x) for a model that calls torch.nn.functional.relu",
        "gives": {"the function": _lifted(_Of(lambda x: F.relu(x - given.THRESHOLD).sum(1)), x)},
        "right": {
            "the module nn.ReLU": _lifted(_Of(lambda x, relu: relu(x - given.THRESHOLD).sum(1), relu=nn.ReLU()), x)
        },
        "exact": [given.ABOVE - given.THRESHOLD],
    }


def gelu() -> Case:
    """DeepLift through the module GELU; the change of each entry is its own, so the exact shares are known."""
    x = _row(*given.GELU_INPUT)
    return {
        "call": "DeepLift(model).attribute(x) for a model with nn.GELU()",
        "gives": {"nn.GELU": _lifted(_Of(lambda x, gelu: gelu(x).sum(1), gelu=nn.GELU()), x)},
        "right": {},
        "exact": F.gelu(x)[0].tolist(),
    }


def product() -> Case:
    """DeepLift through a product of two entries."""
    return {
        "call": "DeepLift(model).attribute(x) for a model that multiplies two entries",
        "gives": {"x[0] * x[1]": _lifted(_Of(lambda x: x[:, 0] * x[:, 1]), _row(*given.FACTORS))},
        "right": {},
        "exact": [3.0, 3.0],
    }


def addition() -> Case:
    """Relevance through a residual connection: an addition by the operator, and by the module that Captum has."""

    def relevance(added: Any, **more: nn.Module) -> list[float]:
        parts = {"inner": _linear(given.RESIDUAL_WEIGHTS), "head": _linear([[1.0, 1.0]]), **more}
        module = _Of(lambda x, inner, head, **add: head(added(x, inner(x), **add)), **parts)
        return ca.LRP(module).attribute(_row(*given.RESIDUAL_INPUT))[0].tolist()

    return {
        "call": "LRP(model).attribute(x) for a model with x + layer(x)",
        "gives": {"the operator +": relevance(lambda a, b: a + b)},
        "right": {"the module Addition_Module": relevance(lambda a, b, add: add(a, b), add=Addition_Module())},
        "exact": [2.0, 8.0],
    }


def scaled_infidelity(draws: int, seed: int) -> Case:
    """Infidelity of the gradient of a sum of squares, of its negative and of ten times it, with and without a scale."""
    x = _row(*given.SQUARES)
    squares = lambda x: (x**2).sum(1)  # noqa: E731

    def taken(x: Tensor) -> tuple[Tensor, Tensor]:
        noise = given.NOISE * torch.randn(x.shape)
        return noise, x - noise

    def found(times: float, *, normalize: bool) -> float:
        torch.manual_seed(seed)
        return infidelity(squares, taken, x, times * 2 * x, n_perturb_samples=draws, normalize=normalize).item()

    times = (1.0, -1.0, 10.0)
    squared, fourth = (x**2).sum().item(), 15 * given.NOISE**4  # E |I|^4 is n (n + 2) deviations^4
    return {
        "call": "infidelity(f, perturb, x, attributions, n_perturb_samples=draws, normalize=True)",
        "times": list(times),
        "gives": {"normalize=True": [found(s, normalize=True) for s in times]},
        "right": {"normalize=False, the default": [found(s, normalize=False) for s in times]},
        "exact": [4 * (s - 1) ** 2 * given.NOISE**2 * squared + fourth for s in times],
    }


def markup() -> Case:
    """How many elements of a page the words and the names of classes themselves have made."""

    def shown(tokens: list[str], name: str) -> float:
        made: Any = visualization.VisualizationDataRecord  # names of classes are texts, whatever its types say
        row = made(
            torch.ones(len(tokens)), torch.tensor(0.9), name, "0", "0", torch.tensor(1.0), tokens, torch.tensor(0.0)
        )
        display, kept = visualization.display, []
        visualization.display = kept.append  # a terminal has no place for it
        try:
            page = visualization.visualize_text([row])
        finally:
            visualization.display = display
        return float(elements(str(page.data), "img"))

    return {
        "call": "visualize_text(records)",
        "gives": {"in a token": [shown(given.TOKENS, "positive")], "in a class": [shown(["film"], given.CLASS)]},
        "right": {"without markup": [shown(["a", "film"], "positive")]},
        "exact": [0.0],
    }


def _linear(weights: list[list[float]]) -> nn.Linear:
    made = nn.Linear(len(weights[0]), len(weights), bias=False)
    made.weight.data = torch.tensor(weights)
    return made


def _identity(size: int) -> nn.Linear:
    return _linear(torch.eye(size).tolist())


def cases(draws: int, seed: int) -> dict[str, Case]:
    """All cases of Captum.

    Args:
      draws: Of the estimated infidelity.
      seed: Of these draws.

    Returns:
      By name: the call, what it gives in each setting, the settings in which it is right, and the exact number.
    """
    return {
        "captum_trapezoid": trapezoid(),
        "captum_softmax": softmax(),
        "captum_functional_relu": functional_relu(),
        "captum_gelu": gelu(),
        "captum_product": product(),
        "captum_addition": addition(),
        "captum_infidelity": scaled_infidelity(draws, seed),
        "captum_markup": markup(),
    }

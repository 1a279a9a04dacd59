"""The same games by SHAP and Captum. They see the players as n zeros and ones, the cheapest form for both."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.models import Subject
from experiments.benchmarks.peers import peer, placed
from experiments.benchmarks.perturbation.games import Estimate, Family, Plan


@dataclasses.dataclass
class Counted:
    """The score of coalitions `[m, n]` of one text, in chunks, which counts how many it was asked for.

    Attributes:
      score: `(coalitions float32[m, n]) -> float32[m]`, both torch tensors.
      size: Coalitions at once.
      asked: How many were evaluated.
    """

    score: Callable[[Any], Any]
    size: int
    asked: int = 0

    def __call__(self, coalitions: Any) -> Any:
        """Evaluates coalitions, a torch tensor."""
        torch = peer("torch")
        self.asked += len(coalitions)
        with torch.no_grad():
            return torch.cat([self.score(chunk) for chunk in coalitions.split(self.size)])


class _Masker:
    """What SHAP asks of a masker: which players stay, a shape, and the tree of the players."""

    immutable_outputs = True

    def __init__(self, plan: Plan) -> None:
        self.shape, self.clustering = (1, plan.players), plan.clustering()

    def __call__(self, mask: np.ndarray, x: np.ndarray) -> np.ndarray:
        return (mask * x)[None]


def theirs(model: Subject, plan: Plan, family: Family) -> dict[str, tuple[Estimate, Callable[[], int]]]:
    """The methods of SHAP and Captum of one kind, within the budget.

    Args:
      model: The model.
      plan: Players and budget.
      family: Which kind of method.

    Returns:
      By name the estimate `(x, seed) -> float[n]` and how many evaluations its last run used.
    """
    torch = peer("torch")
    module, device = placed(model, propagated=False)
    players = torch.tensor(plan.groups(model.length), device=device)

    def game(x: jax.Array) -> Counted:
        row = torch.tensor(np.asarray(x), device=device)
        return Counted(lambda z: module(z[:, players][:, :, None] * row)[:, 0], plan.size)

    def counted(explain: Callable[[Counted, int], np.ndarray]) -> tuple[Estimate, Callable[[], int]]:
        used = [0]

        def estimate(x: jax.Array, seed: int) -> np.ndarray:
            score = game(x)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = np.asarray(explain(score, seed)).reshape(plan.players)
            used[0] = score.asked
            return values

        return estimate, lambda: used[0]

    shap, sampling = _shap(plan, family, device), _captum(plan, device)
    found = {shap[0]: counted(shap[1])}
    return found | ({"captum.ShapleyValueSampling": counted(sampling)} if family == "permutations" else {})


Explain = Callable[[Counted, int], np.ndarray]


def _shap(plan: Plan, family: Family, device: str) -> tuple[str, Explain]:
    torch, shap = peer("torch"), peer("shap")
    n, masker = plan.players, _Masker(plan)
    whole = np.ones((1, n), np.float32)

    def numbers(score: Counted) -> Callable[[np.ndarray], np.ndarray]:
        return lambda z: score(torch.tensor(z, dtype=torch.float32, device=device)).cpu().numpy()

    def kernel(score: Counted, seed: int) -> np.ndarray:
        np.random.seed(seed)
        explainer = shap.KernelExplainer(numbers(score), np.zeros((1, n)), silent=True)
        return explainer.shap_values(whole, nsamples=plan.budget - 2, l1_reg=False, silent=True)

    def permutation(score: Counted, seed: int) -> np.ndarray:
        explainer = shap.PermutationExplainer(numbers(score), masker, seed=seed)
        return explainer(whole, max_evals=plan.budget, batch_size=2 * n + 1, silent=True).values

    def partition(score: Counted, seed: int) -> np.ndarray:
        np.random.seed(seed)
        explainer = shap.PartitionExplainer(numbers(score), masker)
        return explainer(whole, max_evals=2**n + 2, batch_size=2**n, silent=True).values

    return {
        "permutations": ("shap.PermutationExplainer", permutation),
        "least squares": ("shap.KernelExplainer", kernel),
        "tree": ("shap.PartitionExplainer", partition),
    }[family]


def _captum(plan: Plan, device: str) -> Explain:
    torch, attr = peer("torch"), peer("captum.attr")

    def explain(score: Counted, seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        method = attr.ShapleyValueSampling(score)
        whole = torch.ones((1, plan.players), device=device)
        samples = (plan.budget - 1) // plan.players
        found = method.attribute(whole, n_samples=samples, perturbations_per_eval=plan.players)
        return found.cpu().numpy()

    return explain

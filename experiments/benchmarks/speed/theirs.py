"""A task in torch: by Captum, and by `torch.autograd` alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmarks.peers import peer, placed
from experiments.benchmarks.speed.problem import Problem, Task
from experiments.benchmarks.speed.way import TORCH, Ready, Way


def ready(problem: Problem, task: Task, way: Way) -> Ready:
    """A way in torch.

    Args:
      problem: The model and its texts.
      task: What is computed.
      way: By whom and how.

    Returns:
      What can be timed.
    """
    torch = peer("torch")
    module, device = placed(problem.linen, propagated=False)
    module.train(device == "cuda")  # cuDNN has no way back through an LSTM in evaluation; nothing here is random
    half = problem.xs.dtype != np.float32
    module = module.to(torch.bfloat16 if half else torch.float32)

    def tensor(a: np.ndarray) -> Any:
        found = torch.tensor(np.asarray(a, np.float32), device=device)
        return found.to(torch.bfloat16) if half else found

    rows = {name: tensor(a) for name, a in problem.rows(task).items()}
    explain = _saliency(module, way) if task.kind == "saliency" else _integrated(module, way, task.steps)
    size = way.rows or task.count
    chunks = [{name: a[i : i + size] for name, a in rows.items()} for i in range(0, task.count, size)]

    def run() -> np.ndarray:
        pending = [explain(**chunk) for chunk in chunks]
        return np.concatenate([found.detach().float().cpu().numpy() for found in pending])

    return Ready(run)


def _saliency(module: Any, way: Way) -> Callable[..., Any]:
    torch = peer("torch")
    if way.method == TORCH:

        def slopes(x: Any) -> Any:
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(module(x).sum(), x)[0]

        return slopes
    method = peer("captum.attr").Saliency(module)
    return lambda x: method.attribute(x.detach().requires_grad_(True), target=0, abs=False)


def _integrated(module: Any, way: Way, steps: int) -> Callable[..., Any]:
    method = peer("captum.attr").IntegratedGradients(module)

    def integrated(x: Any, x0: Any = None) -> Any:
        baseline = 0 if x0 is None else x0
        return method.attribute(x, baseline, target=0, n_steps=steps, internal_batch_size=way.inside)

    return integrated

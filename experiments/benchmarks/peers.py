"""Captum and SHAP: imported only when asked for, and the torch twins of the models with equal weights."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.models import Subject

Parts = Mapping[str, Any]
Largest = Callable[[int], Any]


def peer(name: str) -> Any:
    """A module of a peer.

    Args:
      name: Its name, such as "torch" or "captum.attr".

    Returns:
      The module.

    Raises:
      ImportError: When it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"The benchmark beside the peers needs {name}, which cannot be imported ({error}). Install "
            'torch, captum and shap with pip install "jaxattr[benchmarks]", or leave the peers out with --no-peers.'
        ) from error


def twin(subject: Subject, *, propagated: bool = True) -> Any:
    """The torch module with the same weights, from word vectors `[N, T, D]` to the explained logit `[N, 1]`.

    It has that logit alone, since the peers otherwise explain both.

    Args:
      subject: The model.
      propagated: Whether maxima are pooling modules, as methods that propagate relevance ask; else they are `amax`,
        which is many times faster.

    Returns:
      A module in evaluation mode whose parameters need no gradient.
    """
    torch = peer("torch")
    params = jax.tree.map(np.asarray, subject.params["params"])

    class Amax(torch.nn.Module):
        def __init__(self, length: int) -> None:
            super().__init__()
            del length

        def forward(self, x: Any) -> Any:
            return x.amax(-1)

    parts, forward = _TWINS[subject.key](torch.nn, params, subject, torch.nn.MaxPool1d if propagated else Amax)

    class Twin(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleDict(parts)

        def forward(self, x: Any) -> Any:
            return forward(self.parts, x)

    return Twin().eval().requires_grad_(False)


def placed(subject: Subject, *, propagated: bool = True) -> tuple[Any, str]:
    """The torch twin on the device that torch has, and the name of that device.

    Args:
      subject: The model.
      propagated: As for `twin`.

    Returns:
      The module and "cpu" or "cuda".
    """
    device = "cuda" if peer("torch").cuda.is_available() else "cpu"
    return twin(subject, propagated=propagated).to(device), device


def _filled(module: Any, **values: np.ndarray) -> Any:
    """A module whose parameters are replaced by arrays of the same shapes."""
    torch = peer("torch")
    for name, value in values.items():
        old = module.get_parameter(name)
        if old.shape != value.shape:
            raise ValueError(f"Expected {tuple(old.shape)} for {name}, got {value.shape}.")
        old.data = torch.tensor(np.ascontiguousarray(value))
    return module


def _dense(nn: Any, params: Any, only: slice = slice(None)) -> Any:
    kernel, bias = params["kernel"][:, only], params["bias"][only]
    return _filled(nn.Linear(*kernel.shape), weight=kernel.T, bias=bias)


def _norm(nn: Any, params: Any) -> Any:
    return _filled(nn.LayerNorm(len(params["scale"]), eps=1e-6), weight=params["scale"], bias=params["bias"])


def _last(subject: Subject) -> slice:
    return slice(subject.target, subject.target + 1)


def _convolutions(nn: Any, params: Any, subject: Subject, largest: Largest) -> tuple[Parts, Callable[..., Any]]:
    torch, widths = peer("torch"), (3, 4, 5)
    parts: dict[str, Any] = {"dense": _dense(nn, params["dense"], _last(subject))}
    for width in widths:
        kernel, bias = params[f"conv{width}"]["kernel"], params[f"conv{width}"]["bias"]
        conv = nn.Conv1d(kernel.shape[1], kernel.shape[2], width)
        parts[f"conv{width}"] = _filled(conv, weight=kernel.transpose(2, 1, 0), bias=bias)
        parts[f"relu{width}"] = nn.ReLU()
        parts[f"max{width}"] = largest(subject.length - width + 1)

    def forward(m: Any, x: Any) -> Any:
        x = x.transpose(1, 2)
        pooled = [m[f"max{w}"](m[f"relu{w}"](m[f"conv{w}"](x))).flatten(1) for w in widths]
        return m["dense"](torch.cat(pooled, 1))

    return parts, forward


def _lstm(nn: Any, params: Any, subject: Subject, largest: Largest) -> tuple[Parts, Callable[..., Any]]:
    del largest
    cell, gates = params["lstm"], "ifgo"
    bias = np.concatenate([cell[f"h{g}"]["bias"] for g in gates])
    lstm = _filled(
        nn.LSTM(subject.module.features, subject.module.units, batch_first=True),
        weight_ih_l0=np.concatenate([cell[f"i{g}"]["kernel"].T for g in gates]),
        weight_hh_l0=np.concatenate([cell[f"h{g}"]["kernel"].T for g in gates]),
        bias_ih_l0=np.zeros_like(bias),
        bias_hh_l0=bias,
    )
    parts = {"lstm": lstm, "dense": _dense(nn, params["dense"], _last(subject))}
    return parts, lambda m, x: m["dense"](m["lstm"](x)[0][:, -1])


def _transformer(nn: Any, params: Any, subject: Subject, largest: Largest) -> tuple[Parts, Callable[..., Any]]:
    del largest
    module = subject.module
    width = module.features
    parts: dict[str, Any] = {"norm": _norm(nn, params["norm"]), "dense": _dense(nn, params["dense"], _last(subject))}
    for i in range(module.layers):
        layer = nn.TransformerEncoderLayer(
            width, module.heads, 4 * width, dropout=0.0, activation=nn.GELU(), layer_norm_eps=1e-6, batch_first=True
        )
        attention = params[f"attention{i}"]
        joined = [attention[name] for name in ("query", "key", "value")]
        _filled(
            layer.self_attn,
            in_proj_weight=np.concatenate([part["kernel"].reshape(width, width).T for part in joined]),
            in_proj_bias=np.concatenate([part["bias"].reshape(width) for part in joined]),
        )
        out = attention["out"]
        _filled(layer.self_attn.out_proj, weight=out["kernel"].reshape(width, width).T, bias=out["bias"])
        layer.linear1, layer.linear2 = _dense(nn, params[f"up{i}"]), _dense(nn, params[f"down{i}"])
        layer.norm1, layer.norm2 = _norm(nn, params[f"norm_attention{i}"]), _norm(nn, params[f"norm_dense{i}"])
        parts[f"layer{i}"] = layer
    positions = peer("torch").tensor(params["positions"].copy())

    def forward(m: Any, x: Any) -> Any:
        x = m["norm"](x + positions.to(x.device))
        for i in range(module.layers):
            x = m[f"layer{i}"](x)
        return m["dense"](x.mean(1))

    return parts, forward


def _pooled(nn: Any, params: Any, subject: Subject, largest: Largest) -> tuple[Parts, Callable[..., Any]]:
    parts = {
        "max": largest(subject.length),
        "hidden": _dense(nn, params["hidden"]),
        "relu": nn.ReLU(),
        "dense": _dense(nn, params["dense"], _last(subject)),
    }
    return parts, lambda m, x: m["dense"](m["relu"](m["hidden"](m["max"](x.transpose(1, 2)).flatten(1))))


_TWINS = {"A": _convolutions, "B": _lstm, "C": _transformer, "D": _pooled}


def check_equal(subject: Subject, module: Any, xs: Any, *, tolerance: float = 1e-5) -> float:
    """Refuses a twin whose logits differ.

    Args:
      subject: The model.
      module: Its torch twin.
      xs: Word vectors, `float32[N, T, D]`.
      tolerance: The largest difference allowed, relative where the largest logit exceeds 1.

    Returns:
      The largest difference found.

    Raises:
      ValueError: When the logits differ by more.
    """
    torch = peer("torch")
    ours = np.asarray(jax.jit(jax.vmap(subject.opened()[1]))(xs))
    with torch.no_grad():
        theirs = module(torch.tensor(np.asarray(xs)))[:, 0].numpy()
    worst = float(np.abs(ours - theirs).max())
    if worst > tolerance * max(1.0, float(np.abs(ours).max())):
        raise ValueError(f"Expected equal logits of model {subject.key} in JAX and torch, but they differ by {worst}.")
    return worst

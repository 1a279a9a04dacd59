"""Reads the weights of the published classifier from its TF Lite file, which is a FlatBuffer.

The operators are followed from the ids to the probabilities and must be exactly those of the model; anything else is
refused. Nothing in the file is run. The slots are those of TensorFlow's schema.fbs, version 3.
"""

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.pretrained.flatbuffer import DamagedError, Table, child, children, number, root, vector

URL = "https://storage.googleapis.com/download.tensorflow.org/models/tflite/text_classification/text_classification.tflite"
LARGEST = 64 << 20
_KIND, _FLOAT32 = b"TFL3", 0
_NAMES = {9: "FULLY_CONNECTED", 22: "RESHAPE", 25: "SOFTMAX", 36: "GATHER", 40: "MEAN", 53: "CAST"}
_CHAIN = ["GATHER", "MEAN", "FULLY_CONNECTED", "FULLY_CONNECTED", "SOFTMAX"]
_RELU, _NONE = 1, 0

Weights = dict[str, np.ndarray]


class _Operator(NamedTuple):
    name: str
    inputs: list[int]
    output: int
    options: Table | None


def _operators(model: Table, graph: Table) -> list[_Operator]:
    codes = []
    for code in children(model, 1):
        codes.append(max(number(code, 0, "b"), number(code, 3, "i")))
    found = []
    for operator in children(graph, 3):
        index, outputs = number(operator, 0, "I"), vector(operator, 2, "<i4").tolist()
        if index >= len(codes) or len(outputs) != 1:
            raise DamagedError("an operator has no kind or not one output")
        name = _NAMES.get(codes[index], f"operator {codes[index]}")
        found.append(_Operator(name, vector(operator, 1, "<i4").tolist(), outputs[0], child(operator, 4)))
    return found


def _constant(model: Table, graph: Table, index: int) -> np.ndarray:
    """The values of a tensor of float32."""
    tensors, buffers = children(graph, 0), children(model, 4)
    if not 0 <= index < len(tensors):
        raise DamagedError(f"an operator reads tensor {index} of {len(tensors)}")
    shape = tuple(vector(tensors[index], 0, "<i4").tolist())
    kind, place = number(tensors[index], 1, "b"), number(tensors[index], 2, "I")
    if kind != _FLOAT32 or place >= len(buffers):
        raise DamagedError(f"tensor {index} does not hold weights in float32")
    data = vector(buffers[place], 0, "u1")
    if min(shape, default=0) < 1 or data.size != 4 * math.prod(shape):
        raise DamagedError(f"tensor {index} of shape {list(shape)} has {data.size} bytes")
    return data.view("<f4").astype(np.float32).reshape(shape)


def _chain(operators: list[_Operator]) -> list[_Operator]:
    """The operators without changes of type and shape; each must read what the one before gives."""
    alias, found = {}, []
    for operator in operators:
        if operator.name in ("CAST", "RESHAPE") and operator.inputs:
            alias[operator.output] = alias.get(operator.inputs[0], operator.inputs[0])
        else:
            found.append(operator._replace(inputs=[alias.get(index, index) for index in operator.inputs]))
    names = [operator.name for operator in found]
    if names != _CHAIN:
        raise DamagedError(f"the operators are {names}, and not {_CHAIN}")
    gather, mean, first, second, softmax = found
    links = ((mean, gather), (first, mean), (second, first), (softmax, second))
    if any(later.inputs[:1] != [earlier.output] for later, earlier in links):
        raise DamagedError("an operator does not read what the one before gives")
    return found


def _dense(model: Table, graph: Table, operator: _Operator, activation: int) -> tuple[np.ndarray, np.ndarray]:
    fused = number(operator.options, 0, "b") if operator.options else _NONE
    if len(operator.inputs) != 3 or fused != activation:
        raise DamagedError(f"a dense layer has {len(operator.inputs)} inputs and activation {fused}")
    kernel, bias = (_constant(model, graph, index) for index in operator.inputs[1:])
    return kernel.T.copy(), bias


def _read(data: bytes) -> tuple[Weights, int]:
    if data[4:8] != _KIND:
        raise DamagedError(f"its mark is {data[4:8]!r}, and not {_KIND!r}")
    model = root(data)
    graphs = children(model, 2)
    if len(graphs) != 1:
        raise DamagedError(f"it holds {len(graphs)} graphs, and not one")
    gather, _, first, second, _ = _chain(_operators(model, graphs[0]))
    if len(gather.inputs) != 2:
        raise DamagedError(f"the lookup has {len(gather.inputs)} inputs, and not two")
    weights = {"embedding": _constant(model, graphs[0], gather.inputs[0])}
    weights["dense0_kernel"], weights["dense0_bias"] = _dense(model, graphs[0], first, _RELU)
    weights["dense1_kernel"], weights["dense1_bias"] = _dense(model, graphs[0], second, _NONE)
    tensors = children(graphs[0], 0)
    length = vector(tensors[gather.inputs[1]], 0, "<i4")[-1:] if gather.inputs[1] < len(tensors) else np.empty(0)
    if len(length) != 1 or length[0] < 1:
        raise DamagedError("the length of a text is not given")
    return weights, int(length[0])


def read(path: Path) -> tuple[Weights, int]:
    """Reads the weights, without running anything.

    Args:
      path: The `.tflite` file.

    Returns:
      `embedding`, `dense0_kernel`, `dense0_bias`, `dense1_kernel`, `dense1_bias`, kernels as `[in, out]`, and the
      number of ids of a text.

    Raises:
      ValueError: When the file is damaged, too large, or another model.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(f"Expected a model of at most {LARGEST} bytes, got {path.stat().st_size} in {path}. See {URL}")
    try:
        return _read(path.read_bytes())
    except DamagedError as error:
        raise ValueError(
            f"Expected the TF Lite text classifier, got {path}, which is damaged or another model: {error}. "
            f"Fetch it again from {URL}"
        ) from error


def packed_vocabulary(path: Path) -> str | None:
    """The vocabulary that newer files carry behind the model, as an archive with `vocab.txt`.

    Args:
      path: The `.tflite` file.

    Returns:
      Its text, or None where the file carries none.

    Raises:
      ValueError: When the archive is damaged or its vocabulary too large.
    """
    data = path.read_bytes()
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            names = [info for info in packed.infolist() if Path(info.filename).name == "vocab.txt"]
            if not names:
                return None
            if names[0].file_size > LARGEST:
                raise ValueError(
                    f"Expected a vocabulary of at most {LARGEST} bytes, got {names[0].file_size} in {path}. See {URL}"
                )
            return packed.read(names[0]).decode()
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, NotImplementedError) as error:
        raise ValueError(
            f"Expected a vocabulary packed into {path}, got an archive that is damaged ({error}). Fetch it from {URL}"
        ) from error

"""The result of an experiment: written by its run, read by its pictures and its page."""

import dataclasses
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.files import whole, write_json

FOLDER = Path(__file__).resolve().parent.parent


def rounded(value: Any, digits: int = 6) -> Any:
    """A tree of dictionaries, lists, arrays and numbers as JSON holds it, with floats of so many significant digits.

    Not-a-number and the infinities become null.

    Example:
      >>> rounded({"a": np.float32(1 / 3), "b": (1, float("nan")), "c": np.arange(2)})
      {'a': 0.333333, 'b': [1, None], 'c': [0, 1]}
    """
    if isinstance(value, Mapping):
        return {str(name): rounded(entry, digits) for name, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__jax_array__") or hasattr(value, "devices"):
        return rounded(np.asarray(value).tolist(), digits)
    if isinstance(value, list | tuple):
        return [rounded(entry, digits) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def save(out: Path, result: Mapping[str, Any], figures: Mapping[str, Figure] | None = None) -> None:
    """Writes `result.json` and a PNG of each figure, each whole or not at all.

    Args:
      out: The folder of the run.
      result: The result, a tree that `rounded` understands.
      figures: What `pictures.figures(result)` gave, by file name without its ending.
    """
    for name, figure in (figures or {}).items():
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=130)
        with whole(out / f"{name}.png") as file:
            file.write(image.getvalue())
    write_json(out / "result.json", rounded(result))


def recorded(name: str) -> dict[str, Any]:
    """The recorded full run of an experiment, `experiments/NAME/result.json`.

    Raises:
      FileNotFoundError: When none is recorded, with the command that does it.
    """
    path = FOLDER / name / "result.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a recorded run in experiments/{name}/result.json, got nothing there. "
            f"Run it: python -m experiments {name} --record"
        )
    return json.loads(path.read_text())


@dataclasses.dataclass(frozen=True)
class Markdown:
    """A piece of Markdown that a notebook, and a page of the documentation, renders."""

    source: str

    def _repr_markdown_(self) -> str:
        return self.source


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markdown:
    """A table; the first column holds names, the others figures.

    Example:
      >>> print(table(("method", "fall"), [("random", 0.14)]).source)
      | method | fall |
      |:---|---:|
      | random | 0.14 |
    """
    lines = [head, [":---", *["---:"] * (len(head) - 1)], *rows]
    texts = ([str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return Markdown(
        "\n".join("|" + "|".join(line) + "|" if line[0] == ":---" else f"| {' | '.join(line)} |" for line in texts)
    )


def plus_minus(mean: float, error: float, form: str = ".3f") -> str:
    """A mean with its standard error.

    Example:
      >>> plus_minus(0.8921, 0.002, ".1%")
      '89.2% ± 0.2%'
    """
    return f"{mean:{form}} ± {error:{form}}"

"""The pictures of the result: for each class the average Jacobian, its standard error, and logistic regression."""

import base64
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.figures import INK
from experiments.mnist_gradient.model import CLASSES, SIDE

_LEVELS = 127
ROWS = ("network", "logistic regression", "standard error")


def packed(maps: np.ndarray) -> dict[str, Any]:
    """Maps for a result file: 255 levels a pixel, in text, and the value of the highest level.

    Args:
      maps: `float[10, 784]`.

    Returns:
      "highest" and "levels".
    """
    highest = float(np.abs(maps).max()) or 1.0
    levels = np.round(maps / highest * _LEVELS).astype(np.int8)
    return {"highest": highest, "levels": base64.b64encode(levels.tobytes()).decode()}


def unpacked(stored: dict[str, Any]) -> np.ndarray:
    """The maps that `packed` stored, `float64[10, 784]`, to half a level."""
    levels = np.frombuffer(base64.b64decode(stored["levels"]), np.int8).reshape(CLASSES, -1)
    return levels * (stored["highest"] / _LEVELS)


def maps(result: dict[str, Any]) -> Figure:
    """Ten columns, one a class; rows: the network's average slopes, logistic regression, the standard error."""
    figure = Figure(figsize=(11.0, 4.3), layout="constrained")
    grid = figure.subplots(len(ROWS), CLASSES)
    for axes, name in zip(grid, ROWS, strict=True):
        shown = unpacked(result["maps"][name])
        signed = name != "standard error"
        limit = float(np.quantile(np.abs(shown), 0.995)) or 1.0
        image = None
        for label, ax in enumerate(axes):
            look = {"cmap": "PuOr_r", "vmin": -limit} if signed else {"cmap": "Greys", "vmin": 0.0}
            image = ax.imshow(shown[label].reshape(SIDE, SIDE), vmax=limit, **look)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_color("#cccccc")
        axes[0].set_ylabel(name.replace(" ", "\n"), fontsize=9, color=INK)
        if image is not None:
            figure.colorbar(image, ax=list(axes), shrink=0.85, aspect=9, pad=0.01).ax.tick_params(labelsize=7)
    for label, ax in enumerate(grid[0]):
        ax.set_title(str(label), fontsize=10)
    figure.suptitle(
        "Average slope of each class's logit with respect to each pixel (orange: more ink speaks for the class)",
        fontsize=10,
    )
    return figure


def figures(result: dict[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    return {"maps": maps(result)}

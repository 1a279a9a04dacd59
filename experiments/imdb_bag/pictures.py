"""The pictures of the result: the strongest words, and the averages beside logistic regression."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.figures import beside, strongest_words


def figures(result: dict[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    found = result["frequent"]
    return {
        "strongest_words": strongest_words(result["top_words"], "average slope of the margin, logits per word"),
        "beside_logistic_regression": beside(
            found["words"].split(" "),
            (np.array(found["logistic"]), "coefficient of logistic regression"),
            (np.array(found["averages"]), "average slope of the network's margin"),
        ),
    }

"""The pictures of the result: the strongest words, and the trees beside the network."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._shared.figures import beside, strongest_words


def figures(result: dict[str, Any]) -> dict[str, Figure]:
    """All pictures by file name."""
    made = {
        "strongest_words": strongest_words(
            result["top_words"], "average change of the log-odds when the word is put in, logits"
        )
    }
    found = result["frequent"]
    if found["network"] is not None:
        network = np.array([np.nan if value is None else value for value in found["network"]])
        made["beside_network"] = beside(
            found["words"].split(" "),
            (network, "average slope of the network of imdb_bag"),
            (np.array(found["averages"]), "average change of the trees"),
        )
    return made

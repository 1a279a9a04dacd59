"""Records what ERASER's own script computes for a hundred texts: `python make_eraser.py CHECKOUT`.

CHECKOUT is a clone of https://github.com/jayded/eraserbenchmark, which wants torch, scipy and scikit-learn. Its
`rationale_benchmark/metrics.py` is run as it is, on probabilities of whole texts, of texts without their first words
and of these alone. They come from lists and plain NumPy, with nothing of jaxattr. Beside the script's numbers the file
holds the texts, the rankings and the weights of the model.
"""

import itertools
import math
import subprocess
import sys
import types
from fractions import Fraction
from importlib import import_module, metadata
from pathlib import Path

import numpy as np

TEXTS, LONGEST, WORDS, CLASSES = 100, 24, 30, 3
FRACTIONS = ("0.01", "0.05", "0.1", "0.2", "0.5")


def probabilities(weights, tokens):
    """A class for each word, and one for each pair of neighbours."""
    bias, words, pairs = weights
    z = bias + words[tokens].sum(0)
    for first, second in itertools.pairwise(tokens):
        z = z + np.tanh(pairs[first] * pairs[second][::-1])
    e = np.exp(z - z.max())
    return {str(c): float(p) for c, p in enumerate(e / e.sum())}


def instance(weights, number, tokens, scores):
    """One line of a file of predictions as the script reads it."""
    whole = probabilities(weights, tokens)
    order = sorted(range(len(tokens)), key=lambda t: (-scores[t], t))
    thresholded = []
    for fraction in FRACTIONS:
        first = set(order[: math.ceil(Fraction(fraction) * len(tokens))])
        without = [token for t, token in enumerate(tokens) if t not in first]
        alone = [token for t, token in enumerate(tokens) if t in first]
        thresholded.append(
            {
                "threshold": float(fraction),
                "comprehensiveness_classification_scores": probabilities(weights, without),
                "sufficiency_classification_scores": probabilities(weights, alone),
            }
        )
    return {
        "annotation_id": str(number),
        "classification": max(whole, key=whole.get),
        "classification_scores": whole,
        "comprehensiveness_classification_scores": thresholded[-1]["comprehensiveness_classification_scores"],
        "sufficiency_classification_scores": thresholded[-1]["sufficiency_classification_scores"],
        "thresholded_scores": thresholded,
    }


def main(checkout):
    sys.path.insert(0, checkout)
    script = import_module("rationale_benchmark.metrics")
    rng = np.random.default_rng(0)
    weights = rng.normal(size=CLASSES), rng.normal(size=(WORDS, CLASSES)), rng.normal(size=(WORDS, CLASSES))
    ids, scores = np.zeros((TEXTS, LONGEST), int), np.zeros((TEXTS, LONGEST))
    instances = []
    for number in range(TEXTS):
        n = int(rng.integers(1, LONGEST + 1))
        ids[number, :n] = rng.integers(1, WORDS, size=n)  # word 0 pads
        scores[number, :n] = rng.normal(size=n).round(1)  # so that some are tied
        instances.append(instance(weights, number, ids[number, :n].tolist(), scores[number, :n].tolist()))
    annotations = [  # what is true does not enter these measures, but every class has to be there
        types.SimpleNamespace(annotation_id=one["annotation_id"], classification=str(number % CLASSES))
        for number, one in enumerate(instances)
    ]
    found = script.score_classifications(instances, annotations, {}, [float(q) for q in FRACTIONS])
    commit = subprocess.run(["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    versions = [f"{name} {metadata.version(name)}" for name in ("numpy", "scipy", "scikit-learn")]
    np.savez_compressed(
        Path(__file__).with_name("eraser.npz"),
        ids=ids,
        scores=scores,
        bias=weights[0],
        words=weights[1],
        pairs=weights[2],
        comprehensiveness=found["comprehensiveness_aopc_points"],
        sufficiency=found["sufficiency_aopc_points"],
        comprehensiveness_aopc=found["comprehensiveness_aopc"],
        sufficiency_aopc=found["sufficiency_aopc"],
        comprehensiveness_last=found["comprehensiveness"],
        sufficiency_last=found["sufficiency"],
        versions=[f"eraserbenchmark {commit.stdout.strip()}", *versions],
    )


if __name__ == "__main__":
    main(sys.argv[1])

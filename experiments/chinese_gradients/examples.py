"""Texts to look at: one for each set, written for this page, since the sets keep the terms of their owners."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from experiments._shared.words import encode, numbered
from experiments.chinese_gradients import rankings
from experiments.chinese_gradients.data import Corpus
from experiments.chinese_gradients.model import ATTENTION, AVERAGE, MAXIMUM
from experiments.chinese_gradients.rankings import GRADIENT, INTEGRATED, POOLING, SOURCE_PATH, TIMES, Network
from jaxattr.display import Picture, picture

SHOWN = {
    MAXIMUM: (GRADIENT, TIMES, INTEGRATED, SOURCE_PATH, POOLING),
    ATTENTION: (POOLING,),
    AVERAGE: (POOLING,),
}


@dataclasses.dataclass(frozen=True)
class Example:
    """A text.

    Attributes:
      text: The text.
      meaning: What it says in English.
    """

    text: str
    meaning: str


EXAMPLES = {
    "hotel": Example(
        "房间很干净，服务也不错，就是早餐差了一点。",
        "The room is very clean and the service is good too, only the breakfast was a little poor.",
    ),
    "weibo": Example(
        "感冒三天了还没有好，今天又下雨[泪]", "A cold for three days and not over yet, and today it rains again [tears]"
    ),
    "thucnews": Example(
        "主队两球小胜对手 球迷赛后庆祝",
        "Home team narrowly beats opponents by two goals, fans celebrate after the match",
    ),
    "emotions": Example(
        "谢谢医生和护士，你们辛苦了，加油！", "Thank you, doctors and nurses, you work so hard, keep going!"
    ),
}


def shown(corpus: Corpus, networks: Mapping[str, tuple[Network, Any]], *, steps: int) -> dict[str, Any]:
    """The example of a set under the methods and models of SHOWN, as it stands in the result.

    Args:
      corpus: The encoded set.
      networks: By pooling, the classifier and its parameters.
      steps: Nodes of integrated gradients.

    Returns:
      "set", "text", "meaning", and by pooling "predicted", "probability" and "values" by method.
    """
    example = EXAMPLES[corpus.name]
    length = corpus.train[0].shape[1]
    ids = encode([example.text[:length]], numbered(corpus.characters), length)[0]
    found: dict[str, Any] = {
        "set": corpus.name,
        "text": example.text[:length],
        "meaning": example.meaning,
        "models": {},
    }
    for pooling, (network, params) in networks.items():
        chances = np.asarray(jax.nn.softmax(network.logits(params, ids)))
        label = int(chances.argmax())
        values = jax.jit(rankings.explainer(network, steps=steps))(params, ids, np.int32(label))["values"]
        found["models"][pooling] = {
            "predicted": corpus.classes[label],
            "probability": float(chances[label]),
            "values": {name: np.asarray(values[name])[: len(found["text"])] for name in SHOWN[pooling]},
        }
    return found


def drawn(example: Mapping[str, Any]) -> Picture:
    """The picture of an example: one row a method, each divided by its largest size, so that all end at 1.

    Args:
      example: What `shown` gave, or what was read back of it.

    Returns:
      A picture on the scale from -1 to 1.
    """
    rows = {}
    for pooling, found in example["models"].items():
        for name, values in found["values"].items():
            sizes = np.asarray(values, np.float64)
            unsigned = " (no sign)" if name in rankings.UNSIGNED else ""
            rows[f"{pooling}: {name}{unsigned}"] = sizes / max(np.abs(sizes).max(), 1e-30)
    found = next(iter(example["models"].values()))
    title = f"{example['set']}: {found['predicted']} ({found['probability']:.2f})"
    name = "share of the row's strongest character"
    return picture(list(example["text"]), rows, joiner="", scale=1.0, signed=True, name=name, title=title)

"""Texts to look at: one for each set, written for this page, since the sets keep the terms of their owners."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from experiments._shared import page
from experiments._shared.words import encode, numbered
from experiments.chinese_gradients import rankings
from experiments.chinese_gradients.data import Corpus
from experiments.chinese_gradients.model import ATTENTION, AVERAGE, MAXIMUM
from experiments.chinese_gradients.rankings import GRADIENT, INTEGRATED, POOLING, SOURCE_PATH, TIMES, Network
from jaxattr.display import Picture, picture

SCALE = "share of the row's strongest character"
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


def drawn(example: Mapping[str, Any]) -> tuple[Picture, Picture]:
    """The pictures of an example: the methods with a sign, and those without. A row is divided by its largest size.

    Args:
      example: What `shown` gave, or what was read back of it.

    Returns:
      Two pictures, on the scales from -1 to 1 and from 0 to 1.
    """
    signed: dict[str, np.ndarray] = {}
    sizes: dict[str, np.ndarray] = {}
    for pooling, found in example["models"].items():
        for name, values in found["values"].items():
            numbers = np.asarray(values, np.float64)
            rows = sizes if name in rankings.UNSIGNED else signed
            rows[f"{pooling}: {name}"] = numbers / max(np.abs(numbers).max(), 1e-30)
    found = next(iter(example["models"].values()))
    title = f"{example['set']}: {found['predicted']} ({found['probability']:.2f})"
    kinds = ((signed, True, f"{title}, with signs"), (sizes, False, f"{title}, sizes"))
    first, second = (
        picture(list(example["text"]), rows, joiner="", scale=1.0, signed=sign, name=SCALE, title=title)
        for rows, sign, title in kinds
    )
    return first, second


def as_page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """One HTML page with the examples of some sets, by name what stands in the result of each."""
    parts = []
    for of_set in found.values():
        example = of_set["example"]
        parts.append(page.text(example["meaning"], soft=True))
        parts += [page.Html(shown._repr_html_()) for shown in drawn(example)]
    return page.page("The decisive characters of Chinese texts", parts)


def as_markdown(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The same as Markdown."""
    return "\n".join(shown.markdown() for of_set in found.values() for shown in drawn(of_set["example"]))

"""Run with ``python -m experiments.pretrained``; ``--help`` lists the flags."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments._shared import agreement, command, cost, record
from experiments._shared.by_word import by_word, common
from experiments._shared.files import write_text
from experiments._shared.provenance import fingerprint, provenance
from experiments._shared.words import unbroken
from experiments.datasets import imdb
from experiments.pretrained import explain, kept, pictures
from experiments.pretrained.model import PAD, SPECIAL, START, UNKNOWN, encode, load, places, words


@dataclasses.dataclass(frozen=True)
class Config:
    """A published, pre-trained classifier of film reviews, read into Flax and explained by its words."""

    out: Path = Path("runs/pretrained")
    """The folder for pictures and result.json."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets, and of the kept copy of the model."""
    tflite: Path | None = None
    """Keep a copy of the model from its published file, text_classification.tflite."""
    weights: Path | None = None
    """Keep a copy of the model from an .npz file with the arrays of its layers."""
    vocabulary: Path | None = None
    """The vocabulary, a word a line, where the published file carries none."""
    reviews: int = 25_000
    """How many test reviews are explained at the pooled vector."""
    compared: int = 512
    """How many test reviews are explained by all methods."""
    steps: int = 32
    """Nodes of integrated gradients."""
    in_reviews: int = 100
    """In how many test reviews a word must occur to be listed."""
    show: int = 4
    """How many reviews the pictures show."""
    seed: int = 0
    """The seed of the choice of reviews."""


SMALL = Config(out=Path("runs/pretrained_small"), reviews=2_000, compared=64, in_reviews=40)


def _rows(config: Config) -> tuple[list[str], np.ndarray]:
    """Test reviews in a random order, and their labels."""
    reviews = imdb.load(config.data_dir)["test"]
    order = np.random.default_rng(config.seed).permutation(len(reviews))[: config.reviews]
    found = [reviews[int(place)] for place in order]
    return [row["text"].decode() for row in found], np.array([row["label"] for row in found], np.int32)


def _whole(
    net: explain.Explained, params: Any, ids: np.ndarray, steps: int
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    values, figures = {}, {}
    for name in explain.BASELINES:
        method = explain.at_pooled(net, name, steps=steps)
        values[name], spent = cost.measure(len(ids), lambda method=method: explain.of_all(method, params, ids))
        figures[name] = explain.who_gets_what(values[name], ids) | {"cost": spent}
    return values, figures


def words_in_general(
    ids: np.ndarray, values: np.ndarray, vocabulary: tuple[str, ...], *, reviews: int, show: int = 20
) -> dict[str, Any]:
    """The strongest words over many reviews.

    Args:
      ids: `int32[N, T]`.
      values: What each position got, `[N, T]`.
      vocabulary: The word of each id.
      reviews: In how many reviews a word must occur.
      show: How many words a side.

    Returns:
      For "positive" and "negative" the words, strongest first, with the mean of an occurrence, half of its 95 %
      interval, which counts reviews, and the number of reviews; and of how many words they are.
    """
    listed = common(by_word(ids, values), occurrences=reviews, reviews=reviews, special=len(SPECIAL))
    columns = (listed.ids.tolist(), listed.means.tolist(), listed.halves.tolist(), listed.reviews.tolist())
    entries = [{"word": vocabulary[i], "mean": m, "half": h, "reviews": n} for i, m, h, n in zip(*columns, strict=True)]
    return {"positive": entries[:show], "negative": entries[::-1][:show], "of": len(entries)}


def shown(text: str, ids: np.ndarray, values: dict[str, np.ndarray]) -> dict[str, Any]:
    """One review as words with numbers; the start stands before them and all padding, summed, behind.

    Args:
      text: The review as written.
      ids: `int32[T]`.
      values: What each position got, `[T]`, by baseline.

    Returns:
      Tokens, and for each baseline one number a token.
    """
    text, real = unbroken(text), int((ids > START).sum())
    tokens = [text[start:end] for start, end in places(text).offsets[:real]]
    padded = int((ids == PAD).sum())
    numbers = {name: [*v[: real + 1].tolist(), float(v[ids == PAD].sum())] for name, v in values.items()}
    return {"tokens": ["<START>", *tokens, f"<{padded} x PAD>"], "values": numbers}


def _shown(
    config: Config, texts: list[str], labels: np.ndarray, ids: np.ndarray, scores: np.ndarray, found: dict[str, Any]
) -> list[dict[str, Any]]:
    """Reviews of about 35 words, of both classes in turn, whether the classifier is right or not."""
    far = np.abs((ids > START).sum(1) - 35)
    sides = [np.flatnonzero(labels == label) for label in (1, 0)]
    nearest = [side[np.argsort(far[side], kind="stable")] for side in sides]
    rows = [int(row) for pair in zip(*nearest, strict=False) for row in pair][: config.show]
    names = ("empty text", "zeros")
    return [
        shown(texts[row], ids[row], {f"from {name}": found[name]["words"][row] for name in names})
        | {"label": int(labels[row]), "score": float(scores[row])}
        for row in rows
    ]


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: a published classifier of film reviews")
    if config.tflite or config.weights:
        kept.keep(config.data_dir, published=config.tflite, weights=config.weights, words=config.vocabulary)
    weights, vocabulary, sha256 = kept.read(config.data_dir)
    model, params = load(weights)
    with console.status("reading reviews as rows of ids"):
        texts, labels = _rows(config)
        written = [words(text) for text in texts]
        ids = encode(written, {word: number for number, word in enumerate(vocabulary)})
    net = explain.explained(model)
    scores = explain.of_all(net.score, params, ids)
    accuracy = agreement.share((scores > 0) == labels)
    console.print(f"Right on {accuracy['mean']:.2%} of {len(ids):,} test reviews.")
    with console.status("explaining all reviews"):
        found, whole = _whole(net, params, ids, config.steps)
    spent = whole["empty text"]["cost"]
    console.print(f"{spent['rows']:,} reviews explained, {spent['rows_a_second']:,.0f} a second.")
    with console.status("comparing methods"):
        methods = explain.compared(net, params, ids[: config.compared], steps=config.steps, seed=config.seed)
    special = {name: jax.numpy.full(ids.shape[1], PAD) for name in ("padding", "empty text")}
    special["empty text"] = explain.empty(special["padding"])
    settings = dataclasses.asdict(config)
    left_out = ("out", "data_dir", "seed", "tflite", "weights", "vocabulary")
    result = record.rounded(
        {
            "experiment": "pretrained",
            "settings": {name: settings[name] for name in settings if name not in left_out},
            "vocabulary": len(vocabulary),
            "weights_sha256": sha256,
            "accuracy": accuracy,
            "reviews_explained": len(ids),
            "cut_short": agreement.share(np.array([len(text) >= ids.shape[1] for text in written])),
            "unknown": agreement.mean((ids == UNKNOWN).sum(1) / np.maximum((ids > START).sum(1), 1)),
            "padding_positions": agreement.mean((ids == PAD).sum(1)),
            "scores_of_nothing": {name: net.score(params, row) for name, row in special.items()},
            "whole_test_set": whole,
            "padding_by_length": explain.by_length(found["zeros"], ids),
            "compared": methods,
            "words": words_in_general(ids, found["empty text"]["words"], vocabulary, reviews=config.in_reviews),
            "reviews": _shown(config, texts, labels, ids, scores, found),
            **provenance(seed=config.seed, data=fingerprint(zip(texts, labels.tolist(), strict=True))),
        }
    )
    record.save(config.out, result, pictures.figures(result))
    write_text(config.out / "reviews.html", pictures.coloured(result).html())
    console.print(f"Figures and pictures: [bold]{config.out}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)

"""What was found, as said in the terminal, on the HTML page and in the JSON."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments._shared import page
from experiments._shared.words import PAD, places
from experiments.deepmoji_occlusion.compare import Agreement, Curves, Mean, agreement, mean_of
from experiments.deepmoji_occlusion.explain import ATTENDED, DELETION, Explained, top_count
from experiments.deepmoji_occlusion.pictures import both, strongest, title
from jaxattr.display import Picture

HEAD = ("on the test texts", "accuracy")
COST = ("words", "texts", "evaluations", "deletion, s", "attention, s", "largest change")
READING = (
    "Each method is divided by its strongest word in the text, since the units differ: deletion is summed probability, "
    "attention a share. Neither has a sign; the tables give the change of each probability in percentage points, and "
    "the likeliest class without the word."
)


@dataclasses.dataclass(frozen=True)
class Texts:
    """Some explained texts of one length.

    Attributes:
      name: What they are called.
      made: How they came about, a sentence.
      texts: As written.
      labels: Their classes.
      found: What was found.
    """

    name: str
    made: str
    texts: Sequence[str]
    labels: np.ndarray
    found: Explained

    def accuracy(self) -> float:
        """The share on which the network is right."""
        return float((self.found.full.argmax(1) == self.labels).mean())


@dataclasses.dataclass(frozen=True)
class Run:
    """All that the report needs.

    Attributes:
      about: What is known of the model: settings, accuracies, seconds.
      task: The name of the set.
      split: Which split.
      names: The classes.
      counts: How many texts for training, validation and test, and how many were left out.
      shown: The texts of each length.
      agreed: How attention and deletion agree on many test texts.
      curves: What deleting the first words of each ranking does to them.
    """

    about: Mapping[str, Any]
    task: str
    split: str
    names: Sequence[str]
    counts: Mapping[str, int]
    shown: Sequence[Texts]
    agreed: Agreement
    curves: Curves

    @property
    def top(self) -> int:
        """How many classes the rule watches."""
        return top_count(len(self.names))


def trained(console: Console, about: Mapping[str, Any]) -> None:
    """Says how good the network is and how long it took."""
    how = "read from the last run" if about["reused"] else "trained now"
    console.print(
        f"Test accuracy [bold]{about['test_accuracy']:.2%}[/] (validation {about['validation_accuracy']:.2%}, training "
        f"texts {about['train_accuracy']:.2%}), {about['train_seconds']:.0f} s of training, {how}."
    )


def _accuracies(run: Run) -> list[tuple[str, str]]:
    tests = run.counts["test"]

    def line(name: str, share: float) -> tuple[str, str]:
        return name, f"{share:.1%} ± {np.sqrt(share * (1 - share) / tests):.1%}"

    ahead = run.about["ahead_of_bag_of_words"]
    return [
        line("this network", run.about["test_accuracy"]),
        line("logistic regression on a bag of words", run.about["bag_of_words"]["test_accuracy"]),
        ("the network less the bag, on the same texts", f"{ahead['mean']:+.1%} ± {ahead['error']:.1%}"),
        line("the most frequent class", run.about["majority_accuracy"]),
    ]


def origin(run: Run) -> str:
    """Says what was trained on what."""
    counts, sizes = run.counts, run.about["settings"]
    where = "the published split" if run.split == "published" else "the published split with its parts exchanged"
    return (
        f"The set {run.task}, {where}: {counts['train']:,} texts for training, {counts['validation']:,} for "
        f"validation, {counts['test']:,} for the test; {counts['left_out']} were left out, as they have no words or "
        f"recur in a later part. Word vectors {sizes['width']}, LSTMs {sizes['units']} in each direction (256 and 512 "
        "in the paper), trained from nothing: the pre-trained weights of DeepMoji are not used, so the classes are "
        "those of the set and not emojis."
    )


def rule(run: Run) -> str:
    """Says what is computed for a word."""
    watched = f"the {run.top} likeliest of {len(run.names)} classes"
    fewer = "" if run.top == 5 else " (the rule says five, the set has no more)"
    return (
        f"A word is truly deleted and the rest closes up. Its effect is the sum of the absolute changes of the "
        f"probabilities of {watched}{fewer}, as found on the full text."
    )


def _costs(run: Run) -> list[tuple[str, ...]]:
    return [
        (
            str(one.found.ids.shape[1]),
            f"{len(one.texts)} {one.name}",
            str(one.found.evaluations),
            f"{one.found.seconds:.3f}",
            f"{one.found.attention_seconds:.4f}",
            f"{np.median(one.found.effects.max(1)):.2g}",
        )
        for one in run.shown
    ]


def agreeing(run: Run) -> str:
    """Says how attention and deletion agree."""
    agreed, most = run.agreed, run.curves.change[DELETION].shape[1] - 1
    first = mean_of(agreed.same_first)
    return (
        f"Rank correlation of deletion and attention over the words of a text: mean {mean_of(agreed.correlation)}, "
        f"median {np.nanmedian(agreed.correlation):.3f} ({len(agreed.correlation)} test texts of more than {most} "
        f"words). They have the same first word in {first.mean:.1%} ± {first.error:.1%} of the texts; by chance that "
        f"would be {agreed.by_chance.mean():.1%}."
    )


def _curve_rows(values: Mapping[str, np.ndarray]) -> tuple[list[str], list[list[str]]]:
    count = next(iter(values.values())).shape[1] - 1
    steps = [step for step in (1, 2, 3, 5, 10) if step <= count]
    head = ["first words by", *(f"{step} deleted" for step in steps)]
    return head, [[name, *(str(mean_of(each[:, step])) for step in steps)] for name, each in values.items()]


def lead(values: Mapping[str, np.ndarray]) -> Mean:
    """Deletion less attention, in the mean over all numbers of deleted words: differences within a text."""
    return mean_of((values[DELETION] - values[ATTENDED])[:, 1:].mean(1))


def _said(run: Run) -> str:
    change, kept = lead(run.curves.change), lead(run.curves.kept)
    return (
        f"Mean over all steps, deletion less attention in the same text: top-{run.top} change {change}, probability "
        f"of the full text's class {kept}. With one word deleted, deletion is best by "
        "construction: it has tried them all. From the second word on it is a prediction, since each effect was "
        "measured with all other words there."
    )


def _tables(run: Run) -> Iterator[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
    yield "Accuracy", HEAD, _accuracies(run)
    yield f"Cost of a text, and its largest top-{run.top} change; medians", COST, _costs(run)
    yield f"Top-{run.top} change after deleting the first words", *_curve_rows(run.curves.change)
    yield "Probability of the full text's class after deleting the first words", *_curve_rows(run.curves.kept)


def figures(console: Console, run: Run, count: int) -> None:
    """Prints the tables and a text."""
    console.print(origin(run), style="dim")
    console.print(rule(run), style="dim")
    for name, head, rows in _tables(run):
        table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="dim")
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows:
            table.add_row(*row)
        console.print(f"\n[bold]{name}[/]")
        console.print(table)
    console.print(f"\n{agreeing(run)}")
    console.print(f"{_said(run)}\n")
    for drawn in pictures(run, run.shown[0], count):
        drawn.print()
        console.print()


def pictures(run: Run, texts: Texts, count: int) -> list[Picture]:
    """The first texts of one length under both methods."""
    rows = range(min(count, len(texts.texts)))
    return [both(texts.texts[n], texts.found, n, title(texts.found, n, run.names, int(texts.labels[n]))) for n in rows]


def _cards(run: Run, texts: Texts, count: int) -> Iterator[page.Html]:
    for n, drawn in enumerate(pictures(run, texts, count)):
        text = texts.texts[n]
        offsets = places(text).offsets[-int((texts.found.ids[n] != PAD).sum()) :]
        head, *lines = strongest([text[a:b] for a, b in offsets], texts.found, n, run.names, 5)
        content = page.Html(drawn._repr_html_() + page.table(head, lines))
        yield page.card(f"Text {n + 1} of {texts.found.ids.shape[1]} words", content)


def as_html(run: Run, image: bytes, count: int) -> str:
    """The report as one page.

    Args:
      run: What was found.
      image: The curves as PNG.
      count: How many texts of each length are shown.

    Returns:
      One HTML document.
    """
    parts = [page.text(origin(run)), page.text(rule(run))]
    for name, head, rows in _tables(run):
        parts += [page.heading(name), page.table(head, rows)]
    parts += [
        page.text(_said(run)),
        page.heading("Do they agree?"),
        page.text(agreeing(run)),
        page.image(image, "Deletion curves by ranking, and the rank correlations of the texts"),
        page.text("Bands: one standard error. The random curve is the mean of five orders.", soft=True),
    ]
    for texts in run.shown:
        parts.append(page.heading(f"{texts.name.capitalize()}, {texts.found.ids.shape[1]} words"))
        parts.append(
            page.text(f"{texts.made} The network is right on {texts.accuracy():.0%} of them. {READING}", soft=True)
        )
        parts += _cards(run, texts, count)
    return page.page("One word less: deletion and attention in a network like DeepMoji", parts)


def _mean_json(values: np.ndarray) -> dict[str, float | int | None]:
    found = dataclasses.asdict(mean_of(values))
    return {name: value if np.isfinite(value) else None for name, value in found.items()}


def as_json(run: Run, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The figures for a result file.

    Args:
      run: What was found.
      settings: The flags.

    Returns:
      A dictionary for JSON.
    """
    about = {name: value for name, value in run.about.items() if name not in ("settings", "reused")}
    both_sides = {"top_change": run.curves.change, "probability": run.curves.kept}
    return {
        "experiment": "deepmoji_occlusion",
        "settings": dict(settings),
        "model": dict(run.about["settings"]),
        **about,
        "parameters_reused": run.about["reused"],
        "texts": dict(run.counts),
        "classes": list(run.names),
        "classes_watched": run.top,
        "rank_correlation": _mean_json(run.agreed.correlation),
        "same_first_word": _mean_json(run.agreed.same_first),
        "same_first_word_by_chance": float(run.agreed.by_chance.mean()),
        "curves": {
            side: {name: [_mean_json(each[:, step]) for step in range(each.shape[1])] for name, each in values.items()}
            for side, values in both_sides.items()
        },
        "deletion_less_attention": {side: dataclasses.asdict(lead(values)) for side, values in both_sides.items()},
        "lengths": [
            {
                "texts": texts.name,
                "words": texts.found.ids.shape[1],
                "count": len(texts.texts),
                "accuracy": texts.accuracy(),
                "evaluations_a_text": texts.found.evaluations,
                "largest_change": _mean_json(texts.found.effects.max(1)),
                "median_largest_change": float(np.median(texts.found.effects.max(1))),
                "deletion_seconds_a_text": texts.found.seconds,
                "attention_seconds_a_text": texts.found.attention_seconds,
                "rank_correlation": _mean_json(agreement(texts.found).correlation),
            }
            for texts in run.shown
        ],
    }

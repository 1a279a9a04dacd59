"""What was found, as said in the terminal, on the HTML page and in the JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments._shared import page
from experiments.imdb_cnn.data import LABELS
from experiments.imdb_lstm.bars import ends
from experiments.imdb_lstm.explain import Explained
from experiments.imdb_lstm.run import SPECIAL, Found, Run, pictures

HEAD = ("model", "test accuracy", "training s", "expected value", "worst gap's share", "s a review")


def trained(console: Console, name: str, about: Mapping[str, Any]) -> None:
    """Says how good a model is and how long it took."""
    how = "read from the last run" if about["reused"] else "trained now"
    console.print(
        f"{name}: test accuracy [bold]{about['test_accuracy']:.2%}[/] (training reviews {about['train_accuracy']:.2%}),"
        f" {about['train_seconds']:.0f} s of training, {how}."
    )


def _model_rows(run: Run) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{found.about['test_accuracy']:.2%}",
            f"{found.about['train_seconds']:.0f}",
            f"{found.explained.expected:.4f}",
            f"{found.explained.relative.max():.1e}",
            f"{found.explained.seconds:.2f}",
        )
        for name, found in run.models.items()
    ]


def _review_head(run: Run) -> tuple[str, ...]:
    each = [(f"{name} f(x)", "sum of words", "gap's share") for name in run.models]
    return ("review", *(cell for cells in each for cell in cells))


def _review_rows(run: Run) -> list[tuple[str, ...]]:
    made = []
    for place, label in enumerate(run.labels):
        cells = [f"{place + 1} {LABELS[label]}"]
        for found in run.models.values():
            one = found.explained
            cells += [f"{one.scores[place]:.4f}", f"{one.values[place].sum():+.4f}", f"{one.relative[place]:.1e}"]
        made.append(tuple(cells))
    return made


def _word_rows(run: Run, name: str, count: int) -> list[tuple[str, ...]]:
    words = run.listed(name)
    chosen = words.where(ends(words, count))
    columns = (chosen.ids, chosen.occurrences, chosen.reviews, chosen.means, chosen.halves)
    return [
        (run.vocabulary[int(word)], f"{n:,}", f"{r:,}", f"{mean:+.4f}", f"{mean - half:+.4f} to {mean + half:+.4f}")
        for word, n, r, mean, half in zip(*columns, strict=True)
    ]


def method(run: Run) -> str:
    """Says what was computed."""
    return (
        f"DeepSHAP: DeepLIFT averaged over {run.backgrounds[0]} training reviews as backgrounds. What is explained is "
        f"the {run.score} of a positive review. The gap is f(x) - expected value - sum of the words; its share is of "
        "the sum of their sizes."
    )


def errors(run: Run) -> str:
    """Says how sure the values are."""

    def said(name: str, one: Explained) -> str:
        return f"{name} {one.errors.mean():.4f} and {np.abs(one.values).mean():.4f}"

    each = ", ".join(said(name, found.explained) for name, found in run.models.items())
    return f"Standard error over the backgrounds and size of a word, each in the mean over all words: {each}."


def in_general(run: Run) -> str:
    """Says what the global view is, and what its intervals hold."""
    return (
        f"All words of {run.many:,} test reviews by DeepSHAP with the first {run.backgrounds[1]} backgrounds. Listed "
        f"are words with at least {run.at_least[0]} occurrences in at least {run.at_least[1]} reviews. The 95 % "
        "interval of the mean counts reviews, not occurrences, since those of one review are not independent. It "
        "knows nothing of the choice of backgrounds, which all reviews share, of another training run, or of the "
        "choice of the largest means among many words."
    )


def _special(run: Run) -> str:
    said = []
    for name, found in run.models.items():
        for number, word in enumerate(SPECIAL):
            (place,) = np.nonzero(found.words.ids == number)
            if len(place):
                here = int(place[0])
                count, mean = found.words.occurrences[here], found.words.means[here]
                said.append(f"{name} {word} {mean:+.5f} ({count:,})")
    return f"Not words, and not listed: {', '.join(said)}." if said else ""


def _print_table(console: Console, head: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in cells:
        table.add_row(*row)
    console.print(table)


def figures(console: Console, run: Run) -> None:
    """Prints the tables and the words in general."""
    console.print(method(run), style="dim")
    _print_table(console, HEAD, _model_rows(run))
    console.print(errors(run), style="dim")
    console.print()
    _print_table(console, _review_head(run), _review_rows(run))
    console.print()
    console.print(in_general(run), style="dim")
    for name in run.models:
        words = run.listed(name)
        pairs = [f"{run.vocabulary[i]} {mean:+.3f}" for i, mean in zip(words.ids, words.means, strict=True)]
        console.print(f"{name}, {len(pairs)} words: most positive {', '.join(pairs[:10])}", markup=False)
        console.print(f"{name}: most negative {', '.join(pairs[:-11:-1])}", markup=False)
    console.print(_special(run), markup=False)


def as_html(run: Run, force: Mapping[str, bytes], bars: bytes, count: int) -> str:
    """The report as one page.

    Args:
      run: What was found.
      force: The force plot of each model as PNG.
      bars: The words in general as PNG.
      count: How many words on each side the tables list.

    Returns:
      One HTML document.
    """
    word_head = ("word", "occurrences", "reviews", f"mean, {run.score}", "95 % interval")
    lead = "; ".join(f"{name} {found.about['test_accuracy']:.2%}" for name, found in run.models.items())
    tables = [
        part
        for name in run.models
        for part in (page.heading(f"Words in general: {name}"), page.table(word_head, _word_rows(run, name, count)))
    ]
    return page.page(
        "DeepSHAP for an LSTM on film reviews",
        [
            page.text(
                f"Embedding, LSTM, dense: a Flax model and the Keras model of SHAP's example, trained on 25,000 IMDB "
                f"reviews. Test accuracy: {lead}."
            ),
            page.heading("Does it add up?"),
            page.text(method(run)),
            page.table(HEAD, _model_rows(run)),
            page.text(errors(run), soft=True),
            page.table(_review_head(run), _review_rows(run)),
            *(
                part
                for name, image in force.items()
                for part in (page.heading(f"Forces: {name}"), page.image(image, f"Force plot of {name}"))
            ),
            page.heading("The reviews"),
            page.text(f"Orange (+) raises, purple (-) lowers the score. Only the last {run.length} words are read."),
            page.Html(pictures(run)._repr_html_()),
            page.heading("Words in general"),
            page.text(in_general(run)),
            page.image(bars, "The words with the largest means, with intervals"),
            page.text(_special(run), soft=True),
            *tables,
        ],
    )


def _words_json(run: Run, name: str) -> list[dict[str, Any]]:
    words, keys = run.listed(name), ("word", "occurrences", "reviews", "mean", "half_interval")
    return [
        dict(zip(keys, (run.vocabulary[int(i)], int(n), int(r), float(m), float(h)), strict=True))
        for i, n, r, m, h in zip(words.ids, words.occurrences, words.reviews, words.means, words.halves, strict=True)
    ]


def as_json(run: Run, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The figures for a result file.

    Args:
      run: What was found.
      settings: The flags.

    Returns:
      A dictionary for JSON.
    """

    def model(name: str, found: Found) -> dict[str, Any]:
        one = found.explained
        return {
            "settings": found.about["settings"],
            "train_accuracy": found.about["train_accuracy"],
            "test_accuracy": found.about["test_accuracy"],
            "train_seconds": found.about["train_seconds"],
            "parameters_reused": found.about["reused"],
            "expected_value": one.expected,
            "scores": one.scores.tolist(),
            "additivity_gap": one.gaps.tolist(),
            "additivity_gap_relative": one.relative.tolist(),
            "worst_additivity_gap_relative": float(one.relative.max()),
            "mean_standard_error_of_a_word": float(one.errors.mean()),
            "mean_size_of_a_word": float(np.abs(one.values).mean()),
            "values": one.values.tolist(),
            "standard_errors": one.errors.tolist(),
            "seconds_a_review": one.seconds,
            "seconds_a_review_in_general": found.seconds,
            "words": _words_json(run, name),
        }

    return {
        "experiment": "imdb_lstm",
        "settings": dict(settings),
        "models": {name: model(name, found) for name, found in run.models.items()},
    }

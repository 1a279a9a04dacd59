"""The tables of the result, for the terminal and for the page."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments._shared.record import plus_minus

STRONGEST = ("word", "occurrences", "mean, logits", "first where it stands")
FIRST = ("predicted positive", "first in", "predicted negative", "first in")
KILLS = ("killed after", "chunks there", "unfinished files")
ROUNDS = ("round", "through the layer, s", "the bare step, s", "of which compilation", "ratio")
COLUMNS = ("column", "bytes a review", "share")


def trained(console: Console, about: Mapping[str, Any]) -> None:
    """Says how good the model is and whether it was there."""
    how = "read from an earlier run" if about["reused"] else "trained now"
    console.print(f"Test accuracy: [bold]{about['test_accuracy']:.2%}[/], {how}.\n")


def strongest(result: Mapping[str, Any], label: str, side: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A head, and a line a word that speaks "for" or "against" a class; the latter are hardly ever first."""
    rows = [
        (
            entry["word"],
            f"{entry['occurrences']:,}",
            plus_minus(entry["mean"], entry["standard_error"], ".3f"),
            f"{entry['first']:.1%}",
        )
        for entry in result["words"][label][side]
    ]
    width = len(STRONGEST) if side == "for" else -1
    return STRONGEST[:width], [row[:width] for row in rows]


def first(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a word that is most often first, of each predicted class."""

    def cells(entry: Mapping[str, Any]) -> tuple[str, str]:
        return entry["word"], plus_minus(entry["share"]["mean"], entry["share"]["standard_error"], ".2%")

    found = result["words"]
    return [cells(a) + cells(b) for a, b in zip(found["positive"]["first"], found["negative"]["first"], strict=False)]


def kills(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a process that was killed."""
    total = result["store"]["chunks"]
    return [
        (f"{one['seconds']:.0f} s", f"{one['chunks']} of {total}", f"{one['unfinished']}")
        for one in result["killed"]["kills"]
    ]


def rounds(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a turn of the layer and of the bare step."""
    return [
        (
            f"{number}",
            f"{one['layer']:.2f}",
            f"{one['bare']:.2f}",
            f"{one['compile']:.2f}",
            f"{one['layer'] / one['bare']:.3f}",
        )
        for number, one in enumerate(result["overhead"]["rounds"], 1)
    ]


def columns(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a column of the store: what it takes."""
    store = result["store"]
    each = {name: size / store["rows"] for name, size in store["columns"].items()}
    return [(name, f"{size:,.1f}", f"{size / sum(each.values()):.1%}") for name, size in each.items()]


def overhead(result: Mapping[str, Any]) -> str:
    """What the layer costs, in words."""
    found = result["overhead"]
    ratio, added = found["ratio"], found["added_to_steps"]
    adds = 1e3 * median(one["layer"] - one["bare"] for one in found["rounds"]) / found["rows"]
    steps = 1e3 * median(one["bare"] - one["compile"] for one in found["rounds"]) / found["rows"]
    return (
        f"The layer takes {ratio['median']:.3f} times as long as the bare step (the median; {ratio['lowest']:.3f} to "
        f"{ratio['highest']:.3f}), both with their compilation. It adds {adds:.2f} ms a review where the steps alone, "
        f"without compilation, take {steps:.2f} ms: {added['median']:.0%} of them ({added['lowest']:.0%} to "
        f"{added['highest']:.0%})."
    )


def restart(result: Mapping[str, Any]) -> str:
    """What the kills changed, in words."""
    killed = result["killed"]
    sound = "Every file of the store fits its checksum, and every review is there once."
    return (
        f"{len(killed['kills'])} processes were killed. {killed['same']} of {killed['chunks']} chunks are those of the "
        f"undisturbed run, byte for byte. {sound if result['store']['verified'] else 'The store is not complete.'} "
        f"All processes together took {killed['seconds']:.0f} s, the undisturbed one "
        f"{killed['undisturbed_seconds']:.0f} s, start and compilation included."
    )


def tell(console: Console, result: Mapping[str, Any]) -> None:
    """Prints the tables."""
    _print(console, KILLS, kills(result))
    console.print(f"{restart(result)}\n")
    _print(console, ROUNDS, rounds(result))
    console.print(f"{overhead(result)}\n")
    for label in ("positive", "negative"):
        for side in ("for", "against"):
            console.print(f"{side.capitalize()} a predicted {label}:")
            _print(console, *strongest(result, label, side))
    _print(console, FIRST, first(result))
    gap, store, spent = result["completeness_gap"], result["store"], result["cost"]["all, undisturbed"]
    console.print(
        f"Completeness gap: median {gap['median']:.2g}, 90 % below {gap['ninety_percent']:.2g}, worst "
        f"{gap['worst']:.2g}. "
        f"{spent['rows_a_second']:,.0f} reviews a second, peak {spent['peak_memory_mb']:,.0f} MB; "
        f"{store['bytes_a_row']:,.0f} bytes a review in the store."
    )


def _print(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()

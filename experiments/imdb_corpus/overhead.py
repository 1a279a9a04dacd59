"""What the layer costs over the bare step: the same compiled explanation of the same padded rows, without a store."""

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from rich.console import Console

import jaxattr as ja
from experiments._shared import cost
from experiments._shared.training import progress
from experiments._shared.words import PAD
from experiments.imdb_corpus.job import Job, Loaded, preview, run

LAYER, BARE = "through the layer", "the bare step"


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows that go through the program at once.

    Attributes:
      rows: Their numbers; copies of the last one that fill the block up are left out.
      columns: What the program gets beside the parameters, padded to one width.
    """

    rows: list[int]
    columns: dict[str, np.ndarray]


def blocks(store: ja.scale.Store, rows: Sequence[Mapping[str, Any]], widths: Sequence[int], batch: int) -> list[Block]:
    """The padded rows as the layer had them.

    Args:
      store: The folder of the run, which says which rows went together.
      rows: The rows.
      widths: The widths to which they were padded.
      batch: Rows at once.

    Returns:
      The blocks, in order.
    """
    made = []
    for columns in store.chunks():
        numbers = columns["row"]
        needed = max(len(rows[number]["ids"]) for number in numbers)
        width = min(width for width in widths if width >= needed)
        for start in range(0, len(numbers), batch):
            real = numbers[start : start + batch]
            filled = [*real, *real[-1:] * (batch - len(real))]
            ids = np.full((batch, width), PAD, np.int32)
            for row, number in zip(ids, filled, strict=True):
                row[: len(rows[number]["ids"])] = rows[number]["ids"]
            lengths = np.array([len(rows[number]["ids"]) for number in filled])
            made.append(Block(real, {"ids": ids, "where": np.arange(width) < lengths[:, None]}))
    return made


def bare(loaded: Loaded, made: Sequence[Block], *, workers: int) -> tuple[list[dict[str, np.ndarray]], float]:
    """Compiles the explanation for each width, as many at once as there are threads, and sends all blocks through it.

    Args:
      loaded: The explanation and the parameters.
      made: The blocks.
      workers: Programs, and then blocks, at once, each in a thread.

    Returns:
      The results of each block, and the seconds of compilation.
    """
    params, begin = jax.device_put(loaded.params, jax.devices()[0]), time.perf_counter()

    def of_rows(params: Any, columns: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return jax.vmap(lambda row: loaded.explain(params, row["ids"], row["where"]))(columns)

    def program(block: Block) -> Any:
        return jax.jit(of_rows).lower(params, block.columns).compile()

    examples = {block.columns["ids"].shape: block for block in made}
    with ThreadPoolExecutor(workers) as pool:
        programs = dict(zip(examples, pool.map(program, examples.values()), strict=True))
    compiled = time.perf_counter() - begin

    def one(block: Block) -> dict[str, np.ndarray]:
        return jax.tree.map(np.asarray, programs[block.columns["ids"].shape](params, block.columns))

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, made)), compiled


def largest_difference(
    store: ja.scale.Store, made: Sequence[Block], found: Sequence[Mapping[str, np.ndarray]]
) -> float:
    """How far the numbers of the words in the store are from those of the bare step, at most."""
    stored = {
        row: values for columns in store.chunks() for row, values in zip(columns["row"], columns["values"], strict=True)
    }
    return max(
        float(np.abs(values[: len(stored[row])] - stored[row]).max())
        for block, results in zip(made, found, strict=True)
        for row, values in zip(block.rows, results["values"], strict=False)
    )


def figures(rounds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The ratio of the layer to the bare step, and what it adds as a share of the steps without compilation.

    Args:
      rounds: In each the seconds of the "layer", of the "bare" step and of its compilation, "compile".

    Returns:
      Of "ratio" and of "added_to_steps" the "median", "lowest" and "highest".

    Example:
      >>> figures([{"layer": 5.5, "bare": 5.0, "compile": 2.5}])["added_to_steps"]["median"]
      0.2
    """
    shares = {
        "ratio": [one["layer"] / one["bare"] for one in rounds],
        "added_to_steps": [(one["layer"] - one["bare"]) / (one["bare"] - one["compile"]) for one in rounds],
    }
    return {
        name: {"median": float(np.median(values)), "lowest": min(values), "highest": max(values)}
        for name, values in shares.items()
    }


def measure(
    job: Job, loaded: Loaded, folder: Path, *, rows: int, rounds: int, workers: int, console: Console
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Times the layer and the bare step in turn, on one device, both with their compilation.

    The rows are drawn at random and lie in memory, with their ids, before either begins. One turn of each comes first
    and does not count.

    Args:
      job: The settings.
      loaded: The explanation, the parameters, the reviews.
      folder: Where stores may be written for a while.
      rows: How many reviews, at most.
      rounds: How many turns of each.
      workers: Batches at once.
      console: Where the progress bar is drawn.

    Returns:
      The figures, and what the middle turn of each cost.
    """
    order = np.random.default_rng(job.seed + 1).permutation(len(loaded.entries))[:rows]
    chosen = [loaded.prepare(loaded.entries[int(row)]) for row in order]
    mine, device = dataclasses.replace(loaded, entries=chosen), np.array(jax.devices()[:1])
    ways: dict[str, Any] = {"prepare": None, "mesh": Mesh(device, ("rows",)), "workers": workers}
    expected = preview(job, mine, folder / "none", **ways)
    spent: dict[str, list[dict[str, float]]] = {LAYER: [], BARE: []}
    turns, seconds_compiling = [], []
    with tempfile.TemporaryDirectory(dir=folder, prefix="timed") as place, progress(console) as bar:
        out = Path(place)
        run(job, mine, out / "first", **ways)
        store = ja.scale.Store(out / "first")
        made = blocks(store, chosen, expected.widths, expected.batch_size)
        difference = largest_difference(store, made, bare(mine, made, workers=workers)[0])
        task = bar.add_task("overhead", total=rounds, note="")
        for number in range(rounds):
            for name in ((LAYER, BARE), (BARE, LAYER))[number % 2]:
                if name == LAYER:
                    spent[LAYER].append(cost.measure(len(chosen), lambda: run(job, mine, out / "timed", **ways))[1])
                    shutil.rmtree(out / "timed")
                else:
                    (_, compiling), one = cost.measure(len(chosen), lambda: bare(mine, made, workers=workers))
                    spent[BARE].append(one)
                    seconds_compiling.append(compiling)
            layer, alone = spent[LAYER][-1]["seconds"], spent[BARE][-1]["seconds"]
            turns.append({"layer": layer, "bare": alone, "compile": seconds_compiling[-1]})
            bar.update(task, completed=number + 1, note=f"ratio {layer / alone:.3f}")
    found = {
        "rows": len(chosen),
        "batch_size": expected.batch_size,
        "workers": workers,
        "widths": list(expected.widths),
        "padding": expected.padding,
        "rounds": turns,
        **figures(turns),
        "largest_difference": difference,
    }
    return found, {name: sorted(each, key=lambda one: one["seconds"])[len(each) // 2] for name, each in spent.items()}

"""The run in processes of their own: one that nothing disturbs, and one that is killed again and again."""

import dataclasses
import multiprocessing
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from experiments._shared import cost
from experiments._shared.training import progress
from experiments.imdb_corpus.job import Job, load, run

_LOOK = 0.02  # seconds between two looks into the folder


@dataclasses.dataclass(frozen=True)
class Course:
    """How a store came about.

    Attributes:
      seconds: From the start of the first process to the end of the last; loading and compilation included.
      kills: For each killed process when that was, in seconds, how many chunks were there and how many files were
        unfinished.
      appeared: When each chunk appeared, in seconds, in order.
      report: What the last process said of its run.
      cost: What the run of the last process cost, without loading.
    """

    seconds: float
    kills: list[dict[str, float]]
    appeared: list[float]
    report: dict[str, Any]
    cost: dict[str, float]


def chunks(out: Path) -> list[Path]:
    """The published files of a run, in order."""
    return sorted((out / "chunks").glob("[0-9]*"))


def unfinished(out: Path) -> list[Path]:
    """The files that a killed process was writing."""
    return sorted((out / "chunks").glob(".*"))


def _work(job: Job, out: Path, answer: Connection) -> None:
    """What a process does."""
    loaded = load(job)
    report, spent = cost.measure(len(loaded.entries), lambda: run(job, loaded, out))
    answer.send({"report": report._asdict(), "cost": spent})


def _start(job: Job, out: Path) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, out, there), daemon=True)
    process.start()
    there.close()
    return process, here


def course(
    job: Job, out: Path, *, rows: int, kill_at: Sequence[int] = (), pause: float = 0.0, title: str, console: Console
) -> Course:
    """Runs until all chunks are there, killing on the way.

    Args:
      job: The run.
      out: Its folder.
      rows: How many reviews it has.
      kill_at: Numbers of chunks, rising; the process at work is killed (SIGKILL) once so many are there.
      pause: It lives on for a random time of up to so many seconds, so that it is killed anywhere in its work.
      title: What the progress bar says.
      console: Where the progress bar is drawn.

    Returns:
      What happened. A process that has ended by then is not killed.

    Raises:
      RuntimeError: When a process failed by itself.
    """
    rng, begin, kills, said = np.random.default_rng(job.seed), time.time(), [], {}
    with progress(console) as bar:
        task = bar.add_task(title, total=rows, note="")
        for wanted in (*kill_at, np.inf):
            process, answers = _start(job, out)
            while process.is_alive() and len(chunks(out)) < wanted:
                process.join(_LOOK)
                bar.update(task, completed=min(len(chunks(out)) * job.chunk_rows, rows), note=f"{len(kills)} killed")
            if np.isfinite(wanted):
                process.join(rng.uniform(0, pause))
                process.kill()
                process.join()
            if process.exitcode == -signal.SIGKILL and np.isfinite(wanted):
                left = {"chunks": len(chunks(out)), "unfinished": len(unfinished(out))}
                kills.append({"seconds": time.time() - begin, **left})
                continue
            if process.exitcode:
                raise RuntimeError(
                    f"Expected a run into {out}, got exit code {process.exitcode} of its process. What it printed "
                    "says why."
                )
            said = answers.recv()
            break
    appeared = sorted(path.stat().st_mtime - begin for path in chunks(out))
    return Course(time.time() - begin, kills, appeared, said["report"], said["cost"])


def compared(one: Path, other: Path) -> dict[str, int]:
    """How many chunks two stores have, and how many of those of the first are the same in the second, byte for byte.

    Args:
      one: The folder of a run.
      other: That of another.

    Returns:
      "chunks" of the first, "of_the_other", and "same".
    """
    first, second = ({path.name: path for path in chunks(out)} for out in (one, other))
    same = sum(name in second and path.read_bytes() == second[name].read_bytes() for name, path in first.items())
    return {"chunks": len(first), "of_the_other": len(second), "same": same}

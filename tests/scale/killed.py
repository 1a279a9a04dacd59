"""Runs that are killed: a process of its own that forks one child a run, so that JAX is imported once.

``python -m tests.scale.killed OUT random SEED KILLS``, ``OUT sites`` and ``OUT counts 1 2 4`` print what they saw as
JSON.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np

import jaxattr as ja
from jaxattr.scale.store import _folder

SITES = (
    "before write", "after write", "before fsync", "after fsync", "before rename", "after rename", "after folder fsync",
)  # fmt: skip
ROWS, CHUNK = 96, 4


def explain(params, ids, where):
    f = lambda x: jnp.tanh(jnp.where(where, x, 0) * params).sum()  # noqa: E731
    return ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=3)(ids * 1.0)


def rows():
    rng = np.random.default_rng(0)
    return [{"ids": rng.integers(0, 9, size=n), "name": f"t{i}"} for i, n in enumerate(rng.integers(1, 12, size=ROWS))]


def go(out, process=(0, 1)):
    return ja.scale.run(
        explain, np.float32(0.3), rows(), out=out, id="name", chunk_rows=CHUNK, batch_size=2, widths=2, workers=1,
        process=process, progress=False,
    )  # fmt: skip


def child(work):
    """Start work in a child; gives its number."""
    number = os.fork()
    if number == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return number


def ended(number):
    """The signal that ended a child; 0 where it ended by itself, well."""
    status = os.waitpid(number, 0)[1]
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0, "a child failed"
    return 0


def files(out):
    return {path.name: path.read_bytes() for path in sorted((Path(out) / "chunks").glob("[0-9]*"))}


def kill_at(site, time_of_it):
    """From now on this process dies when it passes a site for the so-manieth time."""
    left = [time_of_it]

    def passed(name):
        if name == site:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    _folder.passed = passed


def whole(out):
    ended(child(lambda: go(out)))
    return files(out)


def randomly(folder, seed, kills):
    """Kill one run after another at random moments, with 1, 2 or 4 processes, until it is complete; then the next."""
    rng, wanted, seen = random.Random(seed), whole(folder / "whole"), {"killed": 0, "runs": 0, "started": 0}
    while seen["killed"] < kills:
        out = folder / f"run{seen['runs']}"
        while len(files(out)) < len(wanted):
            count = rng.choice((1, 2, 4))
            numbers = [child(lambda i=i: go(out, (i, count))) for i in range(count)]
            seen["started"] += count
            time.sleep(rng.uniform(0.1, 0.8 + 0.4 * count))
            for number in numbers:
                if rng.random() < 0.8:
                    os.kill(number, signal.SIGKILL)
            seen["killed"] += sum(ended(number) == signal.SIGKILL for number in numbers)
            for name, data in files(out).items():
                assert wanted[name] == data, name
        ended(child(lambda: go(out)))
        assert files(out) == wanted
        assert not [p for p in (out / "chunks").iterdir() if p.name not in wanted], "unfinished files are left"
        seen["runs"] += 1
        shutil.rmtree(out)
    return seen


def at_sites(folder):
    """Kill a run at every site, while the manifest, the first chunk and a later one are written."""
    wanted, seen = whole(folder / "whole"), {}
    for site in SITES:
        for time_of_it in (1, 2, 7):
            out = folder / f"{site} {time_of_it}"
            assert ended(child(lambda s=site, t=time_of_it, out=out: (kill_at(s, t), go(out)))) == signal.SIGKILL
            left = files(out)
            assert all(wanted[name] == data for name, data in left.items())
            ended(child(lambda out=out: go(out)))
            assert files(out) == wanted
            assert {p.name for p in (out / "chunks").iterdir()} == wanted.keys()
            seen[f"{site} {time_of_it}"] = len(left)
    return seen


def of_counts(folder, *counts):
    """A run with one number of processes after another, all killed in the midst but the last ones; rows by stage."""
    wanted, out, seen = whole(folder / "whole"), folder / "run", []
    for count in counts[:-1]:
        numbers = [child(lambda i=i, n=count: (kill_at("after write", 3), go(out, (i, n)))) for i in range(count)]
        assert [ended(number) for number in numbers] == [signal.SIGKILL] * count
        assert files(out).items() < wanted.items()
        seen.append(sorted(rows_of(out)))
    numbers = [child(lambda i=i: go(out, (i, counts[-1]))) for i in range(counts[-1])]
    assert [ended(number) for number in numbers] == [0] * counts[-1]
    assert files(out) == wanted
    return {"stages": [*seen, sorted(rows_of(out))], "complete": ja.scale.Store(out).verify().complete}


def rows_of(out):
    """The number of each row that is there, as often as it is there, whatever chunk holds it."""
    return [row for columns in ja.scale.Store(out).chunks() for row in columns["row"]]


if __name__ == "__main__":
    place, what, *rest = sys.argv[1:]
    how = {"sites": at_sites, "random": randomly, "counts": of_counts}
    found = how[what](Path(place), *map(int, rest))
    sys.stdout.write(json.dumps(found))

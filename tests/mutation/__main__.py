"""Mutation testing of the core mathematics: is every small wrong change of the library noticed by `pytest -m core`?

    python -m tests.mutation

draws mutants (:mod:`tests.mutation.mutants`) with a seed, at least one of each file and the others in proportion to
what there is to change, runs the core tests against each, and writes `tests/mutation/result.json`. A mutant that a test
fails on is killed; so is one that the tests do not finish with in three times their processor time. One that cannot be
imported is left out. Whoever survives wants a test, or a `reason` in the result why nobody could tell it from the
original; that is kept when the command is run again. `--survivors` runs the survivors of the result alone, after tests
were added.

To be quick, the tests first run without a mutant, to see which functions each enters. A mutant inside a function is
then run against the files whose tests enter it, in a fork of one process that holds JAX, with a cache of compiled
programs: the other tests never meet it. About twenty minutes on one core.
"""

import argparse
import ast
import datetime as dt
import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import platform
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.mutation import child
from tests.mutation.mutants import Mutant, mutants

ROOT = child.ROOT
RESULT = Path(__file__).with_name("result.json")
WORK = Path(tempfile.gettempdir()) / f"jaxattr-mutation-{os.getuid()}"
_TOP = (
    "gradients _slopes paths path_methods word_paths hessians adaptive _ladder _maxima _envelope _affine averages "
    "noise differences masks random_masks perturbation fills effects scores groups pooling surrogates _game"
)
_PROPAGATION = "rules layers lrp reveal_cancel elementwise maxima deep_lift relevance tables"
_REUSE = "positionwise reductions convolutions loops later"
FILES = [
    *(f"jaxattr/{name}.py" for name in _TOP.split()),
    *sorted(f"jaxattr/{d}/{p.name}" for d in ("shapley", "metrics") for p in (ROOT / "jaxattr" / d).glob("_[a-z]*.py")),
    *(f"jaxattr/propagation/_{name}.py" for name in _PROPAGATION.split()),
    *(f"jaxattr/reuse/_{name}.py" for name in _REUSE.split()),
]
PRELOADED = ["jax.numpy", "jax.test_util", "scipy.stats", "hypothesis", "flax.linen", "flax.nnx", "equinox", "pytest"]


def drawn(seed: int) -> Iterator[Mutant]:
    """Mutants without end: one of each file, then files in proportion; each kind of change in a file alike likely."""
    rng, seen = random.Random(seed), set()
    every = {file: mutants(ROOT, file) for file in FILES}
    turns = rng.sample(FILES, len(FILES))
    while True:
        file = turns.pop() if turns else rng.choices(FILES, [len(every[f]) for f in FILES])[0]
        kind = rng.choice(sorted({m.kind for m in every[file]}))
        mutant = rng.choice([m for m in every[file] if m.kind == kind])
        if mutant not in seen:
            seen.add(mutant)
            yield mutant


def core_files() -> list[str]:
    """The files of the core tests."""
    return sorted({line.partition("::")[0] for line in (ROOT / "tests/core.txt").read_text().splitlines()})


def in_child(context: Any, target: Any, *args: Any, limit: float = 3600) -> Any:
    """What a function sends from a process of its own; None where it ends without a word."""
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(*args, there))
    process.start()
    there.close()
    try:
        return here.recv() if here.poll(limit) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()


def looked(context: Any) -> dict[str, Any]:
    """For each file of core tests the functions that its tests enter and its seconds; what did not change is kept."""
    store = WORK / "reached.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    library = "".join(p.read_text() for p in sorted((ROOT / "jaxattr").rglob("*.py")))
    listed = (ROOT / "tests/core.txt").read_text().splitlines()
    for file in core_files():
        own = [line for line in listed if line.startswith(file)]
        mark = hashlib.sha256((library + (ROOT / file).read_text() + str(own)).encode()).hexdigest()
        if known.get(file, {}).get("mark") == mark:
            continue
        code, functions, seconds = in_child(context, child.reached, [file])
        if code != 0:
            raise SystemExit(f"the core tests of {file} do not pass without a mutant")
        known[file] = {"mark": mark, "functions": functions, "seconds": seconds}
        store.write_text(json.dumps(known))
        print(f"{file}: {seconds:.1f} s", flush=True)
    return {file: known[file] for file in core_files()}


def enclosing(mutant: Mutant) -> list[str] | None:
    """The function that holds a mutant, by name and first line; None where it lies outside of all."""
    found = None
    for node in ast.walk(ast.parse((ROOT / mutant.file).read_text())):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) and node.lineno <= mutant.line <= (node.end_lineno or 0):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            if isinstance(node, ast.FunctionDef):  # walk goes from the outside inwards
                found = [mutant.file, f"{node.name}:{first}"]
    return found


def judge(context: Any, mutant: Mutant, looked_at: dict[str, Any]) -> dict[str, Any]:
    """Runs the tests that may notice a mutant, the quickest files first."""
    function = enclosing(mutant)
    entered = {test: each for file in looked_at.values() for test, each in file["functions"].items()}
    likely = {test for test, each in entered.items() if function in [list(e) for e in each]}
    if not likely:  # what runs at import is met by all tests of that file
        likely = {test for test, each in entered.items() if mutant.file in [e[0] for e in each]}
    files = sorted({test.partition("::")[0] for test in likely}, key=lambda f: looked_at[f]["seconds"])
    seconds = 20 + 3 * sum(looked_at[f]["seconds"] for f in files)
    start = time.monotonic()
    answer = in_child(context, child.judged, mutant.file, mutant.source, files, likely, seconds) if files else ""
    outcome = "invalid" if answer == "invalid" else "survived" if answer == "" else "killed"
    return {
        **{name: getattr(mutant, name) for name in ("file", "line", "kind", "before", "after")},
        "outcome": outcome,
        "by": "no end in time" if answer is None else answer,
        "seconds": round(time.monotonic() - start, 1),
    }


def summary(found: list[dict[str, Any]], seed: int, earlier: dict[str, Any]) -> dict[str, Any]:
    """The result, with the reasons of the one before."""
    reasons = {(m["file"], m["before"], m["after"]): m["reason"] for m in earlier.get("mutants", []) if "reason" in m}
    for m in found:
        reason = reasons.get((m["file"], m["before"], m["after"]))
        if reason and m["outcome"] == "survived":
            m["reason"] = reason
    killed, equivalent = sum(m["outcome"] == "killed" for m in found), sum("reason" in m for m in found)
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "seed": seed,
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "numpy", "flax", "pytest")},
        "tests": "pytest -m core -x",
        "mutants_of": len(found),
        "killed": killed,
        "survived": len(found) - killed,
        "equivalent": equivalent,
        "score": round(killed / max(len(found) - equivalent, 1), 4),
        "history": earlier.get("history", []),
        "mutants": found,
    }


def main() -> None:
    """Draws, runs, writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--number", type=int, default=84, help="how many mutants")
    parser.add_argument("--seed", type=int, default=2, help="of the draw")
    parser.add_argument("--out", type=Path, default=RESULT, help="the result")
    parser.add_argument("--survivors", action="store_true", help="run the survivors of the result alone")
    options = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    os.environ |= {"JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax", "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": str(WORK / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    earlier = json.loads(options.out.read_text()) if options.out.exists() else {}
    looked_at = looked(context)
    old = [m for m in earlier.get("mutants", []) if options.survivors and m["outcome"] == "killed"]
    found, done = list(old), {(m["file"], m["line"], m["before"], m["after"]) for m in old}
    for mutant in drawn(options.seed):
        if len(found) == options.number:
            break
        if (mutant.file, mutant.line, mutant.before, mutant.after) in done:
            continue
        result = judge(context, mutant, looked_at)
        print(
            f"{len(found)} {result['outcome']} {result['seconds']} s {mutant.file}:{mutant.line} {result['by']}",
            flush=True,
        )
        if result["outcome"] != "invalid":
            found.append(result)
            if not options.survivors:
                options.out.write_text(json.dumps(summary(found, options.seed, earlier), indent=1) + "\n")
    found.sort(key=lambda m: (m["file"], m["line"], m["after"]))
    result = summary(found, options.seed, earlier)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print({name: result[name] for name in ("mutants_of", "killed", "survived", "equivalent", "score")})


if __name__ == "__main__":
    main()

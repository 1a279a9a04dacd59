"""Runs core tests in a process of its own, with a mutant in the place of one module of the library."""

import importlib
import importlib.machinery
import os
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = str(ROOT / "jaxattr")
MEMORY = 8 * 2**30

Function = tuple[str, str]  # a file of the library and the name of a function of it, with the line where it begins


class Reached:
    """Which functions of the library each test enters."""

    def __init__(self) -> None:
        self.functions: dict[str, list[Function]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        found = set()

        def note(frame: Any, event: str, _: Any) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(PACKAGE):
                found.add((os.path.relpath(code.co_filename, ROOT), f"{code.co_name}:{code.co_firstlineno}"))

        sys.setprofile(note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            self.functions[item.nodeid] = sorted(found)


class First:
    """Runs some tests before the others, and keeps the name of the first that fails."""

    def __init__(self, likely: set[str]) -> None:
        self.likely, self.failed = likely, ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        files = list(dict.fromkeys(item.path for item in items))
        items.sort(key=lambda item: (files.index(item.path), item.nodeid not in self.likely))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} (collecting)"


def put(file: str, source: str) -> None:
    """From now on a file of the library is imported as if it held this source."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: Any, name: str) -> Any:
        path = self.get_filename(name)
        return compile(source, path, "exec") if path == str(ROOT / file) else original(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_code


def reached(files: list[str], answer: Connection) -> None:
    """Answers with the functions that each test enters, and the seconds that the tests took."""
    plugin, start = Reached(), time.process_time()
    code = _pytest(files, plugin)
    answer.send((int(code), plugin.functions, time.process_time() - start))


def judged(file: str, source: str, files: list[str], likely: set[str], seconds: float, answer: Connection) -> None:
    """Answers with "invalid", with the test that fails, or with nothing where all pass."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    put(file, source)
    try:
        importlib.import_module(file.removesuffix(".py").replace("/", "."))
    except Exception:
        answer.send("invalid")
        return
    plugin = First(likely)
    code = _pytest(files, plugin)
    answer.send(plugin.failed or ("" if code == 0 else f"pytest ended with {int(code)}"))


def _pytest(files: list[str], plugin: Any) -> int:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    loaded_before = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return pytest.main(["-m", "core", "-x", "-q", "-p", "no:cacheprovider", *loaded_before, *files], plugins=[plugin])

"""The other processes of a run: who writes what, what all agree on, and what happens when one is lost."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

EXIT = 75  # "try again", as in sysexits.h


class Peers:
    """This process among those of a run.

    Attributes:
        together: whether all work on the same chunk, and have to take the same steps.
        number: which one this is.
        count: how many there are.
    """

    def __init__(self, together: bool, process: tuple[int, int] | None) -> None:
        self.together = together
        self.number, self.count = process or (jax.process_index(), jax.process_count())
        if not 0 <= self.number < self.count:
            raise ValueError(f"scale.run wants process=(number, count) with 0 <= number < count, but got {process}.")

    @property
    def speaks(self) -> bool:
        """Whether this one shows the progress."""
        return self.number == 0

    @property
    def look(self) -> bool:
        """Whether others may publish a chunk that this one is about to do."""
        return not self.together and self.count > 1

    def writes(self, chunk: int) -> bool:
        """Whether this one publishes a chunk."""
        return not self.together or chunk % self.count == self.number

    def agreed(self, there: set[int], total: int) -> set[int]:
        """The chunks that are there, of so many; the same set for all who work together, that of the first."""
        if not self.together:
            return there
        marks = self._gathered(np.isin(np.arange(total), sorted(there))).reshape(-1, total)
        return set(np.flatnonzero(marks[0]).tolist())

    def any(self, asked: bool) -> bool:
        """Whether one of those who work together was asked to stop."""
        return bool(self._gathered(asked).any()) if self.together else asked

    @staticmethod
    def _gathered(value: Any) -> np.ndarray:
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(np.asarray(value, np.int32)))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """End this process at once where another is lost: what is published is safe, and JAX would wait for minutes."""
        try:
            yield
        except jax.errors.JaxRuntimeError as error:
            if not self.together:
                raise
            sys.stderr.write(
                f"scale.run: process {self.number} of {self.count} stops, for it lost touch with another one: "
                f"{str(error).splitlines()[0]}\nWhat is published is safe. Start all processes again, with the same "
                "folder, and the run goes on.\n"
            )
            sys.stderr.flush()
            os._exit(EXIT)

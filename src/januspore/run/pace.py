"""Progress of `project.py run` as a whole, on standard error.

Each simulation has its own bar (`simulate.driver`); these lines give the progress of all of them,
and then that of analyses and products.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import signac
from tqdm import tqdm

from ..products import PRODUCTS
from ..settings import quiet
from .estimate import in_words
from .progress import is_simulated, left_atom_steps

#: Seconds between two lines on analyses, of which there may be thousands.
_EVERY_S = 10.0
_SIMULATED = "simulated"
_PRODUCTS = frozenset(product.name for product in PRODUCTS)


class Pace:
    """Tells how far a run is, as its operations end."""

    def __init__(self, project: signac.Project) -> None:
        self._project, self._quiet = project, quiet()
        self._of: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._told = 0.0
        # Counted over all jobs where a pass simulates several; a scheduler's process simulates one.
        self._jobs, self._left = 0, dict[str, float]()
        self._begun = self._at_first = 0.0

    def expect(self, operations: Sequence[Any]) -> None:
        """Begin a pass over some operations."""
        if self._quiet:
            return
        self._of = Counter(map(_kind, operations))
        self._ended.clear()
        if self._of[_SIMULATED] > 1 and not self._jobs:
            jobs = list(self._project)
            self._jobs, self._left = len(jobs), left_atom_steps(jobs)
            self._begun, self._at_first = time.monotonic(), sum(self._left.values())

    def begin(self, operation: Any) -> None:
        """Name a product before it is made: one of many seeds takes minutes."""
        if not self._quiet and operation.name in _PRODUCTS:
            print(f"{operation.name} of {len(operation._jobs)} jobs", file=sys.stderr)

    def end(self, operation: Any) -> None:
        """Say how far the run is, now that an operation has ended, well or not."""
        if self._quiet:
            return
        kind = _kind(operation)
        self._ended[kind] += 1
        if kind == _SIMULATED:
            for job in operation._jobs:
                if job.id in self._left and is_simulated(job):
                    del self._left[job.id]
            if self._jobs:
                _tell(self._simulated())
            return
        last = self._ended[kind] == self._of[kind]
        if last or time.monotonic() - self._told > _EVERY_S:
            self._told = time.monotonic()
            _tell(f"{self._ended[kind]} of {self._of[kind]} {kind}")

    def _simulated(self) -> str:
        done = self._jobs - len(self._left)
        left = sum(self._left.values())
        elapsed, worked = time.monotonic() - self._begun, self._at_first - left
        time_left = f", about {in_words(left / worked * elapsed / 3600)} left" if worked else ""
        return f"{done} of {self._jobs} jobs simulated" + (time_left if left else "")


def _kind(operation: Any) -> str:
    if operation.name == "analyse":
        return "analyses done"
    return "products made" if operation.name in _PRODUCTS else _SIMULATED


def _tell(line: str) -> None:
    tqdm.write(line, file=sys.stderr)  # above the bars that are drawn

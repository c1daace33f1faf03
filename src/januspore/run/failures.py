"""Failures of a run: a mark in the folder of the job or product, and a list at the run's end.

A mark is removed when the operation succeeds; the next run tries every marked one again.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import signac

from ..products import PRODUCTS
from ..space.conditions import MARK
from .workers import Failure

#: Most failures that are listed at the end of a run; all are marked.
_LISTED = 20
_PRODUCTS = {product.name: product for product in PRODUCTS}


@dataclass(frozen=True)
class Failed:
    """A failed operation, the job or product that it failed on, and the reason."""

    operation: str
    what: str
    failure: Failure

    def __str__(self) -> str:
        told = self.failure.told
        where = "" if self.what in told else f"{self.what}: "
        return f"{self.operation}: {where}{told}"


class Ledger:
    """Marks and lists the failures of one run."""

    def __init__(self) -> None:
        self.failed: list[Failed] = []

    def enter(self, operation: str, jobs: tuple[signac.job.Job, ...], how: Failure | None) -> None:
        """Record how an operation ended; None: successfully."""
        folder = _folder(operation, jobs)
        mark = folder / MARK
        with suppress(
            OSError
        ):  # the disk is full or read-only; the list at the end still names the failure
            if how is None:
                mark.unlink(missing_ok=True)
            else:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                folder.mkdir(parents=True, exist_ok=True)
                mark.write_text(f"{operation}: {how.told}\n{now}\n{how.trace}", encoding="utf-8")
        if how is not None:
            what = f"job {jobs[0].id}" if len(jobs) == 1 and operation not in _PRODUCTS else ""
            self.failed.append(Failed(operation, what or folder.name, how))
            print(f"{self.failed[-1]}; passed over", file=sys.stderr)

    def told(self) -> list[str]:
        """Lines for the end of a run, none if nothing failed."""
        if not self.failed:
            return []
        lines = [f"  {failed}" for failed in self.failed[:_LISTED]]
        more = len(self.failed) - _LISTED
        if more > 0:
            lines.append(f"  and {more} more: python -m januspore summary --all names them")
        return [
            f"{len(self.failed)} failed and were passed over; the next run tries again:",
            *lines,
        ]


def marked(project: signac.Project) -> Iterator[str]:
    """Yield a line for each mark in a data space."""
    jobs, products = Path(project.workspace), Path(project.path, "results")
    for mark in [*sorted(jobs.glob(f"*/{MARK}")), *sorted(products.glob(f"*/*/{MARK}"))]:
        with suppress(OSError):
            told = mark.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
            name = mark.parent.name
            yield told if name in told else f"{name}: {told}"


def _folder(operation: str, jobs: tuple[signac.job.Job, ...]) -> Path:
    product = _PRODUCTS.get(operation)
    return product.path(jobs[0], "json").parent if product else Path(jobs[0].path)

"""One fault of a data space."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..files import put_aside


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file, what makes it right, and what can be done at once.

    Attributes:
        path: of the file or folder.
        what: is wrong with it.
        remedy: what to type or do.
        repair: does what loses nothing, and returns what it did; None: nothing of that kind.
    """

    path: Path
    what: str
    remedy: str
    repair: Callable[[], str] | None = None

    def line(self, root: Path) -> str:
        """Return the fault in one line, with the path as seen from a folder."""
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        return " ".join(f"{path}: {self.what}; {self.remedy}".split())


def aside(path: Path) -> Callable[[], str]:
    """Return a repair that puts a file aside."""
    return lambda: f"put aside as {put_aside(path).name}"


def removed(path: Path) -> Callable[[], str]:
    """Return a repair that removes what a killed process left half written."""

    def repair() -> str:
        path.unlink(missing_ok=True)
        return "removed"

    return repair

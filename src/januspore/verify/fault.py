"""One fault of a data space."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..files import put_aside


@dataclass(frozen=True)
class Fault:
    """A fault of a file or folder, with its remedy and perhaps a repair.

    Attributes:
        path: of the file or folder.
        what: description of the fault.
        remedy: what the user can type or do.
        repair: function that repairs without losing data and returns what it did; None: no repair.
    """

    path: Path
    what: str
    remedy: str
    repair: Callable[[], str] | None = None

    def line(self, root: Path) -> str:
        """Return the fault in one line, with the path relative to a folder."""
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        return " ".join(f"{path}: {self.what}; {self.remedy}".split())


def aside(path: Path) -> Callable[[], str]:
    """Return a repair that renames a file."""
    return lambda: f"put aside as {put_aside(path).name}"


def removed(path: Path) -> Callable[[], str]:
    """Return a repair that removes an unfinished file of a killed process."""

    def repair() -> str:
        path.unlink(missing_ok=True)
        return "removed"

    return repair

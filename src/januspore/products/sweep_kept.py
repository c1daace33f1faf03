"""Sweeps read back from `results/sweeps/`: whole and as they were written, or told of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import signac

from ..space import faults
from ..stamps import holds
from .kept import is_sealed, read_json
from .sweep_points import is_made_of

FOLDER = "sweeps"
REMEDY = "move it away, and type the sweep again"


@dataclass(frozen=True)
class Kept:
    """A sweep as read back.

    Attributes:
        title: what it shows.
        figure: its PNG.
        stale: why it is not of the products that are here, empty if it is.
    """

    title: str
    figure: Path
    stale: str


def kept_sweeps(project: signac.Project) -> list[Kept]:
    """Read back the sweeps of a data space; one that is damaged is told of and left out."""
    found = []
    for path in sweeps_in(project):
        data, fault = read_json(path), sweep_fault(path)
        if data is None or fault is not None:
            faults.tell(f"{path}: {fault}; {REMEDY}")
            continue
        stale = _stale(project, data["made_of"])
        found.append(Kept(str(data["title"]), path.with_suffix(".png"), stale))
    return found


def sweeps_in(project: signac.Project) -> list[Path]:
    """Paths of the JSON files of all sweeps."""
    return sorted(Path(project.path, "results", FOLDER).glob("*.json"))


def sweep_fault(path: Path) -> str | None:
    """Say what is wrong with a sweep's files, None if nothing is."""
    data = read_json(path)
    if data is None or "made_of" not in data or not is_sealed(data):
        return "no sweep, or not as it was written"
    for name, noted in data["files"].items():
        if not holds(str(path.with_name(name)), noted):
            return f"{name} is lost, or not as it was written"
    return None


def _stale(project: signac.Project, made_of: Mapping[str, str]) -> str:
    for place, digest in made_of.items():
        if not is_made_of(project, place, digest):
            return f"{place} is another one now; type the sweep again"
    return ""

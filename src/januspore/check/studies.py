"""The studies of a data space for `check`: their jobs, and a cell to time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import signac

from ..errors import InputError
from ..run.resources import atoms
from ..schema import StatePoint
from ..space.plan import plan
from ..space.study import load_study
from .cells import CELLS, cell_point

NAMES = ("quick", "medium", "paper")


@dataclass(frozen=True)
class Load:
    """The work of a study.

    Attributes:
        name: the study's.
        jobs: state points, equilibrations included, each with the snapshots that it keeps.
        cell: the cell of `CELLS` whose number of atoms is nearest.
        dynamics: keys that affect speed and differ from that cell's.
    """

    name: str
    jobs: list[tuple[StatePoint, int]]
    cell: str
    dynamics: dict[str, Any]


def loads(project: signac.Project) -> list[Load]:
    """Return the studies of `NAMES` that are in this data space and can be used."""
    found = []
    for name in NAMES:
        try:
            study = load_study(name, Path(project.path) / "studies")
            todo = plan(project, study.state_points())
        except InputError:
            continue
        jobs = [(point, todo.snapshots.get(i, 1)) for i, point in todo.points.items()]
        first = jobs[0][0]
        size = atoms(first)
        cell = min(CELLS, key=lambda each: abs(atoms(cell_point(each)) - size))
        own, its = first.protocol.dynamics, cell_point(cell).protocol.dynamics
        keys = ("cutoff_nm", "ewald_tolerance")
        changed = {k: getattr(own, k) for k in keys if getattr(own, k) != getattr(its, k)}
        found.append(Load(name, jobs, cell, changed))
    return found

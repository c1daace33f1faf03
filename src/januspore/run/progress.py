"""Progress of a data space: jobs by stage, simulated time, running jobs and their speed.

Everything is read from the files of the jobs, so that any process can report the work of others.
The rows of a running job lie in parts, each named by its last step: their names and times give its
progress and speed.
"""

import statistics
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import signac

from ..errors import InputError
from ..products import PRODUCTS
from ..protocols import AnyProtocol
from ..simulate.layout import FRAMES, PARTS, branch, is_joined, trajectory
from ..space.conditions import is_equilibrated, is_recorded, relaxes, stage
from ..space.dataspace import ensemble_of, point_of, protocol_name, protocol_of, snapshots_of
from ..space.lock import is_held
from .resources import atoms

#: Stages of a job whose simulation is finished.
SIMULATED = ("recorded", "analysed")
_BEGUN = ("begun", "simulating")
#: Number of parts of a record from which the speed is computed.
_PARTS = 12


@dataclass(frozen=True)
class Running:
    """A job that a process is simulating.

    Attributes:
        job: its id.
        protocol: its protocol's name.
        done_ps, total_ps: simulated time on disk, and of the whole job.
        ps_per_s: simulated time a second of wall time; None before two parts of rows are on disk.
        atom_steps_per_s: atoms times steps a second, None likewise.
    """

    job: str
    protocol: str
    done_ps: float
    total_ps: float
    ps_per_s: float | None
    atom_steps_per_s: float | None


@dataclass(frozen=True)
class Progress:
    """How far the jobs of a data space are.

    Attributes:
        stages: jobs by protocol and stage.
        done_ps, total_ps: simulated time on disk, and of all jobs.
        left_atom_steps: atoms times steps still to be simulated.
        running: the simulations that run now.
        analysing: ids of the jobs that are analysed now.
    """

    stages: dict[str, Counter[str]]
    done_ps: float
    total_ps: float
    left_atom_steps: float
    running: tuple[Running, ...]
    analysing: tuple[str, ...] = ()

    @property
    def jobs(self) -> int:
        """Number of jobs."""
        return sum(counted.total() for counted in self.stages.values())

    def at(self, *stages: str) -> int:
        """Return the number of jobs at some stages."""
        return sum(counted[name] for counted in self.stages.values() for name in stages)

    @property
    def seconds_left(self) -> float | None:
        """Wall time of the simulations left, at the speed of what runs now; None if unknown."""
        rates = [one.atom_steps_per_s for one in self.running]
        known = [rate for rate in rates if rate]
        if not known:
            return None
        # One that has just begun is taken to be as fast as the others.
        return self.left_atom_steps / (statistics.fmean(known) * len(rates))


def progress_of(jobs: Iterable[Any]) -> Progress:
    """Return the progress of some jobs.

    Raises:
        InputError: a job's document cannot be read.
    """
    stages: dict[str, Counter[str]] = {}
    done_ps = total_ps = left = 0.0
    running, analysing = [], []
    for job in jobs:
        at, name, total = stage(job), protocol_name(job), job_ps(job)
        stages.setdefault(name, Counter())[at] += 1
        done = total if at in SIMULATED else simulated_ps(job) if at in _BEGUN else 0.0
        done_ps, total_ps = done_ps + done, total_ps + total
        left += max(total - done, 0.0) * work_of_ps(job)
        if at == "simulating":
            speed = ps_per_s(job)
            work = speed and speed * work_of_ps(job)
            running.append(Running(job.id, name, done, total, speed, work))
        elif at == "recorded" and is_held(str(trajectory(job))):
            analysing.append(job.id)
    return Progress(stages, done_ps, total_ps, left, tuple(running), tuple(analysing))


@dataclass(frozen=True)
class ProductProgress:
    """Progress of the products: how many are made, of how many, and which are being made now."""

    made: int
    total: int
    making: tuple[str, ...]


def product_progress(project: signac.Project) -> ProductProgress:
    """Return the progress of the products of a data space."""
    jobs = list(project)
    made = [product.is_made(*group) for product in PRODUCTS for group in product.groups(jobs)]
    folders = sorted(lock.parent for lock in Path(project.path, "results").glob("*/*/lock"))
    making = [f"{own.parent.name} of {own.name}" for own in folders if is_held(str(own))]
    return ProductProgress(sum(made), len(made), tuple(making))


def verdict(project: signac.Project, products: ProductProgress | None = None) -> str:
    """Return a line if a data space is finished or has no jobs, else an empty text.

    Args:
        project: the data space.
        products: the progress of its products, if it is known already.
    """
    if not len(project):
        return "no jobs here; python init.py makes them"
    if any(stage(job) != "analysed" for job in project):
        return ""
    products = products or product_progress(project)
    if products.made < products.total:
        return ""
    return (
        f"all done: {len(project)} jobs, {products.total} products; "
        "python -m januspore summary says what was found"
    )


def is_simulated(job: Any) -> bool:
    """Whether the simulation of a job is finished."""
    return is_equilibrated(job) if relaxes(job) else is_recorded(job)


def left_atom_steps(jobs: Iterable[Any]) -> dict[str, float]:
    """Return atoms times steps still to be simulated, by id of the jobs that are not simulated."""
    return {
        job.id: max(job_ps(job) - simulated_ps(job), 0.0) * work_of_ps(job)
        for job in jobs
        if not is_simulated(job)
    }


def job_ps(job: Any) -> float:
    """Simulated time of a whole job, branches included, ps."""
    return _simulated_ps(ensemble_of(job), protocol_of(job), _snapshots(job))


def work_of_ps(job: Any) -> float:
    """Atoms times steps in a ps of a job."""
    ensemble = ensemble_of(job)
    if ensemble not in _works:
        point = point_of(job)
        try:
            _works[ensemble] = atoms(point) / point.protocol.dynamics.timestep_ps
        except InputError:  # no model can be built from it; the operation reports that
            _works[ensemble] = 0.0
    return _works[ensemble]


# Thousands of jobs share a few ensembles.
_works: dict[str, float] = {}
_lengths: dict[tuple[str, int], float] = {}


def _simulated_ps(ensemble: str, protocol: AnyProtocol, snapshots: int) -> float:
    if (ensemble, snapshots) not in _lengths:
        _lengths[ensemble, snapshots] = protocol.simulated_ps(snapshots)
    return _lengths[ensemble, snapshots]


def _snapshots(job: Any) -> int:
    return snapshots_of(job) if relaxes(job) else 1


def simulated_ps(job: Any) -> float:
    """Simulated time of a job that is on disk, branches included, ps; of one that is not done."""
    protocol, folder = protocol_of(job), trajectory(job)
    dt = protocol.dynamics.timestep_ps
    branches = protocol.branches()
    # The joined record of an equilibration may end before the snapshots that are asked for now.
    whole = bool(branches) and is_joined(str(folder))
    done = protocol.programme().duration_ps if whole else _last_step(folder) * dt
    for k, own in enumerate(branches):
        length = own.programme.duration_ps - own.leaves_ps
        place = branch(job, k)
        done += (
            length if is_joined(str(place)) else max(_last_step(place) * dt - own.leaves_ps, 0.0)
        )
    return done


def _last_step(folder: Path) -> int:
    """Step that the rows on disk reach; before there are any, that of the newest frame."""
    names = [*_steps_in(folder / PARTS), *_steps_in(folder / FRAMES)]
    return max((int(path.stem) for path in names), default=0)


def ps_per_s(job: Any) -> float | None:
    """Simulated time per second of wall time of a running job, None before it is known.

    It is the median over the last few parts of the trajectory or branch that is being written, so
    that a pause between two runs does not count.
    """
    folders = [trajectory(job), *(branch(job, k) for k in range(len(protocol_of(job).branches())))]
    parts = next(filter(None, (_steps_in(folder / PARTS) for folder in folders)), [])
    written = []
    for part in parts[-_PARTS:]:
        with suppress(OSError):  # the parts have just been joined to the record
            written.append((int(part.stem), part.stat().st_mtime))
    dt = protocol_of(job).dynamics.timestep_ps
    speeds = [
        (step - before) * dt / (at - earlier)
        for (before, earlier), (step, at) in pairwise(written)
        if at > earlier
    ]
    return statistics.median(speeds) if speeds else None


def _steps_in(folder: Path) -> list[Path]:
    """Files named by a step, in order."""
    return sorted(path for path in folder.glob("[0-9]*") if path.stem.isdigit())

"""Jobs, each from its id to its analysis: state point, document, record, checkpoints, frames."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import signac
from signac.job import calc_id

from ..analysis.store import digest_of_inputs, read_arrays
from ..errors import InputError
from ..files import checksum
from ..hdf5 import open_hdf5
from ..model.state import StateFileError, read_state
from ..schema import StatePoint
from ..simulate.layout import (
    CHECKPOINTS,
    PARTS,
    RECORD,
    branch,
    frame,
    frames_in,
    is_joined,
    parts_in,
    trajectory,
)
from ..simulate.record import RecordError, read_record
from ..space.conditions import (
    is_analysed,
    is_driven,
    read_summary,
    relaxes,
    start_of,
)
from ..space.dataspace import fault_of, point_of, snapshots_of
from ..space.making import ASIDE, alone, make_job
from .document import document_fault
from .fault import Fault, aside, removed

_RUN = "python project.py run makes it again"
_INIT = "the init.py that made the job makes it again"


def listed(project: signac.Project) -> tuple[list[Any], list[Any]]:
    """Return the usable jobs, and all other folders that are named like a job."""
    names = sorted(path.name for path in Path(project.workspace).iterdir())
    jobs = [project.open_job(id=name) for name in names if re.fullmatch("[0-9a-f]{32}", name)]
    sound: list[Any] = []
    others: list[Any] = []
    for job in jobs:
        (others if fault_of(job) else sound).append(job)
    return sound, others


def unusable(job: Any, families: "Families") -> Fault:
    """Return the fault of a folder of the workspace that is not a usable job."""
    path = Path(job.path)
    if not path.is_dir():
        return Fault(path, "a file where a job's folder must be", "move it away")
    told = fault_of(job) or ""
    what, _, remedy = told.removeprefix(f"job {job.id}: ").partition("; ")
    return Fault(path, what, remedy or "move it away", _remade(job, families))


def _remade(job: Any, families: "Families") -> Callable[[], str] | None:
    """A repair of an unusable job, possible from its own record or if it is empty."""
    document = document_fault(job, families.wanted.get(job.id, 1))
    if document is not None and document.repair is not None:
        return document.repair
    folder = Path(job.path)
    if not any(folder.iterdir()):

        def cleared() -> str:
            folder.rmdir()
            return "removed, as it was empty"

        return cleared
    data = _state_point_of_record(job)
    if data is None:
        return None

    def mended() -> str:
        with alone(job.project):
            (Path(job.project.workspace) / ASIDE).mkdir(exist_ok=True)
            make_job(job.project, job.id, data, {})
        return "its state point is written again, from its record"

    return mended


def _state_point_of_record(job: Any) -> dict[str, Any] | None:
    """The state point in a job's record, if its id is that of the job."""
    try:
        with open_hdf5(trajectory(job) / RECORD) as (_, attributes):
            data = attributes["state_point"]
        return data if calc_id(data) == job.id else None
    except (OSError, KeyError, ValueError, TypeError, RuntimeError):
        return None


class Families:
    """The snapshots that driven jobs start from, and checksums of records, to find copies."""

    def __init__(self, jobs: Sequence[Any], others: Sequence[Any] = ()) -> None:
        self.ids = {job.id for job in [*jobs, *others]}
        self.records: dict[str, str] = {}
        self.wanted: dict[str, int] = defaultdict(int)
        for job in jobs:
            if is_driven(job):
                parent, index = start_of(job)
                self.wanted[parent] = max(self.wanted[parent], index + 1)


def faults(job: Any, families: Families) -> Iterator[Fault]:
    """Yield the faults of a usable job; a job whose lock is held is skipped."""
    folder = trajectory(job)
    if (fault := document_fault(job, families.wanted.get(job.id, 1))) is not None:
        yield fault
    if is_driven(job) and start_of(job)[0] not in families.ids:
        parent = start_of(job)[0]
        yield Fault(Path(job.path), f"its equilibration {parent} is not here", _INIT)
    if folder.exists() and not folder.is_dir():
        yield Fault(folder, "a file where a folder must be", "move it away", aside(folder))
        return
    if (folder / "lock").exists() or not folder.exists():
        return
    for path in sorted([*Path(job.path).glob(".*.tmp"), *folder.rglob(".*.tmp")]):
        yield Fault(path, "left by a killed process", "remove it", removed(path))
    yield from _trajectory(job, families)
    yield from _analysis(job)


def _trajectory(job: Any, families: Families) -> Iterator[Fault]:
    point, folder = point_of(job), trajectory(job)
    dt = point.protocol.dynamics.timestep_ps
    total = round(point.protocol.programme(snapshots_of(job)).duration_ps / dt)
    yield from _run(job, point, folder, 0, total)
    for k, own in enumerate(point.protocol.branches()):
        leaves, ends = round(own.leaves_ps / dt), round(own.programme.duration_ps / dt)
        if branch(job, k).is_dir():
            yield from _run(job, point, branch(job, k), leaves, ends)
        elif (folder / RECORD).exists() and is_analysed(job):
            summary = Path(job.fn("summary.json"))
            remedy = f"python project.py run, when its job's {summary.name} is moved away, "
            remedy += "simulates it again"
            yield Fault(branch(job, k), "a branch is lost", remedy, aside(summary))
    record = folder / RECORD
    if record.exists():
        twin = families.records.setdefault(checksum(record), job.id)
        if twin != job.id:
            what = f"identical to the record of job {twin}: one is a copy"
            yield Fault(record, what, f"move the copy away, and {_RUN}")


def _run(job: Any, point: StatePoint, folder: Path, begin: int, total: int) -> Iterator[Fault]:
    """Faults of a trajectory, or of a branch that leaves one: rows, checkpoints, frames."""
    recording = point.protocol.recording
    every = round(recording.sample_interval_ps / point.protocol.dynamics.timestep_ps)
    reach = begin
    for path in [folder / RECORD, *parts_in(folder)]:
        if not path.exists():
            continue
        try:
            steps = read_record(path, job.id)[0]["step"]
        except RecordError as error:
            what = str(error).removeprefix(f"{path}: ").partition(";")[0]
            yield Fault(path, what, "move it away, and the next run goes on before it", aside(path))
            break
        if steps[-1] <= reach:
            continue
        if not np.array_equal(steps[steps > reach], np.arange(reach + every, steps[-1] + 1, every)):
            what = f"rows are lost or doubled after step {reach}"
            remedy = "move it away, and the next run simulates them again"
            yield Fault(path, what, remedy, aside(path))
            break
        reach = int(steps[-1])
    if is_joined(str(folder)) and reach < total and not relaxes(job):
        what = f"ends at step {reach} of {total}: rows are lost"
        yield Fault(
            folder / RECORD,
            what,
            "python project.py run, when a folder parts is made beside it, goes on",
            _unfinished(folder),
        )
    yield from _states(job, folder, reach)
    if begin == 0:
        yield from _lost_frames(job, point, reach)


def _unfinished(folder: Path) -> Callable[[], str]:
    def repair() -> str:
        (folder / PARTS).mkdir()
        return "marked as not finished; python project.py run goes on"

    return repair


def _states(job: Any, folder: Path, reach: int) -> Iterator[Fault]:
    """Faults of checkpoints and frames: each whole, and of this job."""
    checkpoints = [folder / name for name in CHECKPOINTS]
    for path in [*checkpoints, *frames_in(folder)]:
        if not path.exists():
            continue
        kept = path not in checkpoints
        try:
            state = read_state(path, job.id)
        except StateFileError as error:
            what = str(error).removeprefix(f"{path}: ")
            remedy = "move it away" + (": analyses leave it out" if kept else "")
            yield Fault(path, what, remedy, aside(path))
            continue
        if not kept and state.step > reach:
            what = f"at step {state.step}, beyond the rows, which end at {reach}"
            yield Fault(path, what, "the next run simulates from the newest frame", aside(path))


def _lost_frames(job: Any, point: StatePoint, reach: int) -> Iterator[Fault]:
    snapshots = snapshots_of(job)
    kept = point.protocol.snapshots
    needed = set(kept.steps(snapshots)) if kept else set()
    for step in sorted(point.protocol.frame_steps(snapshots)):
        path = frame(job, step)
        if step <= reach and not path.exists():
            other = "pictures, hydration and free ions do without it; only a simulation from the "
            other += "start, with trajectory/ moved away, makes it again"
            yield Fault(path, "a frame is lost", _RUN if step in needed else other)


def _analysis(job: Any) -> Iterator[Fault]:
    summary, path = read_summary(job), Path(job.fn("summary.json"))
    if summary is None:
        if path.exists():
            yield Fault(path, "damaged: not a table", _RUN, aside(path))
        return
    if not is_analysed(job):
        return  # made by another version or from another record: the next run makes it again
    again = f"move {path.name} away, and {_RUN}"
    if summary["inputs"] != digest_of_inputs(job):
        what = "made of other records or frames than are here"
        yield Fault(path, what, again, aside(path))
        return
    for name, noted in summary["files"].items():
        file = Path(job.fn(name))
        try:
            read_arrays(file, job.id)
            what = "" if checksum(file) == noted["sha256"] else "not as it was written"
        except InputError as error:
            what = str(error).removeprefix(f"{file}: ").partition(";")[0]
        if what:
            yield Fault(file, what, again, aside(path))
            return

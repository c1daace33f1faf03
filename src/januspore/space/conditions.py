"""What is done and what can be done, judged by a job's files; imports nothing heavy.

`project.py status` asks these for every job, so they look at names and small files only, and by
`os.path`: of thousands of jobs, most of the time would go into making `Path` objects.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .. import stamps
from ..analysis import VERSION
from ..protocols import capabilities_of, required
from ..simulate.layout import (
    CHECKPOINTS,
    PARTS,
    RECORD,
    RECORD_IN_JOB,
    TRAJECTORY,
    branch_in_job,
    frame_in_job,
    is_joined,
)
from .dataspace import (
    ensemble_of,
    equilibrations,
    parent_in,
    protocol_name,
    protocol_of,
    seed_of,
    snapshots_of,
)
from .lock import is_held

#: How far a job is, in the order in which it gets there; see `stage`.
STAGES = ("waiting", "ready", "begun", "simulating", "recorded", "analysed")
#: What the last operation left that was tried on a job, or on a product, and failed.
MARK = "failed.txt"


def has_failed(job: Any) -> bool:
    """Whether the last operation that was tried on a job failed; the next run tries again."""
    return os.path.exists(f"{job.path}/{MARK}")


def stage(job: Any) -> str:
    """Return how far a job is, one of `STAGES`: for `status`, and for whoever counts.

    A driven job is "waiting" for its equilibration, then "ready"; what was begun is "simulating"
    while a process holds it, else "begun". An equilibration that is asked for more snapshots is
    begun again.
    """
    recorded = is_equilibrated(job) if relaxes(job) else is_recorded(job)
    if recorded:
        return "analysed" if is_analysed(job) else "recorded"
    folder = f"{job.path}/{TRAJECTORY}"
    if is_held(folder):
        return "simulating"
    if any(os.path.exists(f"{folder}/{name}") for name in (PARTS, RECORD, CHECKPOINTS[0])):
        return "begun"
    return "ready" if relaxes(job) or is_ready(job) else "waiting"


#: signac-flow's labels, by name; `stage` is a label by its value.
LABELS = {"stage": stage, "failed": has_failed}


def relaxes(job: Any) -> bool:
    """Whether a job is an equilibration, which other jobs start from."""
    return has(job, "snapshots")


def is_driven(job: Any) -> bool:
    """Whether a job is simulated under a field programme."""
    return has(job, "starts_from")


def has(job: Any, capability: str) -> bool:
    """Whether a job's protocol has a capability (`protocols.CAPABILITIES`), told by its name."""
    return capability in capabilities_of(protocol_name(job))


def is_recorded(job: Any) -> bool:
    """Whether a job's record is whole, those of its branches included."""
    branches = has(job, "pairs")  # first, as it says what is wrong with a state point
    folder = f"{job.path}/{TRAJECTORY}"
    if not is_joined(folder):
        return False
    # What is analysed was whole, and is not looked at again, branch by branch.
    if not branches or is_analysed(job):
        return True
    count = len(protocol_of(job).branches())
    return all(is_joined(f"{job.path}/{branch_in_job(k)}") for k in range(count))


def is_equilibrated(job: Any) -> bool:
    """Whether every snapshot that other jobs start from is there, and the record is whole."""
    if not relaxes(job) or not is_recorded(job):
        return False
    snapshots = required(protocol_of(job).snapshots, "snapshots")
    steps = snapshots.steps(snapshots_of(job))
    return all(os.path.exists(f"{job.path}/{frame_in_job(step)}") for step in steps)


def is_ready(job: Any) -> bool:
    """Whether the snapshot that a driven job starts from is there; a bulk liquid needs none."""
    return has(job, "bulk") or (is_driven(job) and os.path.exists(_start_frame(job)))


def is_analysed(job: Any) -> bool:
    """Whether this version of the analysis was made of the record that is there, and is whole."""
    head = _head(job)
    return (
        head.version == VERSION
        and stamps.holds(f"{job.path}/{RECORD_IN_JOB}", head.record)
        and all(_has_size(f"{job.path}/{name}", size) for name, size in head.files)
    )


def inputs_digest(job: Any) -> str:
    """Digest of all that a job's analysis is made of, empty where there is no analysis."""
    return _head(job).inputs


class _Head(NamedTuple):
    """What `project.py status` wants of every summary."""

    version: Any = None
    record: Any = None
    inputs: str = ""
    files: tuple[tuple[str, int], ...] = ()


def _head(job: Any) -> _Head:
    path = f"{job.path}/summary.json"
    try:
        found = os.stat(path)
    except OSError:
        return _Head()
    return _read_head(path, found.st_mtime_ns, found.st_size)


@cache
def _read_head(path: str, _modified: int, _size: int) -> _Head:
    """Read again only when the file changes."""
    summary = _read(path) or {}
    try:
        return _Head(
            summary["analysis_version"],
            summary["record"],
            str(summary["inputs"]),
            tuple((name, noted["bytes"]) for name, noted in summary["files"].items()),
        )
    except (KeyError, TypeError, AttributeError):
        return _Head()  # damaged, or of before there were checksums: made again


def _has_size(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False


def read_summary(job: Any) -> dict[str, Any] | None:
    """Return a job's summary, None where there is none that can be read."""
    return _read(job.fn("summary.json"))


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb", buffering=0) as file:
            summary = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def start_frame(job: Any) -> Path:
    """Path of the snapshot that a driven job starts from, there or not."""
    return Path(_start_frame(job))


def _start_frame(job: Any) -> str:
    parent_id, step = _start(ensemble_of(job), seed_of(job))
    return f"{job.project.workspace}/{parent_id}/{frame_in_job(step)}"


def start_of(job: Any) -> tuple[str, int]:
    """Return the job id of a driven job's equilibration, and which of its snapshots it needs."""
    count = equilibrations(ensemble_of(job))
    return parent_in(ensemble_of(job), seed_of(job) % count)[0], seed_of(job) // count


def _start(ensemble: str, seed: int) -> tuple[str, int]:
    """Job id of a driven job's equilibration, and the step of the snapshot there."""
    count = equilibrations(ensemble)
    parent_id, parent = parent_in(ensemble, seed % count)
    index = seed // count
    snapshots = required(parent.protocol.snapshots, "snapshots")
    return parent_id, snapshots.steps(index + 1)[index]

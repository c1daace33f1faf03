"""Conditions: what has been done with a job and what can be done, judged by its files.

`project.py status` calls these for every job, so they look at file names and small files only, with
`os.path`: for thousands of jobs, creating `Path` objects would take most of the time. This module
imports nothing heavy.
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

#: Stages of a job, in their order; see `stage`.
STAGES = ("waiting", "ready", "begun", "simulating", "recorded", "analysed")
#: File that a failed operation leaves in the folder of its job or product.
MARK = "failed.txt"


def has_failed(job: Any) -> bool:
    """Whether the last operation on a job failed; the next run tries it again."""
    return os.path.exists(f"{job.path}/{MARK}")


def stage(job: Any) -> str:
    """Return how far a job is, one of `STAGES`.

    A driven job is "waiting" for its equilibration, then "ready". A job whose simulation has begun
    is "simulating" while a process holds its lock, else "begun". An equilibration that must keep
    more snapshots than before counts as "begun" again.
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
    branches = has(job, "pairs")  # first, as this raises an error for an invalid state point
    folder = f"{job.path}/{TRAJECTORY}"
    if not is_joined(folder):
        return False
    # An analysed job had all of its branches, which need not be checked again.
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
    """Whether this version's analysis of the present record exists, and its files are whole."""
    head = _head(job)
    return (
        head.version == VERSION
        and stamps.holds(f"{job.path}/{RECORD_IN_JOB}", head.record)
        and all(_has_size(f"{job.path}/{name}", size) for name, size in head.files)
    )


def inputs_digest(job: Any) -> str:
    """Digest of the inputs of a job's analysis, empty where there is no analysis."""
    return _head(job).inputs


class _Head(NamedTuple):
    """The values of a summary that `project.py status` needs."""

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
    """Read the file; the cache reads it again only when it changes."""
    summary = _read(path) or {}
    try:
        return _Head(
            summary["analysis_version"],
            summary["record"],
            str(summary["inputs"]),
            tuple((name, noted["bytes"]) for name, noted in summary["files"].items()),
        )
    except (KeyError, TypeError, AttributeError):
        return _Head()  # damaged or of an older version: the analysis is made again


def _has_size(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False


def read_summary(job: Any) -> dict[str, Any] | None:
    """Return a job's summary, None if there is none or it cannot be read."""
    return _read(job.fn("summary.json"))


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb", buffering=0) as file:
            summary = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def start_frame(job: Any) -> Path:
    """Path of the snapshot that a driven job starts from, whether or not it exists."""
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

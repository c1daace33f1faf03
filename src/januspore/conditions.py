"""What is done and what can be done, judged by a job's files; imports nothing heavy.

`project.py status` asks these for every job, so they look at names and small files only.
"""

import json
from pathlib import Path
from typing import Any

from .analysis import VERSION
from .dataspace import parent_job, point_of
from .schema import Equilibrate, StatePoint, snapshot_of

#: Protocols that are one field programme, besides `equilibrate`.
PROGRAMMES = ("sine", "staircase", "paired_pulse", "pulse_train", "barrier")


def relaxes(job: Any) -> bool:
    """Whether a job is an equilibration, which other jobs start from."""
    return bool(job.cached_statepoint["protocol"]["name"] == "equilibrate")


def is_driven(job: Any) -> bool:
    """Whether a job is simulated under a field programme."""
    return job.cached_statepoint["protocol"]["name"] in PROGRAMMES


def is_recorded(job: Any) -> bool:
    """Whether a job's record is whole, those of its branches included."""
    delays = job.cached_statepoint["protocol"].get("delays_ps", ())
    folders = [trajectory(job), *(branch(job, k) for k in range(len(delays)))]
    return all((f / "record.h5").exists() and not (f / "parts").exists() for f in folders)


def is_equilibrated(job: Any) -> bool:
    """Whether every snapshot that other jobs start from is there, and the record is whole."""
    if not relaxes(job) or not is_recorded(job):
        return False
    protocol = point_of(job).protocol
    assert isinstance(protocol, Equilibrate)
    steps = snapshot_steps(protocol, job.doc.get("snapshots", 1))
    return all(frame(job, step).exists() for step in steps)


def is_ready(job: Any) -> bool:
    """Whether the snapshot that a driven job starts from is there."""
    return is_driven(job) and start_frame(job, point_of(job)).exists()


def is_analysed(job: Any) -> bool:
    """Whether a summary is there, of this version of the analysis and not older than the record."""
    record, summary = trajectory(job) / "record.h5", read_summary(job)
    if summary is None or not record.exists():
        return False
    fresh = Path(job.fn("summary.json")).stat().st_mtime >= record.stat().st_mtime
    return fresh and summary.get("analysis_version") == VERSION


def read_summary(job: Any) -> dict[str, Any] | None:
    """Return a job's summary, None where there is none that can be read."""
    try:
        summary = json.loads(Path(job.fn("summary.json")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def trajectory(job: Any) -> Path:
    """Folder of a job's checkpoints, record and frames."""
    return Path(job.path) / "trajectory"


def frame(job: Any, step: int) -> Path:
    """Path of the frame kept at a step."""
    return trajectory(job) / "frames" / f"{step:015d}.gsd"


def branch(job: Any, index: int) -> Path:
    """Folder of a branch's checkpoints and record, by the index of its delay."""
    return trajectory(job) / "branches" / f"{index:03d}"


def snapshot_steps(protocol: Equilibrate, snapshots: int) -> list[int]:
    """Steps of an equilibration's snapshots: at the end of relaxation, then at intervals."""
    dt = protocol.dynamics.timestep_fs * 1e-3
    every = protocol.snapshot_interval_ps
    return [round((protocol.relax_ps + k * every) / dt) for k in range(snapshots)]


def start_frame(job: Any, point: StatePoint) -> Path:
    """Path of the snapshot that a driven job starts from, there or not."""
    parent, index = parent_job(job, point), snapshot_of(point)
    protocol = point_of(parent).protocol
    assert isinstance(protocol, Equilibrate)
    return frame(parent, snapshot_steps(protocol, index + 1)[index])

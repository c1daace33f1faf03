"""Where the files of a job's trajectory lie; imports nothing heavy.

A trajectory's folder holds the finished record, or the parts of one that is still written, two
checkpoints, and the frames kept. Names in a job are given as text, too: `project.py status` looks
at thousands of jobs, and would spend most of its time on making `Path` objects.
"""

import os
from pathlib import Path
from typing import Any

#: In a trajectory's folder: the finished record, the folder of its parts, the folder of frames.
RECORD, PARTS, FRAMES = "record.h5", "parts", "frames"
#: In a job's trajectory: the folder of its branches, each laid out as a trajectory.
BRANCHES = "branches"
#: In a trajectory's folder: the newest checkpoint, and the one before it.
CHECKPOINTS = ("checkpoint.gsd", "checkpoint.previous.gsd")
#: The trajectory's folder in a job, and its finished record.
TRAJECTORY = "trajectory"
RECORD_IN_JOB = f"{TRAJECTORY}/{RECORD}"
_NUMBERED = "[0-9]*"


def frame_name(step: int) -> str:
    """File of the frame kept at a step, in the folder of frames."""
    return f"{step:015d}.gsd"


def frame_in_job(step: int) -> str:
    """The same, in a job."""
    return f"{TRAJECTORY}/{FRAMES}/{frame_name(step)}"


def branch_in_job(index: int) -> str:
    """Folder of a branch, by the index of its delay, in a job."""
    return f"{TRAJECTORY}/{BRANCHES}/{index:03d}"


def trajectory(job: Any) -> Path:
    """Folder of a job's checkpoints, record and frames."""
    return Path(job.path, TRAJECTORY)


def frame(job: Any, step: int) -> Path:
    """Path of the frame kept at a step."""
    return Path(job.path, frame_in_job(step))


def branch(job: Any, index: int) -> Path:
    """Folder of a branch's checkpoints and record."""
    return Path(job.path, branch_in_job(index))


def frames_in(folder: Path) -> list[Path]:
    """Frames kept in a trajectory's folder, in time."""
    return sorted((folder / FRAMES).glob(f"{_NUMBERED}.gsd"))


def records_in(folder: Path) -> list[Path]:
    """Finished records of a trajectory and of its branches that are there."""
    own = folder / RECORD
    return [*([own] if own.exists() else []), *sorted(folder.glob(f"{BRANCHES}/*/{RECORD}"))]


def parts_in(folder: Path) -> list[Path]:
    """Parts of a record that is not joined yet in a trajectory's folder, in time."""
    return sorted((folder / PARTS).glob(f"{_NUMBERED}.h5"))


def is_joined(folder: str) -> bool:
    """Whether a trajectory's folder holds a finished record, and no part of one."""
    return os.path.exists(f"{folder}/{RECORD}") and not os.path.exists(f"{folder}/{PARTS}")

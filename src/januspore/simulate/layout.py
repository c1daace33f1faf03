"""Where the files of a job's trajectory lie; imports nothing heavy.

Paths in a job as text, too: of thousands of jobs, most of a status's time would go into making
`Path` objects.
"""

from pathlib import Path
from typing import Any

#: The trajectory's folder and its finished record, in a job.
TRAJECTORY = "trajectory"
RECORD = f"{TRAJECTORY}/record.h5"


def frame_name(step: int) -> str:
    """File of the frame kept at a step, in the folder of frames."""
    return f"{step:015d}.gsd"


def frame_in_job(step: int) -> str:
    """The same, in a job."""
    return f"{TRAJECTORY}/frames/{frame_name(step)}"


def branch_in_job(index: int) -> str:
    """Folder of a branch, by the index of its delay, in a job."""
    return f"{TRAJECTORY}/branches/{index:03d}"


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
    return sorted((folder / "frames").glob("[0-9]*.gsd"))

"""Creating jobs: whole or not at all, and repaired after a kill or a full disk.

signac creates a job's folder first and its state point file afterwards, so a process that is killed
in between leaves a folder that no signac command can read. Here a job is created in a temporary
folder of the workspace, and renamed to its place when it has all of its files. The code uses
`os.path`: for thousands of jobs, creating `Path` objects would take most of the time.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import signac
from signac.job import Job, calc_id

from ..errors import InputError, told_in_one_line
from ..files import written_aside
from .lock import Busy, locked

#: Folder of the workspace in which jobs are created; signac ignores it, as its name is not an id.
ASIDE = ".making"

Data = Mapping[str, Any]


@contextmanager
def alone(project: signac.Project) -> Iterator[None]:
    """Let one process at a time create jobs; remove what a killed one left.

    Raises:
        InputError: another process is making jobs here, or the disk is full.
    """
    aside = Path(project.workspace, ASIDE)
    try:
        with told_in_one_line("making jobs"), locked(Path(project.path, ".signac")):
            shutil.rmtree(aside, ignore_errors=True)
            try:
                yield
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    except Busy as error:
        raise InputError(
            f"{project.path}: jobs are being made here already, {error}; type this again after it"
        ) from None


def make_job(project: signac.Project, job_id: str, data: Data, document: Data) -> None:
    """Create a job from its state point, or repair the state point file of an existing one.

    All other files of an existing job stay as they are. Call it within `alone`.

    Raises:
        OSError: the disk is full, or there is a file of that name.
    """
    folder = os.path.join(project.workspace, job_id)
    aside = os.path.join(project.workspace, ASIDE, job_id)
    os.makedirs(aside)
    _write(aside, Job.FN_STATE_POINT, data)
    if document:
        _write(aside, Job.FN_DOCUMENT, document)
    try:
        os.rename(aside, folder)  # rename also replaces an empty folder
    except OSError:
        if not os.path.isdir(folder):
            raise
        shutil.rmtree(aside)
        if not has_state_point(folder, job_id):
            with written_aside(Path(folder, Job.FN_STATE_POINT)) as whole:
                whole.write_bytes(as_written(data))
            print(f"job {job_id}: its {Job.FN_STATE_POINT} is mended", file=sys.stderr)


def _write(folder: str, name: str, data: Data) -> None:
    with open(os.path.join(folder, name), "wb") as file:
        file.write(as_written(data))


def as_written(data: Data) -> bytes:
    """Content of a JSON file as this module writes it."""
    return json.dumps(data).encode()


def has_state_point(folder: str, job_id: str, text: bytes | None = None) -> bool:
    """Whether a job's folder holds its state point.

    `init.py` calls this for every existing job, so a file that equals `text` is not parsed.
    """
    path = os.path.join(folder, Job.FN_STATE_POINT)
    with suppress(OSError, ValueError, RecursionError):
        with open(path, "rb", buffering=0) as file:
            found = file.read()
        return found == text or bool(calc_id(json.loads(found)) == job_id)
    return False

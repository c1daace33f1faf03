"""A job's document: the engine that it has begun with, and its number of snapshots."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..analysis.store import write_json
from ..errors import InputError
from ..files import put_aside
from ..hdf5 import open_hdf5
from ..model.state import StateFileError, read_state
from ..simulate.layout import CHECKPOINTS, RECORD, trajectory
from ..space.conditions import relaxes
from ..space.dataspace import engine_of, snapshots_of
from .fault import Fault


def document_fault(job: Any, wanted: int = 1) -> Fault | None:
    """Return what is wrong with a job's document, None if nothing is.

    Args:
        job: signac job.
        wanted: number of snapshots that the driven jobs here need.
    """
    path = Path(job.fn(job.FN_DOCUMENT))
    remedy = "python -m januspore verify --repair writes it again"
    try:
        engine, snapshots = engine_of(job), snapshots_of(job)
    except InputError as error:
        what = str(error).removeprefix(f"job {job.id}: ").partition(";")[0]
        return Fault(path, what, remedy, _rewritten(job, path, wanted))
    try:
        if relaxes(job) and snapshots < wanted:
            what = f"keeps {snapshots} snapshots, and driven jobs here need {wanted}"
            return Fault(path, what, remedy, _rewritten(job, path, wanted))
    except InputError:
        return None  # its state point is damaged as well, which is reported separately
    if not engine and _engine_of_files(job):
        what = "does not say with which engine the job was begun"
        return Fault(path, what, remedy, _rewritten(job, path, max(wanted, snapshots)))
    return None


def _rewritten(job: Any, path: Path, wanted: int) -> Callable[[], str]:
    def repair() -> str:
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError):
            document = None
        if path.exists() and not isinstance(document, dict):
            put_aside(path)
        kept = document if isinstance(document, dict) else {}
        kept |= {"engine": _engine_of_files(job)} if _engine_of_files(job) else {}
        write_json(path, kept | {"snapshots": wanted} if wanted > 1 or _relaxes(job) else kept)
        return "written again, from what the job's other files say"

    return repair


def _relaxes(job: Any) -> bool:
    try:
        return relaxes(job)
    except InputError:
        return False


def _engine_of_files(job: Any) -> dict[str, Any]:
    """The engine of the record, or its name from the newest checkpoint."""
    folder = trajectory(job)
    try:
        with open_hdf5(folder / RECORD) as (_, attributes):
            engine = attributes.get("engine", {})
        if isinstance(engine, dict) and engine.get("name"):
            return engine
    except (OSError, KeyError, ValueError, RuntimeError):
        pass
    try:
        name = read_state(folder / CHECKPOINTS[0], job.id).engine
    except StateFileError:
        name = ""
    return {"name": name} if name else {}

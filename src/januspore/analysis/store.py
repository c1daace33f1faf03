"""Files of the analysis: arrays in HDF5, scalars in JSON, each written whole or not at all."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import checksum, written_aside
from ..hdf5 import TornError, open_hdf5, write_hdf5
from ..simulate.layout import RECORD, frames_in, records_in, trajectory
from ..stamps import stamp


def write_arrays(path: Path, arrays: Mapping[str, NDArray], attributes: Mapping[str, Any]) -> None:
    """Write named arrays and attributes (JSON values)."""
    write_hdf5(path, arrays, plain(attributes))


def read_arrays(path: Path, owner: str | None = None) -> dict[str, NDArray]:
    """Read all arrays by name.

    Raises:
        InputError: the file is damaged, not there, or made of the record of another job than
            `owner` (where given).
    """
    try:
        with open_hdf5(path) as (file, attributes):
            about = attributes.get("record", {})
            if owner is None or about.get("job_id", owner) == owner:
                return {name: file[name][()] for name in file}
        reason = f"made of the record of job {about['job_id']}"
    except TornError as error:
        reason = str(error)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        reason = f"damaged: {error}"
    raise InputError(f"{path}: {reason}; remove summary.json beside it, and it is made again")


def write_analysis(
    job: Any,
    files: Mapping[str, Mapping[str, NDArray]],
    summary: Mapping[str, Any],
    origin: Mapping[str, Any],
) -> None:
    """Write the files of a job's analysis, and last the summary, whose presence marks it as done.

    The summary holds stamps of the record and of the analysis' own files, and a digest of all
    records and frames that the analysis was made from.

    Args:
        job: signac job.
        files: arrays by the file's name and their own.
        summary: see `januspore.analysis.job`.
        origin: stored with the arrays.
    """
    for name, arrays in files.items():
        write_arrays(Path(job.fn(name)), arrays, origin)
    noted = {
        "record": stamp(trajectory(job) / RECORD),
        "inputs": digest_of_inputs(job),
        "files": {name: stamp(Path(job.fn(name))) for name in files},
    }
    write_json(Path(job.fn("summary.json")), dict(summary) | noted)


#: Keys of a summary that are not results: see `write_analysis`.
NOTED = ("record", "inputs", "files")


def digest_of_inputs(job: Any) -> str:
    """Digest of a job's records and frames, by name and checksum."""
    folder = trajectory(job)
    paths = [*records_in(folder), *frames_in(folder)]
    found = {path.relative_to(folder).as_posix(): checksum(path) for path in paths}
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON; NaN becomes null, so that every reader can read it."""
    text = json.dumps(plain(data), indent=1, sort_keys=True, allow_nan=False)
    with written_aside(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Return a value as JSON has it: plain numbers, lists and tables, NaN as null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value

"""Files of the analysis: arrays in HDF5, scalars in JSON, each written aside and renamed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import seal, seal_holds, written_aside


def write_arrays(path: Path, arrays: Mapping[str, NDArray], attributes: Mapping[str, Any]) -> None:
    """Write named arrays and attributes (JSON values)."""
    with written_aside(path) as aside:
        with h5py.File(aside, "w") as file:
            for name, values in arrays.items():
                # Histograms are mostly zeros.
                packed = {"compression": "gzip"} if np.size(values) > 1000 else {}
                file.create_dataset(name, data=values, **packed)
            file.attrs["attributes"] = json.dumps(_plain(attributes), sort_keys=True)
        seal(aside)


def read_arrays(path: Path) -> dict[str, NDArray]:
    """Read all arrays by name.

    Raises:
        InputError: the file is damaged, or not there.
    """
    try:
        # A file of before there were seals has none.
        if seal_holds(path.read_bytes()) is not False:
            with h5py.File(path, "r") as file:
                return {name: file[name][()] for name in file}
        reason = "its checksum does not match"
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error)
    raise InputError(
        f"{path}: damaged: {reason}; remove summary.json beside it, and it is made again"
    )


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON; NaN becomes null, so that every reader can read it."""
    text = json.dumps(_plain(data), indent=1, sort_keys=True, allow_nan=False)
    with written_aside(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value

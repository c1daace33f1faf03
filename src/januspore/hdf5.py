"""HDF5 files that end in a checksum, which is verified before libhdf5 reads any of the file.

libhdf5 can loop for ever over a file of which a few bytes have changed, so it is only given bytes
whose checksum holds. A file without a checksum at its end was cut, or is of another program.
"""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .files import seal_holds, seal_of, written_aside


class TornError(ValueError):
    """A file is not as it was written."""


def write_hdf5(path: Path, arrays: Mapping[str, NDArray], attributes: Mapping[str, Any]) -> None:
    """Write named arrays and attributes (JSON values), aside and then renamed.

    Raises:
        OSError: the disk is full, or is not to be written to; nothing is left.
    """
    image = _image(arrays, attributes)
    with written_aside(path) as aside:
        aside.write_bytes(image + seal_of(image))


def _image(arrays: Mapping[str, NDArray], attributes: Mapping[str, Any]) -> bytes:
    """The file's bytes, made in memory: libhdf5 crashes at exit where a disk was full."""
    with h5py.File("image", "w", driver="core", backing_store=False) as file:
        for name, values in arrays.items():
            # Histograms and counts are mostly zeros.
            packed = {"compression": "gzip", "shuffle": True} if np.size(values) > 1000 else {}
            file.create_dataset(name, data=values, **packed)
        file.attrs["attributes"] = json.dumps(attributes, sort_keys=True)
        file.flush()
        return bytes(file.id.get_file_image())


@contextmanager
def open_hdf5(path: Path) -> Iterator[tuple[h5py.File, dict[str, Any]]]:
    """Open a file that `write_hdf5` wrote; yields it and its attributes.

    Raises:
        TornError: it is not as it was written.
        OSError: it cannot be read.
        KeyError, ValueError, RuntimeError: it has a checksum, and is another program's.
    """
    content = path.read_bytes()
    whole = seal_holds(content)
    if whole is None:
        raise TornError("cut, or not of this program: no checksum at its end")
    if not whole:
        raise TornError("damaged: its checksum does not match")
    # From memory: the file on disk may have been replaced or damaged since it was verified.
    with h5py.File(io.BytesIO(content), "r") as file:
        attributes = json.loads(file.attrs["attributes"])
        if not isinstance(attributes, dict):
            raise ValueError("its attributes are no table")
        yield file, attributes

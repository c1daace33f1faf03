"""Stamps: size, time and checksum of a file at the time when something was made from it.

A file whose size and time equal those of its stamp counts as unchanged. Where only the time
differs, as after a copy, the checksums are compared. Records, states and arrays carry their
checksum at their end (`januspore.files.seal`), so the file need not be read as a whole for it.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .files import checksum

Stamp = dict[str, Any]


def stamp(path: Path) -> Stamp:
    """Return `bytes`, `mtime_ns` and `sha256` of a file.

    Raises:
        OSError: it cannot be read.
    """
    found = path.stat()
    return {
        "bytes": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "sha256": checksum(path),
    }


def holds(path: str, noted: Any) -> bool:
    """Whether a file exists and is the one of a stamp."""
    try:
        found = os.stat(path)
        if not isinstance(noted, Mapping) or found.st_size != noted.get("bytes"):
            return False
        if found.st_mtime_ns == noted.get("mtime_ns"):
            return True
        return _checksum(path, found.st_mtime_ns, found.st_size) == noted.get("sha256")
    except OSError:
        return False


@cache
def _checksum(path: str, _modified: int, _size: int) -> str:
    return checksum(Path(path))

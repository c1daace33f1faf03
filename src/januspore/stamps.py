"""What a file was when something was made of it: its size and time, cheap to look at, and checksum.

A file of the size and time that were noted down is taken for the same. Where the time differs, as
after a copy, the checksum tells; records, states and arrays carry theirs at their end (see
`januspore.files.seal`), so that none is read for it from end to end.
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
    """Whether a file is there and is the one that was noted down."""
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

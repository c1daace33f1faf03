"""Products read back: whole and as they were written, or told of in one line.

The JSON of a product notes down what its CSV and PNG were, and ends the making of it; a checksum
covers the JSON itself.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..analysis import VERSION
from ..space import faults
from ..stamps import holds, stamp

#: Formats of a figure's file, the first one that every product has.
FORMATS = ("png", "svg", "pdf")
#: Of a product's files; raise it when their form changes, and they are made again.
FORMAT = 9


class Head(NamedTuple):
    """What says whether a product is made: the digest of its inputs, and what its files were."""

    digest: Any
    files: tuple[tuple[str, Any], ...]

    def is_whole(self, folder: Path) -> bool:
        """Whether all of the files are there, as they were written."""
        return all(holds(f"{folder}/{name}", noted) for name, noted in self.files)


def head(path: Path) -> Head | None:
    """Return what `project.py status` wants of a product, None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return _head(str(path), found.st_mtime_ns, found.st_size)


@cache
def _head(path: str, _modified: int, _size: int) -> Head | None:
    """Read again only when the file changes."""
    data = read_json(Path(path))
    if data is None or not isinstance(data.get("files"), dict) or not data["files"]:
        return None
    return Head(data.get("digest"), tuple(data["files"].items()))


def sealed(plain: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """Return what a product's JSON holds, with what its other files are, and its own checksum.

    Args:
        plain: the JSON's values.
        files: the other files, written already.
    """
    data = {**plain, "files": {path.name: stamp(path) for path in files.values()}}
    return data | {"checksum": _checksum(data)}


def is_sealed(data: Mapping[str, Any]) -> bool:
    """Whether a product's JSON is as it was written."""
    return bool(data.get("checksum") == _checksum(data))


def _checksum(data: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in data.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_product(path: Path) -> dict[str, Any] | None:
    """Return a whole product's JSON, whose CSV and PNG then are as they were written.

    Returns:
        None, and a fault is told, where the file is no product's, is damaged, or one beside it is
        lost or damaged; None alone where another version made it, or it is being made just now.
    """
    fault = fault_of(path)
    if fault is None:
        data = read_json(path)
        return data if data is not None and is_current(data) else None
    if not (path.parent / "lock").exists():
        faults.tell(fault)
    return None


def is_current(data: Mapping[str, Any]) -> bool:
    """Whether a product is of this version."""
    return (data.get("analysis_version"), data.get("format")) == (VERSION, FORMAT)


def fault_of(path: Path) -> str | None:
    """Say what is wrong with a product's files, and what makes them again; None if nothing is."""
    data = read_json(path)
    if data is None or data.get("product") != path.stem or "digest" not in data:
        return f"{path}: no product, or cut; move it away, and python project.py run makes it again"
    if not is_current(data):
        return None
    again = "python project.py run makes it again"
    if not is_sealed(data):
        return f"{path}: not as it was written; move it away, and {again}"
    for name, noted in data["files"].items():
        file = path.with_name(name)
        if not holds(str(file), noted):
            state = "not as it was written" if file.exists() else "lost"
            return f"{file}: {state}; {again}"
    return None


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON file's table, None if it is not there or is none."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None

"""Reading products back; damaged ones are reported in one line.

The JSON of a product is written last. It holds stamps of the CSV and the figure, and a checksum of
itself.
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

#: Formats of a figure's file; the first one is that of every figure.
FORMATS = ("png", "svg", "pdf")
#: The finding that says why a product has no figure.
NO_FIGURE = "no figure"
#: Version of the form of a product's files: raise it when the form changes, so that they are made
#: again.
FORMAT = 13


class Head(NamedTuple):
    """The digest of a product's inputs, and the stamps of its files."""

    digest: Any
    files: tuple[tuple[str, Any], ...]

    def is_whole(self, folder: Path) -> bool:
        """Whether all of the files exist unchanged."""
        return all(holds(f"{folder}/{name}", noted) for name, noted in self.files)


def head(path: Path) -> Head | None:
    """Return the part of a product's JSON that `project.py status` needs, None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return _head(str(path), found.st_mtime_ns, found.st_size)


@cache
def _head(path: str, _modified: int, _size: int) -> Head | None:
    """Read the file; the cache reads it again only when it changes."""
    data = read_json(Path(path))
    if data is None or not isinstance(data.get("files"), dict) or not data["files"]:
        return None
    return Head(data.get("digest"), tuple(data["files"].items()))


def sealed(plain: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """Return a product's JSON with stamps of its other files and its own checksum.

    Args:
        plain: the JSON's values.
        files: the other files, which are already written.
    """
    data = {**plain, "files": {path.name: stamp(path) for path in files.values()}}
    return data | {"checksum": _checksum(data)}


def is_sealed(data: Mapping[str, Any]) -> bool:
    """Whether a product's JSON matches its checksum."""
    return bool(data.get("checksum") == _checksum(data))


def _checksum(data: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in data.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_product(path: Path) -> dict[str, Any] | None:
    """Return a product's JSON if all of its files are unchanged.

    Returns:
        None, and a fault is reported, where the file is not a product's, is damaged, or another of
        its files is lost or damaged; None without a report where another version made it, or it is
        being made now.
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
    """Describe what is wrong with a product's files, with a remedy; None if nothing is wrong."""
    data = read_json(path)
    if data is None or data.get("product") != path.stem or "digest" not in data:
        return (
            f"{path}: not a product, or truncated; move it away, and python project.py run "
            "makes it again"
        )
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
    """Return the object of a JSON file, None if it does not exist or is not a JSON object."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
